package identity

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/wire/signed"
)

// vectors is app/e2ee/testdata/signed.json. Field names are those of SPEC.md section 3.
type vectors struct {
	User      signed.UserID
	MSKSeed   frozen.Bytes
	SSKSeed   frozen.Bytes
	Devices   []deviceVector
	Manifests []statementVector // added in order, each the successor of the one before
	Prekeys   []prekeyVector
	Ops       []statementVector
	DM        dmVector
	Safety    safetyVector
	Refused   refusedVector
}

type deviceVector struct {
	ID            signed.DeviceID
	Ed25519Seed   frozen.Bytes
	X25519Private frozen.Bytes
	X25519Public  frozen.Bytes
}

type statementVector struct {
	What    string
	Encoded frozen.Bytes
	Hash    frozen.Bytes
	Conv    frozen.Bytes `json:",omitempty"`
}

type prekeyVector struct {
	Kind    signed.PrekeyKind
	Encoded frozen.Bytes
	Secret  frozen.Bytes
}

type dmVector struct {
	A, B signed.UserID
	Conv signed.ConvID
}

type safetyVector struct {
	A, B       signed.UserID
	AMSK, BMSK frozen.Bytes
	Digits     string
}

// refusedVector lists what no implementation may accept.
type refusedVector struct {
	Ed25519    []frozen.Bytes
	X25519     []frozen.Bytes
	Statements []refusedStatement
}

type refusedStatement struct {
	Kind, Why string
	Encoded   frozen.Bytes
}

// maker builds the vectors, one statement after another.
type maker struct {
	t       *testing.T
	rand    io.Reader
	user    signed.UserID
	account *Account
	devices []*Device
	v       vectors
}

func TestFrozenVectorsOfSignedStatements(t *testing.T) {
	m := &maker{t: t, rand: frozen.Rand("signed vectors"), user: signed.UserID{0xa1, 15: 1}}
	var err error
	m.account, err = NewAccount(m.rand)
	must(t, err)
	m.v.User, m.v.MSKSeed, m.v.SSKSeed = m.user, m.account.MSK.Seed(), m.account.SSK.Seed()
	m.manifests()
	m.prekeys()
	m.ops()
	other := signed.UserID{0xb2, 15: 2}
	m.v.DM = dmVector{m.user, other, signed.DMConv(m.user, other)}
	msk, otherMSK := signed.PublicEd25519(m.account.MSK), signed.PublicEd25519(m.account.SSK)
	m.v.Safety = safetyVector{m.user, other, msk[:], otherMSK[:], SafetyNumber(m.user, msk, other, otherMSK)}
	m.refused()
	frozen.Check(t, "signed.json", m.v)
}

func (m *maker) device(id byte) signed.Device {
	d, err := NewDevice(m.rand)
	must(m.t, err)
	public := d.DH.Public()
	m.devices = append(m.devices, d)
	m.v.Devices = append(m.v.Devices, deviceVector{signed.DeviceID{id, 15: 9}, d.Sign.Seed(), d.DH[:], public[:]})
	return d.Entry(m.user, signed.PublicEd25519(m.account.MSK), signed.DeviceID{id, 15: 9}, now+uint64(id))
}

func (m *maker) manifests() {
	keep := func(what string, s *signed.Manifest, err error) *signed.Manifest {
		must(m.t, err)
		must(m.t, s.Verify())
		hash := s.Hash()
		m.v.Manifests = append(m.v.Manifests, statementVector{What: what, Encoded: s.Encode(), Hash: hash[:]})
		return s
	}
	s, err := First(m.user, m.account, 1, m.device(0x20))
	s = keep("the first, with one device", s, err)
	s, err = Add(s, m.account.SSK, m.device(0x10))
	s = keep("a second device is added, in front", s, err)
	s, err = Remove(s, m.account.SSK, m.v.Devices[0].ID, now+1000)
	keep("the first device is removed", s, err)
}

func (m *maker) prekeys() {
	for kind := signed.PrekeySigned; kind <= signed.PrekeyLastResort; kind++ {
		p, err := pqxdh.NewPrivate(m.rand, kind, m.user, m.v.Devices[1].ID, 100+uint32(kind), now, m.devices[1].Sign)
		must(m.t, err)
		m.v.Prekeys = append(m.v.Prekeys, prekeyVector{kind, p.Statement.Encode(), p.Secret})
	}
}

