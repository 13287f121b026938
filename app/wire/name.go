package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxName and MaxTopic are the longest name of anything and the longest topic of a channel, in characters.
const (
	MaxName  = 60
	MaxTopic = 250
)

// CleanName brings a name that people read (of a place, person, device, community, group, channel) to its stored form: NFC, trimmed, 1 to
// MaxName characters, nothing in it that is unseen or changes how the text around it looks. field names it in the error.
func CleanName(field, s string) (string, error) {
	name, err := cleanLine(field, s, MaxName)
	if err != nil {
		return "", err
	}
	if !strings.ContainsFunc(name, visible) {
		return "", FailField(field, fmt.Sprintf("A name has 1 to %d characters.", MaxName))
	}
	return name, nil
}

// CleanTopic is CleanName for a channel's topic: at most MaxTopic characters, and it may be empty.
func CleanTopic(field, s string) (string, error) { return cleanLine(field, s, MaxTopic) }

func cleanLine(field, s string, most int) (string, error) {
	if len(s) > 4*4*most { // normalising costs time: bytes far beyond most characters are refused unread
		return "", tooLong(field, most)
	}
	line := strings.TrimSpace(norm.NFC.String(s))
	switch {
	case utf8.RuneCountInString(line) > most:
		return "", tooLong(field, most)
	case !utf8.ValidString(s) || strings.ContainsFunc(line, hidden):
		return "", FailField(field, "Line breaks, control characters and invisible marks cannot stand here: type it in plain text.")
	}
	return line, nil
}

func tooLong(field string, most int) error {
	return FailField(field, fmt.Sprintf("This may have at most %d characters: shorten it.", most))
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
