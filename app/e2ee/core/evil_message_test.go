package core_test

import (
	"bytes"
	"crypto/ed25519"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/signed"
)

// forge posts a message of a malicious client.
func (c *client) forge(conv core.ConvID, text string, edit func(*core.Forgery)) *wireMessage {
	c.server.t.Helper()
	plan, err := c.SealPlan(conv)
	c.server.must(err)
	var bundles []core.Bundle
	for _, a := range plan {
		bundles = append(bundles, c.server.claim(a))
	}
	id := core.MsgID(c.server.id())
	var sealed core.Sealed
	c.do(func() (err error) { sealed, err = c.Forge(conv, id, text, bundles, edit); return err })
	m := &wireMessage{c, conv, id, sealed}
	return m
}

// claiming is in with the sender's names replaced.
func claiming(in core.In, from core.Address) core.In {
	in.SenderUser, in.SenderDevice = from.User, from.Device
	return in
}

func TestN12_KeysComeOnlyThroughTheSendersOwnSession(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, mallory := p[0], p[1], p[2]
	dm, ch := s.dm(mallory, b), s.channel(signed.PolicyPrivate, p...)
	a.say(ch, "from Alice")
	mallory.say(dm, "hello")
	mallory.say(ch, "hello")
	for _, c := range p {
		c.sync()
	}
	fresh := func() { // a new sender key, distributed anew
		delete(mallory.store, "own/"+ch.String())
		mallory.restart()
	}
	for name, test := range map[string]struct {
		conv core.ConvID
		edit func(*core.Forgery)
	}{
		"a sender key in a DM": {dm, func(f *core.Forgery) { f.Payload.Type = envelope.TypeDistribution }},
		"a message key in a channel": {ch, func(f *core.Forgery) {
			f.Distribution = nil
			f.Payload = envelope.Payload{Type: envelope.TypeKey, Body: f.MK}
		}},
		"a sender key claiming another device": {ch, func(f *core.Forgery) { f.Distribution.Device = a.Device }},
		"a sender key for another channel":     {ch, func(f *core.Forgery) { f.Distribution.Conv = dm }},
		"a sender key for another epoch":       {ch, func(f *core.Forgery) { f.Distribution.Epoch++ }},
		"a sender key for another view":        {ch, func(f *core.Forgery) { f.Distribution.State[0]++ }},
		"a sender key with another id":         {ch, func(f *core.Forgery) { f.Distribution.KeyID[0]++ }},
		"a sender key with a weak signing key": {ch, func(f *core.Forgery) { f.Distribution.Sign = signed.Ed25519Key{1} }},
		"a content of another kind":            {ch, func(f *core.Forgery) { f.Header.Kind = envelope.DM }},
		"a sender key for Alice's content": {ch, func(f *core.Forgery) {
			f.Header.User, f.Header.Device = a.User, a.Device
			f.Distribution.Device = a.Device
		}},
	} {
		fresh()
		m := mallory.forge(test.conv, "forged", test.edit)
		in := m.in(b.Address)
		if out := b.open(in); out.Status != core.OpenRefused {
			t.Errorf("%s: %+v", name, out)
		}
		if out := b.open(claiming(in, a.Address)); out.Status != core.OpenRefused {
			t.Errorf("%s, as Alice: %+v", name, out)
		}
		if len(m.Envelopes) == 0 {
			t.Errorf("%s: nothing was distributed", name)
		}
		if b.SenderKeys(ch, a.Address) != 1 {
			t.Errorf("%s: Alice now has %d sender keys", name, b.SenderKeys(ch, a.Address))
		}
	}
	fresh()
	if out := b.open(mallory.forge(ch, "as it should be", func(*core.Forgery) {}).in(b.Address)); out.Status != core.OpenOK {
		t.Errorf("her own key by the rules: %+v", out)
	}
	a.say(ch, "still Alice")
	b.sync()
	if b.last().text != "still Alice" {
		t.Errorf("%+v", b.last())
	}
}