func (m *maker) ops() {
	b, c := signed.UserID{0xb2, 15: 2}, signed.UserID{0xc3, 15: 3}
	var prev *signed.Op
	for _, x := range []struct {
		what    string
		kind    signed.OpType
		policy  signed.Policy
		targets []signed.Target
	}{
		{"create", signed.OpCreate, signed.PolicyPrivate, []signed.Target{{User: m.user, Role: signed.RoleAdmin}, {User: b, Role: signed.RoleMember}}},
		{"add", signed.OpAdd, 0, []signed.Target{{User: c, Role: signed.RoleMember}}},
		{"role", signed.OpRole, 0, []signed.Target{{User: b, Role: signed.RoleAdmin}}},
		{"remove", signed.OpRemove, 0, []signed.Target{{User: c}}},
		{"policy", signed.OpPolicy, signed.PolicyPublic, nil},
		{"leave", signed.OpLeave, 0, nil},
		{"join", signed.OpJoin, 0, nil},
	} {
		o := &signed.Op{Actor: m.user, Device: m.v.Devices[1].ID, Created: now + 2000, Type: x.kind, Policy: x.policy, Targets: x.targets}
		if prev == nil {
			_, err := io.ReadFull(m.rand, o.Nonce[:])
			must(m.t, err)
		} else {
			o.Group, o.N, o.PrevHash, o.Created = prev.Conv(), prev.N+1, prev.Hash(), prev.Created+1
		}
		must(m.t, o.Sign(m.devices[1].Sign))
		hash, conv := o.Hash(), o.Conv()
		m.v.Ops = append(m.v.Ops, statementVector{x.what, o.Encode(), hash[:], conv[:]})
		prev = o
	}
}

func (m *maker) refused() {
	for _, k := range unsafeKeys() {
		if signed.Ed25519Key(k).Check() != nil {
			m.v.Refused.Ed25519 = append(m.v.Refused.Ed25519, bytes.Clone(k[:]))
		}
		if signed.X25519Key(k).Check() != nil {
			m.v.Refused.X25519 = append(m.v.Refused.X25519, bytes.Clone(k[:]))
		}
	}
	refuse := func(kind, why string, from []byte, change func([]byte) []byte) {
		bad := change(bytes.Clone(from))
		m.v.Refused.Statements = append(m.v.Refused.Statements, refusedStatement{kind, why, bad})
	}
	flip := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 1; return b } }
	longer := func(b []byte) []byte { return append(b, 0) }
	shorter := func(b []byte) []byte { return b[:len(b)-1] }
	for kind, from := range map[string][]byte{"manifest": m.v.Manifests[1].Encoded, "prekey": m.v.Prekeys[0].Encoded, "op": m.v.Ops[0].Encoded} {
		refuse(kind, "unknown version", from, func(b []byte) []byte { b[0] = 2; return b })
		refuse(kind, "a byte more", from, longer)
		refuse(kind, "a byte less", from, shorter)
		refuse(kind, "signature does not fit", from, flip(len(from)-64))
		refuse(kind, "a signed byte changed", from, flip(25))
	}
	refuse("prekey", "unknown suite", m.v.Prekeys[0].Encoded, func(b []byte) []byte { b[2] = 2; return b })
	refuse("prekey", "kind changed", m.v.Prekeys[0].Encoded, func(b []byte) []byte { b[1] = 2; return b })
	refuse("prekey", "KEM kind changed", m.v.Prekeys[2].Encoded, func(b []byte) []byte { b[1] = 4; return b })
	slices.SortFunc(m.v.Refused.Statements, func(a, b refusedStatement) int { return bytes.Compare([]byte(a.Kind+a.Why), []byte(b.Kind+b.Why)) })
	for _, r := range m.v.Refused.Statements {
		if m.accepts(r) {
			m.t.Errorf("%s, %s: accepted", r.Kind, r.Why)
		}
	}
}

// accepts reports whether this implementation takes a statement for a true one.
func (m *maker) accepts(r refusedStatement) bool {
	list, err := signed.ParseManifest(m.v.Manifests[2].Encoded)
	must(m.t, err)
	switch r.Kind {
	case "manifest":
		s, err := signed.ParseManifest(r.Encoded)
		return err == nil && s.Verify() == nil
	case "prekey":
		s, err := signed.ParsePrekey(r.Encoded)
		return err == nil && s.Verify(list) == nil
	}
	s, err := signed.ParseOp(r.Encoded)
	return err == nil && s.Verify(list) == nil
}

// unsafeKeys returns candidates: field elements around 0 and p with and without the high bit, and points of order 8.
func unsafeKeys() (keys [][32]byte) {
	add := func(k [32]byte) {
		high := k
		high[31] |= 0x80
		keys = append(keys, k, high)
	}
	add([32]byte{})
	add([32]byte{1})
	for low := 0xec; low <= 0xff; low++ {
		k := [32]byte(bytes.Repeat([]byte{0xff}, 32))
		k[0], k[31] = byte(low), 0x7f
		add(k)
	}
	add([32]byte{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05})
	add([32]byte{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a})
	add([32]byte{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00})
	add([32]byte{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57})
	return keys
}
