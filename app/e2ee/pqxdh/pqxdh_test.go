package pqxdh

import (
	"bytes"
	"io"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/identity"
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/ratchet"
	"chatalot/app/wire/signed"
)

const now = 1_800_000_000_000

// person is one user with one device and a set of its prekeys.
type person struct {
	user     signed.UserID
	id       signed.DeviceID
	account  *identity.Account
	device   *identity.Device
	manifest *signed.Manifest
	keys     map[signed.PrekeyKind]*Private
}

func newPerson(t testing.TB, rand io.Reader) *person {
	t.Helper()
	p := &person{keys: map[signed.PrekeyKind]*Private{}}
	err := prim.Random(rand, p.user[:])
	must(t, err)
	must(t, prim.Random(rand, p.id[:]))
	p.account, err = identity.NewAccount(rand)
	must(t, err)
	p.device, err = identity.NewDevice(rand)
	must(t, err)
	p.manifest, err = identity.First(p.user, p.account, 1, p.device.Entry(p.user, signed.PublicEd25519(p.account.MSK), p.id, now))
	must(t, err)
	for kind := signed.PrekeySigned; kind <= signed.PrekeyLastResort; kind++ {
		p.keys[kind], err = NewPrivate(rand, kind, p.user, p.id, 10+uint32(kind), now, p.device.Sign)
		must(t, err)
	}
	return p
}

func (p *person) party(t testing.TB) Party {
	t.Helper()
	party, err := PartyOf(p.manifest, p.id)
	must(t, err)
	return party
}

// bundle returns what the server hands out of p's device; without leaves out the one-time keys of those kinds.
func (p *person) bundle(without ...signed.PrekeyKind) Bundle {
	b := Bundle{p.keys[signed.PrekeySigned].Statement, p.keys[signed.PrekeyOneTime].Statement, p.keys[signed.PrekeyKEM].Statement}
	for _, kind := range without {
		if kind == signed.PrekeyOneTime {
			b.OneTime = nil
		} else {
			b.KEM = p.keys[signed.PrekeyLastResort].Statement
		}
	}
	return b
}

// initiate starts a session of p with q's device.
func (p *person) initiate(t testing.TB, rand io.Reader, q *person, b Bundle) (Result, *Initial) {
	t.Helper()
	r, i, err := Initiate(rand, now, p.party(t), p.device.DH, q.manifest, q.id, b)
	must(t, err)
	return r, i
}

