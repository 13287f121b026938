package prim

import (
	"crypto/mlkem"
	"io"

	"chatalot/app/wire/signed"
)

// Sizes of ML-KEM-768 (FIPS 203), in bytes.
const (
	KEMSeedSize       = mlkem.SeedSize
	KEMPublicSize     = mlkem.EncapsulationKeySize768
	KEMCiphertextSize = mlkem.CiphertextSize768
)

// KEMPrivate is a private ML-KEM-768 key: the 64-byte seed d || z.
type KEMPrivate [KEMSeedSize]byte

// NewKEMPrivate makes a private key.
func NewKEMPrivate(rand io.Reader) (k KEMPrivate, err error) {
	err = Random(rand, k[:])
	return k, err
}

// Public returns the encapsulation key.
func (k *KEMPrivate) Public() []byte { return k.key().EncapsulationKey().Bytes() }

// Decapsulate returns the shared secret of a ciphertext; signed.ErrKey only for another length. A forged ciphertext gives
// another secret, not an error, which is how FIPS 203 has it.
func (k *KEMPrivate) Decapsulate(ciphertext []byte) ([]byte, error) {
	secret, err := k.key().Decapsulate(ciphertext)
	if err != nil {
		return nil, signed.ErrKey
	}
	return secret, nil
}

func (k *KEMPrivate) key() *mlkem.DecapsulationKey768 {
	key, _ := mlkem.NewDecapsulationKey768(k[:]) // fails only for another length
	return key
}

// Encapsulate makes a shared secret for the holder of public, from the system's own random source: crypto/mlkem takes no
// other. A key that is not one is signed.ErrKey.
func Encapsulate(public []byte) (secret, ciphertext []byte, err error) {
	key, err := mlkem.NewEncapsulationKey768(public)
	if err != nil {
		return nil, nil, signed.ErrKey
	}
	secret, ciphertext = key.Encapsulate()
	return secret, ciphertext, nil
}
