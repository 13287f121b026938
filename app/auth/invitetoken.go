package auth

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"chatalot/app/wire"
)

// crockford is Douglas Crockford's base32: no I, L, O or U, so that a token can be read aloud and typed.
var crockford = base32.NewEncoding(crockfordAlphabet).WithPadding(base32.NoPadding)

const crockfordAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// crockfordTyped undoes what people do when they type: small letters, dashes, spaces, and o, i or l for 0 and 1.
func crockfordTyped(text string) string {
	return strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(text))
}

const (
	inviteBytes = 16 // 128 random bits
	inviteChars = 26
)

// newInviteToken returns a token of 26 characters and what the database keeps of it.
func newInviteToken() (token string, hash [32]byte) {
	b := random(inviteBytes)
	return crockford.EncodeToString(b), sha256.Sum256(b)
}

// inviteHash is what the database keeps of a token, which people may type in small letters, with dashes or spaces, and with o, i or l
// for 0 and 1. A text that is no token answers as an unknown one does.
func inviteHash(token string) ([32]byte, error) {
	if len(token) > 4*inviteChars {
		return [32]byte{}, inviteGone()
	}
	text := crockfordTyped(token)
	b, err := crockford.DecodeString(text)
	if err != nil || len(b) != inviteBytes || crockford.EncodeToString(b) != text {
		return [32]byte{}, inviteGone()
	}
	return sha256.Sum256(b), nil
}

func inviteGone() error {
	return wire.Fail(wire.InviteGone, "This invitation has expired. Ask the person who sent it for a new one.")
}
