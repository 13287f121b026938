package signed

// checkKEM makes the modulus check of FIPS 203 section 7.2: each of the 3 x 256 packed 12-bit coefficients is below 3329.
// Done here by hand because the server, which parses prekeys too, has no other use for ML-KEM.
func checkKEM(ek []byte) error {
	for i := 0; i+3 <= 1152; i += 3 {
		low := int(ek[i]) | int(ek[i+1]&0x0f)<<8
		high := int(ek[i+1]>>4) | int(ek[i+2])<<4
		if low >= 3329 || high >= 3329 {
			return ErrKey
		}
	}
	return nil
}
