package octet

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	b := NewWriter(0).U8(1).U16(2).U32(3).U64(MaxU64).Raw([]byte("abc")).Text("de").Var([]byte("fgh")).U16(2).Raw([]byte("xy")).Bytes()
	r := NewReader(b)
	r.Const(1, errors.New("version"))
	if r.U16() != 2 || r.U32() != 3 || r.U64() != MaxU64 || string(r.Raw(3)) != "abc" || string(r.Raw(2)) != "de" {
		t.Fatal("fixed fields differ")
	}
	if string(r.Var(3)) != "fgh" || r.Count(2, 1) != 2 || string(r.Raw(2)) != "xy" || r.Done() != nil {
		t.Fatal("variable fields differ: ", r.Err())
	}
}

func TestEachFaultIsNamedAndTheFirstOneSticks(t *testing.T) {
	wrong := errors.New("wrong version")
	for name, c := range map[string]struct {
		in   []byte
		read func(*Reader)
		want error
	}{
		"cut in an integer":  {[]byte{1, 2, 3}, func(r *Reader) { r.U32() }, ErrShort},
		"cut in a field":     {[]byte{0, 0, 0, 2, 1}, func(r *Reader) { r.Var(9) }, ErrShort},
		"too long a field":   {[]byte{0, 0, 0, 2, 1, 1}, func(r *Reader) { r.Var(1) }, ErrTooLong},
		"length 2^32-1":      {[]byte{255, 255, 255, 255}, func(r *Reader) { r.Var(1 << 20) }, ErrTooLong},
		"too many items":     {[]byte{0, 3, 1, 1, 1}, func(r *Reader) { r.Count(2, 1) }, ErrTooLong},
		"items not there":    {[]byte{255, 255, 1}, func(r *Reader) { r.Count(65535, 8) }, ErrShort},
		"a byte left over":   {[]byte{1, 2}, func(r *Reader) { r.U8() }, ErrTrailing},
		"above 2^53-1":       {[]byte{0, 32, 0, 0, 0, 0, 0, 0}, func(r *Reader) { r.U64() }, ErrTooLarge},
		"another version":    {[]byte{2}, func(r *Reader) { r.Const(1, wrong) }, wrong},
		"the first one wins": {[]byte{1}, func(r *Reader) { r.U16(); r.Fail(wrong); r.U8() }, ErrShort},
		"negative length":    {[]byte{1}, func(r *Reader) { r.Raw(-1) }, ErrShort},
	} {
		r := NewReader(c.in)
		c.read(r)
		if err := r.Done(); err != c.want {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if r.U8() != 0 || r.Raw(1) != nil || r.Count(9, 0) != 0 {
			t.Errorf("%s: a failed reader went on reading", name)
		}
	}
}

func TestReturnedSlicesCannotGrowIntoTheRest(t *testing.T) {
	in := []byte{1, 2, 3}
	_ = append(NewReader(in).Raw(1), 9)
	if in[1] != 2 {
		t.Fatal("appending to a field overwrote the next one")
	}
}

func TestBase64IsTheStandardOne(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i * 7)
	}
	for n := range all {
		text := Base64(all[:n])
		if text != base64.RawURLEncoding.EncodeToString(all[:n]) {
			t.Fatalf("%d bytes encode to %q", n, text)
		}
		if back, err := ParseBase64(text); err != nil || !bytes.Equal(back, all[:n]) {
			t.Fatalf("%q does not decode", text)
		}
	}
}

func FuzzBase64AcceptsOnlyItsOwnTexts(f *testing.F) {
	for _, s := range []string{"", "A", "AA", "AB", "AA==", "+/", "-_", "A A", "AAA\n", "QUJD", "00000", "\xff\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBase64(s)
		if err == nil && Base64(b) != s {
			t.Fatalf("%q was accepted but is %q", s, Base64(b))
		}
		want, wantErr := base64.RawURLEncoding.Strict().DecodeString(s)
		clean := !bytes.ContainsAny([]byte(s), "\r\n")
		if clean && ((err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(b, want)) {
			t.Fatalf("%q: got %x %v, the standard library %x %v", s, b, err, want, wantErr)
		}
		if !clean && err == nil {
			t.Fatalf("%q holds a line break and was accepted", s)
		}
	})
}

func TestBase32LettersAreCrockfordsAndForgiving(t *testing.T) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	want := map[byte]uint{'O': 0, 'o': 0, 'I': 1, 'i': 1, 'L': 1, 'l': 1}
	for v, letter := range []byte(alphabet) {
		if Base32Letter(uint(v)) != letter {
			t.Errorf("%d is %q", v, Base32Letter(uint(v)))
		}
		want[letter], want[letter|0x20] = uint(v), uint(v) // a digit has bit 0x20 already
	}
	for letter := range 256 {
		v, known := want[byte(letter)]
		if !known {
			v = 32
		}
		if got := Base32Value(byte(letter)); got != v {
			t.Errorf("%q is %d, want %d", byte(letter), got, v)
		}
	}
}
