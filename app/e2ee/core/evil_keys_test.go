package core_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/e2ee/envelope"
	"chatalot/app/wire/signed"
)

// firstSeal makes the first DM of a to b with the bundle as evil changes it, and returns the error.
func firstSeal(s *evilServer, a, b *client, evil func(*core.Bundle)) error {
	dm := s.dm(a, b)
	bundle := s.claim(b.Address)
	evil(&bundle)
	return a.try(func() error {
		_, err := a.Seal(dm, s.id(), []byte("secret"), []core.Bundle{bundle}, nil)
		return err
	})
}

func TestN04_ASignatureServesOnePurposeOneDeviceOnePerson(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, mallory := p[0], p[1], p[2]
	second := s.device(b)
	a.sync()
	own, other, device := s.prekeys[b.Address], s.prekeys[mallory.Address], s.prekeys[second.Address]
	op, _, err := b.MakeOp(core.ConvID{}, byte(signed.OpCreate), byte(signed.PolicyPrivate), nil)
	s.must(err)
	for name, evil := range map[string]func(*core.Bundle){
		"one-time key as signed prekey":  func(x *core.Bundle) { x.Signed = own.oneTime[0] },
		"signed prekey as one-time key":  func(x *core.Bundle) { x.OneTime = own.signed },
		"signed prekey as KEM key":       func(x *core.Bundle) { x.KEM = own.signed },
		"KEM key as signed prekey":       func(x *core.Bundle) { x.Signed = own.kem[0] },
		"another person's signed prekey": func(x *core.Bundle) { x.Signed = other.signed },
		"another person's one-time key":  func(x *core.Bundle) { x.OneTime = other.oneTime[0] },
		"another person's KEM key":       func(x *core.Bundle) { x.KEM = other.kem[0] },
		"another device's signed prekey": func(x *core.Bundle) { x.Signed = device.signed },
		"another device's KEM key":       func(x *core.Bundle) { x.KEM = device.kem[0] },
		"a membership operation":         func(x *core.Bundle) { x.Signed = op },
		"a manifest":                     func(x *core.Bundle) { x.Signed = s.manifests[b.User] },
		"no signed prekey":               func(x *core.Bundle) { x.Signed = nil },
		"a changed purpose byte":         func(x *core.Bundle) { x.Signed = slices.Clone(own.oneTime[0]); x.Signed[1] = byte(signed.PrekeySigned) },
		"a changed last-resort byte":     func(x *core.Bundle) { x.KEM = slices.Clone(own.last); x.KEM[1] = byte(signed.PrekeyKEM) },
		"a changed expiry":               func(x *core.Bundle) { x.Signed = slices.Clone(own.signed); x.Signed[40+15]++ },
	} {
		err := firstSeal(s, a, b, evil)
		if code(err) != core.CodeBadBundle {
			t.Errorf("%s: got %v", name, err)
		}
	}
	out := core.ManifestChange{}
	a.do(func() (err error) { out, err = a.ApplyManifest(b.User, op, nil); return err })
	if out.Kind != core.ManifestRefused {
		t.Error("an operation passed for a manifest")
	}
	_, err = a.LoadChannel(core.ConvID{1}, [][]byte{s.manifests[b.User]}, 1, 1)
	a.fails(core.CodeBadOp, err)
}

func TestN05_AnExpiredSignedPrekeyIsRefused(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	old := s.claim(p[1].Address)
	s.now += 8 * day
	var fresh [][]byte
	p[1].do(func() (err error) { fresh, err = p[1].TopUp(50, 20); return err })
	if len(fresh) != 2 {
		t.Fatalf("%d keys were rotated after a week, not the signed and the last-resort prekey", len(fresh))
	}
	s.publish(p[1].Address, fresh)
	s.now += 23 * day
	p[0].fails(core.CodeBadBundle, firstSeal(s, p[0], p[1], func(x *core.Bundle) { *x = old }))
	s.must(firstSeal(s, p[0], p[1], func(*core.Bundle) {}))
}

