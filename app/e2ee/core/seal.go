package core

import (
	"slices"

	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/senderkey"
	"chatalot/app/wire/octet"
)

const maxOwed = 10 * 1000 // devices of a conversation

// voice is this device's own sender key in a channel, and the devices that do not have it yet.
type voice struct {
	sender *senderkey.Sender
	owed   []Address
}

func (v *voice) encode() []byte {
	w := record(256 + len(v.owed)*32)
	v.sender.Append(w)
	w.U16(uint16(len(v.owed)))
	for _, a := range v.owed {
		w.Raw(a.User[:]).Raw(a.Device[:])
	}
	return w.Bytes()
}

func readVoice(r *octet.Reader) *voice {
	v := &voice{sender: senderkey.ReadSender(r)}
	v.owed = make([]Address, r.Count(maxOwed, 32))
	for i := range v.owed {
		r.Into(v.owed[i].User[:])
		r.Into(v.owed[i].Device[:])
	}
	return v
}

// sealing is one message on its way out.
type sealing struct {
	c        *Core
	self     *account
	own      *person
	conv     *conv
	voice    *voice    // channels only
	to       []Address // devices that need an envelope
	bundles  []Bundle
	excluded []DeviceID
}

// prepare checks that this user may write here, and finds the devices that need an envelope.
func (c *Core) prepare(id ConvID) (*sealing, error) {
	a, own, err := c.active()
	if err != nil {
		return nil, err
	}
	v, err := c.conv(id)
	if err != nil {
		return nil, err
	}
	if v.group.RoleOf(a.address.User) == 0 {
		return nil, fail(CodeNotMember, "You are not a member of this channel.")
	}
	s := &sealing{c: c, self: a, own: own, conv: v}
	if v.dm {
		return s, s.addressDM()
	}
	return s, s.addressChannel()
}

// addressDM addresses every device of both people.
func (s *sealing) addressDM() error {
	peer := s.conv.other(s.self.address.User)
	p, err := s.c.person(peer)
	if err != nil {
		return err
	}
	if !p.accepted() {
		return errIdentity(peer)
	}
	s.to, err = s.everyone()
	return err
}

// addressChannel finds this device's sender key, or makes one that everyone is owed.
func (s *sealing) addressChannel() (err error) {
	now := s.conv.now()
	if s.voice, err = load(s.c.state, ownKey(s.conv.group.Conv), readVoice); err != nil {
		return err
	}
	if s.voice == nil || !s.voice.sender.Fresh(s.c.cfg.Now(), now.number, now.state) {
		s.voice = new(voice)
		s.voice.sender, err = senderkey.NewSender(s.c.cfg.Rand, s.c.cfg.Now(), s.conv.group.Conv, now.number, now.state, s.self.address.Device)
		if err != nil {
			return because(CodeRandom, err)
		}
		if s.voice.owed, err = s.everyone(); err != nil {
			return err
		}
	}
	s.to = s.voice.owed
	return nil
}

// everyone returns the devices in use of all members whose identity is accepted, but this one: exactly those on whom signed statements agree,
// whatever the server says (N08, N10).
func (s *sealing) everyone() (list []Address, err error) {
	for _, m := range s.conv.group.Members {
		p, err := s.c.person(m.User)
		if err != nil {
			return nil, err
		}
		if !p.accepted() || !s.conv.takesPart(m.User) {
			continue
		}
		for _, d := range p.devices() {
			if a := (Address{m.User, d}); a != s.self.address {
				list = append(list, a)
			}
		}
	}
	return list, nil
}

// SealPlan returns the devices for which [Core.Seal] will need a prekey bundle: none for most sends. It changes nothing.
func (c *Core) SealPlan(conv ConvID) (plan []Address, err error) {
	s, err := c.prepare(conv)
	if err != nil {
		return nil, err
	}
	for _, a := range s.to {
		p, err := c.pair(a)
		if err != nil {
			return nil, err
		}
		if !p.ready() {
			plan = append(plan, a)
		}
	}
	return plan, nil
}

