package chat

import (
	"context"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// CreateGroup adds a group to a community.
func (c *Chat) CreateGroup(ctx context.Context, who wire.Caller, community wire.CommunityID, in wire.Named) (wire.Group, error) {
	name, err := wire.CleanName("name", in.Name)
	if err != nil {
		return wire.Group{}, err
	}
	return write(ctx, c, func(tx *store.Tx) (wire.Group, error) {
		if err := Can(tx, who, ManageGroups, Object{Community: community}); err != nil {
			return wire.Group{}, err
		}
		groups, err := tx.GroupsOf(community)
		if err != nil {
			return wire.Group{}, err
		}
		if len(groups) >= maxGroups {
			return wire.Group{}, wire.Fail(wire.LimitReached, fmt.Sprintf("A community holds at most %d groups. Delete an empty one first.", maxGroups))
		}
		g, err := tx.CreateGroup(community, name)
		if err != nil {
			return g, err
		}
		return g, tellGroup(tx, g)
	})
}

func tellGroup(tx *store.Tx, g wire.Group) error {
	_, err := tx.AppendLog("group", store.ToCommunity(g.CommunityID), g)
	return err
}

// RenameGroup gives a group another name.
func (c *Chat) RenameGroup(ctx context.Context, who wire.Caller, id wire.GroupID, in wire.Named) (wire.Group, error) {
	name, err := wire.CleanName("name", in.Name)
	if err != nil {
		return wire.Group{}, err
	}
	return write(ctx, c, func(tx *store.Tx) (wire.Group, error) {
		g, err := managedGroup(tx, who, id)
		if err != nil {
			return g, err
		}
		g.Name = name
		if err := tx.RenameGroup(id, name); err != nil {
			return g, err
		}
		return g, tellGroup(tx, g)
	})
}

// DeleteGroup removes a group that holds no channels.
func (c *Chat) DeleteGroup(ctx context.Context, who wire.Caller, id wire.GroupID) error {
	return c.store.Write(ctx, func(tx *store.Tx) error {
		g, err := managedGroup(tx, who, id)
		if err != nil {
			return err
		}
		empty, err := tx.GroupEmpty(id)
		if err != nil {
			return err
		}
		if !empty {
			return wire.Fail(wire.NotEmpty, "There are still channels in this group, perhaps private ones. Delete them first.")
		}
		if err := tx.DropGroup(id); err != nil {
			return err
		}
		return tellGone(tx, "group_gone", store.ToCommunity(g.CommunityID), wire.Gone{GroupID: &id})
	})
}

// managedGroup reads a group that the caller may change.
func managedGroup(tx *store.Tx, who wire.Caller, id wire.GroupID) (wire.Group, error) {
	g, err := tx.Group(id)
	if err != nil {
		return g, orGone(err)
	}
	return g, Can(tx, who, ManageGroups, Object{Community: g.CommunityID})
}
