package core_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/e2ee/identity"
	"chatalot/app/wire/signed"
)

// ghost makes the keys of a device that no owner agreed to.
func (s *evilServer) ghost() (core.Address, *identity.Device) {
	d, err := identity.NewDevice(s.random)
	s.must(err)
	return core.Address{Device: s.id()}, d
}

func (c *client) apply(user core.UserID, manifest []byte) (out core.ManifestChange) {
	c.server.t.Helper()
	c.do(func() (err error) { out, err = c.ApplyManifest(user, manifest, nil); return err })
	return out
}

func (s *evilServer) manifest(user core.UserID) *signed.Manifest {
	m, err := signed.ParseManifest(s.manifests[user])
	s.must(err)
	return m
}

// demandAddressees fails unless every envelope that ever left a client is for a device in use on a genuine manifest, and of a member.
func (s *evilServer) demandAddressees() {
	s.t.Helper()
	for _, m := range s.sent {
		for _, e := range m.Envelopes {
			d := s.manifest(e.User).Device(e.Device)
			if d == nil || (s.rooms[m.conv].dm != nil && !slices.Contains(s.rooms[m.conv].dm, e.User)) {
				s.t.Errorf("an envelope left for %v", e.Device)
			}
		}
	}
}

func TestN08_AGhostDeviceGetsNothing(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	dm, ch := s.dm(a, b), s.channel(signed.PolicyPrivate, a, b)
	address, keys := s.ghost()
	_, evilSSK, _ := ed25519.GenerateKey(s.random)
	entry := keys.Entry(b.User, s.manifest(b.User).MSK, address.Device, s.now)
	unsigned, err := identity.Add(s.manifest(b.User), evilSSK, entry)
	s.must(err)
	ownKey := *unsigned
	ownKey.SSK = signed.PublicEd25519(evilSSK)
	s.must(ownKey.Sign(evilSSK))
	unasked := entry
	unasked.Countersignature = signed.Signature{1}
	forced, err := identity.Add(s.manifest(b.User), b.SSK(), unasked)
	s.must(err)
	for name, m := range map[string]*signed.Manifest{"signed by another key": unsigned, "with another self-signing key": &ownKey, "without the device's consent": forced} {
		if out := a.apply(b.User, m.Encode()); out.Kind != core.ManifestRefused || out.Version != 1 {
			t.Errorf("a manifest %s: %+v", name, out)
		}
	}
	a.say(dm, "secret")
	a.say(ch, "secret")
	s.demandAddressees()
	for _, m := range s.sent {
		for _, e := range m.Envelopes {
			if e.Device == address.Device {
				t.Error("the ghost got an envelope")
			}
		}
	}
	for _, m := range s.sent {
		in := m.in(b.Address)
		in.SenderDevice, in.Envelope = address.Device, nil
		copy(in.Content[67:83], address.Device[:])
		b.refuses(in, core.RefusedUnknownDevice)
	}
}

func TestN09_ManifestsNeitherGoBackNorFork(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	first := s.manifests[b.User]
	address, keys := s.ghost()
	fork, err := identity.Add(s.manifest(b.User), b.SSK(), keys.Entry(b.User, s.manifest(b.User).MSK, address.Device, s.now))
	s.must(err)
	s.device(b)
	syncAll(p...)
	if out := a.apply(b.User, s.manifests[b.User]); out.Kind != core.ManifestSame {
		t.Fatalf("the known one: %+v", out)
	}
	for name, raw := range map[string][]byte{"rollback": first, "fork": fork.Encode(), "another person's": s.manifests[a.User], "nonsense": {1, 2, 3}} {
		if out := a.apply(b.User, raw); out.Kind != core.ManifestRefused || out.Reason == "" || out.Version != 2 {
			t.Errorf("%s: %+v", name, out)
		}
	}
	b.restart()
	if out := b.apply(b.User, first); out.Kind != core.ManifestRefused {
		t.Errorf("one's own rollback: %+v", out)
	}
}

