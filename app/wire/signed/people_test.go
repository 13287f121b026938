package signed

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"math/rand/v2"
	"testing"
)

// account is a person for tests: real keys, made from a fixed seed.
type account struct {
	user     UserID
	msk, ssk ed25519.PrivateKey
	rand     *rand.ChaCha8
}

type device struct {
	id   DeviceID
	sign ed25519.PrivateKey
	dh   *ecdh.PrivateKey
}

func newAccount(seed byte) *account {
	a := &account{rand: rand.NewChaCha8([32]byte{seed})}
	a.rand.Read(a.user[:])
	a.msk, a.ssk = a.key(), a.key()
	return a
}

func (a *account) key() ed25519.PrivateKey {
	seed := make([]byte, 32)
	a.rand.Read(seed)
	return ed25519.NewKeyFromSeed(seed)
}

func (a *account) device() *device {
	d, secret := &device{sign: a.key()}, make([]byte, 32)
	a.rand.Read(d.id[:])
	a.rand.Read(secret)
	d.dh, _ = ecdh.X25519().NewPrivateKey(secret)
	return d
}

// entry returns d's entry in a's manifests, countersigned, added at the time 1000.
func (a *account) entry(d *device) Device {
	e := Device{ID: d.id, Ed25519: PublicEd25519(d.sign), X25519: X25519Key(d.dh.PublicKey().Bytes()), Added: 1000}
	e.Countersign(a.user, PublicEd25519(a.msk), d.sign)
	return e
}

// manifest returns a signed first manifest with the devices, which must be in order.
func (a *account) manifest(t testing.TB, devices ...Device) *Manifest {
	t.Helper()
	ssk := PublicEd25519(a.ssk)
	m := &Manifest{User: a.user, Version: 1, MSK: PublicEd25519(a.msk), SSK: ssk, Cert: CertifySSK(a.msk, a.user, ssk),
		VaultVersion: 1, Devices: devices}
	must(t, m.Sign(a.ssk))
	return m
}

// next returns a signed copy of m as its successor, changed by change.
func (a *account) next(t testing.TB, m *Manifest, change func(*Manifest)) *Manifest {
	t.Helper()
	n := *m
	n.Version, n.PrevHash, n.Devices = m.Version+1, m.Hash(), append([]Device(nil), m.Devices...)
	change(&n)
	must(t, n.Sign(a.ssk))
	return &n
}

// prekey returns a signed prekey of d that lives from 1000 for 30 days.
func (a *account) prekey(t testing.TB, d *device, kind PrekeyKind) *Prekey {
	t.Helper()
	p := &Prekey{Kind: kind, User: a.user, Device: d.id, ID: 7, Created: 1000, Expires: 1000 + 30*dayMS,
		Public: d.dh.PublicKey().Bytes()}
	if kind.KEM() {
		p.Public = make([]byte, 1184)
	}
	must(t, p.Sign(d.sign))
	return p
}

// create returns a signed operation by which a creates a private channel alone.
func (a *account) create(t testing.TB, d *device) *Op {
	t.Helper()
	o := &Op{Actor: a.user, Device: d.id, Created: 2000, Type: OpCreate, Policy: PolicyPrivate, Nonce: [16]byte{9},
		Targets: []Target{{a.user, RoleAdmin}}}
	must(t, o.Sign(d.sign))
	return o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