func TestN17_AMemberCannotSpeakForAnother(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, mallory := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPrivate, p...)
	a.say(ch, "the real Alice")
	b.sync()
	mallory.sync()
	h, mk := mallory.ChainKeyOf(ch, a.Address)
	if mk == nil {
		t.Fatal("a member holds the chain key of another, which is what this is about")
	}
	h.MsgID = s.id()
	_, key, _ := ed25519.GenerateKey(s.random)
	for name, sign := range map[string]ed25519.PrivateKey{"a key of her own": key, "her identity key": mallory.SigningKey()} {
		content, err := envelope.Seal(s.random, h, bytes.Clone(mk), envelope.Frame{Counter: 2, Plaintext: []byte("I quit")}, sign)
		s.must(err)
		in := core.In{Conv: ch, MsgID: h.MsgID, SenderUser: a.User, SenderDevice: a.Device, Epoch: h.Epoch, Content: content}
		if out := b.refuses(in, core.RefusedBadSignature); out.NeedKeyRequest {
			t.Errorf("%s: a forgery made the device ask for keys", name)
		}
	}
	a.say(ch, "the real Alice again")
	b.sync()
	if b.last().text != "the real Alice again" {
		t.Errorf("%+v", b.last())
	}
}

func TestN19_OneCiphertextReadsOneWay(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	ch, dm := s.channel(signed.PolicyPrivate, p...), s.dm(p...)
	m := p[0].forge(ch, "one thing", func(f *core.Forgery) { f.Distribution.Chain[0]++ })
	p[1].refuses(m.in(p[1].Address), core.RefusedCommitment)
	m = p[0].forge(dm, "one thing", func(f *core.Forgery) { f.Payload.Body = make([]byte, 32) })
	p[1].refuses(m.in(p[1].Address), core.RefusedCommitment)
}

func TestN20_GapsCostBoundedWorkAndMemory(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	ch := s.channel(signed.PolicyPrivate, a, b)
	a.say(ch, "first")
	b.sync()
	for _, far := range []uint32{1 << 31, 1<<32 - 1, 2003} {
		m := a.forge(ch, "far", func(f *core.Forgery) { f.Header.Iteration = far })
		b.refuses(m.in(b.Address), core.RefusedTooFar)
	}
	if b.Skipped() != 0 {
		t.Errorf("%d skipped keys were kept for messages that were refused", b.Skipped())
	}
	for range 12 { // many chains
		s.putOp(must(a.MakeOp(ch, byte(signed.OpPolicy), byte(signed.PolicyPublic), nil)))
		syncAll(a, b)
		s.putOp(must(a.MakeOp(ch, byte(signed.OpPolicy), byte(signed.PolicyPrivate), nil)))
		syncAll(a, b)
		a.say(ch, "again")
		b.sync()
	}
	if n := b.SenderKeys(ch, a.Address); n != 5 {
		t.Errorf("%d sender keys of one device are kept", n)
	}
	b.Hoard(15)
	s.must(commit(b.store, b.Pending()))
	b.Commit()
	kept := a.forge(ch, "kept back", func(*core.Forgery) {})
	a.say(ch, "next")
	b.sync()
	if n := b.Skipped(); n > 20_000 || n < 10_000 {
		t.Errorf("the device keeps %d skipped keys", n)
	}
	if out := b.open(kept.in(b.Address)); out.Status != core.OpenOK {
		t.Errorf("somebody's hoard cost another's message: %+v", out)
	}
}

func must(op []byte, _ core.ConvID, err error) []byte {
	if err != nil {
		panic(err)
	}
	return op
}

// bits visits part with one bit flipped, for every 11th bit: every byte, and each place in a byte.
func bits(part []byte, visit func([]byte)) {
	step := 11
	if runtime.GOARCH == "wasm" {
		step = 67
	}
	for bit := 0; bit < len(part)*8; bit += step {
		flipped := slices.Clone(part)
		flipped[bit/8] ^= 1 << (bit % 8)
		visit(flipped)
	}
}