func TestN09_ManifestsMissedWhileAwayAreNotNeeded(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	second := s.device(p[1])
	s.device(p[1])
	if out := p[0].apply(p[1].User, s.manifests[p[1].User]); out.Kind != core.ManifestUpdated || len(out.Added) != 2 || out.Version != 3 {
		t.Fatalf("%+v", out)
	}
	vanished := s.manifest(p[1].User)
	vanished.Devices = slices.DeleteFunc(vanished.Devices, func(d signed.Device) bool { return d.ID == second.Device })
	vanished.Version = 7
	s.must(vanished.Sign(p[1].SSK()))
	if out := p[0].apply(p[1].User, vanished.Encode()); out.Kind != core.ManifestRefused {
		t.Fatalf("a device vanished over a gap: %+v", out)
	}
}

// impostor is a whole identity that the server made up for somebody: same user, other master key.
func (s *evilServer) impostor(of *client) *client {
	c := s.open(map[string][]byte{})
	c.Address = core.Address{User: of.User, Device: s.id()}
	var made core.Created
	c.do(func() (err error) { made, err = c.CreateAccount(c.User, c.Device); return err })
	s.publish(c.Address, made.Prekeys)
	m, err := signed.ParseManifest(made.Manifest)
	s.must(err)
	genuine := s.manifest(of.User)
	m.Version, m.PrevHash = genuine.Version+1, genuine.Hash()
	s.must(m.Sign(c.SSK()))
	s.putManifest(c.User, m.Encode())
	delete(c.store, "person/"+c.User.String()) // it believes its own story
	c.restart()
	for _, raw := range s.manifests {
		c.meet(raw)
	}
	return c
}

func TestN09_AnotherMasterKeyGetsAndSaysNothingUntilAccepted(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	dm, ch := s.dm(a, b), s.channel(signed.PolicyPrivate, p...)
	a.say(ch, "before")
	syncAll(p...)
	number, err := a.SafetyNumber(b.User)
	s.must(err)
	fake := s.impostor(b)
	epoch := s.rooms[dm].epoch
	var out core.ManifestChange
	a.do(func() (err error) {
		out, err = a.ApplyManifest(b.User, s.manifests[b.User], []core.ConvEpoch{{Conv: dm, Epoch: epoch}, {Conv: ch, Epoch: s.rooms[ch].epoch}})
		return err
	})
	if out.Kind != core.IdentityChanged || !slices.Equal(out.Removed, []core.DeviceID{b.Device}) || !slices.Equal(out.Added, []core.DeviceID{fake.Device}) {
		t.Fatalf("%+v", out)
	}
	_, err = a.seal(dm, s.id(), "to whom?")
	a.fails(core.CodeIdentityChanged, err)
	m := a.say(ch, "in the channel")
	if len(m.Envelopes) != 1 || m.Envelopes[0].User != carol.User {
		t.Fatalf("the channel's key went to %d devices", len(m.Envelopes))
	}
	if out := b.apply(b.User, s.manifests[b.User]); out.Kind != core.ManifestRefused {
		t.Errorf("one's own identity was replaced: %+v", out)
	}
	fake.snapshot()
	forged := fake.say(dm, "it is me, Bob")
	a.refuses(forged.in(a.Address), core.RefusedIdentity)
	fresh, err := a.SafetyNumber(b.User)
	s.must(err)
	if fresh == number || len(fresh) != 60 {
		t.Error("the safety number does not show the change")
	}
	a.do(func() error { return a.AcceptIdentity(b.User) })
	if out := a.open(forged.in(a.Address)); out.Status != core.OpenOK {
		t.Errorf("after acceptance: %+v", out)
	}
	if m := a.say(ch, "after acceptance"); len(m.Envelopes) != 2 {
		t.Errorf("after acceptance the key went to %d devices", len(m.Envelopes))
	}
}