// accept accepts i, as sent by from, with p's own keys.
func (p *person) accept(t testing.TB, from Party, i *Initial) (Result, error) {
	t.Helper()
	var oneTime *Private
	if i.HasOneTime {
		oneTime = p.keys[signed.PrekeyOneTime]
	}
	return Accept(now, p.party(t), p.device.DH, from, i, p.keys[signed.PrekeySigned], oneTime, p.keys[i.KEMKind])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBothSidesAgree(t *testing.T) {
	rand := frozen.Rand("agree")
	a, b := newPerson(t, rand), newPerson(t, rand)
	for name, c := range map[string]struct {
		bundle              Bundle
		replayable, reduced bool
	}{
		"all keys":        {b.bundle(), false, false},
		"no one-time key": {b.bundle(signed.PrekeyOneTime), true, true},
		"last resort":     {b.bundle(signed.PrekeyKEM), true, false},
		"neither":         {b.bundle(signed.PrekeyOneTime, signed.PrekeyKEM), true, true},
	} {
		sent, initial := a.initiate(t, rand, b, c.bundle)
		initial.Message = []byte("a ratchet message")
		parsed, err := ParseInitial(initial.Encode())
		must(t, err)
		got, err := b.accept(t, a.party(t), parsed)
		if err != nil || got != sent {
			t.Errorf("%s: the sides disagree: %v", name, err)
		}
		if got.Replayable != c.replayable || got.ReducedFS != c.reduced {
			t.Errorf("%s: marked %v, %v", name, got.Replayable, got.ReducedFS)
		}
		again, _ := a.initiate(t, rand, b, c.bundle)
		if again.Secret == sent.Secret || again.Transcript == sent.Transcript {
			t.Errorf("%s: two handshakes are one", name)
		}
	}
}

func TestAHandshakeCarriesASession(t *testing.T) {
	rand := frozen.Rand("session")
	a, b := newPerson(t, rand), newPerson(t, rand)
	result, initial := a.initiate(t, rand, b, b.bundle())
	at, bt := ratchet.Address{User: a.user, Device: a.id}, ratchet.Address{User: b.user, Device: b.id}
	alice, err := ratchet.Initiate(rand, result.Secret, result.Transcript, at, bt, b.bundle().Signed.X25519())
	must(t, err)
	conv, id := signed.DMConv(a.user, b.user), signed.MsgID{1}
	initial.Message, err = alice.Seal(rand, conv, id, []byte("hello"))
	must(t, err)
	envelope := initial.Encode()
	if !IsInitial(envelope) || IsInitial(initial.Message) || IsInitial(nil) || len(envelope) > MaxInitial {
		t.Error("the two kinds of envelope cannot be told apart")
	}
	parsed, err := ParseInitial(envelope)
	must(t, err)
	got, err := b.accept(t, a.party(t), parsed)
	must(t, err)
	bob := ratchet.Respond(got.Secret, got.Transcript, bt, at, b.keys[signed.PrekeySigned].DH())
	if text, err := bob.Open(now, conv, id, parsed.Message); err != nil || string(text) != "hello" {
		t.Fatal(err)
	}
}

func TestN23InitialsAreForOneRecipientFromOneSender(t *testing.T) {
	rand := frozen.Rand("addresses")
	a, b, c := newPerson(t, rand), newPerson(t, rand), newPerson(t, rand)
	sent, initial := a.initiate(t, rand, b, b.bundle())
	others := map[string]func(self, from *Party){
		"from another user":       func(_, from *Party) { from.User = c.user },
		"from another device":     func(_, from *Party) { from.Device = c.id },
		"under another MSK":       func(_, from *Party) { from.MSK = c.party(t).MSK },
		"with another device key": func(_, from *Party) { from.Ed25519 = c.party(t).Ed25519 },
		"from another DH key":     func(_, from *Party) { from.X25519 = c.party(t).X25519 },
		"to another user":         func(self, _ *Party) { self.User = c.user },
		"to another device":       func(self, _ *Party) { self.Device = c.id },
		"to another MSK":          func(self, _ *Party) { self.MSK = c.party(t).MSK },
	}
	for name, change := range others {
		self, from := b.party(t), a.party(t)
		change(&self, &from)
		got, err := Accept(now, self, b.device.DH, from, initial, b.keys[signed.PrekeySigned], b.keys[signed.PrekeyOneTime], b.keys[signed.PrekeyKEM])
		if err != nil || got.Secret == sent.Secret || got.Transcript == sent.Transcript {
			t.Errorf("%s: same secret or %v", name, err)
		}
	}
	if got, _ := c.accept(t, a.party(t), initial); got.Secret == sent.Secret {
		t.Error("another person with keys of the same ids got the secret")
	}
	if _, err := b.accept(t, b.party(t), initial); err != ErrSelf {
		t.Errorf("reflected: %v", err)
	}
	if _, _, err := Initiate(rand, now, b.party(t), b.device.DH, b.manifest, b.id, b.bundle()); err != ErrSelf {
		t.Errorf("with oneself: %v", err)
	}
}

func TestN03AliasesOfTheEphemeralKeyGiveNothing(t *testing.T) {
	rand := frozen.Rand("alias")
	a, b := newPerson(t, rand), newPerson(t, rand)
	_, initial := a.initiate(t, rand, b, b.bundle())
	initial.Ephemeral[31] |= 0x80
	if _, err := ParseInitial(initial.Encode()); err != signed.ErrKey {
		t.Errorf("parsed: %v", err)
	}
	if got, err := b.accept(t, a.party(t), initial); err != signed.ErrKey || got != (Result{}) {
		t.Errorf("accepted: %v", err)
	}
}

func TestN01UnsafeKeysStartNoSession(t *testing.T) {
	rand := frozen.Rand("unsafe")
	a, b := newPerson(t, rand), newPerson(t, rand)
	_, initial := a.initiate(t, rand, b, b.bundle())
	for _, key := range []signed.X25519Key{{}, {1}} {
		initial.Ephemeral = key
		if _, err := b.accept(t, a.party(t), initial); err != signed.ErrKey {
			t.Errorf("ephemeral %x: %v", key, err)
		}
		from := a.party(t)
		_, fresh := a.initiate(t, rand, b, b.bundle())
		from.X25519 = key
		if _, err := b.accept(t, from, fresh); err != signed.ErrKey {
			t.Errorf("identity %x: %v", key, err)
		}
	}
}

func TestN04N11OnlyTheDevicesOwnPrekeysOfTheRightKindServe(t *testing.T) {
	rand := frozen.Rand("bundles")
	a, b, c := newPerson(t, rand), newPerson(t, rand), newPerson(t, rand)
	forged := *b.bundle().Signed
	forged.Public = c.bundle().Signed.Public
	otherDevice := *b.bundle().OneTime
	otherDevice.Device[0]++
	relabelled := *b.bundle().Signed
	relabelled.Kind = signed.PrekeyOneTime
	for name, x := range map[string]struct {
		change func(*Bundle)
		want   error
	}{
		"no signed prekey":           {func(x *Bundle) { x.Signed = nil }, ErrBundle},
		"N30 no KEM prekey":          {func(x *Bundle) { x.KEM = nil }, ErrBundle},
		"N30 a DH key as KEM":        {func(x *Bundle) { x.KEM = x.OneTime }, ErrBundle},
		"a KEM key as one-time key":  {func(x *Bundle) { x.OneTime = x.KEM }, ErrBundle},
		"one-time as signed":         {func(x *Bundle) { x.Signed = x.OneTime }, ErrBundle},
		"signed as one-time":         {func(x *Bundle) { x.OneTime = x.Signed }, ErrBundle},
		"signed relabelled one-time": {func(x *Bundle) { x.OneTime = &relabelled }, signed.ErrSignature},
		"of another device":          {func(x *Bundle) { x.OneTime = &otherDevice }, ErrBundle},
		"N42 another user's":         {func(x *Bundle) { *x = c.bundle() }, ErrBundle},
		"N42 another's key inside":   {func(x *Bundle) { x.Signed = &forged }, signed.ErrSignature},
	} {
		bundle := b.bundle()
		x.change(&bundle)
		if _, i, err := Initiate(rand, now, a.party(t), a.device.DH, b.manifest, b.id, bundle); err != x.want || i != nil {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	if _, _, err := Initiate(rand, now, a.party(t), a.device.DH, b.manifest, c.id, c.bundle()); err != signed.ErrDevice {
		t.Errorf("N08 a device that is not on the list: %v", err)
	}
}

func TestN05ExpiredPrekeysAreRefused(t *testing.T) {
	rand := frozen.Rand("expiry")
	a, b := newPerson(t, rand), newPerson(t, rand)
	start := func(at uint64, bundle Bundle) error {
		_, _, err := Initiate(rand, at, a.party(t), a.device.DH, b.manifest, b.id, bundle)
		return err
	}
	reusable := b.bundle(signed.PrekeyOneTime, signed.PrekeyKEM)
	if err := start(now+ReusableLife-1, reusable); err != nil {
		t.Errorf("in its last moment: %v", err)
	}
	if err := start(now+ReusableLife, reusable); err != signed.ErrPrekeyExpired {
		t.Errorf("after it: %v", err)
	}
	fresh, err := NewPrivate(rand, signed.PrekeySigned, b.user, b.id, 99, now+OneTimeLife, b.device.Sign)
	must(t, err)
	bundle := b.bundle()
	bundle.Signed = fresh.Statement
	if err := start(now+OneTimeLife, bundle); err != signed.ErrPrekeyExpired {
		t.Errorf("one-time keys after theirs: %v", err)
	}
	if err := start(now, bundle); err != signed.ErrPrekeyFuture {
		t.Errorf("made in the future: %v", err)
	}
}

func TestN05PrivateHalvesOpenWhatWasUnderWayAndNoLonger(t *testing.T) {
	rand := frozen.Rand("grace")
	a, b := newPerson(t, rand), newPerson(t, rand)
	_, i := a.initiate(t, rand, b, b.bundle())
	at := func(when uint64) error {
		_, err := Accept(when, b.party(t), b.device.DH, a.party(t), i, b.keys[signed.PrekeySigned], b.keys[signed.PrekeyOneTime], b.keys[signed.PrekeyKEM])
		return err
	}
	end := uint64(now + ReusableLife + Grace)
	if err := at(end - 1); err != nil || b.keys[signed.PrekeySigned].Gone(end-1) {
		t.Errorf("within the grace: %v", err)
	}
	if err := at(end); err != ErrPrekey || !b.keys[signed.PrekeySigned].Gone(end) {
		t.Errorf("after it: %v", err)
	}
}

func TestN07OnlyTheNamedKeysOpenAnInitial(t *testing.T) {
	rand := frozen.Rand("named")
	a, b := newPerson(t, rand), newPerson(t, rand)
	_, with := a.initiate(t, rand, b, b.bundle())
	_, without := a.initiate(t, rand, b, b.bundle(signed.PrekeyOneTime))
	k := b.keys
	for name, c := range map[string]struct {
		i                    *Initial
		signed, oneTime, kem *Private
	}{
		"one-time key used up":   {with, k[signed.PrekeySigned], nil, k[signed.PrekeyKEM]},
		"KEM key used up":        {with, k[signed.PrekeySigned], k[signed.PrekeyOneTime], nil},
		"signed key erased":      {with, nil, k[signed.PrekeyOneTime], k[signed.PrekeyKEM]},
		"last resort instead":    {with, k[signed.PrekeySigned], k[signed.PrekeyOneTime], k[signed.PrekeyLastResort]},
		"one-time key not named": {without, k[signed.PrekeySigned], k[signed.PrekeyOneTime], k[signed.PrekeyKEM]},
		"kinds confused":         {with, k[signed.PrekeyOneTime], k[signed.PrekeySigned], k[signed.PrekeyKEM]},
		"DH key as KEM":          {with, k[signed.PrekeySigned], k[signed.PrekeyOneTime], k[signed.PrekeyOneTime]},
	} {
		if _, err := Accept(now, b.party(t), b.device.DH, a.party(t), c.i, c.signed, c.oneTime, c.kem); err != ErrPrekey {
			t.Errorf("%s: %v", name, err)
		}
	}
	stripped := *with // the server hides that there was a one-time key
	stripped.HasOneTime, stripped.OneTimeID = false, 0
	sent, _ := b.accept(t, a.party(t), with)
	if got, err := b.accept(t, a.party(t), &stripped); err != nil || got.Secret == sent.Secret {
		t.Errorf("a stripped one-time key went unnoticed: %v", err)
	}
	moved := *with
	moved.Ciphertext = bytes.Clone(with.Ciphertext)
	moved.Ciphertext[0] ^= 1
	if got, err := b.accept(t, a.party(t), &moved); err != nil || got.Secret == sent.Secret || got.Transcript == sent.Transcript {
		t.Errorf("another KEM ciphertext went unnoticed: %v", err)
	}
}

func TestN21EveryBitOfAnInitialMatters(t *testing.T) {
	rand := frozen.Rand("bits")
	a, b := newPerson(t, rand), newPerson(t, rand)
	sent, initial := a.initiate(t, rand, b, b.bundle())
	encoded := initial.Encode()
	for bit := 0; bit < (len(encoded)-4)*8; bit += 5 { // each costs four exchanges; 5 meets every byte, and every place in one
		bad := bytes.Clone(encoded)
		bad[bit/8] ^= 1 << (bit % 8)
		i, err := ParseInitial(bad)
		if err != nil {
			continue
		}
		if got, err := b.accept(t, a.party(t), i); err == nil && (got.Secret == sent.Secret || got.Transcript == sent.Transcript) {
			t.Fatalf("bit %d means nothing", bit)
		}
	}
}

func TestN30UnknownVersionsAndAbsentKEMAreRefused(t *testing.T) {
	rand := frozen.Rand("strip")
	a, b := newPerson(t, rand), newPerson(t, rand)
	_, initial := a.initiate(t, rand, b, b.bundle())
	good := initial.Encode()
	for at, want := range []error{signed.ErrVersion, signed.ErrVersion, signed.ErrSuite} {
		bad := bytes.Clone(good)
		bad[at] = 9
		if _, err := ParseInitial(bad); err != want {
			t.Errorf("byte %d: %v, want %v", at, err, want)
		}
	}
	for name, change := range map[string]func(*Initial){
		"no ciphertext":    func(i *Initial) { i.Ciphertext = nil },
		"a short one":      func(i *Initial) { i.Ciphertext = i.Ciphertext[1:] },
		"no kind":          func(i *Initial) { i.KEMKind = 0 },
		"a DH kind":        func(i *Initial) { i.KEMKind = signed.PrekeyOneTime },
		"id without a key": func(i *Initial) { i.HasOneTime = false },
	} {
		i := *initial
		change(&i)
		if _, err := ParseInitial(i.Encode()); err != ErrBundle {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrivatePrekeysSurviveStorage(t *testing.T) {
	b := newPerson(t, frozen.Rand("storage"))
	for kind, p := range b.keys {
		got, err := ParsePrivate(p.Encode())
		if err != nil || !bytes.Equal(got.Encode(), p.Encode()) || !bytes.Equal(got.public(), p.Statement.Public) {
			t.Errorf("kind %d: %v", kind, err)
		}
		p.Secret = p.Secret[1:]
		if _, err := ParsePrivate(p.Encode()); err != ErrPrekey {
			t.Errorf("kind %d, short secret: %v", kind, err)
		}
	}
	if _, err := ParsePrivate([]byte{2}); err != signed.ErrVersion {
		t.Error(err)
	}
}

func FuzzParseInitial(f *testing.F) {
	rand := frozen.Rand("fuzz")
	a, b := newPerson(f, rand), newPerson(f, rand)
	_, initial := a.initiate(f, rand, b, b.bundle())
	f.Add(initial.Encode())
	_, initial = a.initiate(f, rand, b, b.bundle(signed.PrekeyOneTime, signed.PrekeyKEM))
	f.Add(initial.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if i, err := ParseInitial(b); err == nil && !bytes.Equal(i.Encode(), b) {
			t.Fatal("accepted an encoding that is not its own")
		}
	})
}

func FuzzParsePrivate(f *testing.F) {
	for _, p := range newPerson(f, frozen.Rand("fuzz")).keys {
		f.Add(p.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePrivate(b); err == nil && !bytes.Equal(p.Encode(), b) {
			t.Fatal("accepted an encoding that is not its own")
		}
	})
}
