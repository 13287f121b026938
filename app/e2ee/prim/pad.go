package prim

import "errors"

// MaxPadded is the largest bucket; a plaintext is at least one byte shorter.
const MaxPadded = 64 << 10

const minPadded = 128

// Why a plaintext does not fit its padding.
var (
	ErrTooLong = errors.New("this is too long to send: a message holds at most 65,535 bytes")
	ErrPadding = errors.New("this was not padded as it must be")
)

// Pad appends 0x80 and zeros up to the next bucket, the powers of two from 128 bytes to 64 KiB, so that the size of a
// ciphertext tells little. It copies; ErrTooLong when there is no bucket for it.
func Pad(plaintext []byte) ([]byte, error) {
	if len(plaintext) >= MaxPadded {
		return nil, ErrTooLong
	}
	padded := make([]byte, bucket(len(plaintext)))
	padded[copy(padded, plaintext)] = 0x80
	return padded, nil
}

// Unpad returns what Pad was given, sharing its memory. All else is ErrPadding: another size than a bucket, a larger bucket
// than needed, other bytes than zeros after the mark. It runs only on authenticated bytes.
func Unpad(padded []byte) ([]byte, error) {
	end := len(padded) - 1
	for end >= 0 && padded[end] == 0 {
		end--
	}
	if end < 0 || padded[end] != 0x80 || end >= MaxPadded || len(padded) != bucket(end) {
		return nil, ErrPadding
	}
	return padded[:end:end], nil
}

// bucket returns the smallest bucket that holds n bytes and the mark.
func bucket(n int) int {
	size := minPadded
	for size <= n {
		size *= 2
	}
	return size
}