// Seal encrypts an event of this user. bundles are those that [Core.SealPlan] asked for; excluded are devices to leave out this time because
// their bundle is missing or bad, unless they have a session still. Sealing the same msgID again (the server answered stale_epoch) replaces the earlier bytes.
func (c *Core) Seal(conv ConvID, msgID MsgID, plaintext []byte, bundles []Bundle, excluded []DeviceID) (out Sealed, err error) {
	err = c.change(func() error {
		if len(plaintext) > envelope.MaxPlaintext {
			return because(CodeTooLarge, prim.ErrTooLong)
		}
		s, err := c.prepare(conv)
		if err != nil {
			return err
		}
		s.bundles, s.excluded = bundles, excluded
		out, err = s.seal(msgID, plaintext)
		return err
	})
	return out, err
}

func (s *sealing) seal(msgID MsgID, plaintext []byte) (out Sealed, err error) {
	id := s.conv.group.Conv
	tail, err := s.c.tail(id)
	if err != nil {
		return out, err
	}
	if m := tail.find(msgID); (m != nil && m.number == 0) || msgID == (MsgID{}) {
		return out, fail(CodeBadInput, "This message id is taken.")
	}
	now := s.conv.now()
	h := envelope.Header{Kind: envelope.DM, Conv: id, MsgID: msgID, User: s.self.address.User, Device: s.self.address.Device, Epoch: now.number, State: now.state}
	payload, mk, err := s.key(&h)
	if err != nil {
		return out, err
	}
	number := tail.number(msgID)
	frame := envelope.Frame{SentAt: s.c.cfg.Now(), Counter: number, LastSeen: tail.lastSeen, Plaintext: plaintext}
	if s.voice != nil {
		out.Content, err = envelope.Seal(s.c.cfg.Rand, h, mk[:], frame, s.voice.sender.Sign)
	} else {
		out.Content, err = envelope.Seal(s.c.cfg.Rand, h, mk[:], frame, nil)
	}
	prim.Wipe(mk[:])
	if err != nil {
		return out, because(CodeRandom, err)
	}
	out.Epoch, payload.Content = now.number, envelope.Hash(out.Content)
	if out.Envelopes, err = s.wrap(msgID, payload); err != nil {
		return out, err
	}
	tail.seal(msgID, payload.Content, number)
	s.c.putTail(id, tail)
	return out, s.settle(out.Envelopes)
}

// key returns the message key and what brings it to those who need it. The distribution of a sender key begins at this message.
func (s *sealing) key(h *envelope.Header) (payload envelope.Payload, mk [32]byte, err error) {
	if s.voice == nil {
		if err := prim.Random(s.c.cfg.Rand, mk[:]); err != nil {
			return payload, mk, because(CodeRandom, err)
		}
		return envelope.Payload{Type: envelope.TypeKey, Body: slices.Clone(mk[:])}, mk, nil
	}
	payload = envelope.Payload{Type: envelope.TypeDistribution, Body: s.voice.sender.Distribution().Encode()}
	h.Kind, h.KeyID = envelope.Group, s.voice.sender.KeyID
	mk, h.Iteration, err = s.voice.sender.Next()
	return payload, mk, err
}

// wrap makes the envelopes of a message. All are made, or none.
func (s *sealing) wrap(msgID MsgID, payload envelope.Payload) (list []AddressedEnvelope, err error) {
	for _, to := range s.to {
		p, err := s.session(to)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		sealed, err := s.wrapFor(to, p, msgID, payload)
		if err != nil {
			return nil, err
		}
		list = append(list, AddressedEnvelope{to.User, to.Device, sealed})
	}
	return list, nil
}

// session returns a pair that can send, after beginning a session where one is needed. An excluded device, for which none can begin, is sent to in the one it
// has, or gives nil.
func (s *sealing) session(to Address) (*pair, error) {
	p, err := s.c.pair(to)
	if err != nil {
		return nil, err
	}
	p.expire(s.c.cfg.Now())
	switch excluded := slices.Contains(s.excluded, to.Device); {
	case p.ready(), excluded && p.sending() != nil:
		return p, nil
	case excluded:
		return nil, nil
	}
	return p, s.begin(p, to)
}

