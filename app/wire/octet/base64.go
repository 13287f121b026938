package octet

import "errors"

// ErrBase64 means that a text is not the base64url of any bytes, or not the only one of them.
var ErrBase64 = errors.New("not base64url without padding")

// Base64 returns b as base64url without padding (RFC 4648 section 5). It neither branches on nor indexes by the bytes, so
// that secrets may pass through it (E2EE.md N33).
func Base64(b []byte) string {
	out := make([]byte, 0, (len(b)*8+5)/6)
	var acc, bits uint
	for _, v := range b {
		acc, bits = acc<<8|uint(v), bits+8
		for ; bits >= 6; bits -= 6 {
			out = append(out, letter(acc>>(bits-6)&63))
		}
	}
	if bits > 0 {
		out = append(out, letter(acc<<(6-bits)&63))
	}
	return string(out)
}

// ParseBase64 returns the bytes whose Base64 is s. Every other text is ErrBase64: padding, white space, the letters of
// plain base64, left-over bits that are not zero.
func ParseBase64(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)*6/8)
	var acc, bits, bad uint
	for i := range len(s) {
		v := value(s[i])
		bad |= v >> 6
		acc, bits = acc<<6|v&63, bits+6
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	if bad != 0 || bits == 6 || acc&(1<<bits-1) != 0 {
		return nil, ErrBase64
	}
	return out, nil
}

// letter maps 0..63 to its base64url letter by adding the gaps between the ranges A-Z, a-z, 0-9, - and _.
func letter(v uint) byte {
	c := int(v) + 'A'
	c += ((25 - int(v)) >> 8) & ('a' - 'Z' - 1)
	c -= ((51 - int(v)) >> 8) & ('z' + 1 - '0')
	c -= ((61 - int(v)) >> 8) & ('9' + 1 - '-')
	c += ((62 - int(v)) >> 8) & ('_' - '-' - 1)
	return byte(c)
}

// value maps a base64url letter to 0..63, and everything else to 64.
func value(letter byte) uint {
	c, v := int(letter), 64
	v ^= within(c, 'A', 'Z') & (64 ^ (c - 'A'))
	v ^= within(c, 'a', 'z') & (64 ^ (c - 'a' + 26))
	v ^= within(c, '0', '9') & (64 ^ (c - '0' + 52))
	v ^= within(c, '-', '-') & (64 ^ 62)
	v ^= within(c, '_', '_') & (64 ^ 63)
	return uint(v)
}

// within returns all ones when low <= c <= high, else zero.
func within(c, low, high int) int { return ((low - 1 - c) & (c - high - 1)) >> 8 }