func TestN21_ABadMessageLeavesTheStateAlone(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	dm, ch := s.dm(a, b), s.channel(signed.PolicyPrivate, a, b)
	rounds := []core.ConvID{dm, ch, ch} // a first message with its handshake, a sender key's first and second
	for _, conv := range rounds {
		in := a.say(conv, "good").in(b.Address)
		b.open(core.In{Conv: conv, Content: []byte{0}}) // whatever one failure may note, it notes once
		flip := func(bad core.In) {
			before := maps.Clone(b.store)
			out := b.open(bad)
			if out.Status == core.OpenOK || out.Status == core.OpenLate {
				t.Fatalf("a changed bit: %+v", out)
			}
			for key := range b.store {
				if key != core.GenerationKey && !strings.HasPrefix(key, "pair/") && !bytes.Equal(before[key], b.store[key]) {
					t.Fatalf("a changed bit changed %s", key)
				}
			}
		}
		bits(in.Content, func(bad []byte) { x := in; x.Content = bad; flip(x) })
		bits(in.Envelope, func(bad []byte) { x := in; x.Envelope = bad; flip(x) })
		for cut := 0; cut < len(in.Content); cut += 7 {
			x := in
			x.Content = in.Content[:cut]
			flip(x)
		}
		b.read = nil
		if out := b.open(in); out.Status != core.OpenOK || string(out.Plaintext) != "good" {
			t.Fatalf("the good message: %+v", out)
		}
	}
}

func TestN22_NothingIsTakenTwiceOrElsewhere(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	second := s.device(b)
	syncAll(p...)
	dm, other := s.dm(a, b, second), s.dm(a, carol)
	ch, ch2 := s.channel(signed.PolicyPrivate, a, b, carol), s.channel(signed.PolicyPrivate, a, b)
	syncAll(second)
	for _, conv := range []core.ConvID{dm, ch} {
		one, two := a.say(conv, "one"), a.say(conv, "two")
		in := one.in(b.Address)
		swapped := in
		swapped.Envelope = two.in(b.Address).Envelope
		if conv == dm {
			b.refuses(swapped, core.RefusedRecipient)
		}
		wrong := in
		wrong.Envelope = one.in(second.Address).Envelope
		b.refuses(wrong, core.RefusedNoKey, core.RefusedRecipient)
		for _, elsewhere := range []core.ConvID{other, ch, ch2, dm} {
			if elsewhere == conv {
				continue
			}
			moved := in
			moved.Conv = elsewhere
			if _, err := b.Open(moved); code(err) != core.CodeUnknownConv {
				b.Discard()
				b.refuses(moved, core.RefusedMalformed)
			}
			moved.Content = slices.Clone(moved.Content)
			copy(moved.Content[3:35], elsewhere[:])
			if _, err := b.Open(moved); code(err) != core.CodeUnknownConv {
				b.Discard()
				b.refuses(moved, core.RefusedMalformed, core.RefusedForkedView, core.RefusedRecipient, core.RefusedNoKey, core.RefusedNotMember)
			}
		}
		renamed := in
		renamed.MsgID = s.id()
		b.refuses(renamed, core.RefusedMalformed)
		renamed.Content = slices.Clone(renamed.Content)
		copy(renamed.Content[35:51], renamed.MsgID[:])
		b.refuses(renamed, core.RefusedRecipient, core.RefusedBadSignature, core.RefusedNoKey)
		if out := a.open(one.in(a.Address)); out.Status != core.OpenDuplicate || out.Plaintext != nil {
			t.Errorf("an own message came back: %+v", out)
		}
		a.refuses(claiming(core.In{Conv: conv, MsgID: renamed.MsgID, Epoch: in.Epoch, Content: renamed.Content}, a.Address), core.RefusedReplay)
		for range 2 {
			b.open(in)
		}
		if got := b.texts(); !slices.Equal(got, []string{"one"}) {
			t.Errorf("delivered twice, read %q", got)
		}
		b.read = nil
		for range 150 { // beyond what is remembered one by one
			b.open(a.say(conv, "more").in(b.Address))
		}
		b.refuses(in, core.RefusedReplay)
		b.read = nil
	}
}

