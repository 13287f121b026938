// Package octet writes and reads the strict bytes that everything signed or sealed here is made of: big-endian integers of
// fixed width, fields of known length, u32-length-prefixed fields, u16-counted lists, and not one byte more (SPEC.md section 1).
//
// A value has exactly one encoding, so what was parsed can be encoded again and compared or verified byte for byte.
package octet

import (
	"encoding/binary"
	"errors"
)

// Why bytes were refused. The first fault met is the one reported.
var (
	ErrShort    = errors.New("the data ends too early: it was cut off, or is not what it claims to be")
	ErrTrailing = errors.New("the data goes on after its end: it was altered, or is not what it claims to be")
	ErrTooLong  = errors.New("a field is longer than this format allows")
	ErrTooLarge = errors.New("a number is larger than this format allows")
)

// MaxU64 is the largest value a u64 may hold: what a JavaScript number still holds exactly.
const MaxU64 = 1<<53 - 1

// Writer appends fields to a byte string. Its methods return it, so that an encoding reads as the list of its fields.
type Writer struct{ b []byte }

// NewWriter returns a Writer with room for size bytes; it grows when more are written.
func NewWriter(size int) *Writer { return &Writer{make([]byte, 0, size)} }

// Bytes returns what was written. The Writer must not be used afterwards.
func (w *Writer) Bytes() []byte { return w.b }

// U8 appends one byte.
func (w *Writer) U8(v uint8) *Writer { w.b = append(w.b, v); return w }

// U16 appends a big-endian 16-bit integer; list counts use it too.
func (w *Writer) U16(v uint16) *Writer { w.b = binary.BigEndian.AppendUint16(w.b, v); return w }

// U32 appends a big-endian 32-bit integer.
func (w *Writer) U32(v uint32) *Writer { w.b = binary.BigEndian.AppendUint32(w.b, v); return w }

// U64 appends a big-endian 64-bit integer. Values above MaxU64 are refused by every reader.
func (w *Writer) U64(v uint64) *Writer { w.b = binary.BigEndian.AppendUint64(w.b, v); return w }

// Raw appends bytes whose length the reader knows.
func (w *Writer) Raw(b []byte) *Writer { w.b = append(w.b, b...); return w }

// Text appends the bytes of a string whose length the reader knows; labels are written with it.
func (w *Writer) Text(s string) *Writer { w.b = append(w.b, s...); return w }

// Var appends a u32 length and then the bytes.
func (w *Writer) Var(b []byte) *Writer { return w.U32(uint32(len(b))).Raw(b) }

// Reader takes fields off a byte string. After the first fault every method returns zero values, so a parser reads all its
// fields and asks Done once. Slices it returns share memory with its input.
type Reader struct {
	b   []byte
	err error
}

// NewReader returns a Reader at the start of b, which it never changes.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Fail records err as the reason for refusing the input, unless an earlier one is known.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// Err returns the first fault so far, or nil.
func (r *Reader) Err() error { return r.err }

// Left returns how many bytes are unread.
func (r *Reader) Left() int { return len(r.b) }

// Done returns the first fault, or ErrTrailing when bytes are left over, or nil.
func (r *Reader) Done() error {
	if r.err == nil && len(r.b) > 0 {
		r.Fail(ErrTrailing)
	}
	return r.err
}

// Raw takes n bytes; nil after a fault.
func (r *Reader) Raw(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.Fail(ErrShort)
	}
	if r.err != nil {
		return nil
	}
	head := r.b[:n:n]
	r.b = r.b[n:]
	return head
}

// Into fills dst with the next len(dst) bytes; after a fault it leaves dst alone.
func (r *Reader) Into(dst []byte) { copy(dst, r.Raw(len(dst))) }

// U8 takes one byte.
func (r *Reader) U8() uint8 {
	if b := r.Raw(1); b != nil {
		return b[0]
	}
	return 0
}

// U16 takes a big-endian 16-bit integer.
func (r *Reader) U16() uint16 {
	if b := r.Raw(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// U32 takes a big-endian 32-bit integer.
func (r *Reader) U32() uint32 {
	if b := r.Raw(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// U64 takes a big-endian 64-bit integer and refuses one above MaxU64.
func (r *Reader) U64() uint64 {
	b := r.Raw(8)
	if b == nil {
		return 0
	}
	v := binary.BigEndian.Uint64(b)
	if v > MaxU64 {
		r.Fail(ErrTooLarge)
		return 0
	}
	return v
}

// Var takes a u32-length-prefixed field of at most max bytes.
func (r *Reader) Var(max int) []byte {
	n := r.U32()
	if uint64(n) > uint64(max) {
		r.Fail(ErrTooLong)
		return nil
	}
	return r.Raw(int(n))
}

// Count takes the u16 number of items in a list of at most max items of at least each bytes, so that a few bytes of input
// can never ask for much memory.
func (r *Reader) Count(max, each int) int {
	n := int(r.U16())
	if n > max {
		r.Fail(ErrTooLong)
	} else if n*each > len(r.b) {
		r.Fail(ErrShort)
	}
	if r.err != nil {
		return 0
	}
	return n
}

// Const takes one byte and fails with err when it is not want: version and suite bytes, which are never negotiated.
func (r *Reader) Const(want uint8, err error) {
	if got := r.U8(); r.err == nil && got != want {
		r.Fail(err)
	}
}
