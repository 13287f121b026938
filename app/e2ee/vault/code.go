package vault

import (
	"crypto/sha256"
	"errors"
	"io"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
)

// CodeLetters is the length of a recovery key: 26 letters of Crockford's base32 and 2 that check them.
const CodeLetters = valueLetters + 2

const (
	valueLetters = 26
	checkPrime   = 1021 // the largest below 2^10: every single wrong letter and every swap of neighbours changes the remainder
)

// Why a recovery key cannot be one.
var (
	ErrLength = errors.New("a recovery key has 28 letters and digits: some are missing or there are too many")
	ErrLetter = errors.New("a recovery key has only digits and letters, and no U: check what you typed")
	ErrCheck  = errors.New("this recovery key is mistyped: check it letter by letter")
)

// Code is a recovery key: 128 random bits, which is why no slow hash guards it.
type Code [16]byte

// NewCode makes a recovery key.
func NewCode(rand io.Reader) (c Code, err error) {
	err = prim.Random(rand, c[:])
	return c, err
}

// String returns the key as people write it down, ungrouped: the big-endian number in base 32, then its remainder.
func (c Code) String() string {
	values := c.values()
	check := remainder(values[:])
	out := make([]byte, 0, CodeLetters)
	for _, v := range append(values[:], check>>5, check&31) {
		out = append(out, octet.Base32Letter(v))
	}
	return string(out)
}

// ParseCode reads a key as people type it: in any case, with spaces and dashes, O for 0, I and L for 1. What cannot be a
// key is ErrLength, ErrLetter or ErrCheck.
func ParseCode(s string) (Code, error) {
	var values [CodeLetters]uint
	n := 0
	for i := range len(s) {
		if s[i] == ' ' || s[i] == '-' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r' {
			continue
		}
		v := octet.Base32Value(s[i])
		if v > 31 {
			return Code{}, ErrLetter
		}
		if n == CodeLetters {
			return Code{}, ErrLength
		}
		values[n], n = v, n+1
	}
	if n != CodeLetters {
		return Code{}, ErrLength
	}
	check := values[valueLetters]<<5 | values[valueLetters+1]
	if values[0] > 7 || remainder(values[:valueLetters]) != check {
		return Code{}, ErrCheck
	}
	return pack(values[:valueLetters]), nil
}

const labelProof = "chatalot/recovery-proof/v1\x00"

// Proof returns what shows the server that somebody holds the key, without telling it: 32 bytes, from which neither the key nor what opens the
// vault can be computed (SPEC.md section 6.5).
func (c Code) Proof() []byte { return prim.Derive(c[:], nil, labelProof, nil, 32) }

// Verifier returns what the server keeps to check a proof: its SHA-256.
func (c Code) Verifier() []byte {
	sum := sha256.Sum256(c.Proof())
	return sum[:]
}

// values returns the key as 26 digits of base 32: 128 bits after two zero bits.
func (c Code) values() (out [valueLetters]uint) {
	var acc, bits uint = 0, 2
	i := 0
	for _, b := range c {
		acc, bits = acc<<8|uint(b), bits+8
		for ; bits >= 5; bits -= 5 {
			out[i], i = acc>>(bits-5)&31, i+1
		}
	}
	return out
}

// pack reverses values.
func pack(values []uint) (c Code) {
	acc, bits := values[0], uint(3)
	i := 0
	for _, v := range values[1:] {
		acc, bits = acc<<5|v, bits+5
		if bits >= 8 {
			bits -= 8
			c[i], i = byte(acc>>bits), i+1
		}
	}
	return c
}

// remainder returns the number that the base-32 digits spell, modulo checkPrime.
func remainder(values []uint) (r uint) {
	for _, v := range values {
		r = (r<<5 | v) % checkPrime
	}
	return r
}