func TestN10_TheServerCannotAddAMember(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, eve := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPrivate, a, b)
	syncAll(p...)
	s.members = func(conv core.ConvID) []core.UserID { return []core.UserID{eve.User} }
	r := s.rooms[ch]
	last, err := signed.ParseOp(r.ops[len(r.ops)-1])
	s.must(err)
	forge := func(actor core.Address, key ed25519.PrivateKey, kind signed.OpType, targets ...signed.Target) []byte {
		o := signed.Op{Group: ch, N: 1, PrevHash: last.Hash(), Actor: actor.User, Device: actor.Device, Created: s.now, Type: kind, Targets: targets}
		s.must(o.Sign(key))
		return o.Encode()
	}
	herself := signed.Target{User: eve.User, Role: signed.RoleMember}
	for name, op := range map[string][]byte{
		"by a stranger":                  forge(eve.Address, eve.SigningKey(), signed.OpJoin),
		"in the admin's name":            forge(a.Address, eve.SigningKey(), signed.OpAdd, herself),
		"by a plain member":              forge(b.Address, b.SigningKey(), signed.OpAdd, herself),
		"by the admin from no device":    forge(core.Address{User: a.User, Device: eve.Device}, eve.SigningKey(), signed.OpAdd, herself),
		"by another person's device key": forge(core.Address{User: a.User, Device: b.Device}, b.SigningKey(), signed.OpAdd, herself),
	} {
		err := a.try(func() error { _, err := a.ApplyOp(ch, op, r.epoch+1); return err })
		if code(err) != core.CodeBadOp {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := a.say(ch, "for us two")
	for _, e := range m.Envelopes {
		if e.User == eve.User {
			t.Error("a sender key left for somebody the server added")
		}
	}
	if eve.OpensAnyhow(m.Content, m.Envelopes) {
		t.Error("she read it")
	}
}

func TestN11_IdsThatLookAlikeAreKeptApart(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	eve := s.open(map[string][]byte{}) // her device has the id of Bob's, her user id is Bob's device id
	eve.Address = core.Address{User: core.UserID(b.Device), Device: b.Device}
	var made core.Created
	eve.do(func() (err error) { made, err = eve.CreateAccount(eve.User, eve.Device); return err })
	s.publish(eve.Address, made.Prekeys)
	s.putManifest(eve.User, made.Manifest)
	eve.meet(s.manifests[a.User])
	syncAll(p...)
	bobs, eves := s.dm(a, b), s.dm(a, eve)
	if m := a.say(bobs, "for Bob"); eve.OpensAnyhow(m.Content, m.Envelopes) {
		t.Error("Eve read what was for Bob")
	}
	b.wants("for Bob")
	a.say(eves, "for Eve")
	eve.open(s.sent[1].in(eve.Address))
	m := eve.say(eves, "I am Bob")
	in := m.in(a.Address)
	in.SenderUser = b.User
	a.refuses(in, core.RefusedMalformed)
	in.Content = slices.Clone(in.Content)
	copy(in.Content[51:67], b.User[:])
	a.refuses(in, core.RefusedNotMember)
	in.Conv = bobs
	copy(in.Content[3:35], bobs[:])
	a.refuses(in, core.RefusedForkedView, core.RefusedNoKey)
}

func TestN15_OneHistoryForAll(t *testing.T) {
	s := newServer(t)
	p := s.people(4)
	a, b, carol, dan := p[0], p[1], p[2], p[3]
	ch := s.channel(signed.PolicyPrivate, a, b, carol)
	a.op(ch, signed.OpRole, 0, admin(b))
	syncAll(a, b, carol)
	first, _, err := a.MakeOp(ch, byte(signed.OpRemove), 0, []core.Target{nobody(carol)})
	s.must(err)
	second, _, err := b.MakeOp(ch, byte(signed.OpAdd), 0, []core.Target{member(dan)})
	s.must(err)
	s.putOp(first)
	syncAll(a, b)
	for _, c := range []*client{a, b} { // the admins acted at once: the one the server put second does not count, for anybody
		c.fails(core.CodeForkedView, c.try(func() error { _, err := c.ApplyOp(ch, second, s.rooms[ch].epoch+1); return err }))
	}
	create := s.rooms[ch].ops[0]
	a.fails(core.CodeForkedView, a.try(func() error {
		_, err := a.LoadChannel(ch, [][]byte{create}, s.rooms[ch].epoch, s.rooms[ch].epoch)
		return err
	}))
	rival := append(slices.Clone(s.rooms[ch].ops[:2]), second)
	a.fails(core.CodeForkedView, a.try(func() error { _, err := a.LoadChannel(ch, rival, s.rooms[ch].epoch, s.rooms[ch].epoch); return err }))
	other, otherID, err := a.MakeOp(core.ConvID{}, byte(signed.OpCreate), byte(signed.PolicyPrivate), []core.Target{member(carol)})
	s.must(err)
	if otherID == ch {
		t.Fatal("two creates made one channel")
	}
	dan.fails(core.CodeBadOp, dan.try(func() error { _, err := dan.LoadChannel(ch, [][]byte{other}, 1, 1); return err }))
	dan.fails(core.CodeBadOp, dan.try(func() error { _, err := dan.LoadChannel(ch, [][]byte{create, other}, 1, 1); return err }))
	dan.fails(core.CodeBadOp, dan.try(func() error { _, err := dan.LoadChannel(ch, nil, 1, 1); return err }))
	replayed := s.rooms[ch].ops[1] // what was done before does not undo a removal when it is played again
	a.fails(core.CodeOldOp, a.try(func() error { _, err := a.ApplyOp(ch, replayed, s.rooms[ch].epoch+1); return err }))
	views := [2]core.Channel{}
	views[0], err = a.Channel(ch)
	s.must(err)
	views[1], err = b.Channel(ch)
	s.must(err)
	for _, v := range views {
		if len(v.Members) != 2 || v.N != 2 || !bytes.Equal(v.Members[0].User[:], a.User[:]) {
			t.Errorf("%+v", v)
		}
	}
}

func TestN16_AForkedMembershipExchangesNoMessages(t *testing.T) {
	s := newServer(t)
	p := s.people(4)
	a, b, carol, dan := p[0], p[1], p[2], p[3]
	ch := s.channel(signed.PolicyPrivate, a, b, carol)
	a.op(ch, signed.OpRole, 0, admin(b))
	syncAll(a, b, carol)
	epoch := s.rooms[ch].epoch + 1
	one, _, err := a.MakeOp(ch, byte(signed.OpRemove), 0, []core.Target{nobody(carol)})
	s.must(err)
	two, _, err := b.MakeOp(ch, byte(signed.OpAdd), 0, []core.Target{member(dan)})
	s.must(err)
	a.do(func() error { _, err := a.ApplyOp(ch, one, epoch); return err })
	b.do(func() error { _, err := b.ApplyOp(ch, two, epoch); return err })
	s.rooms[ch].epoch = epoch
	m := a.say(ch, "in my view")
	b.refuses(m.in(b.Address), core.RefusedForkedView)
	m = b.say(ch, "in mine")
	a.refuses(m.in(a.Address), core.RefusedForkedView)
}

func TestN16_ALeaverIsNotHeardAndALossIsSeen(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPrivate, p...)
	for _, text := range []string{"one", "two", "three", "four"} {
		carol.say(ch, text)
	}
	before := s.sent
	a.open(before[0].in(a.Address))
	out := a.open(before[3].in(a.Address))
	if out.Status != core.OpenOK || out.Missing != 2 || out.Counter != 4 {
		t.Errorf("two messages were withheld: %+v", out)
	}
	if out = a.open(before[1].in(a.Address)); out.Status != core.OpenOK || out.Missing != 0 || out.Counter != 2 {
		t.Errorf("a late one came: %+v", out)
	}
	a.cursor = len(s.log)
	b.sync()
	held, err := carol.seal(ch, s.id(), "sealed before she was removed")
	s.must(err)
	a.op(ch, signed.OpRemove, 0, nobody(carol))
	syncAll(a, b)
	m := wireMessage{carol, ch, core.MsgID(held.Content[35:51]), held}
	b.refuses(m.in(b.Address), core.RefusedNotMember)
	b.do(func() error { return b.DropConversation(ch) })
	_, err = b.SealPlan(ch)
	b.fails(core.CodeUnknownConv, err)
}

