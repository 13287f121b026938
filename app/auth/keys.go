package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"

	"chatalot/app/store"
)

// Why the keys of a place were not opened. Each arrives wrapped in one line that says what to do.
var (
	ErrKeyUnreadable = errors.New("a key file cannot be read or written, or others may use it")
	ErrKeyMissing    = errors.New("the access-token key is missing")
	ErrKeyMalformed  = errors.New("the access-token key is malformed")
	ErrKeyMismatch   = errors.New("the access-token keys are no pair")
	ErrTOTPMissing   = errors.New("the TOTP key is missing")
	ErrTOTPMalformed = errors.New("the TOTP key is malformed")
	ErrTOTPWrong     = errors.New("the TOTP key is another one")
	ErrNotRotated    = errors.New("the keys cannot be rotated now")
)

// keyError is one line for the operator with its kind behind it.
type keyError struct {
	kind error
	line string
}

func (e keyError) Error() string { return e.line }
func (e keyError) Unwrap() error { return e.kind }

func refuseKey(kind error, format string, args ...any) error {
	return keyError{kind, fmt.Sprintf(format, args...)}
}

// Keys sign access tokens, authenticate refresh tokens and seal two-step secrets. They stand beside the database, never in it: whoever
// steals the database can make none of these and open none.
type Keys struct {
	*pair
	previous []*pair // that rotations replaced: whether their tokens are still taken is for the database to say
	totp     []byte  // 32 bytes; everything sealed under it uses a key derived from it
}

// pair is an access-token key and what follows from it.
type pair struct {
	private     ed25519.PrivateKey
	refresh     []byte   // HMAC key of refresh tokens
	fingerprint [32]byte // SHA-256 of the public key
	id          string   // kid: names the key in a token's header
}

// String keeps the keys out of formatted text.
func (Keys) String() string { return redacted }

// Format keeps the keys out of every other verb, which would print the fields.
func (Keys) Format(f fmt.State, _ rune) { f.Write([]byte(redacted)) }

// Format keeps the key out of whatever prints it.
func (pair) Format(f fmt.State, _ rune) { f.Write([]byte(redacted)) }

// OpenKeys reads the keys of a place. One whose database has never used a key gets it made, and with it the secrets directory (0700); for any
// other a missing key is an error: inventing a new one would sign everybody out and hide that something is lost. A given file is never made.
// Every error is one of those above, in one line that says what to do.
func OpenKeys(ctx context.Context, files KeyFiles, s *store.Store) (*Keys, error) {
	known, err := readKnown(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := files.openDir(); err != nil {
		return nil, err
	}
	current, err := files.openPair(known.KeyFingerprint != [32]byte{})
	if err != nil {
		return nil, err
	}
	k := &Keys{pair: current}
	if k.previous, err = files.openPrevious(known); err != nil {
		return nil, err
	}
	if k.totp, err = openTOTPKey(files, known.TOTPCheck != nil); err != nil {
		return nil, err
	}
	if known.TOTPCheck != nil && !k.opensCheck(known.TOTPCheck) {
		return nil, refuseKey(ErrTOTPWrong, "%s is not the key this place has used: put the right one back from your backup", files.totp().path)
	}
	return k, nil
}

// known is what the database knows of the keys.
type known struct {
	store.Place
	retired []store.RetiredKey
	now     int64 // Unix ms
}

func readKnown(ctx context.Context, s *store.Store) (k known, err error) {
	err = s.Read(ctx, func(tx *store.Tx) (err error) {
		if k.Place, err = tx.Place(); err != nil {
			return err
		}
		k.now = tx.Now()
		k.retired, err = tx.RetiredKeys()
		return err
	})
	if err != nil {
		return k, fmt.Errorf("read what the database knows of the keys: %w", err)
	}
	return k, nil
}

func newPair(private ed25519.PrivateKey) (*pair, error) {
	refresh, err := hkdf.Key(sha256.New, private.Seed(), nil, "chatalot/refresh/v1\x00", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the refresh key: %w", err)
	}
	sum := sha256.Sum256(private.Public().(ed25519.PublicKey))
	return &pair{private: private, refresh: refresh, fingerprint: sum, id: base64.RawURLEncoding.EncodeToString(sum[:12])}, nil
}

func generatePair() (*pair, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return newPair(private)
}

// openPair reads the access-token key and its public half.
func (files KeyFiles) openPair(used bool) (*pair, error) {
	at := files.private()
	text, err := files.read(at)
	if errors.Is(err, fs.ErrNotExist) {
		return files.firstPair(at, used)
	}
	if err != nil {
		return nil, err
	}
	p, err := parsePair(at.path, text)
	if err != nil {
		return nil, err
	}
	return p, files.matchPublic(p)
}

// firstPair makes the key of a place that has never used one.
func (files KeyFiles) firstPair(at keyFile, used bool) (*pair, error) {
	switch {
	case at.given:
		return nil, refuseKey(ErrKeyMissing, "there is no key at %s: put it there (openssl genpkey -algorithm ed25519 makes one), or take jwt_private_key_file out of the settings", at.path)
	case used:
		return nil, refuseKey(ErrKeyMissing, "%s is missing, but this place has used it: put it back from your backup", at.path)
	}
	p, err := generatePair()
	if err != nil {
		return nil, err
	}
	if err := files.writePrivate(p); err != nil {
		return nil, err
	}
	return p, files.matchPublic(p)
}

func parsePair(path string, text []byte) (*pair, error) {
	der, rest := nextBlock(text, "PRIVATE KEY")
	if der == nil || !blank(rest) {
		return nil, refuseKey(ErrKeyMalformed, `%s must hold exactly one PEM block of type "PRIVATE KEY": put the right file there`, path)
	}
	return pairOf(path, der)
}

func pairOf(path string, der []byte) (*pair, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, refuseKey(ErrKeyMalformed, "%s is not an Ed25519 private key in PKCS#8: put the right file there (openssl genpkey -algorithm ed25519 makes one)", path)
	}
	return newPair(private)
}

