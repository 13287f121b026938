package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"chatalot/app/store"
)

// The key files inside a place's secrets directory, as openssl writes and reads them.
const (
	privateKeyFile = "jwt_private.pem" // PKCS#8, mode 0600
	publicKeyFile  = "jwt_public.pem"  // SubjectPublicKeyInfo, mode 0644
)

// Keys sign access tokens and authenticate refresh tokens. They stand beside the database, never in it: whoever steals the
// database can make neither.
type Keys struct {
	private     ed25519.PrivateKey
	refresh     []byte   // HMAC key of refresh tokens
	totp        []byte   // master key of everything about the second step, see subKey
	fingerprint [32]byte // SHA-256 of the public key
	id          string   // kid: names the key in a token's header
}

// String keeps the keys out of logs.
func (*Keys) String() string { return redacted }

// OpenKeys reads the keys in dir, which it makes (0700) when missing. A place whose database has never used keys gets new ones; for any
// other, missing keys are an error: inventing new ones would sign everybody out and hide that something is lost.
// Every error is one line that says what to do.
func OpenKeys(ctx context.Context, dir string, s *store.Store) (*Keys, error) {
	used, err := keysUsed(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := openSecrets(dir); err != nil {
		return nil, err
	}
	private, err := readPrivate(filepath.Join(dir, privateKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		if used {
			return nil, fmt.Errorf("%s is missing, but this place has used it: put it back from your backup", filepath.Join(dir, privateKeyFile))
		}
		private, err = createPrivate(dir)
	}
	if err != nil {
		return nil, err
	}
	if err := matchPublic(filepath.Join(dir, publicKeyFile), private.Public().(ed25519.PublicKey)); err != nil {
		return nil, err
	}
	keys, err := newKeys(private)
	if err != nil {
		return nil, err
	}
	keys.totp, err = openTOTPKey(dir)
	return keys, err
}

func newKeys(private ed25519.PrivateKey) (*Keys, error) {
	refresh, err := hkdf.Key(sha256.New, private.Seed(), nil, "chatalot/refresh/v1\x00", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the refresh key: %w", err)
	}
	sum := sha256.Sum256(private.Public().(ed25519.PublicKey))
	return &Keys{private: private, refresh: refresh, fingerprint: sum, id: base64.RawURLEncoding.EncodeToString(sum[:12])}, nil
}

func keysUsed(ctx context.Context, s *store.Store) (used bool, err error) {
	err = s.Read(ctx, func(tx *store.Tx) error {
		place, err := tx.Place()
		used = place.KeyFingerprint != [32]byte{}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return used, err
}

func openSecrets(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the secrets directory: %w", err)
	}
	return refuseOpenTo(dir, 0o077, "0700")
}

// refuseOpenTo returns an error when the file at path has any of the permission bits in forbidden, as ssh does for its keys.
func refuseOpenTo(path string, forbidden fs.FileMode, want string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if open := info.Mode().Perm() & forbidden; open != 0 {
		return fmt.Errorf("others on this machine may use %s (mode %04o): run chmod %s %s", path, info.Mode().Perm(), want, path)
	}
	return nil
}

func readPrivate(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := refuseOpenTo(path, 0o077, "0600"); err != nil {
		return nil, err
	}
	der, err := onlyBlock(text, "PRIVATE KEY")
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s is not an Ed25519 private key in PKCS#8: put the right file there (openssl genpkey -algorithm ed25519 makes one)", path)
	}
	return private, nil
}

// onlyBlock returns the content of text's one PEM block, which must be of the kind given.
func onlyBlock(text []byte, kind string) ([]byte, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != kind || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("must hold exactly one PEM block of type %q", kind)
	}
	return block.Bytes, nil
}

func createPrivate(dir string) (ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode the private key: %w", err)
	}
	return private, writePEM(dir, privateKeyFile, "PRIVATE KEY", der, 0o600)
}

// matchPublic makes the public key's file when there is none, and refuses one that belongs to another private key.
func matchPublic(path string, public ed25519.PublicKey) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return fmt.Errorf("encode the public key: %w", err)
		}
		return writePEM(filepath.Dir(path), publicKeyFile, "PUBLIC KEY", der, 0o644)
	}
	if err != nil {
		return fmt.Errorf("read the public key: %w", err)
	}
	if err := refuseOpenTo(path, 0o022, "0644"); err != nil {
		return err
	}
	der, err := onlyBlock(text, "PUBLIC KEY")
	if err != nil {
		return fmt.Errorf("%s %w", path, err)
	}
	if key, err := x509.ParsePKIXPublicKey(der); err != nil || !public.Equal(key) {
		return fmt.Errorf("%s does not belong to %s: restore the pair, or delete %s to have it made again", path, privateKeyFile, publicKeyFile)
	}
	return nil
}

// writePEM puts a file in place whole or not at all, even when the power fails meanwhile.
func writePEM(dir, name, kind string, der []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	err = errors.Join(f.Chmod(mode), pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
