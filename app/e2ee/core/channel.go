package core

import (
	"bytes"
	"slices"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/group"
	"chatalot/app/wire/signed"
)

// MakeOp builds and signs a membership operation; conv is zero for a create, to whose targets this user is added as an admin. It changes nothing
// here: the operation takes effect when the server has ordered it and it comes back through [Core.ApplyOp] or [Core.LoadChannel].
func (c *Core) MakeOp(conv ConvID, kind, policy byte, targets []Target) (op []byte, id ConvID, err error) {
	a, _, err := c.active()
	if err != nil {
		return nil, id, err
	}
	before, o := group.State{}, signed.Op{}
	if kind != byte(signed.OpCreate) {
		v, err := c.conv(conv)
		if err != nil {
			return nil, id, err
		}
		before, o = v.group, v.group.Next()
	} else if targets = withAdmin(targets, a.address.User); prim.Random(c.cfg.Rand, o.Nonce[:]) != nil {
		return nil, id, because(CodeRandom, prim.ErrRandom)
	}
	o.Actor, o.Device, o.Created, o.Type, o.Policy = a.address.User, a.address.Device, c.cfg.Now(), signed.OpType(kind), signed.Policy(policy)
	o.Targets = sortedTargets(targets)
	if err := o.Sign(a.device.Sign); err != nil {
		return nil, id, because(CodeBadOp, err)
	}
	if _, err := c.follow(before, &o); err != nil {
		return nil, id, err
	}
	return o.Encode(), o.Conv(), nil
}

func withAdmin(targets []Target, self UserID) []Target {
	others := slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return t.User == self })
	return append(others, Target{self, byte(signed.RoleAdmin)})
}

// sortedTargets sorts by insertion: package slices' sort costs the browser 15 KB for each type it is used with.
func sortedTargets(targets []Target) []signed.Target {
	list := make([]signed.Target, len(targets))
	for i, t := range targets {
		for ; i > 0 && bytes.Compare(list[i-1].User[:], t.User[:]) > 0; i-- {
			list[i] = list[i-1]
		}
		list[i] = signed.Target{User: t.User, Role: signed.Role(t.Role)}
	}
	return list
}

// follow verifies an operation against its actor's devices and returns the membership after it; a zero State begins a chain.
func (c *Core) follow(before group.State, o *signed.Op) (after group.State, err error) {
	actor, err := c.person(o.Actor)
	if err != nil {
		return after, err
	}
	if !actor.accepted() {
		return after, errIdentity(o.Actor)
	}
	if err := o.Verify(actor.manifest); err != nil {
		return after, because(CodeBadOp, err)
	}
	if before.Conv == (ConvID{}) {
		after, err = group.Create(o)
	} else {
		after, err = before.Apply(o)
	}
	if err == group.ErrLastAdmin {
		return after, because(CodeLastAdmin, err)
	}
	if err != nil {
		return after, because(CodeBadOp, err)
	}
	return after, nil
}

func errIdentity(user UserID) error {
	return failUser(CodeIdentityChanged, user, "This person's identity has changed. Compare safety numbers with them, then accept it to go on.")
}

// LoadChannel takes a channel's chain of operations, whole from its start, and verifies every one. number is the epoch that the last of them began. read
// is the epoch at which the manifests that hold now were read: it may be higher, and what was sealed before it cannot be compared with what this
// device saw. A chain that does not extend the one already known is refused with the code "forked_view".
func (c *Core) LoadChannel(id ConvID, ops [][]byte, number, read uint64) (out Channel, err error) {
	err = c.change(func() error {
		v, err := load(c.state, convKey(id), readConv)
		if err != nil {
			return err
		}
		if v == nil {
			v = &conv{}
		}
		if v.group, err = c.replay(id, ops, v.group); err != nil {
			return err
		}
		if len(v.epochs) > 0 && number < v.now().number {
			return errForked()
		}
		if len(v.epochs) == 0 {
			v.first = epoch{number: max(number, read), at: c.cfg.Now()}
		}
		if err := c.advance(v, number); err != nil {
			return err
		}
		out = v.channel()
		return nil
	})
	return out, err
}

