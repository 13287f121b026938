package auth

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"chatalot/app/wire"
)

const (
	minUsername = 3
	maxUsername = 32
	maxTyped    = 4 * maxUsername // bytes as typed: full-width letters take three; normalising a megabyte for a stranger costs time
)

// username brings a sign-in name to its one stored form: NFKC, then lower case, then nothing but [a-z0-9_.-]{3,32}, so that no two
// names look alike (a Cyrillic letter is not in the set).
func username(s string) (string, error) {
	name := ""
	if len(s) <= maxTyped {
		name = strings.ToLower(norm.NFKC.String(s))
	}
	if len(name) < minUsername || len(name) > maxUsername || strings.ContainsFunc(name, notInUsername) {
		return "", wire.FailField("username", "A sign-in name has 3 to 32 characters: letters a to z, digits, dots, dashes and underscores.")
	}
	return name, nil
}

func notInUsername(r rune) bool {
	letterOrDigit := 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	return !letterOrDigit && r != '_' && r != '.' && r != '-'
}