func TestN06_WithoutOneTimeKeysASessionStillBegins(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	s.prekeys[p[1].Address].oneTime, s.prekeys[p[1].Address].kem = nil, nil
	dm := s.dm(p...)
	p[0].say(dm, "hello")
	p[1].wants("hello")
	p[1].say(dm, "hello yourself")
	p[0].wants("hello yourself")
}

func TestN07_AOneTimeKeyServesOnce(t *testing.T) {
	for name, again := range map[string]func(b, twice *core.Bundle){
		"the X25519 key": func(b, twice *core.Bundle) { b.OneTime = twice.OneTime },
		"the KEM key":    func(b, twice *core.Bundle) { b.KEM = twice.KEM },
		"both":           func(b, twice *core.Bundle) { *b = *twice },
	} {
		t.Run(name, func(t *testing.T) { handOutTwice(t, again) })
	}
}

func handOutTwice(t *testing.T, again func(b, twice *core.Bundle)) {
	s := newServer(t)
	p := s.people(3)
	victim := p[2]
	twice := s.claim(victim.Address)
	s.bundle = func(to core.Address, b *core.Bundle) {
		if to == victim.Address {
			again(b, &twice)
		}
	}
	first, second := s.dm(p[0], victim), s.dm(p[1], victim)
	p[0].say(first, "first")
	victim.wants("first")
	m := p[1].say(second, "second")
	out := victim.refuses(m.in(victim.Address), core.RefusedNoKey)
	if !out.NeedKeyRequest {
		t.Error("nobody learns that the second one could not be read")
	}
}

func TestN07_AReplayedFirstMessageIsCaughtWithoutOneTimeKeys(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	s.prekeys[p[1].Address].oneTime, s.prekeys[p[1].Address].kem = nil, nil
	dm := s.dm(p...)
	m := p[0].say(dm, "transfer 100")
	p[1].wants("transfer 100")
	for key := range p[1].store { // as if the session had ended and the message been forgotten since
		if strings.HasPrefix(key, "pair/") || strings.HasPrefix(key, "tail/") || strings.HasPrefix(key, "peer/") {
			delete(p[1].store, key)
		}
	}
	p[1].restart()
	p[1].refuses(m.in(p[1].Address), core.RefusedReplay)
}

func TestN30_NothingIsDowngraded(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	a.fails(core.CodeBadBundle, firstSeal(s, a, b, func(x *core.Bundle) { x.KEM = nil }))
	dm := s.dm(a, b)
	sealed, err := a.seal(dm, s.id(), "hello")
	s.must(err)
	m := wireMessage{a, dm, core.MsgID(sealed.Content[35:51]), sealed}
	change := func(part []byte, at int, to byte) []byte { part = slices.Clone(part); part[at] = to; return part }
	for _, to := range []byte{0, 2, 255} {
		for at := range 2 { // version, suite
			in := m.in(b.Address)
			in.Content = change(in.Content, at, to)
			b.refuses(in, core.RefusedVersion)
			in = m.in(b.Address)
			in.Envelope = change(in.Envelope, at, to)
			b.refuses(in, core.RefusedVersion)
		}
	}
	in := m.in(b.Address)
	if !bytes.Contains(in.Envelope, []byte{0, 0, 4, 64}) {
		t.Fatal("no KEM ciphertext of 1088 bytes in the first envelope")
	}
	at := bytes.Index(in.Envelope, []byte{0, 0, 4, 64})
	stripped := slices.Concat(in.Envelope[:at], []byte{0, 0, 0, 0}, in.Envelope[at+4+1088:])
	w, err := envelope.ParsePairwise(in.Envelope)
	s.must(err)
	_ = w
	in.Envelope = stripped
	b.refuses(in, core.RefusedMalformed)
	in.Envelope = (&envelope.Pairwise{Session: w.Session, Message: slices.Concat(w.Message[:at-38], []byte{0, 0, 0, 0}, w.Message[at-38+4+1088:])}).Encode()
	b.refuses(in, core.RefusedRecipient, core.RefusedMalformed, core.RefusedVersion)
	if out := b.open(m.in(b.Address)); out.Status != core.OpenOK {
		t.Fatalf("the real message: %+v", out)
	}
}
