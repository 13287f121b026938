package signed

import (
	"bytes"
	"slices"
	"testing"

	"chatalot/app/wire/octet"
)

func sorted(devices ...Device) []Device {
	slices.SortFunc(devices, func(a, b Device) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return devices
}

func TestSignedStatementsRoundTripAndVerify(t *testing.T) {
	a := newAccount(1)
	d := a.device()
	m := a.manifest(t, a.entry(d))
	if parsed, err := ParseManifest(m.Encode()); err != nil || parsed.Verify() != nil || parsed.Hash() != m.Hash() {
		t.Fatal("manifest", err)
	}
	for kind := PrekeySigned; kind <= PrekeyLastResort; kind++ {
		p := a.prekey(t, d, kind)
		parsed, err := ParsePrekey(p.Encode())
		if err != nil || parsed.Verify(m) != nil || !bytes.Equal(parsed.Encode(), p.Encode()) {
			t.Fatal("prekey", kind, err)
		}
	}
	o := a.create(t, d)
	if parsed, err := ParseOp(o.Encode()); err != nil || parsed.Verify(m) != nil || parsed.Hash() != o.Hash() || parsed.Conv() != o.Conv() {
		t.Fatal("op", err)
	}
}

// changes runs check on every encoding that differs from b in one bit, and on every one cut short or with a byte more.
func changes(b []byte, check func([]byte)) {
	for i := range len(b) * 8 {
		c := bytes.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		check(c)
	}
	for i := range b {
		check(b[:i])
	}
	check(append(bytes.Clone(b), 0))
}

func TestEveryChangeOfAStatementIsNoticed(t *testing.T) {
	a := newAccount(1)
	d := a.device()
	m := a.manifest(t, a.entry(d))
	changes(m.Encode(), func(b []byte) {
		if c, err := ParseManifest(b); err == nil && c.Verify() == nil {
			t.Fatalf("a changed manifest verified: %x", b)
		}
	})
	changes(a.prekey(t, d, PrekeySigned).Encode(), func(b []byte) {
		if c, err := ParsePrekey(b); err == nil && c.Verify(m) == nil {
			t.Fatalf("a changed prekey verified: %x", b)
		}
	})
	changes(a.create(t, d).Encode(), func(b []byte) {
		if c, err := ParseOp(b); err == nil && c.Verify(m) == nil {
			t.Fatalf("a changed operation verified: %x", b)
		}
	})
}

func TestN04SignaturesServeOnePurposeOnly(t *testing.T) {
	a, other := newAccount(1), newAccount(2)
	d, e := a.device(), a.device()
	m := a.manifest(t, sorted(a.entry(d), a.entry(e))...)
	p := a.prekey(t, d, PrekeySigned)
	for name, change := range map[string]func(*Prekey){
		"as a one-time key":   func(p *Prekey) { p.Kind = PrekeyOneTime },
		"of the other device": func(p *Prekey) { p.Device = e.id },
		"under another id":    func(p *Prekey) { p.ID++ },
		"for longer":          func(p *Prekey) { p.Expires++ },
	} {
		c := *p
		if change(&c); c.Verify(m) != ErrSignature {
			t.Errorf("a prekey's signature was good for it %s", name)
		}
	}
	last, kem := a.prekey(t, d, PrekeyLastResort), a.prekey(t, d, PrekeyKEM)
	if last.Signature, kem.Signature = kem.Signature, last.Signature; last.Verify(m) != ErrSignature || kem.Verify(m) != ErrSignature {
		t.Error("the signatures of two KEM prekeys could change places")
	}
	if theirs := other.manifest(t, other.entry(other.device())); p.Verify(theirs) != ErrUser {
		t.Error("a prekey was good for another user")
	}
	o := a.create(t, d)
	for _, s := range []Signature{p.Signature, m.Signature, m.Cert, m.Devices[0].Countersignature} {
		if o.Signature = s; o.Verify(m) != ErrSignature {
			t.Error("an operation verified under another statement's signature")
		}
	}
	key := PublicEd25519(d.sign)
	labels := []string{labelPrekey, labelManifest, labelSSK, labelDevice, labelOp, "chatalot/skmsg/v1\x00"}
	for i, from := range labels {
		for j, to := range labels {
			if got := key.Verify(Sign(d.sign, from, []byte("x")), to, []byte("x")); got != (i == j) {
				t.Errorf("signed as %q, verified as %q: %v", from, to, got)
			}
		}
	}
}

func TestPrekeysAreUsableWhileTheyLive(t *testing.T) {
	a := newAccount(1)
	p := a.prekey(t, a.device(), PrekeySigned)
	for now, want := range map[uint64]error{
		p.Created:           nil,
		p.Expires - 1:       nil,
		p.Expires:           ErrPrekeyExpired,
		p.Expires + 1000000: ErrPrekeyExpired,
	} {
		if err := p.Usable(now); err != want {
			t.Errorf("at %d: %v, want %v", now, err, want)
		}
	}
	p.Created, p.Expires = 100*dayMS, 120*dayMS
	if p.Usable(99*dayMS) != nil || p.Usable(99*dayMS-1) != ErrPrekeyFuture {
		t.Error("a day of clock skew is tolerated, no more")
	}
}

func TestMalformedPrekeysAreRefusedBySignAndParse(t *testing.T) {
	a := newAccount(1)
	d := a.device()
	for name, c := range map[string]struct {
		change func(*Prekey)
		want   error
	}{
		"kind 0":             {func(p *Prekey) { p.Kind = 0 }, ErrPrekeyKind},
		"kind 5":             {func(p *Prekey) { p.Kind = 5 }, ErrPrekeyKind},
		"no user":            {func(p *Prekey) { p.User = UserID{} }, ErrID},
		"no device":          {func(p *Prekey) { p.Device = DeviceID{} }, ErrID},
		"expires before":     {func(p *Prekey) { p.Expires = p.Created }, ErrTimes},
		"lives too long":     {func(p *Prekey) { p.Expires = p.Created + maxPrekeyLife + 1 }, ErrTimes},
		"beyond 2^53":        {func(p *Prekey) { p.Created, p.Expires = octet.MaxU64, octet.MaxU64+1 }, octet.ErrTooLarge},
		"short key":          {func(p *Prekey) { p.Public = p.Public[:31] }, octet.ErrShort},
		"long key":           {func(p *Prekey) { p.Public = append(p.Public, 0) }, octet.ErrTooLong},
		"N01 low-order key":  {func(p *Prekey) { p.Public = make([]byte, 32) }, ErrKey},
		"N30 KEM key absent": {func(p *Prekey) { p.Kind = PrekeyKEM }, octet.ErrShort},
		"KEM coefficient": {func(p *Prekey) {
			p.Kind, p.Public = PrekeyKEM, append([]byte{0x01, 0x0d}, make([]byte, 1182)...)
		}, ErrKey},
	} {
		p := a.prekey(t, d, PrekeySigned)
		p.Public = bytes.Clone(p.Public)
		c.change(p)
		if err := p.Sign(d.sign); err != c.want {
			t.Errorf("signing, %s: %v, want %v", name, err, c.want)
		}
		if _, err := ParsePrekey(p.Encode()); err != c.want {
			t.Errorf("parsing, %s: %v, want %v", name, err, c.want)
		}
	}
}

func TestKEMKeyModulusCheckMatchesTheStandardLibrary(t *testing.T) {
	for _, v := range []int{0, 1, 3328, 3329, 4095} {
		for _, at := range []int{0, 1, 766, 767} {
			ek := make([]byte, 1184)
			i := at / 2 * 3
			if at%2 == 0 {
				ek[i], ek[i+1] = byte(v), byte(v>>8)
			} else {
				ek[i+1], ek[i+2] = byte(v<<4), byte(v>>4)
			}
			if got, want := checkKEM(ek) == nil, kemAccepts(ek); got != want {
				t.Errorf("coefficient %d = %d: %v, the standard library %v", at, v, got, want)
			}
		}
	}
}

func TestN30UnknownVersionsAndSuitesAreRefused(t *testing.T) {
	a := newAccount(1)
	d := a.device()
	p, m, o := a.prekey(t, d, PrekeySigned).Encode(), a.manifest(t, a.entry(d)).Encode(), a.create(t, d).Encode()
	for _, v := range []byte{0, 2, 255} {
		p[0], m[0], o[0] = v, v, v
		_, perr := ParsePrekey(p)
		_, merr := ParseManifest(m)
		_, oerr := ParseOp(o)
		if perr != ErrVersion || merr != ErrVersion || oerr != ErrVersion {
			t.Errorf("version %d: %v, %v, %v", v, perr, merr, oerr)
		}
	}
	p[0], p[2] = 1, 2
	if _, err := ParsePrekey(p); err != ErrSuite {
		t.Errorf("suite 2: %v", err)
	}
}

func TestMalformedManifestsAreRefused(t *testing.T) {
	a := newAccount(1)
	devices := make([]Device, MaxActiveDevices+1)
	for i := range devices {
		devices[i] = a.entry(a.device())
	}
	sorted(devices...)
	for name, c := range map[string]struct {
		change func(*Manifest)
		want   error
	}{
		"no user":               {func(m *Manifest) { m.User = UserID{} }, ErrID},
		"version 0":             {func(m *Manifest) { m.Version = 0 }, ErrFirst},
		"first with a past":     {func(m *Manifest) { m.PrevHash[0] = 1 }, ErrFirst},
		"second without one":    {func(m *Manifest) { m.Version = 2 }, ErrFirst},
		"N02 identity as MSK":   {func(m *Manifest) { m.MSK = Ed25519Key{1} }, ErrKey},
		"N02 identity as SSK":   {func(m *Manifest) { m.SSK = Ed25519Key{1} }, ErrKey},
		"N02 identity as key":   {func(m *Manifest) { m.Devices[0].Ed25519 = Ed25519Key{1} }, ErrKey},
		"N01 zero as key":       {func(m *Manifest) { m.Devices[0].X25519 = X25519Key{} }, ErrKey},
		"one key for both":      {func(m *Manifest) { m.SSK = m.MSK }, ErrSharedKey},
		"N11 device key is MSK": {func(m *Manifest) { m.Devices[0].Ed25519 = m.MSK }, ErrSharedKey},
		"a key twice":           {func(m *Manifest) { m.Devices[0].X25519 = m.Devices[1].X25519 }, ErrSharedKey},
		"a key for two uses":    {func(m *Manifest) { m.Devices[0].X25519 = X25519Key(m.Devices[0].Ed25519) }, nil},
		"no id":                 {func(m *Manifest) { m.Devices[0].ID = DeviceID{} }, ErrID},
		"out of order":          {func(m *Manifest) { m.Devices[0], m.Devices[1] = m.Devices[1], m.Devices[0] }, ErrDeviceOrder},
		"one twice":             {func(m *Manifest) { m.Devices[1] = m.Devices[0] }, ErrDeviceOrder},
		"removed before added":  {func(m *Manifest) { m.Devices[0].Removed = 999 }, ErrTimes},
		"eleven in use":         {func(m *Manifest) { m.Devices = slices.Clone(devices) }, ErrDeviceCount},
		"none in use":           {func(m *Manifest) { m.Devices[0].Removed, m.Devices[1].Removed = 1000, 1000 }, ErrDeviceCount},
		"none at all":           {func(m *Manifest) { m.Devices = nil }, ErrDeviceCount},
	} {
		m := a.manifest(t, slices.Clone(devices[:2])...)
		c.change(m)
		_, err := ParseManifest(m.Encode())
		if c.want == nil { // an Ed25519 y-coordinate may or may not be an X25519 key that passes, but never both at once
			if err != ErrSharedKey && err != ErrKey {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != c.want || m.Sign(a.ssk) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestN08OnlyTheOwnersKeysPutADeviceOnTheList(t *testing.T) {
	a, thief := newAccount(1), newAccount(2)
	d, ghost := a.device(), thief.device()
	entries := sorted(a.entry(d), thief.entry(ghost))
	if a.manifest(t, entries...).Verify() != ErrCountersignature {
		t.Error("a device that agreed to another account's list was accepted")
	}
	m := a.manifest(t, a.entry(d))
	m.SSK = PublicEd25519(thief.ssk)
	must(t, m.Sign(thief.ssk))
	if m.Verify() != ErrCert {
		t.Error("a self-signing key without certificate was accepted")
	}
	m = a.manifest(t, a.entry(d))
	must(t, m.Sign(thief.ssk))
	if m.Verify() != ErrSignature {
		t.Error("a list signed by a stranger was accepted")
	}
	m = a.manifest(t, a.entry(d))
	m.Cert = CertifySSK(a.msk, thief.user, m.SSK)
	must(t, m.Sign(a.ssk))
	if m.Verify() != ErrCert {
		t.Error("a certificate for another user was accepted")
	}
}

func TestN09ManifestsOnlyMoveForward(t *testing.T) {
	a, b := newAccount(1), newAccount(2)
	d, e := a.device(), a.device()
	one := a.manifest(t, a.entry(d))
	two := a.next(t, one, func(m *Manifest) { m.Devices = sorted(append(m.Devices, a.entry(e))...) })
	fork := a.next(t, one, func(m *Manifest) { m.VaultVersion++ })
	removed := a.next(t, two, func(m *Manifest) { m.Device(e.id).Removed = 5000 })
	thief := newAccount(3)
	thief.user = a.user
	stolen := *one
	stolen.MSK, stolen.SSK = PublicEd25519(thief.msk), PublicEd25519(thief.ssk)
	stolen.Cert, stolen.Version, stolen.PrevHash = CertifySSK(thief.msk, a.user, stolen.SSK), 3, two.Hash()
	stolen.Devices = []Device{thief.entry(thief.device())}
	must(t, stolen.Sign(thief.ssk))
	for name, c := range map[string]struct {
		m, prev *Manifest
		change  Change
		err     error
	}{
		"the first one seen":         {two, nil, ChangeNew, nil},
		"the known one":              {two, two, ChangeSame, nil},
		"the next one":               {two, one, ChangeUpdated, nil},
		"a removal":                  {removed, two, ChangeUpdated, nil},
		"rollback":                   {one, two, 0, ErrRollback},
		"fork at the same version":   {fork, two, 0, ErrFork},
		"fork one later":             {a.next(t, fork, func(*Manifest) {}), two, 0, ErrFork},
		"a version left out":         {removed, one, 0, ErrGap},
		"another user":               {b.manifest(t, b.entry(b.device())), one, 0, ErrUser},
		"a device vanished":          {a.next(t, two, func(m *Manifest) { m.Devices = one.Devices }), two, 0, ErrTombstone},
		"a removed device came back": {a.next(t, removed, func(m *Manifest) { m.Device(e.id).Removed = 0 }), removed, 0, ErrTombstone},
		"a removal was moved":        {a.next(t, removed, func(m *Manifest) { m.Device(e.id).Removed = 6000 }), removed, 0, ErrTombstone},
		"a device changed its keys": {a.next(t, two, func(m *Manifest) {
			fresh := a.device()
			fresh.id = e.id
			*m.Device(e.id) = a.entry(fresh)
		}), two, 0, ErrTombstone},
		"an older vault":       {a.next(t, two, func(m *Manifest) { m.VaultVersion = 0 }), two, 0, ErrRollback},
		"another master key":   {&stolen, two, ChangeIdentity, nil},
		"unsigned, first seen": {&Manifest{User: a.user}, nil, 0, ErrCert},
	} {
		change, err := c.m.Check(c.prev)
		if err != c.err || (err == nil && change != c.change) {
			t.Errorf("%s: %v, %v; want %v, %v", name, change, err, c.change, c.err)
		}
		if err != nil && change != 0 {
			t.Errorf("%s: refused, but called %v", name, change)
		}
	}
}

func TestMalformedOperationsAreRefused(t *testing.T) {
	a := newAccount(1)
	d := a.device()
	b := UserID{0xff}
	add := func(o *Op) {
		*o = Op{Group: ConvID{1}, N: 1, PrevHash: [32]byte{1}, Actor: a.user, Device: d.id, Type: OpAdd, Targets: []Target{{b, RoleMember}}}
	}
	for name, c := range map[string]struct {
		change func(*Op)
		want   error
	}{
		"an honest addition":          {add, nil},
		"type 0":                      {func(o *Op) { o.Type = 0 }, ErrOpType},
		"type 8":                      {func(o *Op) { o.Type = 8 }, ErrOpType},
		"no actor":                    {func(o *Op) { o.Actor = UserID{} }, ErrID},
		"no device":                   {func(o *Op) { o.Device = DeviceID{} }, ErrID},
		"N15 create in the middle":    {func(o *Op) { o.N, o.Group, o.PrevHash = 1, ConvID{1}, [32]byte{1} }, ErrOpFirst},
		"create with a past":          {func(o *Op) { o.PrevHash[0] = 1 }, ErrOpFirst},
		"addition as the first":       {func(o *Op) { add(o); o.N = 0 }, ErrOpFirst},
		"addition without past":       {func(o *Op) { add(o); o.PrevHash = [32]byte{} }, ErrOpFirst},
		"addition to nothing":         {func(o *Op) { add(o); o.Group = ConvID{} }, ErrOpFirst},
		"create without policy":       {func(o *Op) { o.Policy = 0 }, ErrPolicy},
		"policy 3":                    {func(o *Op) { o.Policy = 3 }, ErrPolicy},
		"addition with policy":        {func(o *Op) { add(o); o.Policy = PolicyPublic }, ErrPolicy},
		"create without nonce":        {func(o *Op) { o.Nonce = [16]byte{} }, ErrNonce},
		"addition with nonce":         {func(o *Op) { add(o); o.Nonce[0] = 1 }, ErrNonce},
		"create with nobody":          {func(o *Op) { o.Targets = nil }, ErrTargets},
		"someone twice":               {func(o *Op) { add(o); o.Targets = append(o.Targets, o.Targets[0]) }, ErrTargets},
		"nobody's id":                 {func(o *Op) { add(o); o.Targets[0].User = UserID{} }, ErrID},
		"role 3":                      {func(o *Op) { add(o); o.Targets[0].Role = 3 }, ErrRole},
		"addition without role":       {func(o *Op) { add(o); o.Targets[0].Role = 0 }, ErrRole},
		"removal with role":           {func(o *Op) { add(o); o.Type = OpRemove }, ErrRole},
		"leaving for others":          {func(o *Op) { add(o); o.Type = OpLeave }, ErrTargets},
		"joining for others":          {func(o *Op) { add(o); o.Type = OpJoin }, ErrTargets},
		"creator without power":       {func(o *Op) { o.Targets[0].Role = RoleMember }, ErrActor},
		"creator absent":              {func(o *Op) { o.Targets[0].User = b }, ErrActor},
		"adding oneself":              {func(o *Op) { add(o); o.Targets[0].User = a.user }, ErrActor},
		"removing oneself":            {func(o *Op) { add(o); o.Type, o.Targets = OpRemove, []Target{{a.user, 0}} }, ErrActor},
		"more targets than u16 tells": {func(o *Op) { add(o); o.Targets = make([]Target, 65537) }, octet.ErrTrailing},
		"more targets than allowed":   {func(o *Op) { add(o); o.Targets = make([]Target, MaxTargets+1) }, octet.ErrTooLong},
	} {
		o := a.create(t, d)
		c.change(o)
		if err := o.Sign(d.sign); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestOperationsOfRemovedDevicesCountOnlyFromBefore(t *testing.T) {
	a := newAccount(1)
	d, e := a.device(), a.device()
	m := a.manifest(t, sorted(a.entry(d), a.entry(e))...)
	o := a.create(t, d)
	for removed, want := range map[uint64]error{0: nil, o.Created + 1: nil, o.Created: ErrRemoved, o.Created - 1: ErrRemoved} {
		n := a.next(t, m, func(n *Manifest) { n.Device(d.id).Removed = removed })
		if err := o.Verify(n); err != want {
			t.Errorf("removed at %d, signed at %d: %v, want %v", removed, o.Created, err, want)
		}
	}
	if o.Verify(a.manifest(t, a.entry(e))) != ErrDevice {
		t.Error("an operation of an unlisted device was accepted")
	}
	if b := newAccount(2); o.Verify(b.manifest(t, b.entry(d))) != ErrUser {
		t.Error("an operation was accepted on another user's list, which has the same device")
	}
}

func TestPrekeysOfRemovedAndUnlistedDevicesAreRefused(t *testing.T) {
	a := newAccount(1)
	d, e := a.device(), a.device()
	p := a.prekey(t, d, PrekeySigned)
	m := a.manifest(t, sorted(a.entry(d), a.entry(e))...)
	if err := p.Verify(a.next(t, m, func(n *Manifest) { n.Device(d.id).Removed = 5000 })); err != ErrRemoved {
		t.Errorf("of a removed device: %v", err)
	}
	if err := p.Verify(a.manifest(t, a.entry(e))); err != ErrDevice {
		t.Errorf("of an unlisted device: %v", err)
	}
}

func TestTheIDOfAChannelIsItsCreation(t *testing.T) {
	a := newAccount(1)
	d := a.device()
	one, two := a.create(t, d), a.create(t, d)
	two.Nonce[0]++
	must(t, two.Sign(d.sign))
	if one.Conv() == two.Conv() || one.Conv() == (ConvID{}) {
		t.Error("two channels share an id")
	}
	if later := (&Op{Group: one.Conv(), Type: OpLeave}); later.Conv() != one.Conv() {
		t.Error("a later operation belongs elsewhere")
	}
}

func TestDMConversationsAreSymmetricAndDistinct(t *testing.T) {
	a, b, c := UserID{1}, UserID{2}, UserID{3}
	if DMConv(a, b) != DMConv(b, a) || DMConv(a, b) == DMConv(a, c) {
		t.Error("conversation ids do not tell pairs apart")
	}
}

func TestIDsAreStrictBase64(t *testing.T) {
	var id UserID
	for i := range id {
		id[i] = byte(i * 17)
	}
	if back, err := ParseUserID(id.String()); err != nil || back != id {
		t.Fatal(id.String(), err)
	}
	conv := ConvID{5}
	for _, s := range []string{"", "A", id.String() + "A", id.String() + "==", conv.String(), id.String()[:21] + "_", id.String()[:21]} {
		if _, err := ParseUserID(s); err != ErrIDText {
			t.Errorf("%q: %v", s, err)
		}
	}
}
