package core

import (
	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/ratchet"
	"chatalot/app/e2ee/senderkey"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

// unwrap opens this device's envelope in a session with the very device that the content names, and takes what it carries.
func (o *opening) unwrap(sealed []byte) error {
	w, err := envelope.ParsePairwise(sealed)
	if err != nil {
		return refusalOf(err)
	}
	p, err := o.c.pair(o.from)
	if err != nil {
		return err
	}
	now := o.c.cfg.Now()
	p.expire(now)
	before := p.skipped()
	payload, err := o.ratchet(p, w)
	if err != nil {
		return err
	}
	o.hoard -= max(0, p.skipped()-before)
	if payload.Content != o.hash {
		return refuse(RefusedRecipient)
	}
	p.heard(p.find(w.Session), now)
	o.c.putPair(o.from, p)
	return o.take(payload)
}

// ratchet opens an envelope in its session, which the envelope itself may begin.
func (o *opening) ratchet(p *pair, w *envelope.Pairwise) (*envelope.Payload, error) {
	message := w.Message
	var initial *pqxdh.Initial
	var err error
	if pqxdh.IsInitial(message) {
		if initial, err = pqxdh.ParseInitial(message); err != nil {
			return nil, refusalOf(err)
		}
		message = initial.Message
	}
	s := p.find(w.Session)
	fresh := s == nil
	if fresh {
		if s, err = o.respond(w.Session, initial); err != nil {
			return nil, err
		}
		s.begun = handshake(initial)
	}
	if initial != nil && s.begun != handshake(initial) {
		return nil, refuse(RefusedMalformed)
	}
	plain, err := s.ratchet.Open(o.c.cfg.Now(), o.content.Conv, o.content.MsgID, message)
	if err == prim.ErrCommitment {
		err = prim.ErrSealed // of the envelope, that is: not the commitment of the content
	}
	if err != nil {
		return nil, refusalOf(err)
	}
	payload, err := envelope.ParsePayload(plain)
	if err != nil {
		return nil, refusalOf(err)
	}
	if fresh {
		return payload, o.admit(p, s, initial, payload.Number)
	}
	if payload.Number != s.number {
		return nil, refuse(RefusedMalformed)
	}
	return payload, nil
}

// handshake names an initial message without what it wraps. Repeated in every message until answered, nothing else would bind it.
func handshake(i *pqxdh.Initial) [32]byte {
	bare := *i
	bare.Message = nil
	return envelope.Hash(bare.Encode())
}

// respond makes the receiving side of a new session.
func (o *opening) respond(id [32]byte, initial *pqxdh.Initial) (*session, error) {
	c := o.c
	if initial == nil { // its beginning never came here, or it ended
		return nil, &refusal{RefusedNoKey, true, true}
	}
	if c.state.get(initialKey(id)) != nil {
		return nil, refuse(RefusedReplay)
	}
	own, err := c.person(o.self.address.User)
	if err != nil {
		return nil, err
	}
	keys, err := c.initialKeys(initial)
	if err != nil {
		return nil, err
	}
	self, err := pqxdh.PartyOf(own.manifest, o.self.address.Device)
	if err != nil {
		return nil, refuse(RefusedRecipient)
	}
	from, err := pqxdh.PartyOf(o.sender.manifest, o.from.Device)
	if err != nil {
		return nil, refuse(RefusedUnknownDevice)
	}
	result, err := pqxdh.Accept(c.cfg.Now(), self, o.self.device.DH, from, initial, keys.signed, keys.oneTime, keys.kem)
	if err != nil {
		return nil, refusalOf(err)
	}
	if result.Transcript != id {
		return nil, &refusal{RefusedRecipient, true, true}
	}
	if result.Replayable {
		c.state.put(initialKey(id), record(9).U64(c.cfg.Now()).Bytes())
	}
	r := ratchet.Respond(result.Secret, id, ratchet.Address(o.self.address), ratchet.Address(o.from), keys.signed.DH())
	return &session{id: id, ratchet: r}, nil
}

func initialKey(id [32]byte) string { return "initial/" + octet.Base64(id[:]) }

// initialKeys are the private halves that an initial message names.
type initialKeys struct{ signed, oneTime, kem *pqxdh.Private }

func (c *Core) initialKeys(i *pqxdh.Initial) (keys initialKeys, err error) {
	if keys.signed, err = c.prekey(signed.PrekeySigned, i.SignedID); err != nil {
		return keys, refusalOf(err)
	}
	if keys.kem, err = c.prekey(i.KEMKind, i.KEMID); err != nil {
		return keys, refusalOf(err)
	}
	if i.HasOneTime {
		keys.oneTime, err = c.prekey(signed.PrekeyOneTime, i.OneTimeID)
	}
	return keys, refusalOf(err)
}

// admit stores a session that the peer began, and with it erases the one-time keys that began it (N07).
func (o *opening) admit(p *pair, s *session, initial *pqxdh.Initial, number uint32) error {
	if number == 0 || (number > p.number && number-p.number > maxNumberJump) {
		return refuse(RefusedMalformed)
	}
	s.number = number
	p.admit(s, o.c.cfg.Now())
	if initial.HasOneTime {
		o.c.state.remove(prekeyKey(signed.PrekeyOneTime, initial.OneTimeID))
	}
	if initial.KEMKind.OneTime() {
		o.c.state.remove(prekeyKey(initial.KEMKind, initial.KEMID))
	}
	return nil
}

// take uses what an envelope carried: each kind of content has the one kind of key that goes with it (N12).
func (o *opening) take(payload *envelope.Payload) error {
	if o.conv.dm {
		if payload.Type != envelope.TypeKey {
			return refuse(RefusedMalformed)
		}
		o.mk = payload.Body
		return nil
	}
	if payload.Type != envelope.TypeDistribution {
		return refuse(RefusedMalformed)
	}
	d, err := senderkey.ParseDistribution(payload.Body)
	if err != nil {
		return refuse(RefusedMalformed)
	}
	h := &o.content.Header
	if d.Conv != h.Conv || d.Epoch != h.Epoch || d.State != h.State || d.Device != h.Device || d.KeyID != h.KeyID {
		return refuse(RefusedMalformed)
	}
	o.peer.learn(d, o.c.cfg.Now())
	return nil
}
