package core

import (
	"strings"

	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/ratchet"
	"chatalot/app/e2ee/senderkey"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

// maxSkipped bounds the skipped message keys of the whole device (E2EE.md section 4).
const maxSkipped = 20_000

// refusal is why a message was not opened, and what to do about it.
type refusal struct {
	code  string
	ask   bool // ask the sender's device for keys
	reset bool // and begin a new session with it
}

// Error makes a refusal travel as an error.
func (r *refusal) Error() string { return r.code }

func refuse(code string) error { return &refusal{code: code} }

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

// refusalOf maps what the lower floors say to a refusal. Where the two devices may have lost each other, they are to begin anew.
func refusalOf(err error) error {
	switch err {
	case nil:
		return nil
	case envelope.ErrVersion, signed.ErrVersion, signed.ErrSuite:
		return refuse(RefusedVersion)
	case ratchet.ErrDuplicate, senderkey.ErrUsed:
		return refuse(RefusedReplay)
	case senderkey.ErrTooFar:
		return &refusal{RefusedTooFar, true, false}
	case ratchet.ErrTooFar:
		return &refusal{RefusedTooFar, true, true}
	case pqxdh.ErrPrekey:
		return &refusal{RefusedNoKey, true, true}
	case prim.ErrCommitment:
		return refuse(RefusedCommitment)
	case errState:
		return err
	case envelope.ErrMalformed:
		return refuse(RefusedMalformed)
	}
	return &refusal{RefusedRecipient, true, true}
}

// limitSkipped halves the largest hoards of skipped message keys while the device holds too many, so that nobody's gaps cost others their own.
func (c *Core) limitSkipped() error {
	for {
		total, largest, most := 0, "", 0
		for _, prefix := range [...]string{"pair/", "peer/"} {
			for _, key := range c.state.keys(prefix) {
				n := skippedIn(c.state.get(key))
				if total += n; n > most {
					largest, most = key, n
				}
			}
		}
		if total <= maxSkipped {
			return nil
		}
		if err := c.trim(largest); err != nil {
			return err
		}
	}
}

// skippedIn reads the number of skipped keys that pair and peer records begin with.
func skippedIn(raw []byte) int {
	r := octet.NewReader(raw)
	r.U8()
	return int(r.U32())
}

func (c *Core) trim(key string) error {
	if strings.HasPrefix(key, "pair/") {
		p, err := load(c.state, key, readPair)
		if err != nil {
			return err
		}
		p.trim(c.cfg.Now())
		c.state.put(key, p.encode())
		return nil
	}
	p, err := load(c.state, key, readPeer)
	if err != nil {
		return err
	}
	p.trim()
	c.state.put(key, p.encode())
	return nil
}
