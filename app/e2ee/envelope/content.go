// Package envelope holds the bytes of a message (SPEC.md section 7): the content that everyone of a conversation gets, sealed once under a
// fresh message key, and the pairwise envelope that brings one device what it needs to open it.
//
// Parsing decrypts nothing and believes nothing: who sealed a content is known only after Verify, or after its key came through a pairwise
// session, and what it says only after Open.
package envelope

import (
	"crypto/ed25519"
	"errors"
	"io"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	version      = 0x01
	labelMessage = "chatalot/message/v1\x00"
	labelContent = "chatalot/content/v1\x00"
	labelSign    = "chatalot/skmsg/v1\x00"
)

// Kind says how a content's key reaches those who may read it.
type Kind uint8

// The kinds of content. A webhook's post is the one thing that is not encrypted; it has a kind of its own so that no flag elsewhere decides what
// a message is, and Parse refuses it: whoever shows webhook posts reads them by another parser, marked as what they are (E2EE.md section 14, N29).
const (
	DM      Kind = 1 // by a pairwise envelope for each device
	Group   Kind = 2 // the next key of the sender's chain; signed
	Webhook Kind = 3 // not encrypted: never a person's message
)

// Why bytes are not a message, or could not be opened.
var (
	ErrMalformed = errors.New("this is not a message, or it was altered on the way")
	ErrVersion   = errors.New("this message was made by a newer version of the app: update to read it")
	ErrPlaintext = errors.New("this message is not encrypted: people's messages always are")
	ErrSignature = errors.New("this message was not sealed by the device it names")
)

// MaxPlaintext is the most bytes that one message carries: what the largest padding bucket leaves.
const MaxPlaintext = prim.MaxPadded - 1 - frameSize

// MaxContent is the longest encoding of a content, in bytes.
const MaxContent = headerSize + groupSize + 4 + prim.MaxPadded + prim.Overhead + 64

const (
	headerSize = 1 + 1 + 1 + 32 + 16 + 16 + 16 + 8 + 32 + prim.NonceSize + prim.CommitSize
	groupSize  = 16 + 4
	frameSize  = 1 + 8 + 8 + 32 + 4
)

// Header is what a content says of itself in the clear. All of it is authenticated.
type Header struct {
	Kind      Kind
	Conv      signed.ConvID
	MsgID     signed.MsgID
	User      signed.UserID // the sender
	Device    signed.DeviceID
	Epoch     uint64
	State     [32]byte // state hash at Epoch
	KeyID     [16]byte // Group only: the sender key
	Iteration uint32   // Group only: the place in its chain
}

// Frame is what a content carries inside: an event and what keeps events in their place.
type Frame struct {
	SentAt    uint64   // sender's clock, Unix ms
	Counter   uint64   // numbers the sending device's messages in this conversation, from 1
	LastSeen  [32]byte // hash of the newest content the sender knew there, zero for none
	Plaintext []byte   // the app's own event: opaque here
}

// Content is a parsed message.
type Content struct {
	Header
	header     []byte // as it was on the wire: the AEAD's associated data
	nonce      [prim.NonceSize]byte
	commit     [prim.CommitSize]byte
	ciphertext []byte
	signature  signed.Signature
}

// Hash names a content's exact bytes.
func Hash(content []byte) [32]byte { return signed.Hash(labelContent, content) }

// Seal encrypts frame under the message key mk, which serves this once. sign is the sender key's signing half for Group, nil for DM.
// prim.ErrTooLong when the plaintext exceeds MaxPlaintext.
func Seal(rand io.Reader, h Header, mk []byte, frame Frame, sign ed25519.PrivateKey) ([]byte, error) {
	padded, err := prim.Pad(frame.encode())
	if err != nil {
		return nil, err
	}
	nonce, err := prim.NewNonce(rand)
	if err != nil {
		return nil, err
	}
	box := prim.NewBox(mk, labelMessage, nil)
	header := h.encode(nonce, box.Commit)
	ciphertext := box.Seal(nonce, padded, header)
	w := octet.NewWriter(len(header) + 4 + len(ciphertext) + 64).Raw(header).Var(ciphertext)
	if h.Kind == Group {
		sig := signed.Sign(sign, labelSign, header, ciphertext)
		w.Raw(sig[:])
	}
	return w.Bytes(), nil
}

