package core

import (
	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/prim"
)

// Open checks and decrypts one message. A refused message never damages the state, though it may leave a note to start a new session.
// The error is only for calls that cannot be answered (pending, no account, unknown conversation).
func (c *Core) Open(in In) (out Opened, err error) {
	list, err := c.OpenMany([]In{in})
	if err != nil {
		return Opened{}, err
	}
	return list[0], nil
}

// OpenMany opens a run of messages in order with one set of pending writes. Each is atomic in itself.
func (c *Core) OpenMany(ins []In) ([]Opened, error) {
	if len(c.state.pending) > 0 {
		return nil, errPending
	}
	outs := make([]Opened, 0, len(ins))
	for i := range ins {
		out, err := c.openOne(&ins[i])
		if err != nil {
			c.state.drop()
			clear(c.state.pending)
			return nil, err
		}
		outs = append(outs, out)
	}
	return outs, nil
}

// openOne keeps all that a message changed, or none of it.
func (c *Core) openOne(in *In) (Opened, error) {
	out, err := c.open(in)
	if why, refused := err.(*refusal); refused {
		c.state.drop()
		out, err = c.answer(in, why)
	}
	if err != nil {
		return Opened{}, err
	}
	c.state.keep()
	return out, nil
}

// answer turns a refusal into an outcome, and notes at most once an hour that the sender's device should help.
func (c *Core) answer(in *In, why *refusal) (Opened, error) {
	out := Opened{Status: OpenRefused, Code: why.code}
	if !why.ask {
		return out, nil
	}
	from := Address{in.SenderUser, in.SenderDevice}
	p, err := c.pair(from)
	if err != nil || !p.repair(c.cfg.Now()) {
		return out, err
	}
	out.NeedKeyRequest, p.reset = true, p.reset || why.reset
	c.putPair(from, p)
	if why.reset {
		return out, c.owe(in.Conv, from)
	}
	return out, nil
}

// opening is one message on its way in.
type opening struct {
	c       *Core
	self    *account
	conv    *conv
	from    Address
	sender  *person
	content *envelope.Content
	hash    [32]byte
	tail    *tail
	peer    *peer
	late    bool
	mk      []byte // of a DM, once its envelope is open
	hoard   int    // skipped keys held before, in what this message touches
}

func (c *Core) open(in *In) (Opened, error) {
	o, err := c.receive(in)
	if err != nil {
		return Opened{}, err
	}
	if o.from == o.self.address {
		return o.echo()
	}
	if m := o.tail.find(in.MsgID); m != nil {
		if m.hash == o.hash {
			return Opened{Status: OpenDuplicate}, nil
		}
		return Opened{}, refuse(RefusedReplay)
	}
	if err := o.checkSender(); err != nil {
		return Opened{}, err
	}
	if err := o.checkView(); err != nil {
		return Opened{}, err
	}
	if in.Envelope != nil {
		if err := o.unwrap(in.Envelope); err != nil {
			return Opened{}, err
		}
	}
	frame, err := o.decrypt()
	if err != nil {
		return Opened{}, err
	}
	return o.accept(frame)
}

// receive parses a message, which must be the one that the server says it is.
func (c *Core) receive(in *In) (*opening, error) {
	a, err := c.self()
	if err != nil {
		return nil, err
	}
	v, err := c.conv(in.Conv)
	if err != nil {
		return nil, err
	}
	content, err := envelope.Parse(in.Content)
	switch {
	case err == envelope.ErrVersion:
		return nil, refuse(RefusedVersion)
	case err == envelope.ErrPlaintext:
		return nil, refuse(RefusedPlaintext)
	case err != nil:
		return nil, refuse(RefusedMalformed)
	}
	h := &content.Header
	from := Address{in.SenderUser, in.SenderDevice}
	if h.Conv != in.Conv || h.MsgID != in.MsgID || (Address{h.User, h.Device}) != from || h.Epoch != in.Epoch || (h.Kind == envelope.DM) != v.dm {
		return nil, refuse(RefusedMalformed)
	}
	o := &opening{c: c, self: a, conv: v, from: from, content: content, hash: envelope.Hash(in.Content)}
	if o.tail, err = c.tail(in.Conv); err != nil {
		return nil, err
	}
	if o.peer, err = c.peer(in.Conv, from); err != nil {
		return nil, err
	}
	o.hoard = o.peer.skipped()
	return o, nil
}

