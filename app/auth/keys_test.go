package auth

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatalot/app/store"
)

func (h *house) openKeys(dir string) (*Keys, error) { return OpenKeys(h.t.Context(), dir, h.store) }

// unused is a house whose database has never used a key.
func unused(t *testing.T) *house {
	h := newHouse(t)
	h.write(func(tx *store.Tx) error { return tx.SetKeyFingerprint([32]byte{}) })
	return h
}

func TestKeysAreMadeOnceAndReadEverAfter(t *testing.T) {
	h, dir := unused(t), filepath.Join(t.TempDir(), "secrets")
	made, err := h.openKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, privateKeyFile: 0o600, publicKeyFile: 0o644, totpKeyFile: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has mode %v, %v", name, info.Mode(), err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("%v, %v", files, err)
	}
	again, err := h.openKeys(dir)
	if err != nil || again.fingerprint != made.fingerprint {
		t.Fatalf("read another key: %v", err)
	}
	if strings.Contains(made.String(), string(made.private)) {
		t.Fatal("a key formats as itself")
	}
}

func TestNoNewKeyIsInventedForADatabaseThatUsedOne(t *testing.T) {
	h, dir := newHouse(t), filepath.Join(t.TempDir(), "secrets")
	if _, err := h.openKeys(dir); err == nil || !strings.Contains(err.Error(), "backup") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, privateKeyFile)); err == nil {
		t.Fatal("one was made all the same")
	}
}

// These bytes are what "openssl genpkey -algorithm ed25519" and "openssl pkey -pubout" write for the key of RFC 8410 section 10.3.
const (
	opensslPrivate = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"
	opensslPublic  = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
)

func putKeys(t *testing.T, private, public string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{privateKeyFile: private, publicKeyFile: public} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestKeysMadeByOpensslLoad(t *testing.T) {
	h := newHouse(t)
	for _, public := range []string{opensslPublic, ""} { // a missing public half is made from the private one
		dir := putKeys(t, opensslPrivate, public)
		if _, err := h.openKeys(dir); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, publicKeyFile))
		if err != nil || string(text) != opensslPublic {
			t.Fatalf("%s %v", text, err)
		}
	}
}

func TestKeysThatAreNotRightAreRefusedInOneClearLine(t *testing.T) {
	h := newHouse(t)
	other, err := x509.MarshalPKIXPublicKey(newKey().Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	otherPublic := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: other}))
	for name, c := range map[string]struct {
		private, public, says string
		spoil                 func(dir string) error
	}{
		"mismatch":         {opensslPrivate, otherPublic, "does not belong", nil},
		"empty":            {" ", opensslPublic, "PEM block", nil},
		"public in place":  {opensslPublic, opensslPublic, "PEM block", nil},
		"two keys":         {opensslPrivate + opensslPrivate, opensslPublic, "exactly one", nil},
		"garbage inside":   {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", opensslPublic, "openssl genpkey", nil},
		"readable private": {opensslPrivate, opensslPublic, "chmod 0600", func(dir string) error { return os.Chmod(filepath.Join(dir, privateKeyFile), 0o640) }},
		"writable public":  {opensslPrivate, opensslPublic, "chmod 0644", func(dir string) error { return os.Chmod(filepath.Join(dir, publicKeyFile), 0o666) }},
		"open directory":   {opensslPrivate, opensslPublic, "chmod 0700", func(dir string) error { return os.Chmod(dir, 0o750) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := putKeys(t, c.private, c.public)
			if c.spoil != nil {
				if err := c.spoil(dir); err != nil {
					t.Fatal(err)
				}
			}
			_, err := h.openKeys(dir)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v", err)
			}
		})
	}
}
