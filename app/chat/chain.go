package chat

import (
	"bytes"
	"errors"
	"slices"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// The rules of a channel's chain of operations, as the server checks them before it gives an operation its place. Members decide for
// themselves with the rules of SPEC.md section 9; refusing here what they would refuse keeps a chain from ever holding a dead link. A test
// holds the two to the same verdicts.
var (
	errNotAdmin  = errors.New("Only an admin of this channel can do that. Ask one of them.")
	errNotMember = errors.New("This names somebody who is not in the channel. Read the newest member list and try again.")
	errMember    = errors.New("This names somebody who is in the channel already.")
	errNotPublic = errors.New("This channel is private. Ask one of its admins to add you.")
	errLastAdmin = errors.New("The channel would be left without an admin. Make somebody else an admin first.")
	errNoChange  = errors.New("It is like that already.")
	errFull      = errors.New("The channel has as many members as it can hold.")
)

// chain is whom the operations so far name, those the server has dropped included, and the policy in force.
type chain struct {
	public  bool
	members []store.ConvMember // by user id
}

// after returns the chain that op leads to. Place, predecessor and signature have been checked.
func (c chain) after(op *signed.Op) (chain, error) {
	next := chain{c.public, slices.Clone(c.members)}
	if err := next.act(op); err != nil {
		return c, err
	}
	if len(next.members) > store.MaxPeople {
		return c, errFull
	}
	if len(next.members) > 0 && !slices.ContainsFunc(next.members, func(m store.ConvMember) bool { return m.Admin }) {
		return c, errLastAdmin
	}
	return next, nil
}

func (c *chain) act(op *signed.Op) error {
	i, in := c.find(op.Actor)
	switch op.Type {
	case signed.OpJoin:
		if in {
			return errMember
		}
		if !c.public {
			return errNotPublic
		}
		return c.add(signed.Target{User: op.Actor, Role: signed.RoleMember})
	case signed.OpLeave:
		return c.remove(signed.Target{User: op.Actor})
	}
	if !in {
		return errNotMember
	}
	if !c.members[i].Admin {
		return errNotAdmin
	}
	return c.administer(op)
}

func (c *chain) administer(op *signed.Op) error {
	switch op.Type {
	case signed.OpAdd:
		return eachTarget(op, c.add)
	case signed.OpRemove:
		return eachTarget(op, c.remove)
	case signed.OpRole:
		return eachTarget(op, c.setRole)
	case signed.OpPolicy:
		if public := op.Policy == signed.PolicyPublic; public != c.public {
			c.public = public
			return nil
		}
		return errNoChange
	}
	return signed.ErrOpType
}

func eachTarget(op *signed.Op, do func(signed.Target) error) error {
	for _, t := range op.Targets {
		if err := do(t); err != nil {
			return err
		}
	}
	return nil
}

func (c *chain) add(t signed.Target) error {
	i, in := c.find(t.User)
	if in {
		return errMember
	}
	c.members = slices.Insert(c.members, i, store.ConvMember{User: t.User, Admin: t.Role == signed.RoleAdmin})
	return nil
}

func (c *chain) remove(t signed.Target) error {
	i, in := c.find(t.User)
	if !in {
		return errNotMember
	}
	c.members = slices.Delete(c.members, i, i+1)
	return nil
}

func (c *chain) setRole(t signed.Target) error {
	i, in := c.find(t.User)
	if !in {
		return errNotMember
	}
	admin := t.Role == signed.RoleAdmin
	if c.members[i].Admin == admin {
		return errNoChange
	}
	c.members[i].Admin = admin
	return nil
}

func (c *chain) find(user wire.UserID) (int, bool) {
	return slices.BinarySearchFunc(c.members, user, func(m store.ConvMember, u wire.UserID) int { return bytes.Compare(m.User[:], u[:]) })
}
