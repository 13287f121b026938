package auth

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// totpKeySize is the length of the key under which two-step secrets are sealed, in bytes.
const totpKeySize = 32

// totpCheck is the known value that stands in the database sealed under the TOTP key.
const totpCheck = "chatalot"

// sealCheck seals the known value, by which another TOTP key is noticed at start and not at somebody's sign-in.
func (k *Keys) sealCheck() ([]byte, error) {
	aead, err := k.checkAEAD()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(totpCheck)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, []byte(totpCheck), nil), nil
}

// opensCheck reports whether sealed was made by sealCheck under the same TOTP key.
func (k *Keys) opensCheck(sealed []byte) bool {
	aead, err := k.checkAEAD()
	if err != nil || len(sealed) < aead.NonceSize() {
		return false
	}
	value, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
	return err == nil && subtle.ConstantTimeCompare(value, []byte(totpCheck)) == 1
}

func (k *Keys) checkAEAD() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.totp, nil, "chatalot/totp-check/v1\x00", chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of the check value: %w", err)
	}
	return chacha20poly1305.NewX(key)
}
