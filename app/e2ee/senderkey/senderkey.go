// Package senderkey is the chain of message keys by which one device sends to a channel (E2EE.md section 5, SPEC.md section 8). The sender holds
// a Sender; everyone else holds a Receiver, begun from a Distribution that came through a pairwise session with that very device.
package senderkey

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	version         = 0x01
	labelMessageKey = "chatalot/skmessage/v1\x00"
	labelChainKey   = "chatalot/skchain/v1\x00"
)

// Limits of a sender key (E2EE.md sections 4 and 5).
const (
	MaxMessages = 100                 // sealed under one sender key; then a new one is made
	MaxAge      = 7 * dayMS           // of a sender key, ms; then a new one is made
	MaxJump     = 2000                // iterations that one message may skip
	MaxSkipped  = 2000                // message keys kept for what was skipped, per sender key
	Lifetime    = 30 * dayMS          // of a receiver's key and of a skipped message key, ms
	dayMS       = 24 * 60 * 60 * 1000 // one day, ms
)

// Why a message key is not to be had.
var (
	ErrMalformed = errors.New("this sender key is not one, or was altered")
	ErrUsed      = errors.New("the key of this message was used before")
	ErrTooFar    = errors.New("too many messages before this one are missing")
	ErrSpent     = errors.New("this sender key has sealed all it may: make a new one")
)

// chain is a chain key and the iteration whose message key comes next.
type chain struct {
	key  [32]byte
	next uint32
}

// step returns the message key of c.next and moves on.
func (c *chain) step() (mk [32]byte) {
	mk = mac(c.key[:], labelMessageKey)
	c.key = mac(c.key[:], labelChainKey)
	c.next++
	return mk
}

func mac(key []byte, label string) (out [32]byte) {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(label))
	m.Sum(out[:0])
	return out
}

// Distribution is what a device needs to read a sender key's messages from Iteration on.
type Distribution struct {
	Conv      signed.ConvID
	Epoch     uint64
	State     [32]byte // state hash at Epoch
	Device    signed.DeviceID
	KeyID     [16]byte
	Iteration uint32
	Chain     [32]byte
	Sign      signed.Ed25519Key
}

// Encode returns the bytes that ParseDistribution reads.
func (d *Distribution) Encode() []byte {
	return octet.NewWriter(192).U8(version).Raw(d.Conv[:]).U64(d.Epoch).Raw(d.State[:]).Raw(d.Device[:]).
		Raw(d.KeyID[:]).U32(d.Iteration).Raw(d.Chain[:]).Raw(d.Sign[:]).Bytes()
}

// ParseDistribution reads a whole Distribution, or returns ErrMalformed.
func ParseDistribution(b []byte) (*Distribution, error) {
	r, d := octet.NewReader(b), new(Distribution)
	r.Const(version, ErrMalformed)
	r.Into(d.Conv[:])
	d.Epoch = r.U64()
	r.Into(d.State[:])
	r.Into(d.Device[:])
	r.Into(d.KeyID[:])
	d.Iteration = r.U32()
	r.Into(d.Chain[:])
	r.Into(d.Sign[:])
	if r.Done() != nil || d.Sign.Check() != nil {
		return nil, ErrMalformed
	}
	return d, nil
}

// Sender is this device's own sender key for one epoch of one channel.
type Sender struct {
	Conv    signed.ConvID
	Epoch   uint64
	State   [32]byte
	Device  signed.DeviceID
	KeyID   [16]byte
	Created uint64 // ms
	Sealed  uint32 // messages sealed
	Sign    ed25519.PrivateKey
	chain   chain
}

// NewSender makes a sender key; the caller fills in nothing more.
func NewSender(rand io.Reader, now uint64, conv signed.ConvID, epoch uint64, state [32]byte, device signed.DeviceID) (*Sender, error) {
	s := &Sender{Conv: conv, Epoch: epoch, State: state, Device: device, Created: now}
	var err error
	if s.Sign, err = prim.NewSigningKey(rand); err != nil {
		return nil, err
	}
	if err = prim.Random(rand, s.KeyID[:]); err != nil {
		return nil, err
	}
	return s, prim.Random(rand, s.chain.key[:])
}

// Fresh reports whether the key may seal one more message at the time now (ms) in this epoch. A clock that was set back makes it stale too.
func (s *Sender) Fresh(now, epoch uint64, state [32]byte) bool {
	return s.Epoch == epoch && s.State == state && s.Sealed < MaxMessages && now >= s.Created && now-s.Created < MaxAge
}

// Distribution returns what a device needs to read from the next message on.
func (s *Sender) Distribution() *Distribution {
	return &Distribution{s.Conv, s.Epoch, s.State, s.Device, s.KeyID, s.chain.next, s.chain.key, signed.PublicEd25519(s.Sign)}
}

// Next returns the next message key and its iteration, or ErrSpent.
func (s *Sender) Next() (mk [32]byte, iteration uint32, err error) {
	if s.Sealed >= MaxMessages {
		return mk, 0, ErrSpent
	}
	s.Sealed++
	iteration = s.chain.next
	return s.chain.step(), iteration, nil
}

// Append writes s into a record that the device keeps.
func (s *Sender) Append(w *octet.Writer) {
	w.Raw(s.Conv[:]).U64(s.Epoch).Raw(s.State[:]).Raw(s.Device[:]).Raw(s.KeyID[:]).U64(s.Created).U32(s.Sealed).Raw(s.Sign.Seed())
	w.Raw(s.chain.key[:]).U32(s.chain.next)
}

// ReadSender reads what Append wrote.
func ReadSender(r *octet.Reader) *Sender {
	s := new(Sender)
	var seed [ed25519.SeedSize]byte
	defer prim.Wipe(seed[:])
	r.Into(s.Conv[:])
	s.Epoch = r.U64()
	r.Into(s.State[:])
	r.Into(s.Device[:])
	r.Into(s.KeyID[:])
	s.Created, s.Sealed = r.U64(), r.U32()
	r.Into(seed[:])
	s.Sign = ed25519.NewKeyFromSeed(seed[:])
	r.Into(s.chain.key[:])
	s.chain.next = r.U32()
	return s
}
