package pqxdh

import (
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"io"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/ratchet"
	"chatalot/app/wire/signed"
)

// handshakeVector is one case of app/e2ee/testdata/pqxdh.json: all one needs to play either side.
type handshakeVector struct {
	What             string
	Initiator        partyVector
	Responder        partyVector
	EphemeralPrivate frozen.Bytes
	KEMRandomness    frozen.Bytes // m of FIPS 203, Encaps_internal
	SignedPrekey     prekeyVector
	OneTimePrekey    *prekeyVector // null when none is used
	KEMPrekey        prekeyVector
	Transcript       frozen.Bytes
	Secret           frozen.Bytes
	Conv             signed.ConvID
	Msg              signed.MsgID
	Plaintext        frozen.Bytes
	Envelope         frozen.Bytes
}

type partyVector struct {
	Manifest      frozen.Bytes
	Device        signed.DeviceID
	X25519Private frozen.Bytes
}

type prekeyVector struct {
	Encoded frozen.Bytes
	Secret  frozen.Bytes
}

// recorder keeps what was last read from a random source.
type recorder struct {
	io.Reader
	last []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.last = append([]byte(nil), b[:n]...)
	return n, err
}

func TestFrozenVectorsOfPQXDH(t *testing.T) {
	rand := frozen.Rand("pqxdh vectors")
	a, b := newPerson(t, rand), newPerson(t, rand)
	var made []handshakeVector
	for _, c := range []struct {
		what    string
		without []signed.PrekeyKind
	}{
		{"with a one-time prekey of each kind", nil},
		{"without a one-time X25519 prekey", []signed.PrekeyKind{signed.PrekeyOneTime}},
		{"with the last-resort KEM prekey", []signed.PrekeyKind{signed.PrekeyKEM}},
		{"without any one-time prekey", []signed.PrekeyKind{signed.PrekeyOneTime, signed.PrekeyKEM}},
	} {
		v := handshake(t, rand, a, b, b.bundle(c.without...))
		v.What = c.what
		made = append(made, v)
	}
	frozen.Check(t, "pqxdh.json", made)
	var kept []handshakeVector
	frozen.Load(t, "pqxdh.json", &kept)
	for _, v := range kept {
		v.open(t)
	}
}

// handshake makes one vector with all its randomness from rand.
func handshake(t *testing.T, rand io.Reader, a, b *person, bundle Bundle) handshakeVector {
	t.Helper()
	m := make([]byte, 32)
	must(t, prim.Random(rand, m))
	encapsulate := func(public []byte) (secret, ciphertext []byte, err error) {
		key, err := mlkem.NewEncapsulationKey768(public)
		must(t, err)
		return mlkemtest.Encapsulate768(key, m)
	}
	recorded := &recorder{Reader: rand}
	result, initial, err := initiate(recorded, now, a.party(t), a.device.DH, b.manifest, b.id, bundle, encapsulate)
	must(t, err)
	v := handshakeVector{Initiator: a.vector(), Responder: b.vector(), EphemeralPrivate: recorded.last, KEMRandomness: m,
		SignedPrekey: b.prekey(signed.PrekeySigned), KEMPrekey: b.prekey(bundle.KEM.Kind), Transcript: result.Transcript[:],
		Secret: result.Secret[:], Conv: signed.DMConv(a.user, b.user), Msg: signed.MsgID{1, 2, 3}, Plaintext: []byte("the first message")}
	if bundle.OneTime != nil {
		p := b.prekey(signed.PrekeyOneTime)
		v.OneTimePrekey = &p
	}
	session, err := ratchet.Initiate(rand, result.Secret, result.Transcript, a.address(), b.address(), bundle.Signed.X25519())
	must(t, err)
	initial.Message, err = session.Seal(rand, v.Conv, v.Msg, v.Plaintext)
	must(t, err)
	v.Envelope = initial.Encode()
	return v
}

func (p *person) address() ratchet.Address { return ratchet.Address{User: p.user, Device: p.id} }

func (p *person) vector() partyVector {
	return partyVector{p.manifest.Encode(), p.id, p.device.DH[:]}
}

func (p *person) prekey(kind signed.PrekeyKind) prekeyVector {
	return prekeyVector{p.keys[kind].Statement.Encode(), p.keys[kind].Secret}
}

func (v *partyVector) party(t *testing.T) Party {
	t.Helper()
	m, err := signed.ParseManifest(v.Manifest)
	must(t, err)
	must(t, m.Verify())
	p, err := PartyOf(m, v.Device)
	must(t, err)
	return p
}

func (v *prekeyVector) private(t *testing.T) *Private {
	t.Helper()
	if v == nil {
		return nil
	}
	statement, err := signed.ParsePrekey(v.Encoded)
	must(t, err)
	return &Private{statement, v.Secret}
}

// open plays the responder from the vector alone.
func (v *handshakeVector) open(t *testing.T) {
	t.Helper()
	initial, err := ParseInitial(v.Envelope)
	must(t, err)
	self, from := v.Responder.party(t), v.Initiator.party(t)
	signedKey := v.SignedPrekey.private(t)
	result, err := Accept(now, self, prim.DHPrivate(v.Responder.X25519Private), from, initial, signedKey, v.OneTimePrekey.private(t), v.KEMPrekey.private(t))
	must(t, err)
	session := ratchet.Respond(result.Secret, result.Transcript, ratchet.Address{User: self.User, Device: self.Device},
		ratchet.Address{User: from.User, Device: from.Device}, signedKey.DH())
	if text, err := session.Open(now, v.Conv, v.Msg, initial.Message); err != nil || string(text) != string(v.Plaintext) {
		t.Errorf("%s: %q, %v", v.What, text, err)
	}
}
