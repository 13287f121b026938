package auth

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"chatalot/app/wire"
)

const (
	minUsername = 3
	maxUsername = 32
	maxName     = 60 // characters of a name shown on screen
)

// username brings a sign-in name to its one stored form: NFKC, then lower case, then nothing but [a-z0-9_.-]{3,32}, so that no two
// names look alike (a Cyrillic letter is not in the set).
func username(s string) (string, error) {
	name := strings.ToLower(norm.NFKC.String(s))
	if len(name) < minUsername || len(name) > maxUsername || strings.ContainsFunc(name, notInUsername) {
		return "", wire.FailField("username", "A sign-in name has 3 to 32 characters: letters a to z, digits, dots, dashes and underscores.")
	}
	return name, nil
}

func notInUsername(r rune) bool {
	letterOrDigit := 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	return !letterOrDigit && r != '_' && r != '.' && r != '-'
}

// displayName trims a name meant for people's eyes and refuses what could disguise it. field names it in the error.
func displayName(field, s string) (string, error) {
	name := strings.TrimSpace(norm.NFC.String(s))
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || !utf8.ValidString(s) {
		return "", wire.FailField(field, "A name has 1 to 60 characters.")
	}
	if strings.ContainsFunc(name, hidden) || !strings.ContainsFunc(name, visible) {
		return "", wire.FailField(field, "A name cannot hold line breaks, control characters or invisible marks: type it in plain text.")
	}
	return name, nil
}

// hidden reports characters that change how the text around them looks without being seen: controls, line separators, and the
// embeddings, overrides and isolates of the bidirectional algorithm (UAX 9).
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) ||
		unicode.Is(unicode.Co, r) || r == '\ufeff' || r == '\u200b' || r == '\u2060' || r == utf8.RuneError
}

// visible reports characters that leave a mark by themselves.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
