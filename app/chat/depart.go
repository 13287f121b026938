package chat

import (
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// stepDown prepares the handing over of a community: its owner becomes an admin. The one writer makes this and what follows a single step,
// so that there is one owner at any time.
func stepDown(tx *store.Tx, who wire.Caller, id wire.CommunityID, heir wire.UserID) error {
	person, err := tx.User(heir)
	if err != nil {
		return orGone(err)
	}
	if person.State == wire.Suspended {
		return wire.Fail(wire.Conflict, "This account is suspended, so it cannot look after a community. Choose somebody else.")
	}
	owned, err := tx.CountOwned(heir)
	if err != nil {
		return err
	}
	if owned >= maxOwned {
		return wire.Fail(wire.LimitReached, fmt.Sprintf("This person owns %d communities already, as many as one can. Choose somebody else.", owned))
	}
	if _, err := tx.GiveRole(id, who.User, wire.Admin); err != nil {
		return err
	}
	return tx.Audit(wire.AuditEntry{What: wire.ActOwnerChanged, Actor: &who.User, User: &heir, Address: who.From.Place()})
}

// mayDepart refuses while others depend on a person who wants to go for good.
func mayDepart(tx *store.Tx, user wire.UserID) error {
	owned, err := tx.OwnedBy(user)
	if err != nil {
		return err
	}
	for _, o := range owned {
		if o.Others > 0 {
			return wire.Fail(wire.OwnsCommunities, fmt.Sprintf("You own the community “%s”, and others are in it. Hand it over to one of them first, or delete it.", o.Name))
		}
	}
	communities, err := tx.CommunitiesOf(user)
	if err != nil {
		return err
	}
	for _, c := range communities {
		if err := handedOver(tx, c.ID, user); err != nil {
			return err
		}
	}
	return nil
}

// Depart ends the memberships of somebody whose account is deleted: person is what is left of it. Communities in which they were alone go with
// them, the others they leave as anybody would; whoever knew them hears what became of them, and nobody seals to them any more. It is
// wire.OwnsCommunities while others are in a community that is theirs, and wire.Conflict while nobody else looks after a channel with others in it.
func Depart(tx *store.Tx, person store.User) error {
	if err := mayDepart(tx, person.ID); err != nil {
		return err
	}
	communities, err := tx.CommunitiesOf(person.ID)
	if err != nil {
		return err
	}
	for _, c := range communities {
		if err := departFrom(tx, c, person.Wire()); err != nil {
			return err
		}
	}
	return tx.TellStanding(person)
}

func departFrom(tx *store.Tx, c wire.Community, person wire.User) error {
	if c.Role == wire.Owner { // mayDepart has seen that nobody else is there
		return tx.DropCommunity(c.ID)
	}
	if err := leave(tx, c.ID, person.ID); err != nil {
		return err
	}
	_, err := tx.AppendLog("user", store.ToCommunity(c.ID), person) // what they wrote stays, under the name that is left
	return err
}