func TestN22_AnEnvelopeBelongsToOneContent(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	for _, conv := range []core.ConvID{s.dm(p...), s.channel(signed.PolicyPrivate, p...)} {
		m := p[0].forge(conv, "x", func(f *core.Forgery) { f.KeepContent, f.Payload.Content = true, [32]byte{1} })
		p[1].refuses(m.in(p[1].Address), core.RefusedRecipient)
	}
}

func TestN22_ANumberIsTakenOnceEvenUnderAFreshKey(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	dm := s.dm(p...)
	p[0].say(dm, "one")
	p[0].say(dm, "two")
	p[1].wants("one", "two")
	m := p[0].forge(dm, "one again", func(f *core.Forgery) { f.Frame.Counter = 1 })
	p[1].refuses(m.in(p[1].Address), core.RefusedReplay)
	m = p[0].forge(dm, "number zero", func(f *core.Forgery) { f.Frame.Counter = 0 })
	p[1].refuses(m.in(p[1].Address), core.RefusedMalformed)
}

func TestN23_AFirstMessageIsForOneDeviceFromOneDevice(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	second := s.device(b)
	syncAll(p...)
	dm := s.dm(a, b, second)
	carols := s.dm(carol, b)
	in := a.say(dm, "for Bob's devices").in(b.Address)
	second.refuses(core.In{Conv: dm, MsgID: in.MsgID, SenderUser: a.User, SenderDevice: a.Device, Epoch: in.Epoch, Content: in.Content, Envelope: in.Envelope},
		core.RefusedRecipient, core.RefusedNoKey)
	stolen := claiming(in, carol.Address)
	stolen.Conv = carols
	stolen.Content = slices.Clone(in.Content)
	copy(stolen.Content[3:35], carols[:])
	copy(stolen.Content[51:67], carol.User[:])
	copy(stolen.Content[67:83], carol.Device[:])
	stolen.Epoch = s.rooms[carols].epoch
	b.refuses(stolen, core.RefusedForkedView)
	m := carol.forge(carols, "mine", func(*core.Forgery) {})
	x := m.in(b.Address)
	x.Envelope = in.Envelope // Alice's handshake beside Carol's content
	b.refuses(x, core.RefusedRecipient)
	b.read = nil
	if out := b.open(in); out.Status != core.OpenOK {
		t.Errorf("the real one: %+v", out)
	}
}

func TestN25_ACloneOfAnEndedSessionIsNotHeard(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	dm := s.dm(a, b)
	a.say(dm, "hello")
	b.wants("hello")
	b.say(dm, "hello")
	a.wants("hello")
	clone := s.open(a.store)
	clone.Address = a.Address
	bad := a.say(dm, "to be damaged").in(b.Address) // something goes wrong, and the two begin anew
	bad.Envelope[len(bad.Envelope)-1] ^= 1
	if out := b.refuses(bad, core.RefusedRecipient); !out.NeedKeyRequest {
		t.Fatal("no repair was asked for")
	}
	b.read, b.cursor = nil, len(s.log)
	before, old := b.Sessions(a.Address)
	b.say(dm, "anew")
	a.wants("anew")
	a.say(dm, "heard")
	b.wants("heard")
	after, now := b.Sessions(a.Address)
	if now == old || len(before) != 1 || len(after) != 2 {
		t.Fatalf("no new session: %d, then %d", len(before), len(after))
	}
	say := func() core.In {
		sealed, err := clone.seal(dm, s.id(), "by the clone")
		s.must(err)
		return (&wireMessage{clone, dm, core.MsgID(sealed.Content[35:51]), sealed}).in(b.Address)
	}
	first := say()
	s.now += 7*day + 1
	b.refuses(first, core.RefusedNoKey, core.RefusedReplay)
	b.refuses(say(), core.RefusedNoKey, core.RefusedReplay)
	if after, _ = b.Sessions(a.Address); len(after) != 1 {
		t.Errorf("%d sessions are left", len(after))
	}
}