func (s *sealing) wrapFor(to Address, p *pair, msgID MsgID, payload envelope.Payload) ([]byte, error) {
	current := p.sending()
	payload.Number = current.number
	message, err := current.ratchet.Seal(s.c.cfg.Rand, s.conv.group.Conv, msgID, payload.Encode())
	if err != nil {
		return nil, because(CodeRandom, err)
	}
	if len(current.initial) > 0 {
		initial, err := pqxdh.ParseInitial(current.initial)
		if err != nil {
			return nil, errState
		}
		initial.Message = message
		message = initial.Encode()
	}
	s.c.putPair(to, p)
	return (&envelope.Pairwise{Session: current.id, Message: message}).Encode(), nil
}

// begin starts a new session in p from the bundle that came for its device.
func (s *sealing) begin(p *pair, to Address) error {
	i := slices.IndexFunc(s.bundles, func(b Bundle) bool { return b.User == to.User && b.Device == to.Device })
	if i < 0 {
		return failDevice(CodeNeedBundles, to, "The keys of somebody's device are needed first.")
	}
	peer, err := s.c.person(to.User)
	if err != nil {
		return err
	}
	fresh, err := s.c.initiate(s.self, s.own, peer, to, s.bundles[i], p.number+1)
	if err != nil {
		return err
	}
	p.admit(fresh, s.c.cfg.Now())
	return nil
}

// settle stores a channel's sender key with who still lacks it; a DM must have reached the other person.
func (s *sealing) settle(sent []AddressedEnvelope) error {
	if s.voice == nil {
		peer := s.conv.other(s.self.address.User)
		if !slices.ContainsFunc(sent, func(e AddressedEnvelope) bool { return e.User == peer }) {
			return failUser(CodeNoRecipient, peer, "None of this person's devices can be reached just now. Try again later.")
		}
		return nil
	}
	s.voice.owed = slices.DeleteFunc(slices.Clone(s.voice.owed), func(a Address) bool {
		return slices.ContainsFunc(sent, func(e AddressedEnvelope) bool { return e.User == a.User && e.Device == a.Device })
	})
	s.c.state.put(ownKey(s.conv.group.Conv), s.voice.encode())
	return nil
}

// Abandon says that a sealed message will never be sent, so that others do not miss it: its number is given back and keys that travelled with
// it are sent again. Only for messages that the server never accepted.
func (c *Core) Abandon(conv ConvID, msgID MsgID) error {
	return c.change(func() error {
		t, err := c.tail(conv)
		if err != nil {
			return err
		}
		if t.abandon(msgID) {
			c.putTail(conv, t)
			c.state.remove(ownKey(conv))
		}
		return nil
	})
}

// KeyRequested says that a device could not open this device's messages in a conversation and asked, by an authentic event there, for the
// key. The next seal carries it. At most one request an hour and five a day of each device are heeded.
func (c *Core) KeyRequested(conv ConvID, user UserID, device DeviceID) error {
	return c.change(func() error {
		v, err := c.conv(conv)
		if err != nil {
			return err
		}
		to := Address{user, device}
		if !c.mayReceive(v, to) {
			return failDevice(CodeUnknownDevice, to, "This device is not one of a member.")
		}
		p, err := c.pair(to)
		if err != nil || !p.heed(c.cfg.Now()) {
			return err
		}
		c.putPair(to, p)
		return c.owe(conv, to)
	})
}

func (c *Core) mayReceive(v *conv, to Address) bool {
	p, err := c.person(to.User)
	return err == nil && v.takesPart(to.User) && p.accepted() && p.uses(to.Device)
}

// owe makes the next seal in a channel carry this device's sender key to one more device. Without a sender key, and in a DM, it will anyway.
func (c *Core) owe(conv ConvID, to Address) error {
	v, err := load(c.state, ownKey(conv), readVoice)
	if err != nil || v == nil || slices.Contains(v.owed, to) {
		return err
	}
	v.owed = append(v.owed, to)
	c.state.put(ownKey(conv), v.encode())
	return nil
}
