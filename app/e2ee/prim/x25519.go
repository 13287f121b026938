package prim

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"io"

	"chatalot/app/wire/signed"
)

// DHPrivate is a private X25519 key: the 32 random bytes, clamped only when used (RFC 7748).
type DHPrivate [32]byte

// NewDHPrivate makes a private key. crypto/ecdh's own generator ignores the source it is given.
func NewDHPrivate(rand io.Reader) (k DHPrivate, err error) {
	err = Random(rand, k[:])
	return k, err
}

// Public returns the public half.
func (k DHPrivate) Public() signed.X25519Key { return signed.X25519Key(k.key().PublicKey().Bytes()) }

// Exchange returns X25519(k, peer), or signed.ErrKey for a peer key that is not canonical or of small order (N01, N03).
func (k DHPrivate) Exchange(peer signed.X25519Key) ([]byte, error) {
	if err := peer.Check(); err != nil {
		return nil, err
	}
	public, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return nil, signed.ErrKey
	}
	shared, err := k.key().ECDH(public)
	if err != nil {
		return nil, signed.ErrKey // an all-zero result: the peer's key was of small order
	}
	return shared, nil
}

func (k DHPrivate) key() *ecdh.PrivateKey {
	key, _ := ecdh.X25519().NewPrivateKey(k[:]) // fails only for another length
	return key
}

// NewSigningKey makes an Ed25519 key from 32 random bytes. ed25519.GenerateKey ignores the source it is given.
func NewSigningKey(rand io.Reader) (ed25519.PrivateKey, error) {
	var seed [ed25519.SeedSize]byte
	defer Wipe(seed[:])
	if err := Random(rand, seed[:]); err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed[:]), nil
}
