package apptest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// DemandNowhere fails the test when a secret stands, in any spelling, in the log, in a file of the place outside its secrets directory, or in what
// else there is to search, by name. secrets are by name too; each has several values that all must be absent.
func (p *Place) DemandNowhere(t testing.TB, secrets map[string][][]byte, also map[string]string) {
	t.Helper()
	places := p.everyByte(t)
	for name := range places {
		if strings.HasPrefix(name, filepath.Join(p.Data, "secrets")+string(filepath.Separator)) {
			delete(places, name)
		}
	}
	maps.Copy(places, also)
	for name, values := range secrets {
		for i, value := range values {
			if len(value) < 8 {
				t.Fatalf("%s %d is too short: the search would find it anywhere", name, i)
			}
			for where, text := range places {
				if Holds(text, value) {
					t.Errorf("%s holds %s %d", where, name, i)
				}
			}
		}
	}
}

// Holds reports whether a secret stands in text as it is, in hex, in base64 or base64url at any alignment, or as a list of numbers.
func Holds(text string, secret []byte) bool {
	for _, spelled := range spellings(secret) {
		if strings.Contains(text, spelled) {
			return true
		}
	}
	return false
}

func spellings(secret []byte) []string {
	list := []string{string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), strings.Trim(fmt.Sprint(secret), "[]")}
	for before := range 3 { // bytes that stand before it in what was encoded
		whole := append(make([]byte, before), secret...)
		from, to := (before*8+5)/6, len(whole)*8/6 // the characters that depend on the secret alone
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			list = append(list, alphabet.EncodeToString(whole)[from:to])
		}
	}
	return list
}
