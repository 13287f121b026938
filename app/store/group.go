package store

import (
	"fmt"

	"chatalot/app/wire"
)

func scanGroup(s scanner) (g wire.Group, err error) {
	err = s.Scan(&g.ID, &g.CommunityID, &g.Name, &g.CreatedAt)
	return g, err
}

const groupColumns = "id, community_id, name, created_at"

// CreateGroup adds a group to a community.
func (tx *Tx) CreateGroup(community wire.CommunityID, name string) (wire.Group, error) {
	id := wire.NewID[wire.GroupID]()
	g, err := one(tx, scanGroup, "INSERT INTO channel_group (id, community_id, name, created_at) VALUES (?, ?, ?, ?) RETURNING "+groupColumns,
		id[:], community[:], name, tx.now)
	if err != nil {
		return g, fmt.Errorf("create group: %w", err)
	}
	return g, nil
}

// Group reads a group: ErrNotFound when there is none.
func (tx *Tx) Group(id wire.GroupID) (wire.Group, error) {
	return one(tx, scanGroup, "SELECT "+groupColumns+" FROM channel_group WHERE id = ?", id[:])
}

// GroupsOf lists a community's groups, oldest first.
func (tx *Tx) GroupsOf(community wire.CommunityID) ([]wire.Group, error) {
	return many(tx, scanGroup, "SELECT "+groupColumns+" FROM channel_group WHERE community_id = ? ORDER BY created_at, id", community[:])
}

// GroupsFor lists the groups of every community that a person belongs to.
func (tx *Tx) GroupsFor(user wire.UserID) ([]wire.Group, error) {
	return many(tx, scanGroup, "SELECT "+groupColumns+` FROM channel_group
		WHERE community_id IN (SELECT community_id FROM community_member WHERE user_id = ?) ORDER BY created_at, id`, user[:])
}

// RenameGroup gives a group another name.
func (tx *Tx) RenameGroup(id wire.GroupID, name string) error {
	return tx.execOne("UPDATE channel_group SET name = ? WHERE id = ?", name, id[:])
}

// GroupEmpty reports whether no channel stands in the group.
func (tx *Tx) GroupEmpty(id wire.GroupID) (empty bool, err error) {
	err = tx.get([]any{&empty}, "SELECT NOT EXISTS (SELECT 1 FROM channel WHERE group_id = ?)", id[:])
	return empty, err
}

// DropGroup removes an empty group.
func (tx *Tx) DropGroup(id wire.GroupID) error {
	return tx.execOne("DELETE FROM channel_group WHERE id = ?", id[:])
}
