// Package signed holds the public signed statements that server and clients both read: prekeys, device manifests and
// membership operations (SPEC.md section 3), the strict public keys in them, and the ids they speak of.
//
// The server uses it to refuse garbage, the clients to decide. Nothing here is secret but the signing keys passed in.
// A parsed statement is well-formed, no more: only Verify says that it was signed by whom it names.
package signed

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"

	"chatalot/app/wire/octet"
)

// Suite is the one set of algorithms there is. There is no negotiation: another value is refused.
const Suite = 0x01

// version is the first byte of every statement.
const version = 0x01

// Why a statement was refused, whatever its kind.
var (
	ErrVersion   = errors.New("this was made by a newer version of the app: update to read it")
	ErrSuite     = errors.New("this uses a kind of encryption that the app does not know: update to read it")
	ErrSignature = errors.New("the signature does not fit: this was not made by the device it names")
	ErrUser      = errors.New("this speaks of another person than the device list it was checked against")
	ErrDevice    = errors.New("this names a device that is not on its owner's device list")
	ErrRemoved   = errors.New("this was made by a device after its removal from the device list")
	ErrTimes     = errors.New("the times in it contradict each other")
	ErrID        = errors.New("an id in it is all zeros")
)

// Signature is an Ed25519 signature (RFC 8032).
type Signature [64]byte

// Sign signs label || parts. The label, "chatalot/<purpose>/v1" and a zero byte, is what keeps a signature made for one
// purpose from serving another; where more than one part varies in length the caller must make their borders unambiguous.
func Sign(key ed25519.PrivateKey, label string, parts ...[]byte) Signature {
	return Signature(ed25519.Sign(key, join(label, parts)))
}

// Hash returns SHA-256(label || parts), under the same rule as Sign.
func Hash(label string, parts ...[]byte) [32]byte { return sha256.Sum256(join(label, parts)) }

func join(label string, parts [][]byte) []byte {
	b := []byte(label)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// parsed ends a parser: all of the input was read without fault, and the statement keeps its own rules.
func parsed[T interface{ check() error }](r *octet.Reader, statement T) (T, error) {
	err := r.Done()
	if err == nil {
		err = statement.check()
	}
	if err != nil {
		var none T
		return none, err
	}
	return statement, nil
}