func (h *Header) encode(nonce [prim.NonceSize]byte, commit [prim.CommitSize]byte) []byte {
	w := octet.NewWriter(headerSize + groupSize).U8(version).U8(prim.Suite).U8(uint8(h.Kind))
	w.Raw(h.Conv[:]).Raw(h.MsgID[:]).Raw(h.User[:]).Raw(h.Device[:]).U64(h.Epoch).Raw(h.State[:])
	if h.Kind == Group {
		w.Raw(h.KeyID[:]).U32(h.Iteration)
	}
	return w.Raw(nonce[:]).Raw(commit[:]).Bytes()
}

// Parse reads a whole content: ErrVersion, ErrPlaintext or ErrMalformed. It shares memory with b.
func Parse(b []byte) (*Content, error) {
	if len(b) > MaxContent {
		return nil, ErrMalformed
	}
	r, c := octet.NewReader(b), new(Content)
	c.read(r)
	c.header = b[:len(b)-r.Left()]
	c.ciphertext = r.Var(prim.MaxPadded + prim.Overhead)
	if c.Kind == Group {
		r.Into(c.signature[:])
	}
	return c, parseError(r.Done())
}

func (c *Content) read(r *octet.Reader) {
	r.Const(version, ErrVersion)
	r.Const(prim.Suite, ErrVersion)
	switch c.Kind = Kind(r.U8()); c.Kind {
	case DM, Group:
	case Webhook:
		r.Fail(ErrPlaintext)
	default:
		r.Fail(ErrMalformed)
	}
	r.Into(c.Conv[:])
	r.Into(c.MsgID[:])
	r.Into(c.User[:])
	r.Into(c.Device[:])
	c.Epoch = r.U64()
	r.Into(c.State[:])
	if c.Kind == Group {
		r.Into(c.KeyID[:])
		c.Iteration = r.U32()
	}
	r.Into(c.nonce[:])
	r.Into(c.commit[:])
}

// parseError reduces what a reader met to this package's errors, so that a failure says no more than it must (N32).
func parseError(err error) error {
	if err == nil || err == ErrVersion || err == ErrPlaintext {
		return err
	}
	return ErrMalformed
}

// Verify reports whether a Group content was signed with the sender key whose public half is key. It comes before every other use of the
// content: whoever holds the chain key could forge all else (N17).
func (c *Content) Verify(key signed.Ed25519Key) bool {
	return c.Kind == Group && key.Verify(c.signature, labelSign, c.header, c.ciphertext)
}

// Open decrypts with the message key: prim.ErrCommitment for another key than the one sealed with, and one uniform ErrMalformed for all that can be
// wrong afterwards.
func (c *Content) Open(mk []byte) (Frame, error) {
	padded, err := prim.NewBox(mk, labelMessage, nil).Open(c.nonce, c.commit, c.ciphertext, c.header)
	if err == prim.ErrCommitment {
		return Frame{}, err
	}
	if err != nil {
		return Frame{}, ErrMalformed
	}
	plain, err := prim.Unpad(padded)
	if err != nil {
		return Frame{}, ErrMalformed
	}
	return parseFrame(plain)
}

func (f *Frame) encode() []byte {
	return octet.NewWriter(frameSize + len(f.Plaintext)).U8(version).U64(f.SentAt).U64(f.Counter).Raw(f.LastSeen[:]).Var(f.Plaintext).Bytes()
}

func parseFrame(b []byte) (f Frame, err error) {
	r := octet.NewReader(b)
	r.Const(version, ErrMalformed)
	f.SentAt, f.Counter = r.U64(), r.U64()
	r.Into(f.LastSeen[:])
	f.Plaintext = r.Var(MaxPlaintext)
	if r.Done() != nil || f.Counter == 0 {
		return Frame{}, ErrMalformed
	}
	return f, nil
}
