package ratchet

import (
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/signed"
)

// sessionVector is app/e2ee/testdata/ratchet.json: one session between Alice, who started it, and Bob.
type sessionVector struct {
	Secret, Transcript frozen.Bytes
	Alice, Bob         addressVector
	PrekeyPrivate      frozen.Bytes // Bob's signed prekey
	Messages           []messageVector
	Refused            []refusedVector // each after all the messages, by whom it is addressed to
}

type addressVector struct {
	User   signed.UserID
	Device signed.DeviceID
}

// messageVector is one message, listed in the order of arrival, which is not the order of sealing.
type messageVector struct {
	From           string
	RatchetPrivate frozen.Bytes // of the sender's chain: with it one can play the sender's side
	MessageKey     frozen.Bytes
	N, Prev        uint32
	Conv           signed.ConvID
	Msg            signed.MsgID
	Plaintext      frozen.Bytes
	Sealed         frozen.Bytes
}

type refusedVector struct {
	Why, To string
	Conv    signed.ConvID
	Msg     signed.MsgID
	Sealed  frozen.Bytes
}

// script says who seals what; texts marked ~ arrive only at the end.
var script = []struct{ from, text string }{
	{"alice", "one"}, {"alice", "~two, which is late"}, {"alice", "three"},
	{"bob", "four"}, {"bob", ""},
	{"alice", "~five, of a later chain"}, {"alice", "six"},
	{"bob", "seven"}, {"alice", "eight"}, {"alice", "nine"},
}

func TestFrozenVectorsOfTheRatchet(t *testing.T) {
	p := newPair(t, "ratchet vectors")
	p.conv = signed.DMConv(alice.User, bob.User)
	root, transcript := p.b.root, p.b.transcript
	v := sessionVector{Secret: root[:], Transcript: transcript[:], Alice: addressVector(alice), Bob: addressVector(bob),
		PrekeyPrivate: append([]byte(nil), p.b.send.private[:]...)}
	var late []messageVector
	for i, line := range script {
		p.id = signed.MsgID{0: byte(i + 1), 15: 0xff}
		from, to := p.ends(line.from)
		m := p.vector(t, from, line.from, line.text)
		if len(line.text) > 0 && line.text[0] == '~' {
			late = append(late, m)
			continue
		}
		if got, err := p.open(to, m.Sealed); err != nil || got != line.text {
			t.Fatal(line.text, err)
		}
		v.Messages = append(v.Messages, m)
	}
	v.Messages = append(v.Messages, late...)
	v.Refused = p.refused(t)
	frozen.Check(t, "ratchet.json", v)
	var kept sessionVector
	frozen.Load(t, "ratchet.json", &kept)
	kept.open(t)
}

func (p *pair) ends(from string) (sender, receiver *Session) {
	if from == "alice" {
		return p.a, p.b
	}
	return p.b, p.a
}

// vector seals text and returns it with the keys that sealed it.
func (p *pair) vector(t *testing.T, s *Session, from, text string) messageVector {
	t.Helper()
	sealed := p.seal(t, s, text)
	m, err := parseMessage(sealed)
	if err != nil {
		t.Fatal(err)
	}
	_, receiver := p.ends(from)
	twin, _ := Parse(receiver.Encode())
	key, err := twin.receive(now, m)
	if err != nil {
		t.Fatal(err)
	}
	return messageVector{from, append([]byte(nil), s.send.private[:]...), key[:], m.N, m.Prev, p.conv, p.id, []byte(text), sealed}
}

// refused returns messages that Bob has to refuse.
func (p *pair) refused(t *testing.T) []refusedVector {
	t.Helper()
	sealed := p.seal(t, p.a, "for Bob, in its place")
	refuse := func(why, to string, conv signed.ConvID, msg signed.MsgID, b []byte) refusedVector {
		_, receiver := p.ends(map[string]string{"bob": "alice", "alice": "bob"}[to])
		if _, err := receiver.Open(now, conv, msg, b); err == nil {
			t.Fatal(why)
		}
		return refusedVector{why, to, conv, msg, b}
	}
	return []refusedVector{
		refuse("another conversation", "bob", signed.ConvID{1}, p.id, sealed),
		refuse("another message id", "bob", p.conv, signed.MsgID{1}, sealed),
		refuse("reflected to its sender", "alice", p.conv, p.id, sealed),
		refuse("commitment changed", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.Commit[0] ^= 1 })),
		refuse("nonce changed", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.Nonce[0] ^= 1 })),
		refuse("ciphertext changed", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.Ciphertext[0] ^= 1 })),
		refuse("too far ahead", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.N += MaxSkip + 1 })),
		refuse("a high bit in the ratchet key", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.Ratchet[31] |= 0x80 })),
		refuse("a ratchet key of small order", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.Ratchet = signed.X25519Key{} })),
		refuse("an extension that must be understood", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.Extensions = []extension{{0x80, nil}} })),
		refuse("an extension that the sender did not write", "bob", p.conv, p.id, edit(t, sealed, func(m *message) { m.Extensions = []extension{{1, nil}} })),
		refuse("a byte more", "bob", p.conv, p.id, append(append([]byte(nil), sealed...), 0)),
	}
}

// open plays both sides from the vectors alone. A sender's state is reached by giving it the private keys it once drew.
func (v *sessionVector) open(t *testing.T) {
	t.Helper()
	secret, transcript := [32]byte(v.Secret), [32]byte(v.Transcript)
	a, b := Address(v.Alice), Address(v.Bob)
	prekey := prim.DHPrivate(v.PrekeyPrivate)
	bobs := Respond(secret, transcript, b, a, prekey)
	alices := &Session{transcript: transcript, self: a, peer: b, root: secret}
	alices.draw(t, v.Messages[0].RatchetPrivate, prekey.Public())
	for _, m := range v.Messages {
		from, to := alices, bobs
		if m.From == "bob" {
			from, to = bobs, alices
		}
		if from.send.due {
			from.draw(t, m.RatchetPrivate, from.chains[len(from.chains)-1].remote)
		}
		if text, err := to.Open(now, m.Conv, m.Msg, m.Sealed); err != nil || string(text) != string(m.Plaintext) {
			t.Fatalf("%q: %q, %v", m.Plaintext, text, err)
		}
	}
}

// draw makes the turn that drew private.
func (s *Session) draw(t *testing.T, private frozen.Bytes, remote signed.X25519Key) {
	t.Helper()
	shared, err := prim.DHPrivate(private).Exchange(remote)
	if err != nil {
		t.Fatal(err)
	}
	fresh := sending{private: prim.DHPrivate(private), prev: s.send.n}
	s.root, fresh.key = turnRoot(s.root, shared, nil)
	s.send = fresh
}