func TestN18_ARemovedMemberReadsNothingMore(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPrivate, p...)
	for _, c := range p {
		c.say(ch, "while she was in")
		syncAll(p...)
	}
	a.op(ch, signed.OpRemove, 0, nobody(carol))
	syncAll(a, b)
	demandDeaf(t, s, carol, func() {
		a.say(ch, "after")
		b.sync()
		b.say(ch, "after")
		a.sync()
	})
}

func TestN18_ARemovedDeviceReadsAndSaysNothingMore(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	dm, ch := s.dm(a, b), s.channel(signed.PolicyPrivate, a, b)
	stolen := s.device(b)
	syncAll(a, b)
	for _, c := range []*client{a, b, stolen} {
		c.say(dm, "while it was linked")
		c.say(ch, "while it was linked")
		syncAll(a, b, stolen)
	}
	held, err := stolen.seal(dm, s.id(), "by the thief")
	s.must(err)
	manifest, err := b.RemoveDevice(stolen.Device)
	s.must(err)
	s.now++
	s.putManifest(b.User, manifest)
	syncAll(a, b)
	demandDeaf(t, s, stolen, func() {
		for _, c := range []*client{a, b} {
			c.say(dm, "after")
			c.say(ch, "after")
			syncAll(a, b)
		}
	})
	m := wireMessage{stolen, dm, core.MsgID(held.Content[35:51]), held}
	a.refuses(m.in(a.Address), core.RefusedDeviceRemoved)
	stolen.take(&event{user: b.User, manifest: manifest})
	if stolen.Status().Active {
		t.Error("the removed device still thinks it is linked")
	}
	_, err = stolen.SealPlan(dm)
	stolen.fails(core.CodeInactive, err)
	a.fails(core.CodeUnknownDevice, a.KeyRequested(ch, b.User, stolen.Device))
}

