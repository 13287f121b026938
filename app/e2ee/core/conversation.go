package core

import (
	"bytes"
	"slices"

	"chatalot/app/e2ee/group"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	keptEpochs = 8                   // how many epochs back a message can still be checked
	lateWindow = 24 * 60 * 60 * 1000 // ms after an epoch's end that its messages are still taken, by this device's clock
)

func convKey(conv ConvID) string { return "conv/" + conv.String() }
func ownKey(conv ConvID) string  { return "own/" + conv.String() }

// conv is a conversation: its membership and what it was at the latest epochs.
type conv struct {
	dm     bool
	group  group.State // of a DM: two plain members, N and Head zero
	epochs []epoch     // ascending; the last one is now
	first  epoch       // at which this device took the conversation up; its state is not kept
	absent []UserID    // members that the server says have left the community
}

// epoch is a moment in a conversation's membership.
type epoch struct {
	number uint64
	state  [32]byte // state hash
	at     uint64   // when this device processed its beginning, ms
}

func (v *conv) encode() []byte {
	w := record(128 + len(v.group.Members)*17 + len(v.epochs)*48)
	if v.dm {
		w.U8(1)
	} else {
		w.U8(0)
	}
	v.group.Append(w)
	w.U16(uint16(len(v.epochs)))
	for _, e := range v.epochs {
		w.U64(e.number).Raw(e.state[:]).U64(e.at)
	}
	w.U64(v.first.number).U64(v.first.at).U16(uint16(len(v.absent)))
	for _, user := range v.absent {
		w.Raw(user[:])
	}
	return w.Bytes()
}

func readConv(r *octet.Reader) *conv {
	v := &conv{dm: r.U8() == 1, group: group.Read(r)}
	v.epochs = make([]epoch, r.Count(keptEpochs, 48))
	for i := range v.epochs {
		v.epochs[i].number = r.U64()
		r.Into(v.epochs[i].state[:])
		v.epochs[i].at = r.U64()
	}
	if len(v.epochs) == 0 {
		r.Fail(errState)
	}
	v.first.number, v.first.at = r.U64(), r.U64()
	v.absent = make([]UserID, r.Count(group.MaxMembers, 16))
	for i := range v.absent {
		r.Into(v.absent[i][:])
	}
	return v
}

func (c *Core) conv(id ConvID) (*conv, error) {
	v, err := load(c.state, convKey(id), readConv)
	if v == nil && err == nil {
		err = fail(CodeUnknownConv, "This conversation is not loaded yet.")
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (v *conv) now() epoch { return v.epochs[len(v.epochs)-1] }

// other returns the person a DM is with.
func (v *conv) other(self UserID) UserID {
	if v.group.Members[0].User == self {
		return v.group.Members[1].User
	}
	return v.group.Members[0].User
}

// channel is the conversation as the app sees it.
func (v *conv) channel() Channel {
	ch := Channel{Policy: byte(v.group.Policy), N: v.group.N, Epoch: v.now().number}
	for _, m := range v.group.Members {
		ch.Members = append(ch.Members, Target{m.User, byte(m.Role)})
	}
	return ch
}

// advance begins an epoch, unless it has begun, with the membership in v and the manifests that hold now.
func (c *Core) advance(v *conv, number uint64) error {
	if number == 0 || number > octet.MaxU64 {
		return fail(CodeBadInput, "An epoch is a number from 1 on.")
	}
	if len(v.epochs) == 0 || number > v.now().number {
		state, err := c.stateHash(v, number)
		if err != nil {
			return err
		}
		if v.first.number == 0 {
			v.first = epoch{number: number, at: c.cfg.Now()}
		}
		v.epochs = append(v.epochs, epoch{number, state, c.cfg.Now()})
		v.epochs = v.epochs[max(0, len(v.epochs)-keptEpochs):]
	}
	c.state.put(convKey(v.group.Conv), v.encode())
	return nil
}

func (c *Core) stateHash(v *conv, number uint64) ([32]byte, error) {
	var missing error
	hash := v.group.Hash(number, func(user UserID) [32]byte {
		p, err := c.person(user)
		if err != nil {
			missing = err
			return [32]byte{}
		}
		return p.manifest.Hash()
	})
	return hash, missing
}

func (c *Core) advanceAll(epochs []ConvEpoch) error {
	for _, e := range epochs {
		v, err := load(c.state, convKey(e.Conv), readConv)
		if err != nil {
			return err
		}
		if v == nil { // not loaded here: the snapshot will bring its epoch
			continue
		}
		if err := c.advance(v, e.Epoch); err != nil {
			return err
		}
	}
	return nil
}

// DMConversation returns the id of the conversation with a person; zero without an account. It changes nothing.
func (c *Core) DMConversation(peer UserID) ConvID {
	a, err := c.self()
	if err != nil {
		return ConvID{}
	}
	return signed.DMConv(a.address.User, peer)
}

// LoadDM takes up the conversation with a person at an epoch, from the snapshot or the log. The manifests of both must have been applied.
func (c *Core) LoadDM(peer UserID, epoch uint64) error {
	return c.change(func() error {
		a, err := c.self()
		if err != nil {
			return err
		}
		if peer == a.address.User {
			return fail(CodeOneself, "A conversation needs somebody else.")
		}
		id := signed.DMConv(a.address.User, peer)
		v, err := load(c.state, convKey(id), readConv)
		if err != nil {
			return err
		}
		if v == nil {
			v = newDM(id, a.address.User, peer)
		}
		return c.advance(v, epoch)
	})
}

func newDM(id ConvID, a, b UserID) *conv {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	members := []group.Member{{User: a, Role: signed.RoleMember}, {User: b, Role: signed.RoleMember}}
	return &conv{dm: true, group: group.State{Conv: id, Members: members}}
}

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

// LoadChannel takes a channel's whole chain of operations and verifies every one. A chain that does not extend the one already known is
// refused with the code "forked_view".
func (c *Core) LoadChannel(id ConvID, ops [][]byte, epoch uint64) (out Channel, err error) {
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
		if len(v.epochs) > 0 && epoch < v.now().number {
			return errForked()
		}
		if err := c.advance(v, epoch); err != nil {
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

// DropConversation forgets the keys of a conversation that this user left or was removed from. Messages already opened stay with the app; so does the
// count of what was sent, which goes on should the user return.
func (c *Core) DropConversation(id ConvID) error {
	return c.change(func() error {
		c.state.remove(convKey(id))
		c.state.remove(ownKey(id))
		for _, key := range c.state.keys(peerPrefix(id)) {
			c.state.remove(key)
		}
		return nil
	})
}

// Channel returns a loaded channel's membership. It changes nothing.
func (c *Core) Channel(id ConvID) (Channel, error) {
	v, err := c.conv(id)
	if err != nil {
		return Channel{}, err
	}
	return v.channel(), nil
}
