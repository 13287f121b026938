// Package group is the membership of a channel as the signed chain of operations makes it (SPEC.md section 9). Its members decide by it whom they
// seal to; the server applies the same rules before it gives an operation its place, so that a chain never holds a dead link, and cannot add one. A state is a value: Create and Apply return the next one and leave the old as it was.
package group

import (
	"bytes"
	"errors"
	"slices"

	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

// MaxMembers bounds a channel: with ten devices each it already exceeds the thousand devices that one message can address.
const MaxMembers = 1000

// Why an operation may not follow the ones before it.
var (
	ErrChain     = errors.New("this membership change does not follow the newest one: read the newest and try again")
	ErrGroup     = errors.New("this membership change belongs to another channel")
	ErrNotAdmin  = errors.New("only an admin of the channel may do this")
	ErrNotMember = errors.New("this concerns somebody who is not a member of the channel")
	ErrMember    = errors.New("this concerns somebody who already is a member of the channel")
	ErrNotPublic = errors.New("the channel is private: ask one of its admins to be added")
	ErrLastAdmin = errors.New("the channel would be left without an admin: make somebody else an admin first")
	ErrNoChange  = errors.New("this membership change changes nothing")
	ErrFull      = errors.New("the channel has as many members as it can hold")
	ErrState     = errors.New("the stored membership cannot be read")
)

// Member is a person in a channel.
type Member struct {
	User signed.UserID
	Role signed.Role
}

// State is the membership after operation N.
type State struct {
	Conv    signed.ConvID
	N       uint64
	Head    [32]byte // hash of operation N
	Policy  signed.Policy
	Members []Member // ascending by user
}

// Create starts a channel from its create operation. The caller has verified the signature.
func Create(op *signed.Op) (State, error) {
	if op.Type != signed.OpCreate {
		return State{}, ErrChain
	}
	s := State{Conv: op.Conv(), Head: op.Hash(), Policy: op.Policy}
	for _, t := range op.Targets {
		s.Members = append(s.Members, Member(t))
	}
	return s, nil
}

// Apply returns the membership after op. The caller has verified the signature; every rule on who may do what is here.
func (s State) Apply(op *signed.Op) (State, error) {
	switch {
	case op.Type != signed.OpCreate && op.Group != s.Conv:
		return s, ErrGroup
	case op.Type == signed.OpCreate || op.N != s.N+1 || op.PrevHash != s.Head:
		return s, ErrChain
	}
	next := State{s.Conv, op.N, op.Hash(), s.Policy, slices.Clone(s.Members)}
	if err := next.act(op); err != nil {
		return s, err
	}
	if len(next.Members) > MaxMembers {
		return s, ErrFull
	}
	if len(next.Members) > 0 && !slices.ContainsFunc(next.Members, func(m Member) bool { return m.Role == signed.RoleAdmin }) {
		return s, ErrLastAdmin
	}
	return next, nil
}

// act changes s, which still holds the members before op.
func (s *State) act(op *signed.Op) error {
	role := s.RoleOf(op.Actor)
	switch {
	case op.Type == signed.OpJoin && role != 0:
		return ErrMember
	case op.Type == signed.OpJoin && s.Policy != signed.PolicyPublic:
		return ErrNotPublic
	case op.Type == signed.OpJoin:
		return s.add(signed.Target{User: op.Actor, Role: signed.RoleMember})
	case role == 0:
		return ErrNotMember
	case op.Type == signed.OpLeave:
		return s.remove(signed.Target{User: op.Actor})
	case role != signed.RoleAdmin:
		return ErrNotAdmin
	case op.Type == signed.OpPolicy && op.Policy == s.Policy:
		return ErrNoChange
	case op.Type == signed.OpPolicy:
		s.Policy = op.Policy
		return nil
	}
	return s.each(op)
}

func (s *State) each(op *signed.Op) (err error) {
	for _, t := range op.Targets {
		switch op.Type {
		case signed.OpAdd:
			err = s.add(t)
		case signed.OpRemove:
			err = s.remove(t)
		case signed.OpRole:
			err = s.setRole(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *State) add(t signed.Target) error {
	i, found := s.find(t.User)
	if found {
		return ErrMember
	}
	s.Members = slices.Insert(s.Members, i, Member(t))
	return nil
}

func (s *State) remove(t signed.Target) error {
	i, found := s.find(t.User)
	if !found {
		return ErrNotMember
	}
	s.Members = slices.Delete(s.Members, i, i+1)
	return nil
}

func (s *State) setRole(t signed.Target) error {
	i, found := s.find(t.User)
	switch {
	case !found:
		return ErrNotMember
	case s.Members[i].Role == t.Role:
		return ErrNoChange
	}
	s.Members[i].Role = t.Role
	return nil
}

// RoleOf returns a person's role, or 0 for somebody who is not a member.
func (s State) RoleOf(user signed.UserID) signed.Role {
	if i, found := s.find(user); found {
		return s.Members[i].Role
	}
	return 0
}

func (s State) find(user signed.UserID) (int, bool) {
	return slices.BinarySearchFunc(s.Members, user, func(m Member, u signed.UserID) int { return bytes.Compare(m.User[:], u[:]) })
}

// Next returns the unsigned operation that would follow s: its place in the chain is filled in, the rest is the caller's.
func (s State) Next() signed.Op {
	return signed.Op{Group: s.Conv, N: s.N + 1, PrevHash: s.Head}
}

// Hash is the state hash of one epoch of a conversation: what every message carries, so that two views of a membership that differ in
// anything cannot exchange messages. manifest returns the hash of a member's newest manifest. A DM has N and Head zero and two plain members.
func (s State) Hash(epoch uint64, manifest func(signed.UserID) [32]byte) [32]byte {
	w := octet.NewWriter(80 + len(s.Members)*49)
	w.Raw(s.Conv[:]).U64(epoch).U64(s.N).Raw(s.Head[:])
	for _, m := range s.Members {
		h := manifest(m.User)
		w.Raw(m.User[:]).U8(uint8(m.Role)).Raw(h[:])
	}
	return signed.Hash("chatalot/state/v1\x00", w.Bytes())
}

// Append writes s into a record that the device keeps.
func (s State) Append(w *octet.Writer) {
	w.Raw(s.Conv[:]).U64(s.N).Raw(s.Head[:]).U8(uint8(s.Policy)).U16(uint16(len(s.Members)))
	for _, m := range s.Members {
		w.Raw(m.User[:]).U8(uint8(m.Role))
	}
}

// Read reads what Append wrote.
func Read(r *octet.Reader) (s State) {
	r.Into(s.Conv[:])
	s.N = r.U64()
	r.Into(s.Head[:])
	s.Policy = signed.Policy(r.U8())
	s.Members = make([]Member, r.Count(MaxMembers, 17))
	for i := range s.Members {
		r.Into(s.Members[i].User[:])
		s.Members[i].Role = signed.Role(r.U8())
	}
	if !slices.IsSortedFunc(s.Members, func(a, b Member) int { return bytes.Compare(a.User[:], b.User[:]) }) {
		r.Fail(ErrState)
	}
	return s
}