// demandDeaf runs a talk and fails if any key that the device ever had opens any of it.
func demandDeaf(t *testing.T, s *evilServer, removed *client, talk func()) {
	t.Helper()
	from := len(s.sent)
	talk()
	if len(s.sent) == from {
		t.Fatal("nothing was said")
	}
	for _, m := range s.sent[from:] {
		if removed.OpensAnyhow(m.Content, m.Envelopes) {
			t.Error("it was read")
		}
		if slices.ContainsFunc(m.Envelopes, func(e core.AddressedEnvelope) bool { return e.Device == removed.Device }) {
			t.Error("an envelope left for the removed device")
		}
	}
	for _, m := range s.sent[:from] { // the check itself can see: it opens what the device was given
		if m.from != removed && len(m.Envelopes) > 0 {
			return
		}
	}
	t.Fatal("the device was never given anything")
}

func TestWhomThePlaceDroppedGetsAndSaysNothing(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPrivate, p...)
	for _, c := range p {
		c.say(ch, "while she was here")
		syncAll(p...)
	}
	held, err := carol.seal(ch, s.id(), "from outside")
	s.must(err)
	s.rooms[ch].epoch++
	stranger := core.UserID{0xff}
	for _, c := range []*client{a, b} {
		c.do(func() error { return c.Absent(ch, []core.UserID{carol.User, stranger}, s.rooms[ch].epoch) })
	}
	b.read = nil
	demandDeaf(t, s, carol, func() { a.say(ch, "between us") })
	b.wants("between us")
	b.refuses((&wireMessage{carol, ch, core.MsgID(held.Content[35:51]), held}).in(b.Address), core.RefusedNotMember)
	s.rooms[ch].epoch++
	for _, c := range []*client{a, b} {
		c.do(func() error { return c.Absent(ch, nil, s.rooms[ch].epoch) })
	}
	if m := a.say(ch, "welcome back"); len(m.Envelopes) != 2 {
		t.Errorf("%d envelopes after she returned", len(m.Envelopes))
	}
}

func TestWhatWasSealedBeforeADeviceHeardOfAChannelIsTakenForADay(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPublic, a, b)
	early := []core.In{a.say(ch, "to both of you").in(b.Address), a.say(ch, "and again").in(b.Address), a.say(ch, "much later").in(b.Address)}
	a.op(ch, signed.OpAdd, 0, member(carol))
	fresh := s.open(b.store) // as if it had taken the channel up only now, from the snapshot
	fresh.Address = b.Address
	fresh.do(func() error { return fresh.DropConversation(ch) })
	fresh.do(func() error {
		_, err := fresh.LoadChannel(ch, s.rooms[ch].ops, s.rooms[ch].epoch, s.rooms[ch].epoch)
		return err
	})
	for _, in := range early[:2] {
		if out := fresh.open(in); out.Status != core.OpenLate {
			t.Errorf("%+v", out)
		}
	}
	s.now += day
	fresh.refuses(early[2], core.RefusedNoKey)
}
