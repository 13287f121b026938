package doctor

import (
	"context"
	"crypto/ed25519"
)

// Genuine is a token made exactly as the forged ones are, but signed as the place signs.
func Genuine(ctx context.Context, s Subject) (string, error) {
	p := admit(ctx, s)
	defer p.discharge()
	private, err := p.privateKey()
	if err != nil {
		return "", err
	}
	f := p.forger(private.Public().(ed25519.PublicKey))
	return f.token("EdDSA", f.claims, func(text string) []byte { return ed25519.Sign(private, []byte(text)) }), nil
}