func TestN26_ResetsAreRareAndGoToThePinnedIdentity(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	dm := s.dm(a, b)
	a.say(dm, "hello")
	b.wants("hello")
	b.say(dm, "hello")
	a.wants("hello")
	asked, sessions := 0, map[[32]byte]bool{}
	for range 7 * 24 * 6 { // a week of damage, every ten minutes
		s.now += 10 * minute
		in := a.say(dm, "damaged").in(b.Address)
		in.Envelope[len(in.Envelope)-1] ^= 1
		if b.open(in).NeedKeyRequest {
			asked++
		}
		b.cursor = len(s.log)
		b.say(dm, "anything")
		_, id := b.Sessions(a.Address)
		sessions[id] = true
		a.cursor = len(s.log)
		s.prekeys[a.Address].oneTime, s.prekeys[a.Address].kem = nil, nil
		if s.now%(3*day) < 10*minute {
			var keys [][]byte
			a.do(func() (err error) { keys, err = a.TopUp(50, 20); return err })
			s.publish(a.Address, keys)
		}
	}
	if asked > 7*5 || asked < 5 || len(sessions) > 7*5+1 {
		t.Errorf("%d requests and %d sessions in a week", asked, len(sessions))
	}
}

func TestN27_ARestoredCopyIsHaltedAndRepeatsNoNonce(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a := p[0]
	dm, ch := s.dm(p...), s.channel(signed.PolicyPrivate, p...)
	a.say(dm, "hello")
	a.say(ch, "hello")
	tab := s.open(a.store) // another tab of the same browser: the same durable store, an older view of it
	tab.Address, tab.store = a.Address, a.store
	a.say(dm, "from the owner")
	err := tab.try(func() error { _, err := tab.Seal(dm, s.id(), []byte("from the other tab"), nil, nil); return err })
	if err != errStale {
		t.Fatalf("the stale copy committed: %v", err)
	}
	restored := s.open(maps.Clone(a.store)) // a profile restored from a backup has a whole consistent store of its own
	restored.Address = a.Address
	seen := map[string]bool{}
	for _, c := range []*client{a, restored} {
		for _, conv := range []core.ConvID{dm, ch} {
			sealed, err := c.seal(conv, s.id(), "the same words")
			s.must(err)
			at := 123
			if conv == ch {
				at += 20
			}
			if nonce := string(sealed.Content[at : at+prim.NonceSize]); seen[nonce] {
				t.Error("a nonce was repeated")
			} else {
				seen[nonce] = true
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d nonces", len(seen))
	}
}

func TestN29_PlaintextIsNeverAPersonsMessage(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	dm, ch := s.dm(p...), s.channel(signed.PolicyPrivate, p...)
	for _, conv := range []core.ConvID{dm, ch} {
		m := p[0].say(conv, "secret")
		in := m.in(p[1].Address)
		for name, content := range map[string][]byte{"text": []byte("hello, it is Alice"), "an event": []byte(`{"type":"text","text":"hello"}`), "nothing": {}} {
			bad := in
			bad.Content, bad.Envelope = content, nil
			if out := p[1].open(bad); out.Status != core.OpenRefused || out.NeedKeyRequest {
				t.Errorf("%s: %+v", name, out)
			}
		}
		bad := in
		bad.Content = slices.Clone(in.Content)
		bad.Content[2] = byte(envelope.Webhook)
		p[1].refuses(bad, core.RefusedPlaintext)
		if bytes.Contains(m.Content, []byte("secret")) {
			t.Error("the words are in the ciphertext")
		}
	}
}

func TestN32_BadPaddingIsUniformlyMalformed(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	dm := s.dm(p...)
	m := p[0].forge(dm, "x", func(f *core.Forgery) { f.Frame.Plaintext = make([]byte, 300) })
	if len(m.Content)-len(p[0].forge(dm, "y", func(*core.Forgery) {}).Content) != 512-128 {
		t.Error("sizes are not padded to buckets")
	}
	largest := make([]byte, envelope.MaxPlaintext+1)
	_, err := p[0].Seal(dm, s.id(), largest, nil, nil)
	p[0].fails(core.CodeTooLarge, err)
	m = p[0].say(dm, string(largest[1:]))
	if out := p[1].open(m.in(p[1].Address)); len(out.Plaintext) != envelope.MaxPlaintext {
		t.Errorf("the largest message: %s %s", out.Status, out.Code)
	}
}
