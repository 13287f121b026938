package prim

import (
	"errors"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes of what Box works with, in bytes.
const (
	KeySize    = 32
	NonceSize  = chacha20poly1305.NonceSizeX
	CommitSize = 32
	Overhead   = chacha20poly1305.Overhead // how much longer a ciphertext is than its plaintext
)

// Why something sealed could not be opened.
var (
	ErrCommitment = errors.New("this was not sealed with the key it was opened with")
	ErrSealed     = errors.New("this was altered after it was sealed")
)

// Box seals one thing under one secret key. Commit goes into the authenticated header and is compared before anything is
// decrypted: the AEAD alone does not commit to its key, so one ciphertext could open differently for two people
// (E2EE.md section 2, N19).
type Box struct {
	key    [KeySize]byte
	Commit [CommitSize]byte
}

// NewBox derives a Box: key || Commit = Derive(secret, no salt, label, context, 64).
func NewBox(secret []byte, label string, context []byte) *Box {
	b, out := new(Box), Derive(secret, nil, label, context, KeySize+CommitSize)
	copy(b.key[:], out)
	copy(b.Commit[:], out[KeySize:])
	Wipe(out)
	return b
}

// NewNonce returns a random nonce. Random although keys are single-use, because a restored browser profile repeats them.
func NewNonce(rand io.Reader) (nonce [NonceSize]byte, err error) {
	err = Random(rand, nonce[:])
	return nonce, err
}

// Seal encrypts plaintext with XChaCha20-Poly1305, binding ad, which must hold nonce and Commit. The box is spent.
func (b *Box) Seal(nonce [NonceSize]byte, plaintext, ad []byte) []byte {
	defer b.Wipe()
	aead, _ := chacha20poly1305.NewX(b.key[:]) // fails only for another key size
	return aead.Seal(nil, nonce[:], plaintext, ad)
}

// Open checks the commitment that came with the ciphertext, then decrypts: ErrCommitment or ErrSealed. The box is spent.
func (b *Box) Open(nonce [NonceSize]byte, commit [CommitSize]byte, ciphertext, ad []byte) ([]byte, error) {
	defer b.Wipe()
	if !Equal(b.Commit[:], commit[:]) {
		return nil, ErrCommitment
	}
	aead, _ := chacha20poly1305.NewX(b.key[:])
	plaintext, err := aead.Open(nil, nonce[:], ciphertext, ad)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// Wipe forgets the key of a box that will not be used.
func (b *Box) Wipe() { Wipe(b.key[:]) }
