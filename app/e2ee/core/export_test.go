package core

import (
	"crypto/ed25519"

	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/e2ee/senderkey"
	"chatalot/app/wire/octet"
)

// Forgery is a message that a malicious client seals with its own real keys after changing any part of it.
type Forgery struct {
	Header       envelope.Header
	Frame        envelope.Frame
	Payload      envelope.Payload        // Content is filled in afterwards, unless KeepContent
	Distribution *senderkey.Distribution // channels: what Payload carries, unless nil
	KeepContent  bool
	MK           []byte
	Sign         ed25519.PrivateKey
}

// Forge seals as Seal does, but lets edit change the parts.
func (c *Core) Forge(conv ConvID, id MsgID, text string, bundles []Bundle, edit func(*Forgery)) (out Sealed, err error) {
	err = c.change(func() error {
		s, err := c.prepare(conv)
		if err != nil {
			return err
		}
		s.bundles = bundles
		now := s.conv.now()
		f := Forgery{Header: envelope.Header{Kind: envelope.DM, Conv: conv, MsgID: id, User: s.self.address.User, Device: s.self.address.Device,
			Epoch: now.number, State: now.state}}
		tail, err := c.tail(conv)
		if err != nil {
			return err
		}
		f.Frame = envelope.Frame{SentAt: c.cfg.Now(), Counter: tail.number(id), Plaintext: []byte(text)}
		if s.voice != nil {
			f.Distribution, f.Sign = s.voice.sender.Distribution(), s.voice.sender.Sign
		}
		var mk [32]byte
		if f.Payload, mk, err = s.key(&f.Header); err != nil {
			return err
		}
		f.MK = mk[:]
		edit(&f)
		if out.Content, err = envelope.Seal(c.cfg.Rand, f.Header, f.MK, f.Frame, f.Sign); err != nil {
			return err
		}
		if f.Distribution != nil {
			f.Payload.Body = f.Distribution.Encode()
		}
		if !f.KeepContent {
			f.Payload.Content = envelope.Hash(out.Content)
		}
		out.Epoch = f.Header.Epoch
		if out.Envelopes, err = s.wrap(f.Header.MsgID, f.Payload); err != nil {
			return err
		}
		tail.seal(id, envelope.Hash(out.Content), f.Frame.Counter)
		c.putTail(conv, tail)
		return s.settle(out.Envelopes)
	})
	return out, err
}

// ChainKeyOf returns the message key that this device, as a receiver, holds for another device's next message: what a member needs to forge, but for the
// signature.
func (c *Core) ChainKeyOf(conv ConvID, from Address) (h envelope.Header, mk []byte) {
	p, err := c.peer(conv, from)
	if err != nil || len(p.keys) == 0 {
		return h, nil
	}
	k := p.keys[0]
	for i := range uint32(200) {
		if key, err := k.Key(i, c.cfg.Now()); err == nil {
			return envelope.Header{Kind: envelope.Group, Conv: conv, User: from.User, Device: from.Device, Epoch: k.Epoch, State: k.State, KeyID: k.KeyID, Iteration: i}, key[:]
		}
	}
	return h, nil
}

// OpensAnyhow tries every key that this device holds on a message, without any of the rules: what a removed device could do with all its state.
func (c *Core) OpensAnyhow(content []byte, envelopes []AddressedEnvelope) bool {
	parsed, err := envelope.Parse(content)
	if err != nil {
		return false
	}
	from := Address{parsed.User, parsed.Device}
	o := &opening{c: c, content: parsed, from: from, conv: &conv{dm: parsed.Kind == envelope.DM}, hash: envelope.Hash(content)}
	if o.self, err = c.self(); err != nil {
		return false
	}
	if o.peer, err = c.peer(parsed.Conv, from); err != nil {
		return false
	}
	if o.sender, err = c.person(from.User); err != nil {
		return false
	}
	for _, e := range envelopes {
		if o.unwrap(e.Envelope) == nil && o.mk != nil {
			return true
		}
	}
	for _, k := range o.peer.keys {
		if mk, err := k.Key(parsed.Iteration, c.cfg.Now()); err == nil {
			if _, err := parsed.Open(mk[:]); err == nil {
				return true
			}
		}
	}
	c.state.drop()
	return false
}

// Hoard gives the device n sender keys, each with as many skipped message keys as there may be.
func (c *Core) Hoard(n int) {
	for i := range n {
		var d senderkey.Distribution
		d.KeyID[0], d.KeyID[1] = byte(i), 1
		k := senderkey.NewReceiver(&d, c.cfg.Now())
		if _, err := k.Key(senderkey.MaxJump, c.cfg.Now()); err != nil {
			panic(err)
		}
		p := &peer{keys: []*senderkey.Receiver{k}}
		c.state.put(peerKey(ConvID{byte(i)}, Address{UserID{1}, DeviceID{1}}), p.encode())
	}
	c.state.keep()
}

// Skipped counts the skipped keys of the whole device.
func (c *Core) Skipped() (total int) {
	for _, prefix := range [...]string{"pair/", "peer/"} {
		for _, key := range c.state.keys(prefix) {
			total += skippedIn(c.state.get(key))
		}
	}
	return total
}

// SenderKeys counts the sender keys held of one device in one channel.
func (c *Core) SenderKeys(conv ConvID, from Address) int {
	p, err := c.peer(conv, from)
	if err != nil {
		return -1
	}
	return len(p.keys)
}

// Sessions lists the sessions with a device: whether each still sends.
func (c *Core) Sessions(with Address) (ids [][32]byte, sending [32]byte) {
	p, err := c.pair(with)
	if err != nil {
		return nil, sending
	}
	p.expire(c.cfg.Now())
	for _, s := range p.sessions {
		ids = append(ids, s.id)
	}
	if s := p.sending(); s != nil {
		sending = s.id
	}
	return ids, sending
}

// SigningKey is this device's own identity key: a stolen one.
func (c *Core) SigningKey() ed25519.PrivateKey {
	a, err := c.self()
	if err != nil {
		panic(err)
	}
	return a.device.Sign
}

// DHKey is this device's own key-agreement key.
func (c *Core) DHKey() []byte {
	a, err := c.self()
	if err != nil {
		panic(err)
	}
	return a.device.DH[:]
}

// Prekeys lists the private prekeys.
func (c *Core) Prekeys() (list []*pqxdh.Private) {
	for _, key := range c.state.keys("prekey/") {
		p, err := pqxdh.ParsePrivate(c.state.get(key))
		if err != nil {
			panic(err)
		}
		list = append(list, p)
	}
	return list
}

// PrekeyKey is where a private prekey is kept.
func PrekeyKey(p *pqxdh.Private) string { return prekeyKey(p.Statement.Kind, p.Statement.ID) }

// SSK is the account's self-signing key as this device holds it.
func (c *Core) SSK() ed25519.PrivateKey {
	a, err := c.self()
	if err != nil {
		panic(err)
	}
	return a.ssk
}

// Numbers is the record of a sender's message numbers.
type Numbers = numbers

// Take is take.
func (s *Numbers) Take(n uint64) (gap uint64, ok bool) { return s.take(n) }

// Ranges counts the remembered runs of missing numbers.
func (s *Numbers) Ranges() int { return len(s.missing) }

// ReadRecords feeds bytes to every parser of stored records.
func ReadRecords(b []byte) {
	r := func() *octet.Reader { return octet.NewReader(b) }
	readPerson(r())
	readConv(r())
	readTail(r())
	readPeer(r())
	readPair(r())
	readVoice(r())
	readAccount(r())
	skippedIn(b)
}
