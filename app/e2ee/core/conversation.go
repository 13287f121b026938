package core

import (
	"bytes"

	"chatalot/app/wire/group"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	keptEpochs = 8                   // how many epochs back a message can still be checked
	lateWindow = 24 * 60 * 60 * 1000 // ms after an epoch's end that its messages are still taken, by this device's clock
)

func convKey(conv ConvID) string { return "conv/" + conv.String() }

func ownKey(conv ConvID) string { return "own/" + conv.String() }

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
