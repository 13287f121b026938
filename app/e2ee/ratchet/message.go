package ratchet

import (
	"crypto/hmac"
	"crypto/sha256"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	version      = 0x01
	kindMessage  = 0x01
	labelRoot    = "chatalot/ratchet-root/v1\x00"
	labelMessage = "chatalot/ratchet-message/v1\x00"
)

// MaxMessage is the longest encoding of a message, and MaxPlaintext the longest plaintext, in bytes.
const (
	MaxMessage   = 8 << 10
	MaxPlaintext = MaxMessage - headerFixed - 4 - prim.Overhead
	headerFixed  = 1 + 1 + 1 + 32 + 4 + 4 + prim.NonceSize + prim.CommitSize + 2
)

// critical is the bit of an extension's type that says: who does not know it must not read on.
const critical = 0x80

// maxExtensions bounds the list of extensions.
const maxExtensions = 16

// message is one sealed message as it travels. Version 1 writes no extension, and carries those it does not know unread
// but authenticated: a later version can offer a KEM key in them without breaking this one.
type message struct {
	Ratchet    signed.X25519Key
	Prev, N    uint32
	Nonce      [prim.NonceSize]byte
	Commit     [prim.CommitSize]byte
	Extensions []extension // ascending by type
	Ciphertext []byte
}

type extension struct {
	kind  uint8
	value []byte
}

func parseMessage(b []byte) (*message, error) {
	if len(b) > MaxMessage {
		return nil, octet.ErrTooLong
	}
	r, m := octet.NewReader(b), new(message)
	r.Const(version, signed.ErrVersion)
	r.Const(kindMessage, signed.ErrVersion)
	r.Const(prim.Suite, signed.ErrSuite)
	r.Into(m.Ratchet[:])
	m.Prev, m.N = r.U32(), r.U32()
	if m.Prev > maxCounter+1 || m.N > maxCounter {
		r.Fail(ErrTooFar)
	}
	r.Into(m.Nonce[:])
	r.Into(m.Commit[:])
	m.readExtensions(r)
	m.Ciphertext = r.Var(MaxMessage)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return m, m.Ratchet.Check()
}

func (m *message) readExtensions(r *octet.Reader) {
	last := -1
	for range r.Count(maxExtensions, 5) {
		e := extension{r.U8(), r.Var(MaxMessage)}
		if int(e.kind) <= last || e.kind&critical != 0 {
			r.Fail(signed.ErrVersion)
		}
		last = int(e.kind)
		m.Extensions = append(m.Extensions, e)
	}
}

// header returns everything before the ciphertext.
func (m *message) header() []byte {
	w := octet.NewWriter(headerFixed).U8(version).U8(kindMessage).U8(prim.Suite).Raw(m.Ratchet[:]).U32(m.Prev).U32(m.N)
	w.Raw(m.Nonce[:]).Raw(m.Commit[:]).U16(uint16(len(m.Extensions)))
	for _, e := range m.Extensions {
		w.U8(e.kind).Var(e.value)
	}
	return w.Bytes()
}

func (m *message) encode() []byte {
	return octet.NewWriter(headerFixed + 4 + len(m.Ciphertext)).Raw(m.header()).Var(m.Ciphertext).Bytes()
}

// ad is what the ciphertext is bound to besides its own header: the session and the one place where it belongs.
func (s *Session) ad(header []byte, conv signed.ConvID, msg signed.MsgID, from, to Address) []byte {
	return octet.NewWriter(headerFixed + 144).Raw(s.transcript[:]).Raw(header).Raw(conv[:]).
		Raw(from.User[:]).Raw(from.Device[:]).Raw(to.User[:]).Raw(to.Device[:]).Raw(msg[:]).Bytes()
}

// newBox derives the box of one message and wipes the message key.
func newBox(key []byte) *prim.Box {
	defer prim.Wipe(key)
	return prim.NewBox(key, labelMessage, nil)
}

// step moves a chain by one message: the message key is HMAC(key, 1), the next chain key HMAC(key, 2).
func step(key *[32]byte) (messageKey []byte) {
	messageKey = mac(key, 0x01)
	copy(key[:], mac(key, 0x02))
	return messageKey
}

func mac(key *[32]byte, constant byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte{constant})
	return h.Sum(nil)
}

// turnRoot moves the root key by one Diffie-Hellman result. extra is a further secret of 32 bytes, from a KEM say, that a
// later suite may mix in; suite 0x01 has none.
func turnRoot(root [32]byte, shared, extra []byte) (newRoot, chainKey [32]byte) {
	out := prim.Derive(append(shared, extra...), root[:], labelRoot, nil, 64)
	defer prim.Wipe(out, shared)
	return [32]byte(out[:32]), [32]byte(out[32:])
}
