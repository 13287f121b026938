package store

import (
	"fmt"

	"chatalot/app/wire"
)

// MaxPeople is how many people a community holds: as many as one signed operation can name.
const MaxPeople = 1000

// FirstGroup is the name of the group that a new community comes with.
const FirstGroup = "General"

// CreateCommunity makes a community with its owner and its first group, and tells the owner's devices.
func (tx *Tx) CreateCommunity(name string, owner wire.UserID) (wire.Community, error) {
	id := wire.NewID[wire.CommunityID]()
	if _, err := tx.exec("INSERT INTO community (id, name, created_at) VALUES (?, ?, ?)", id[:], name, tx.now); err != nil {
		return wire.Community{}, fmt.Errorf("create community: %w", err)
	}
	if _, err := tx.CreateGroup(id, FirstGroup); err != nil {
		return wire.Community{}, err
	}
	return tx.JoinCommunity(id, owner, wire.Owner)
}

// JoinCommunity makes user a member and tells both sides: the newcomer receives the community, its groups and its public channels as
// events of their own, everybody (the newcomer included) receives community_member. Who is a member already stays what they are. A full
// community is a *wire.Error, LimitReached; so is somebody who has deleted their account meanwhile, NotFound.
func (tx *Tx) JoinCommunity(id wire.CommunityID, user wire.UserID, role wire.Role) (wire.Community, error) {
	if c, err := tx.Community(id, user); err != ErrNotFound {
		return c, err
	}
	_, people, err := tx.CommunityPreview(id)
	if err != nil {
		return wire.Community{}, fmt.Errorf("join community: %w", err)
	}
	if people >= MaxPeople {
		return wire.Community{}, wire.Fail(wire.LimitReached, fmt.Sprintf("This community has %d members, as many as it can hold.", people))
	}
	person, err := tx.User(user)
	if err != nil {
		return wire.Community{}, fmt.Errorf("join community: %w", err)
	}
	if person.State == wire.Deleted {
		return wire.Community{}, wire.Missing()
	}
	if err := tx.introduceCommunity(id, user, role); err != nil {
		return wire.Community{}, err
	}
	seq, err := tx.AppendLog("community_member", ToCommunity(id), wire.CommunityMember{CommunityID: id, User: person.Wire(), Role: role})
	if err != nil {
		return wire.Community{}, err
	}
	_, err = tx.exec("INSERT INTO community_member (community_id, user_id, role, joined_at, joined_seq) VALUES (?, ?, ?, ?, ?)",
		id[:], user[:], string(role), tx.now, seq)
	if err != nil {
		return wire.Community{}, fmt.Errorf("join community: %w", err)
	}
	tx.membersChanged(user)
	return tx.Community(id, user)
}

// introduceCommunity sends a newcomer what those who were here before know.
func (tx *Tx) introduceCommunity(id wire.CommunityID, user wire.UserID, role wire.Role) error {
	c, err := one(tx, scanCommunity, "SELECT id, name, ?, created_at FROM community WHERE id = ?", string(role), id[:])
	if err != nil {
		return fmt.Errorf("join community: %w", err)
	}
	if _, err := tx.AppendLog("community", ToUser(user), c); err != nil {
		return err
	}
	groups, err := tx.GroupsOf(id)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if _, err := tx.AppendLog("group", ToUser(user), g); err != nil {
			return err
		}
	}
	channels, err := tx.PublicChannels(id)
	if err != nil {
		return err
	}
	for _, ch := range channels {
		if _, err := tx.AppendLog("channel", ToUser(user), ch); err != nil {
			return err
		}
	}
	return nil
}

func scanCommunity(s scanner) (c wire.Community, err error) {
	err = s.Scan(&c.ID, &c.Name, &c.Role, &c.CreatedAt)
	return c, err
}

const selectCommunity = "SELECT c.id, c.name, m.role, c.created_at FROM community_member m JOIN community c ON c.id = m.community_id "

// Community reads a community as its member reader sees it: ErrNotFound for everybody else.
func (tx *Tx) Community(id wire.CommunityID, reader wire.UserID) (wire.Community, error) {
	return one(tx, scanCommunity, selectCommunity+"WHERE m.community_id = ? AND m.user_id = ?", id[:], reader[:])
}

