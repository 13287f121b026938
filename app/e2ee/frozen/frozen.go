// Package frozen compares what tests make with the vectors in app/e2ee/testdata. Only tests import it.
//
// With UPDATE_FROZEN=1 it writes the vectors instead. A vector that changes is a format that changed: messages that people
// have kept would no longer open.
package frozen

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"chatalot/app/wire/octet"
)

// Bytes is a byte string that stands in JSON as base64url without padding.
type Bytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(octet.Base64(b)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = octet.ParseBase64(string(text))
	return err
}

// Rand returns a random source that always gives the same bytes for the same name.
func Rand(name string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

// dir is the vectors' folder as seen from a package two floors below app.
var dir = filepath.Join("..", "..", "e2ee", "testdata")

// Check fails the test when the JSON of made is not exactly what app/e2ee/testdata/name holds.
func Check(t *testing.T, name string, made any) {
	t.Helper()
	text, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	path := filepath.Join(dir, name)
	if os.Getenv("UPDATE_FROZEN") == "1" {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, text) {
		t.Fatalf("%s no longer holds what the code makes: the format changed", name)
	}
}

// Load reads the vectors of app/e2ee/testdata/name into kept.
func Load(t *testing.T, name string, kept any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err == nil {
		err = json.Unmarshal(text, kept)
	}
	if err != nil {
		t.Fatal(err)
	}
}
