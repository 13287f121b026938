// Package prim holds the primitives of suite 0x01 as everything above uses them: labelled HKDF, XChaCha20-Poly1305 with a
// random nonce and a key commitment, strict X25519, ML-KEM-768, and padding (SPEC.md section 2).
//
// Randomness is always a parameter. Errors carry no detail an attacker could learn from.
package prim

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"runtime"

	"chatalot/app/wire/signed"
)

// Suite is the one set of algorithms there is (SPEC.md section 2).
const Suite = signed.Suite

// ErrRandom means that the random source failed; nothing was made with what it gave.
var ErrRandom = errors.New("the source of randomness failed: nothing was encrypted")

// Random fills b from rand, or returns ErrRandom.
func Random(rand io.Reader, b []byte) error {
	if _, err := io.ReadFull(rand, b); err != nil {
		clear(b)
		return ErrRandom
	}
	return nil
}

// Derive is HKDF-SHA-256 (RFC 5869) with info = label || context. A label is "chatalot/<purpose>/v1" and a zero byte; n is
// at most 8160 bytes.
func Derive(secret, salt []byte, label string, context []byte, n int) []byte {
	out, err := hkdf.Key(sha256.New, secret, salt, label+string(context), n)
	if err != nil {
		panic("prim: " + err.Error()) // only for n out of range, which is a constant of the caller
	}
	return out
}

// Equal compares two byte strings of equal length in a time that does not depend on what they hold.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// Wipe overwrites a secret that is no longer needed. It is the best Go offers: copies the runtime made are out of reach.
func Wipe(secrets ...[]byte) {
	for _, b := range secrets {
		clear(b)
		runtime.KeepAlive(b)
	}
}
