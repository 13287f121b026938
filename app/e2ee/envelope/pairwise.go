package envelope

import (
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
)

// MaxPairwise is the longest encoding of a pairwise envelope, in bytes.
const MaxPairwise = 4 << 10

// Pairwise is one device's envelope: a message of a session between two devices.
type Pairwise struct {
	Session [32]byte // transcript hash of the handshake that began the session
	Message []byte   // a ratchet message, or pqxdh.Initial around one until the session is answered
}

// Encode returns the bytes that ParsePairwise reads.
func (p *Pairwise) Encode() []byte {
	return octet.NewWriter(38 + len(p.Message)).U8(version).U8(prim.Suite).Raw(p.Session[:]).Var(p.Message).Bytes()
}

// ParsePairwise reads a whole envelope: ErrVersion or ErrMalformed. It shares memory with b.
func ParsePairwise(b []byte) (*Pairwise, error) {
	if len(b) > MaxPairwise {
		return nil, ErrMalformed
	}
	r, p := octet.NewReader(b), new(Pairwise)
	r.Const(version, ErrVersion)
	r.Const(prim.Suite, ErrVersion)
	r.Into(p.Session[:])
	p.Message = r.Var(MaxPairwise)
	return p, parseError(r.Done())
}

// Type says what a pairwise envelope carries. It is part of the encrypted payload.
type Type uint8

// The things that travel pairwise.
const (
	TypeKey          Type = 1 // Body is the message key of the DM it travels with: 32 bytes
	TypeDistribution Type = 2 // Body is a senderkey.Distribution
)

// Payload is what the ratchet message of an envelope says. It binds the content it travels with, so that an envelope cannot be put beside another.
type Payload struct {
	Type    Type
	Number  uint32   // of this session among all that the two devices began: of two, the higher one sends
	Content [32]byte // Hash of the content
	Body    []byte
}

// Encode returns the bytes that ParsePayload reads.
func (p *Payload) Encode() []byte {
	return octet.NewWriter(42 + len(p.Body)).U8(version).U8(uint8(p.Type)).U32(p.Number).Raw(p.Content[:]).Var(p.Body).Bytes()
}

// ParsePayload reads a whole payload: ErrMalformed for all else, types that do not exist among it.
func ParsePayload(b []byte) (*Payload, error) {
	r, p := octet.NewReader(b), new(Payload)
	r.Const(version, ErrMalformed)
	p.Type, p.Number = Type(r.U8()), r.U32()
	r.Into(p.Content[:])
	p.Body = r.Var(MaxPairwise)
	if r.Done() != nil || (p.Type != TypeKey && p.Type != TypeDistribution) || (p.Type == TypeKey && len(p.Body) != prim.KeySize) {
		return nil, ErrMalformed
	}
	return p, nil
}
