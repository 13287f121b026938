package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
	"golang.org/x/crypto/chacha20poly1305"

	"chatalot/app/wire"
)

// Two-step codes as every authenticator app makes them: RFC 6238 with its defaults.
const (
	totpPeriod = 30 // seconds
	totpDigits = 6
	totpSecret = 20 // bytes, as RFC 4226 section 4 recommends
	totpSkew   = 1  // steps a clock may be off, either way

	totpKeySize = 32 // bytes of the master key
)

// The sub-keys of the TOTP master key. Each serves one purpose, so that nothing made for one can be used for another.
const (
	sealingKey  = "chatalot/totp/v1\x00"
	backupKey   = "chatalot/backup-code/v1\x00"
	attemptsKey = "chatalot/attempts/v1\x00"
	deviceKey   = "chatalot/device-cookie/v1\x00"
)

// What a sealed value is, bound into it: one cannot stand in for the other.
const (
	secretLabel = "totp secret\x00"
	checkLabel  = "totp key check\x00"
)

// keyCheck is what is sealed to notice a wrong key at start.
const keyCheck = "chatalot totp key"

// subKey derives the key of one purpose from the TOTP master key (RFC 5869).
func (k *Keys) subKey(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.totp, nil, purpose, 32)
	if err != nil {
		panic(err) // only for lengths beyond 255 hashes
	}
	return key
}

var errSealed = errors.New("a sealed secret does not open with this TOTP key")

// seal encrypts with XChaCha20-Poly1305: nonce, then ciphertext. What is bound is not in the result and must be given again to open it.
func (k *Keys) seal(plain []byte, bound string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.subKey(sealingKey))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	nonce := random(aead.NonceSize())
	return aead.Seal(nonce, nonce, plain, []byte(bound)), nil
}

// unseal opens what seal made with the same key and bound.
func (k *Keys) unseal(sealed []byte, bound string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.subKey(sealingKey))
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errSealed
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(bound))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// sealCheck makes a value that opensCheck knows only under this very key.
func (k *Keys) sealCheck() ([]byte, error) { return k.seal([]byte(keyCheck), checkLabel) }

// opensCheck reports whether sealed was made by sealCheck under this key.
func (k *Keys) opensCheck(sealed []byte) bool {
	plain, err := k.unseal(sealed, checkLabel)
	return err == nil && subtle.ConstantTimeCompare(plain, []byte(keyCheck)) == 1
}

// sealSecret seals a person's two-step secret: moved to another account it does not open.
func (k *Keys) sealSecret(user wire.UserID, secret []byte) ([]byte, error) {
	return k.seal(secret, secretLabel+string(user[:]))
}

func (k *Keys) openSecret(user wire.UserID, sealed []byte) ([]byte, error) {
	return k.unseal(sealed, secretLabel+string(user[:]))
}

// base32Text is how authenticator apps spell a secret.
var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// authenticatorLink is what stands in the QR code. place is the issuer, which the app shows above the sign-in name.
func authenticatorLink(place, username string, secret []byte) (string, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: strings.ReplaceAll(place, ":", " "), AccountName: username, Secret: secret,
		Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return "", fmt.Errorf("make an authenticator link: %w", err)
	}
	return key.URL(), nil
}

// codeAt is the code of a time step.
func codeAt(secret []byte, step int64) (string, error) {
	return hotp.GenerateCodeCustom(base32Text.EncodeToString(secret), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// stepOf finds the time step near now (Unix ms) and later than last whose code this is. All of them are looked at, so that the time it takes
// tells nothing.
func stepOf(secret []byte, code string, now, last int64) (step int64, ok bool, err error) {
	current := now / 1000 / totpPeriod
	for s := current - totpSkew; s <= current+totpSkew; s++ {
		want, err := codeAt(secret, s)
		if err != nil {
			return 0, false, fmt.Errorf("make a two-step code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last && !ok {
			step, ok = s, true
		}
	}
	return step, ok, nil
}

// checkCode refuses what no authenticator app shows: anything but six ASCII digits.
func checkCode(code string) error {
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	if len(code) != totpDigits || strings.ContainsFunc(code, notDigit) {
		return wire.FailField("code", "A two-step code has six digits, as the authenticator app shows them.")
	}
	return nil
}

func badCode() error {
	return wire.Fail(wire.BadCode, "This code is not right, or was used already. Check it; a code from the app is followed by a new one every half minute.")
}
