package signed

import (
	"crypto/ed25519"
	"errors"

	"chatalot/app/wire/octet"
)

const labelPrekey = "chatalot/prekey/v1\x00"

// PrekeyKind says what a prekey is for. It is signed, so that a key published for one use cannot be handed out for another.
type PrekeyKind uint8

// The kinds of prekeys a device publishes.
const (
	PrekeySigned     PrekeyKind = 1 // X25519, used by everyone until it is replaced
	PrekeyOneTime    PrekeyKind = 2 // X25519, handed out once
	PrekeyKEM        PrekeyKind = 3 // ML-KEM-768, handed out once
	PrekeyLastResort PrekeyKind = 4 // ML-KEM-768, handed out when no PrekeyKEM is left
)

// OneTime reports whether a prekey of this kind may be handed out only once.
func (k PrekeyKind) OneTime() bool { return k == PrekeyOneTime || k == PrekeyKEM }

// KEM reports whether a prekey of this kind is an ML-KEM-768 encapsulation key.
func (k PrekeyKind) KEM() bool { return k == PrekeyKEM || k == PrekeyLastResort }

// size returns the length of the public key, or 0 for a kind that does not exist.
func (k PrekeyKind) size() int {
	switch k {
	case PrekeySigned, PrekeyOneTime:
		return 32
	case PrekeyKEM, PrekeyLastResort:
		return 1184
	}
	return 0
}

// MaxPrekey is the longest encoding of a prekey, in bytes.
const MaxPrekey = prekeyFixed + 1184 + 64

const prekeyFixed = 1 + 1 + 1 + 16 + 16 + 4 + 8 + 8 + 4

const dayMS = 24 * 60 * 60 * 1000

// PrekeyClockSkew is how far, in ms, a prekey's creation may lie in the reader's future.
const PrekeyClockSkew = 1 * dayMS

// maxPrekeyLife bounds, in ms, how long any prekey may say it lives.
const maxPrekeyLife = 90 * dayMS

// Why a prekey was refused.
var (
	ErrPrekeyKind    = errors.New("this is not a kind of prekey that exists")
	ErrPrekeyExpired = errors.New("this prekey has expired: the device it belongs to has not been used for long")
	ErrPrekeyFuture  = errors.New("this prekey was made in the future: check the clocks of both devices")
)

// Prekey is a public key that a device publishes so that others can start a session with it while it is away.
type Prekey struct {
	Kind      PrekeyKind
	User      UserID
	Device    DeviceID
	ID        uint32 // chosen by the device; never used twice by it for the same kind
	Created   uint64 // ms
	Expires   uint64 // ms; from then on nobody may use it
	Public    []byte // 32 bytes of X25519 or 1184 of ML-KEM-768
	Signature Signature
}

// ParsePrekey reads a whole encoding and nothing else. The signature is not verified yet.
func ParsePrekey(b []byte) (*Prekey, error) {
	r, p := octet.NewReader(b), new(Prekey)
	r.Const(version, ErrVersion)
	if p.Kind = PrekeyKind(r.U8()); p.Kind.size() == 0 {
		r.Fail(ErrPrekeyKind)
	}
	r.Const(Suite, ErrSuite)
	r.Into(p.User[:])
	r.Into(p.Device[:])
	p.ID, p.Created, p.Expires = r.U32(), r.U64(), r.U64()
	p.Public = append(p.Public, r.Var(p.Kind.size())...)
	r.Into(p.Signature[:])
	return parsed(r, p)
}

// check applies the rules that need no other statement.
func (p *Prekey) check() error {
	switch {
	case p.User == UserID{} || p.Device == DeviceID{}:
		return ErrID
	case p.Expires <= p.Created || p.Expires-p.Created > maxPrekeyLife:
		return ErrTimes
	case len(p.Public) != p.Kind.size():
		return octet.ErrShort
	case p.Kind.KEM():
		return checkKEM(p.Public)
	}
	return p.X25519().Check()
}

// Sign sets the signature by the publishing device's key. It refuses what ParsePrekey would refuse.
func (p *Prekey) Sign(device ed25519.PrivateKey) error {
	if _, err := ParsePrekey(p.Encode()); err != nil {
		return err
	}
	p.Signature = Sign(device, labelPrekey, p.bytes())
	return nil
}

// Encode returns the bytes that ParsePrekey reads.
func (p *Prekey) Encode() []byte { return append(p.bytes(), p.Signature[:]...) }

func (p *Prekey) bytes() []byte {
	return octet.NewWriter(MaxPrekey).U8(version).U8(uint8(p.Kind)).U8(Suite).Raw(p.User[:]).Raw(p.Device[:]).
		U32(p.ID).U64(p.Created).U64(p.Expires).Var(p.Public).Bytes()
}

// Verify reports why the prekey is not one that an active device of m's user published: ErrUser, ErrDevice, ErrRemoved,
// ErrSignature, or nil. The caller has verified m.
func (p *Prekey) Verify(m *Manifest) error {
	if m.User != p.User {
		return ErrUser
	}
	d := m.Device(p.Device)
	switch {
	case d == nil:
		return ErrDevice
	case d.Removed != 0:
		return ErrRemoved
	case !d.Ed25519.Verify(p.Signature, labelPrekey, p.bytes()):
		return ErrSignature
	}
	return nil
}

// X25519 returns the public key of a prekey that is not KEM.
func (p *Prekey) X25519() X25519Key { return X25519Key(p.Public) }

// Usable reports whether a session may be started with the prekey at the time now (ms): nil, ErrPrekeyExpired or ErrPrekeyFuture.
func (p *Prekey) Usable(now uint64) error {
	switch {
	case now >= p.Expires:
		return ErrPrekeyExpired
	case p.Created > now+PrekeyClockSkew:
		return ErrPrekeyFuture
	}
	return nil
}