// CommunitiesOf lists the communities a person belongs to, oldest first.
func (tx *Tx) CommunitiesOf(user wire.UserID) ([]wire.Community, error) {
	return many(tx, scanCommunity, selectCommunity+"WHERE m.user_id = ? ORDER BY c.created_at, c.id", user[:])
}

// CommunityRole reads what a person is in a community: ErrNotFound when they are not in it.
func (tx *Tx) CommunityRole(id wire.CommunityID, user wire.UserID) (role wire.Role, err error) {
	err = tx.get([]any{&role}, "SELECT role FROM community_member WHERE community_id = ? AND user_id = ?", id[:], user[:])
	return role, err
}

// CommunityPreview reads what the holder of an invitation may see: the name and how many people there are.
func (tx *Tx) CommunityPreview(id wire.CommunityID) (name string, people int, err error) {
	err = tx.get([]any{&name, &people}, `SELECT name, (SELECT count(*) FROM community_member WHERE community_id = c.id) FROM community c WHERE id = ?`, id[:])
	return name, people, err
}

// CountCommunities counts the communities of the place.
func (tx *Tx) CountCommunities() (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM community")
	return n, err
}

// CountOwned counts the communities that a person owns.
func (tx *Tx) CountOwned(user wire.UserID) (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM community_member WHERE user_id = ? AND role = 'owner'", user[:])
	return n, err
}

const selectMember = `SELECT m.community_id, m.role, u.id, u.username, u.display_name, u.role,` + seenState + `
	FROM community_member m JOIN user u ON u.id = m.user_id `

func scanCommunityMember(s scanner) (m wire.CommunityMember, err error) {
	err = s.Scan(&m.CommunityID, &m.Role, fixed(m.User.ID[:]), &m.User.Username, &m.User.DisplayName, &m.User.Role, &m.User.State)
	return m, err
}

// CommunityMember reads one person's place in a community: ErrNotFound when they are not in it.
func (tx *Tx) CommunityMember(id wire.CommunityID, user wire.UserID) (wire.CommunityMember, error) {
	return one(tx, scanCommunityMember, selectMember+"WHERE m.community_id = ? AND m.user_id = ?", id[:], user[:])
}

// CommunityMembers lists the people of a community, those who came first first.
func (tx *Tx) CommunityMembers(id wire.CommunityID) ([]wire.CommunityMember, error) {
	return many(tx, scanCommunityMember, selectMember+"WHERE m.community_id = ? ORDER BY m.joined_seq", id[:])
}

// FellowMembers lists the members of every community that a person belongs to.
func (tx *Tx) FellowMembers(user wire.UserID) ([]wire.CommunityMember, error) {
	return many(tx, scanCommunityMember, selectMember+`WHERE m.community_id IN (SELECT community_id FROM community_member WHERE user_id = ?)
		ORDER BY m.community_id, m.joined_seq`, user[:])
}

// RenameCommunity gives a community another name.
func (tx *Tx) RenameCommunity(id wire.CommunityID, name string) error {
	return tx.execOne("UPDATE community SET name = ? WHERE id = ?", name, id[:])
}

// SetCommunityRole gives a member another role.
func (tx *Tx) SetCommunityRole(id wire.CommunityID, user wire.UserID, role wire.Role) error {
	return tx.execOne("UPDATE community_member SET role = ? WHERE community_id = ? AND user_id = ?", string(role), id[:], user[:])
}

// DropCommunityMember takes a person out of a community; their channels are the caller's to see to.
func (tx *Tx) DropCommunityMember(id wire.CommunityID, user wire.UserID) error {
	tx.membersChanged(user)
	return tx.execOne("DELETE FROM community_member WHERE community_id = ? AND user_id = ?", id[:], user[:])
}

// DropCommunity removes a community with its groups, invites, members, channels, their messages, and all the log told of them.
func (tx *Tx) DropCommunity(id wire.CommunityID) error {
	members, err := tx.CommunityMembers(id)
	if err != nil {
		return err
	}
	for _, m := range members {
		tx.membersChanged(m.User.ID)
	}
	channels, err := many(tx, scanConvID, "SELECT conversation_id FROM channel WHERE community_id = ?", id[:])
	if err != nil {
		return err
	}
	for _, ch := range channels {
		if err := tx.DropConversation(ch); err != nil {
			return err
		}
	}
	if _, err := tx.exec("DELETE FROM log WHERE community_id = ?", id[:]); err != nil {
		return err
	}
	return tx.execOne("DELETE FROM community WHERE id = ?", id[:])
}
