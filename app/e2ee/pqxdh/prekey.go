package pqxdh

import (
	"crypto/ed25519"
	"io"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

// Lifetimes of prekeys, in ms.
const (
	day          = 24 * 60 * 60 * 1000
	RotateAfter  = 7 * day  // age at which a device replaces its signed and its last-resort prekey
	ReusableLife = 30 * day // signed and last-resort prekeys: from creation to expiry
	OneTimeLife  = 90 * day // one-time prekeys: from creation to expiry
	Grace        = 30 * day // how long after expiry the private half still opens what was under way
)

// Private is a prekey with its private half.
type Private struct {
	Statement *signed.Prekey
	Secret    []byte // 32 bytes of X25519, or the 64-byte seed of ML-KEM-768
}

// NewPrivate makes a prekey that lives from now (ms), signed by the device's key. id must be new for this kind.
func NewPrivate(rand io.Reader, kind signed.PrekeyKind, user signed.UserID, device signed.DeviceID, id uint32, now uint64,
	key ed25519.PrivateKey) (*Private, error) {
	p := &Private{&signed.Prekey{Kind: kind, User: user, Device: device, ID: id, Created: now, Expires: now + ReusableLife},
		make([]byte, secretSize(kind))}
	if kind.OneTime() {
		p.Statement.Expires = now + OneTimeLife
	}
	if err := prim.Random(rand, p.Secret); err != nil {
		return nil, err
	}
	p.Statement.Public = p.public()
	return p, p.Statement.Sign(key)
}

// Encode returns both halves; ParsePrivate reads them.
func (p *Private) Encode() []byte {
	return octet.NewWriter(signed.MaxPrekey + 73).U8(version).Var(p.Statement.Encode()).Var(p.Secret).Bytes()
}

// ParsePrivate reads what Encode returned.
func ParsePrivate(b []byte) (*Private, error) {
	r := octet.NewReader(b)
	r.Const(version, signed.ErrVersion)
	statement, secret := r.Var(signed.MaxPrekey), r.Var(prim.KEMSeedSize)
	if err := r.Done(); err != nil {
		return nil, err
	}
	prekey, err := signed.ParsePrekey(statement)
	if err != nil {
		return nil, err
	}
	if len(secret) != secretSize(prekey.Kind) {
		return nil, ErrPrekey
	}
	return &Private{prekey, append([]byte(nil), secret...)}, nil
}

// Gone reports whether the private half has to be erased at now (ms).
func (p *Private) Gone(now uint64) bool { return now >= p.Statement.Expires+Grace }

// DH returns the private half of an X25519 prekey.
func (p *Private) DH() prim.DHPrivate { return prim.DHPrivate(p.Secret) }

func (p *Private) kem() *prim.KEMPrivate { return (*prim.KEMPrivate)(p.Secret) }

func (p *Private) public() []byte {
	if p.Statement.Kind.KEM() {
		return p.kem().Public()
	}
	public := p.DH().Public()
	return public[:]
}

func (p *Private) is(kind signed.PrekeyKind, id uint32, now uint64) bool {
	return p.Statement.Kind == kind && p.Statement.ID == id && !p.Gone(now)
}

func secretSize(kind signed.PrekeyKind) int {
	if kind.KEM() {
		return prim.KEMSeedSize
	}
	return len(prim.DHPrivate{})
}
