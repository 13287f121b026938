package chat

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// What one place may hold. A family or a club stays far below; what is above only makes every list slow.
const (
	maxCommunities = 200 // in a place
	maxOwned       = 20  // communities of one owner: nobody can take all of a place's
	maxGroups      = 100 // in a community
	maxChannels    = 500 // in a community
)

// Ping asks the database: nil means that it answers.
func (c *Chat) Ping(ctx context.Context) error { return c.store.Ping(ctx) }

// write runs fn in the write transaction and returns its value.
func write[T any](ctx context.Context, c *Chat, fn func(*store.Tx) (T, error)) (v T, err error) {
	err = c.store.Write(ctx, func(tx *store.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v, err
}

// read runs fn in a snapshot and returns its value.
func read[T any](ctx context.Context, c *Chat, fn func(*store.Tx) (T, error)) (v T, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v, err
}

// CreateCommunity makes a community that the caller owns, with one group in it.
func (c *Chat) CreateCommunity(ctx context.Context, who wire.Caller, in wire.Named) (wire.Community, error) {
	name, err := wire.CleanName("name", in.Name)
	if err != nil {
		return wire.Community{}, err
	}
	return write(ctx, c, func(tx *store.Tx) (wire.Community, error) {
		if err := takesPart(tx, who); err != nil {
			return wire.Community{}, err
		}
		n, err := tx.CountCommunities()
		if err != nil {
			return wire.Community{}, err
		}
		if n >= maxCommunities {
			return wire.Community{}, wire.Fail(wire.LimitReached, fmt.Sprintf("This place holds %d communities already, as many as it can.", n))
		}
		owned, err := tx.CountOwned(who.User)
		if err != nil {
			return wire.Community{}, err
		}
		if owned >= maxOwned {
			return wire.Community{}, wire.Fail(wire.LimitReached, fmt.Sprintf("You own %d communities already. Delete one first.", owned))
		}
		return tx.CreateCommunity(name, who.User)
	})
}

// takesPart refuses who was suspended or deleted since the request was let in, as Can does where there is an object to ask about.
func takesPart(tx *store.Tx, who wire.Caller) error {
	state, err := tx.UserState(who.User)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !store.TakesPart(state) {
		return wire.SignedOut()
	}
	return nil
}

// RenameCommunity gives a community another name and tells every member, each with their own role.
func (c *Chat) RenameCommunity(ctx context.Context, who wire.Caller, id wire.CommunityID, in wire.Named) (wire.Community, error) {
	name, err := wire.CleanName("name", in.Name)
	if err != nil {
		return wire.Community{}, err
	}
	return write(ctx, c, func(tx *store.Tx) (wire.Community, error) {
		if err := Can(tx, who, RenameCommunity, Object{Community: id}); err != nil {
			return wire.Community{}, err
		}
		if err := tx.RenameCommunity(id, name); err != nil {
			return wire.Community{}, err
		}
		mine, err := tx.Community(id, who.User)
		if err != nil {
			return wire.Community{}, err
		}
		return mine, tellCommunity(tx, mine)
	})
}

// tellCommunity sends a community's row to each member with the role that is theirs.
func tellCommunity(tx *store.Tx, c wire.Community) error {
	members, err := tx.CommunityMembers(c.ID)
	if err != nil {
		return err
	}
	for _, m := range members {
		c.Role = m.Role
		if _, err := tx.AppendLog("community", store.ToUser(m.User.ID), c); err != nil {
			return err
		}
	}
	return nil
}

// DeleteCommunity removes a community with everything in it.
func (c *Chat) DeleteCommunity(ctx context.Context, who wire.Caller, id wire.CommunityID) error {
	return c.store.Write(ctx, func(tx *store.Tx) error {
		if err := Can(tx, who, DeleteCommunity, Object{Community: id}); err != nil {
			return err
		}
		members, err := tx.CommunityMembers(id)
		if err != nil {
			return err
		}
		if err := tx.DropCommunity(id); err != nil {
			return err
		}
		for _, m := range members {
			if err := tellGone(tx, "community_gone", store.ToUser(m.User.ID), wire.Gone{CommunityID: &id}); err != nil {
				return err
			}
		}
		return nil
	})
}

func tellGone(tx *store.Tx, kind string, to store.Audience, gone wire.Gone) error {
	_, err := tx.AppendLog(kind, to, gone)
	return err
}

// Members lists the people of a community.
func (c *Chat) Members(ctx context.Context, who wire.Caller, id wire.CommunityID) (wire.CommunityMembers, error) {
	return read(ctx, c, func(tx *store.Tx) (out wire.CommunityMembers, err error) {
		if err := Can(tx, who, SeeCommunity, Object{Community: id}); err != nil {
			return out, err
		}
		out.Members, err = tx.CommunityMembers(id)
		return out, err
	})
}

// SetRole makes a member an admin, an admin a member, or either of them the owner in the caller's place. Handing over cannot
// be taken back, so it takes a caller who has just confirmed: wire.ConfirmFirst.
func (c *Chat) SetRole(ctx context.Context, who wire.Caller, id wire.CommunityID, user wire.UserID, in wire.RoleChange) (wire.CommunityMember, error) {
	if in.Role != wire.Admin && in.Role != wire.Member && in.Role != wire.Owner {
		return wire.CommunityMember{}, wire.FailField("role", `A role is "admin" or "member", or "owner" to hand the community over.`)
	}
	return write(ctx, c, func(tx *store.Tx) (wire.CommunityMember, error) {
		if err := Can(tx, who, SetRole, Object{Community: id, User: user}); err != nil {
			return wire.CommunityMember{}, err
		}
		if in.Role == wire.Owner {
			if !who.Fresh {
				return wire.CommunityMember{}, wire.Unconfirmed()
			}
			if err := stepDown(tx, who, id, user); err != nil {
				return wire.CommunityMember{}, err
			}
		}
		return tx.GiveRole(id, user, in.Role)
	})
}

// RemoveMember takes a person out of a community, or lets the caller leave it. They stop receiving its channels at once; the admins'
// devices then sign the removal.
func (c *Chat) RemoveMember(ctx context.Context, who wire.Caller, id wire.CommunityID, user wire.UserID) error {
	return c.store.Write(ctx, func(tx *store.Tx) error {
		if err := mayRemove(tx, who, id, user); err != nil {
			return err
		}
		if err := leave(tx, id, user); err != nil {
			return err
		}
		return tellGone(tx, "community_gone", store.ToUser(user), wire.Gone{CommunityID: &id})
	})
}

// leave takes a person out of a community and tells those who stay.
func leave(tx *store.Tx, id wire.CommunityID, user wire.UserID) error {
	channels, err := tx.DropFromChannels(id, user)
	if err != nil {
		return err
	}
	if err := tx.DropCommunityMember(id, user); err != nil {
		return err
	}
	for _, ch := range channels {
		if err := afterDrop(tx, ch); err != nil {
			return err
		}
	}
	return tellGone(tx, "community_member_gone", store.ToCommunity(id), wire.Gone{CommunityID: &id, UserID: &user})
}

func mayRemove(tx *store.Tx, who wire.Caller, id wire.CommunityID, user wire.UserID) error {
	if user != who.User {
		return Can(tx, who, RemoveMember, Object{Community: id, User: user})
	}
	if err := Can(tx, who, LeaveCommunity, Object{Community: id}); err != nil {
		return err
	}
	return handedOver(tx, id, user)
}

// handedOver refuses while a channel would be left without anybody to look after it.
func handedOver(tx *store.Tx, id wire.CommunityID, user wire.UserID) error {
	name, err := tx.SoleAdminOf(id, user)
	if err != nil || name == "" {
		return err
	}
	return wire.Fail(wire.Conflict, fmt.Sprintf("You are the only admin of the channel “%s”. Make somebody else its admin first, or delete it.", name))
}

// afterDrop settles a channel somebody has just been dropped from: its next epoch, told with the members who are left; or its end,
// when nobody is.
func afterDrop(tx *store.Tx, id wire.ConvID) error {
	if gone, err := dropDeserted(tx, id); gone || err != nil {
		return err
	}
	_, err := tx.TellMembers(id)
	return err
}
