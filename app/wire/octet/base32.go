package octet

// Base32Letter returns the letter of Crockford's base32 for 0..31. Like Base32Value it neither branches on nor indexes by its
// argument, because the text is a secret (E2EE.md N33).
func Base32Letter(v uint) byte {
	n := int(v)
	c := '0' + n
	c += after(n, 9) & ('A' - '9' - 1)
	c += after(n, 17) & 1 // no I
	c += after(n, 19) & 1 // no L
	c += after(n, 21) & 1 // no O
	c += after(n, 26) & 1 // no U
	return byte(c)
}

// Base32Value returns the value of a letter as people type it: in either case, O for 0, I and L for 1. Everything else is 32.
func Base32Value(letter byte) uint {
	c := int(letter)
	c -= within(c, 'a', 'z') & ('a' - 'A')
	value := 32
	value ^= within(c, 'O', 'O') & (32 ^ 0)
	value ^= (within(c, 'I', 'I') | within(c, 'L', 'L')) & (32 ^ 1)
	for v := range 32 {
		known := int(Base32Letter(uint(v)))
		value ^= within(c, known, known) & (32 ^ v)
	}
	return uint(value)
}

// after returns all ones when n > last, else zero.
func after(n, last int) int { return (last - n) >> 8 }