// matchPublic makes the public key's file when there is none, and refuses one that belongs to another private key.
func (files KeyFiles) matchPublic(p *pair) error {
	at := files.public()
	if at.path == "" { // the private key was given alone
		return nil
	}
	text, err := files.read(at)
	if errors.Is(err, fs.ErrNotExist) {
		if at.given {
			return refuseKey(ErrKeyMissing, "there is no key at %s: put it there, or take jwt_public_key_file out of the settings", at.path)
		}
		return files.writePublic(p)
	}
	if err != nil {
		return err
	}
	der, rest := nextBlock(text, "PUBLIC KEY")
	if der == nil || !blank(rest) {
		return refuseKey(ErrKeyMalformed, `%s must hold exactly one PEM block of type "PUBLIC KEY": restore it, or delete it to have it made again`, at.path)
	}
	if key, err := x509.ParsePKIXPublicKey(der); err != nil || !p.private.Public().(ed25519.PublicKey).Equal(key) {
		return refuseKey(ErrKeyMismatch, "%s does not belong to %s: restore the pair, or delete %s to have it made again", at.path, files.private().path, publicKeyFile)
	}
	return nil
}

// openPrevious reads the keys that rotations replaced, and removes their file when no token of theirs is taken any more.
func (files KeyFiles) openPrevious(known known) ([]*pair, error) {
	at := files.previous()
	text, err := files.read(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []*pair
	for !blank(text) {
		var der []byte
		if der, text = nextBlock(text, "PRIVATE KEY"); der == nil {
			return nil, refuseKey(ErrKeyMalformed, "%s is damaged: put it back from your backup, or delete it: then those who did not come since the rotation sign in again", at.path)
		}
		p, err := pairOf(at.path, der)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	if known.allOver(list) {
		return nil, removeFile(at.path)
	}
	return list, nil
}

// allOver reports whether no token is taken any more of any of the keys.
func (known known) allOver(list []*pair) bool {
	for _, p := range list {
		if !known.over(p) {
			return false
		}
	}
	return true
}

func (known known) over(p *pair) bool {
	for _, r := range known.retired {
		if r.Fingerprint == p.fingerprint {
			return r.At+refreshIdle.Milliseconds() <= known.now
		}
	}
	return p.fingerprint != known.KeyFingerprint // else a rotation is under way, or waits for the next start
}