func errForked() error {
	return fail(CodeForkedView, "The server shows another history of this channel than before. Ask whoever runs it what happened.")
}

// replay verifies a whole chain, which must pass through known.
func (c *Core) replay(id ConvID, ops [][]byte, known group.State) (s group.State, err error) {
	for i, raw := range ops {
		o, err := signed.ParseOp(raw)
		if err != nil {
			return s, because(CodeBadOp, err)
		}
		if s, err = c.follow(s, o); err != nil {
			return s, err
		}
		if uint64(i) == known.N && known.Conv == id && s.Head != known.Head {
			return s, errForked()
		}
	}
	switch {
	case s.Conv != id:
		return s, because(CodeBadOp, group.ErrGroup)
	case s.N < known.N:
		return s, errForked()
	}
	return s, nil
}

// ApplyOp verifies and applies the next operation of a loaded channel. One already applied has the code "old_op".
func (c *Core) ApplyOp(id ConvID, op []byte, epoch uint64) (out OpChange, err error) {
	err = c.change(func() error {
		v, err := c.conv(id)
		if err != nil {
			return err
		}
		o, err := signed.ParseOp(op)
		if err != nil {
			return because(CodeBadOp, err)
		}
		if err := stale(v, o, epoch); err != nil {
			return err
		}
		before := v.group
		if v.group, err = c.follow(before, o); err != nil {
			return err
		}
		out = change(o)
		c.forgetMembers(before, v.group)
		return c.advance(v, epoch)
	})
	return out, err
}

// Absent takes the server's word on which members of a channel have left its community, and the epoch that began with it. Nothing is sealed to them
// and nothing of theirs is taken from then on, though only a signed operation ends their membership. The word can only take away: a server that
// lies keeps people apart, which it could do anyway, and brings nobody in.
func (c *Core) Absent(id ConvID, absent []UserID, epoch uint64) error {
	return c.change(func() error {
		v, err := c.conv(id)
		if err != nil {
			return err
		}
		before := v.absent
		v.absent = slices.DeleteFunc(slices.Clone(absent), func(user UserID) bool { return v.group.RoleOf(user) == 0 })
		if slices.ContainsFunc(v.absent, func(user UserID) bool { return !slices.Contains(before, user) }) {
			c.state.remove(ownKey(id))
		}
		return c.advance(v, epoch)
	})
}

// takesPart reports whether a person is a member whom the server has not dropped.
func (v *conv) takesPart(user UserID) bool {
	return v.group.RoleOf(user) != 0 && !slices.Contains(v.absent, user)
}

// stale refuses operations that do not come after what is known.
func stale(v *conv, o *signed.Op, epoch uint64) error {
	switch {
	case v.dm || o.Conv() != v.group.Conv:
		return because(CodeBadOp, group.ErrGroup)
	case o.N == v.group.N && o.Hash() != v.group.Head:
		return errForked()
	case o.N <= v.group.N:
		return fail(CodeOldOp, "This membership change is already known.")
	case epoch <= v.now().number:
		return errForked()
	}
	return nil
}

func change(o *signed.Op) OpChange {
	out := OpChange{N: o.N, Type: byte(o.Type), Actor: o.Actor}
	for _, t := range o.Targets {
		out.Targets = append(out.Targets, Target{t.User, byte(t.Role)})
	}
	return out
}

// forgetMembers erases the sender keys of those who are members no more.
func (c *Core) forgetMembers(before, after group.State) {
	for _, m := range before.Members {
		if after.RoleOf(m.User) == 0 {
			for _, key := range c.state.keys(peerPrefix(after.Conv) + m.User.String()) {
				c.state.remove(key)
			}
		}
	}
}

// Channel returns a loaded channel's membership. It changes nothing.
func (c *Core) Channel(id ConvID) (Channel, error) {
	v, err := c.conv(id)
	if err != nil {
		return Channel{}, err
	}
	return v.channel(), nil
}
