package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatalot/app/store"
)

func (h *house) openKeys(dir string) (*Keys, error) {
	return OpenKeys(h.t.Context(), KeyFiles{Dir: dir}, h.store)
}

// unused is a house whose database has never used a key.
func unused(t *testing.T) *house {
	h := newHouse(t)
	h.write(func(tx *store.Tx) error { return errors.Join(tx.SetKeyFingerprint([32]byte{}), tx.SetTOTPCheck(nil)) })
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
	if err != nil || again.fingerprint != made.fingerprint || !bytes.Equal(again.totp, made.totp) {
		t.Fatalf("read another key: %v", err)
	}
	for _, text := range []string{fmt.Sprint(made), fmt.Sprintf("%+v %#v %x %d", made, *made, made.pair, *made.pair), slogged(made)} {
		for _, secret := range [][]byte{made.private.Seed(), made.refresh, made.totp} {
			if strings.Contains(text, string(secret)) || strings.Contains(text, hex.EncodeToString(secret)) || strings.Contains(text, strings.Trim(fmt.Sprint(secret), "[]")) {
				t.Errorf("a key formats as itself: %q", text)
			}
		}
	}
}

func TestAPlaceFromBeforeTwoStepCodesGetsItsTOTPKeyAndNeedsItFromThenOn(t *testing.T) {
	h, dir := newHouse(t), putKeys(t, opensslPrivate, opensslPublic)
	h.write(func(tx *store.Tx) error { return tx.SetTOTPCheck(nil) })
	file := filepath.Join(dir, totpKeyFile)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	keys, err := h.openKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	h.reopen(keys)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := h.openKeys(dir); !errors.Is(err, ErrTOTPMissing) {
		t.Fatalf("%v", err)
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

// testTOTPFile is the TOTP key of testKeys as its file has it.
var testTOTPFile = "8d6a3f0c51e79b24d80e6f1a93c57b42e05d8c7f16a94b3e20fd7185c96ab34e\n"

// putKeys leaves these files in a secrets directory; an empty text leaves none.
func putKeys(t *testing.T, private, public string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{privateKeyFile: private, publicKeyFile: public, totpKeyFile: testTOTPFile} {
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
		kind                  error
		private, public, says string
		spoil                 func(dir string) error
	}{
		"mismatch":               {ErrKeyMismatch, opensslPrivate, otherPublic, "does not belong", nil},
		"empty":                  {ErrKeyMalformed, " ", opensslPublic, "PEM block", nil},
		"public in place":        {ErrKeyMalformed, opensslPublic, opensslPublic, "PEM block", nil},
		"private in place":       {ErrKeyMalformed, opensslPrivate, opensslPrivate, "PEM block", nil},
		"two keys":               {ErrKeyMalformed, opensslPrivate + opensslPrivate, opensslPublic, "exactly one", nil},
		"garbage inside":         {ErrKeyMalformed, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", opensslPublic, "openssl genpkey", nil},
		"no private":             {ErrKeyMissing, "", opensslPublic, "backup", nil},
		"readable private":       {ErrKeyUnreadable, opensslPrivate, opensslPublic, "chmod 0600", mode(privateKeyFile, 0o640)},
		"writable public":        {ErrKeyUnreadable, opensslPrivate, opensslPublic, "chmod 0644", mode(publicKeyFile, 0o666)},
		"open directory":         {ErrKeyUnreadable, opensslPrivate, opensslPublic, "chmod 0700", mode("", 0o750)},
		"private is a directory": {ErrKeyUnreadable, "", opensslPublic, "cannot be read", func(dir string) error { return os.Mkdir(filepath.Join(dir, privateKeyFile), 0o700) }},
		"readable TOTP":          {ErrKeyUnreadable, opensslPrivate, opensslPublic, "chmod 0600", mode(totpKeyFile, 0o604)},
		"damaged previous":       {ErrKeyMalformed, opensslPrivate, opensslPublic, "sign in again", text(previousKeyFile, opensslPublic)},
		"readable previous": {ErrKeyUnreadable, opensslPrivate, opensslPublic, "chmod 0600", func(dir string) error {
			return errors.Join(text(previousKeyFile, opensslPrivate)(dir), mode(previousKeyFile, 0o644)(dir))
		}},
		"no TOTP":      {ErrTOTPMissing, opensslPrivate, opensslPublic, "backup", func(dir string) error { return os.Remove(filepath.Join(dir, totpKeyFile)) }},
		"other TOTP":   {ErrTOTPWrong, opensslPrivate, opensslPublic, "backup", text(totpKeyFile, hex.EncodeToString(random(totpKeySize))+"\n")},
		"short TOTP":   {ErrTOTPMalformed, opensslPrivate, opensslPublic, "openssl rand -hex 32", text(totpKeyFile, hex.EncodeToString(random(31)))},
		"long TOTP":    {ErrTOTPMalformed, opensslPrivate, opensslPublic, "openssl rand -hex 32", text(totpKeyFile, hex.EncodeToString(random(33)))},
		"two lines":    {ErrTOTPMalformed, opensslPrivate, opensslPublic, "openssl rand -hex 32", text(totpKeyFile, testTOTPFile+"\n")},
		"no hex":       {ErrTOTPMalformed, opensslPrivate, opensslPublic, "openssl rand -hex 32", text(totpKeyFile, strings.Repeat("g", 64))},
		"zero TOTP":    {ErrTOTPMalformed, opensslPrivate, opensslPublic, "example", text(totpKeyFile, strings.Repeat("0", 64))},
		"printed TOTP": {ErrTOTPMalformed, opensslPrivate, opensslPublic, "example", text(totpKeyFile, strings.Repeat("0123456789abcdef", 4))},
		"counted TOTP": {ErrTOTPMalformed, opensslPrivate, opensslPublic, "example", text(totpKeyFile, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := putKeys(t, c.private, c.public)
			if c.spoil != nil {
				if err := c.spoil(dir); err != nil {
					t.Fatal(err)
				}
			}
			_, err := h.openKeys(dir)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v", err)
			}
		})
	}
}

func mode(name string, mode os.FileMode) func(dir string) error {
	return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
}

func text(name, text string) func(dir string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
}

func slogged(v any) string {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	return b.String()
}

func TestInsecurePermissionsMayBeInsistedOnButAreWarnedAbout(t *testing.T) {
	h, dir := newHouse(t), putKeys(t, opensslPrivate, opensslPublic)
	for _, spoil := range []func(string) error{mode("", 0o755), mode(privateKeyFile, 0o644), mode(totpKeyFile, 0o644)} {
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	files := KeyFiles{Dir: dir, Insecure: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := OpenKeys(t.Context(), files, h.store); err != nil || strings.Count(log.String(), "level=WARN") != 3 {
		t.Fatalf("%v, %s", err, log.String())
	}
}

// given moves the files of a secrets directory to where settings or credentials would have them.
func given(t *testing.T, names ...string) (dir, elsewhere string) {
	t.Helper()
	elsewhere, dir = putKeys(t, opensslPrivate, opensslPublic), filepath.Join(t.TempDir(), "secrets")
	for _, name := range []string{privateKeyFile, publicKeyFile, totpKeyFile} {
		if !slices.Contains(names, name) {
			if err := os.Remove(filepath.Join(elsewhere, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir, elsewhere
}

func TestKeysMayBeGivenBySettingsOrByCredentials(t *testing.T) {
	h := newHouse(t)
	dir, elsewhere := given(t, privateKeyFile, publicKeyFile, totpKeyFile)
	at := func(name string) string { return filepath.Join(elsewhere, name) }
	empty := t.TempDir()
	want, err := parsePair("", []byte(opensslPrivate))
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]KeyFiles{
		"settings":                  {Private: at(privateKeyFile), Public: at(publicKeyFile), TOTP: at(totpKeyFile)},
		"settings without public":   {Private: at(privateKeyFile), TOTP: at(totpKeyFile)},
		"credentials":               {Credentials: elsewhere},
		"settings over credentials": {Credentials: empty, Private: at(privateKeyFile), TOTP: at(totpKeyFile)},
	} {
		files.Dir = dir
		k, err := OpenKeys(t.Context(), files, h.store)
		if err != nil || k.fingerprint != want.fingerprint || !bytes.Equal(k.totp, testKeys(t, 1).totp) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 0 {
		t.Errorf("files were made beside those that were given: %v %v", made, err)
	}
	if kept, err := os.ReadDir(elsewhere); err != nil || len(kept) != 3 {
		t.Errorf("something was written where keys are only read: %v %v", kept, err)
	}
}

func TestAGivenKeyIsNeverMade(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for name, c := range map[string]struct {
		files KeyFiles
		kind  error
	}{
		"private": {KeyFiles{Private: nowhere}, ErrKeyMissing},
		"public":  {KeyFiles{Public: nowhere}, ErrKeyMissing},
		"totp":    {KeyFiles{TOTP: nowhere}, ErrTOTPMissing},
	} {
		h := unused(t)
		c.files.Dir = filepath.Join(t.TempDir(), "secrets")
		if _, err := OpenKeys(t.Context(), c.files, h.store); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(nowhere); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
}

func TestACredentialComesBeforeTheSecretsDirectoryAndAfterTheSettings(t *testing.T) {
	h, dir := newHouse(t), putKeys(t, opensslPrivate, opensslPublic)
	credentials, settings := t.TempDir(), t.TempDir()
	for place, key := range map[string]string{credentials: strings.Repeat("c", 64), settings: strings.Repeat("d", 64)} {
		if err := text(totpKeyFile, key)(place); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		files KeyFiles
		from  string
	}{
		{KeyFiles{Dir: dir, Credentials: credentials}, credentials},
		{KeyFiles{Dir: dir, Credentials: credentials, TOTP: filepath.Join(settings, totpKeyFile)}, settings},
	} {
		if _, err := OpenKeys(t.Context(), c.files, h.store); !errors.Is(err, ErrTOTPMalformed) || !strings.Contains(err.Error(), c.from) {
			t.Errorf("want the one in %s: %v", c.from, err)
		}
	}
}

// What systemd grants by an ACL shows its mask as the group's right; nobody but the service can read it all the same.
func TestACredentialMayLookReadableToItsGroupButToNobodyElse(t *testing.T) {
	h := newHouse(t)
	dir, elsewhere := given(t, privateKeyFile, totpKeyFile)
	files := KeyFiles{Dir: dir, Credentials: elsewhere}
	for _, c := range []struct {
		mode os.FileMode
		kind error
	}{{0o440, nil}, {0o444, ErrKeyUnreadable}, {0o460, ErrKeyUnreadable}} {
		if err := mode(privateKeyFile, c.mode)(elsewhere); err != nil {
			t.Fatal(err)
		}
		named := files
		named.Private = filepath.Join(elsewhere, privateKeyFile)
		for _, files := range []KeyFiles{files, named} {
			if _, err := OpenKeys(t.Context(), files, h.store); !errors.Is(err, c.kind) {
				t.Errorf("%v: %v", c.mode, err)
			}
		}
	}
}

func TestWhatOpensslMakesLoads(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not here; TestKeysMadeByOpensslLoad has what it writes")
	}
	h, dir := unused(t), t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"genpkey", "-algorithm", "Ed25519", "-out", privateKeyFile}, {"pkey", "-in", privateKeyFile, "-pubout", "-out", publicKeyFile},
		{"rand", "-hex", "-out", totpKeyFile, "32"},
	} {
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	for _, name := range []string{privateKeyFile, totpKeyFile} {
		if err := mode(name, 0o600)(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.openKeys(dir); err != nil {
		t.Fatal(err)
	}
}

func FuzzTOTPKey(f *testing.F) {
	f.Add([]byte(testTOTPFile))
	f.Add([]byte(strings.Repeat("0", 64)))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := ParseTOTPKey("totp.key", text)
		if err == nil && (len(key) != totpKeySize || !strings.EqualFold(hex.EncodeToString(key), strings.TrimRight(string(text), "\r\n"))) {
			t.Fatalf("%q was read as %x", text, key)
		}
	})
}
