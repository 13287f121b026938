package identity

import (
	"encoding/binary"

	"chatalot/app/wire/signed"
)

// SafetyNumber returns the 60 digits that two people see alike when nobody stands between them: 30 for each, the lower first.
func SafetyNumber(a signed.UserID, aMSK signed.Ed25519Key, b signed.UserID, bMSK signed.Ed25519Key) string {
	one, other := digits(a, aMSK), digits(b, bMSK)
	if one > other {
		one, other = other, one
	}
	return one + other
}

// digits returns six groups of five digits, each made of 40 bits of the hash, about 99 bits in all.
func digits(user signed.UserID, msk signed.Ed25519Key) string {
	hash := signed.Hash("chatalot/sn/v1\x00", user[:], msk[:])
	var out [30]byte
	for group := range 6 {
		var wide [8]byte
		copy(wide[3:], hash[group*5:group*5+5])
		value := binary.BigEndian.Uint64(wide[:]) % 100_000
		for place := 4; place >= 0; place-- {
			out[group*5+place] = byte('0' + value%10)
			value /= 10
		}
	}
	return string(out[:])
}