// echo is an own message coming back: known, or a reflection (N22).
func (o *opening) echo() (Opened, error) {
	if m := o.tail.find(o.content.MsgID); m == nil || m.hash != o.hash {
		return Opened{}, refuse(RefusedReplay)
	}
	return Opened{Status: OpenDuplicate}, nil
}

// checkSender demands a present member and a device in use under an accepted identity.
func (o *opening) checkSender() (err error) {
	if !o.conv.takesPart(o.from.User) || o.conv.group.RoleOf(o.self.address.User) == 0 {
		return refuse(RefusedNotMember)
	}
	if o.sender, err = o.c.person(o.from.User); err != nil {
		return err
	}
	switch d := o.sender.manifest.Device(o.from.Device); {
	case !o.sender.accepted():
		return refuse(RefusedIdentity)
	case d == nil:
		return refuse(RefusedUnknownDevice)
	case d.Removed != 0:
		return refuse(RefusedDeviceRemoved)
	}
	return nil
}

// checkView compares what the sender saw with what this device saw at that epoch. Of epochs before the one at which this device took the conversation up,
// it knows nothing to compare: what was sealed to it then, between its being added and its hearing of it, is taken for as long as late messages are.
func (o *opening) checkView() error {
	h, epochs := &o.content.Header, o.conv.epochs
	if h.Epoch < o.conv.first.number {
		if since(o.conv.first.at, o.c.cfg.Now()) >= lateWindow {
			return refuse(RefusedNoKey)
		}
		o.late = true
		return nil
	}
	for i, e := range epochs {
		if e.number != h.Epoch {
			continue
		}
		if e.state != h.State || (i+1 < len(epochs) && since(epochs[i+1].at, o.c.cfg.Now()) >= lateWindow) {
			break
		}
		o.late = i+1 < len(epochs)
		return nil
	}
	return refuse(RefusedForkedView)
}

// decrypt finds the message key and opens the content. In a channel the signature comes first of all (N17).
func (o *opening) decrypt() (frame envelope.Frame, err error) {
	mk := o.mk
	if !o.conv.dm {
		if mk, err = o.chainKey(); err != nil {
			return frame, err
		}
	}
	if mk == nil {
		return frame, refuse(RefusedNoKey)
	}
	defer prim.Wipe(mk)
	frame, err = o.content.Open(mk)
	return frame, refusalOf(err)
}

func (o *opening) chainKey() ([]byte, error) {
	now := o.c.cfg.Now()
	o.peer.expire(now)
	k := o.peer.key(&o.content.Header)
	if k == nil {
		return nil, &refusal{RefusedNoKey, true, false}
	}
	if !o.content.Verify(k.Sign) {
		return nil, refuse(RefusedBadSignature)
	}
	mk, err := k.Key(o.content.Iteration, now)
	if err != nil {
		return nil, refusalOf(err)
	}
	return mk[:], nil
}

// accept takes an authentic message into the conversation, unless its number was taken before.
func (o *opening) accept(frame envelope.Frame) (Opened, error) {
	first := o.peer.numbers.high == 0
	missing, ok := o.peer.numbers.take(frame.Counter)
	if !ok {
		return Opened{}, refuse(RefusedReplay)
	}
	out := Opened{Status: OpenOK, Plaintext: frame.Plaintext, SentAt: frame.SentAt, Counter: frame.Counter, Missing: missing}
	if o.late {
		out.Status = OpenLate
	}
	out.Unseen = !first && frame.LastSeen != o.peer.lastSeen && frame.LastSeen != [32]byte{} && !o.tail.knows(frame.LastSeen)
	o.peer.lastSeen, o.tail.lastSeen = frame.LastSeen, o.hash
	o.tail.remember(message{id: o.content.MsgID, hash: o.hash})
	o.c.putTail(o.content.Conv, o.tail)
	o.c.state.put(peerKey(o.content.Conv, o.from), o.peer.encode())
	if o.peer.skipped() <= o.hoard {
		return out, nil
	}
	return out, o.c.limitSkipped()
}
