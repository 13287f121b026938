package auth

import (
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatalot/app/wire"
)

const (
	accessLife     = 15 * time.Minute
	accessAudience = "access"
	accessType     = "at+jwt" // RFC 9068
	maxAccessToken = 2 << 10  // bytes
	clockLeeway    = 5 * time.Second
)

// accessClaims is what an access token says. It is a format, not an authority: the session it names must be alive.
type accessClaims struct {
	jwt.RegisteredClaims
	Session wire.SessionID `json:"sid"`
	Epoch   int64          `json:"epoch"` // user.epoch when the session began
}

// accessTokens makes and reads access tokens: Ed25519 JWTs of one issuer.
type accessTokens struct {
	keys      *Keys
	issuer    string
	now       func() time.Time
	parser    *jwt.Parser
	validator *jwt.Validator
	retired   atomic.Pointer[[]retiredPair]

	mu       sync.RWMutex
	verified map[[sha256.Size]byte]accessClaims // by the token's hash
}

// maxVerified is how many tokens are remembered as verified: some hundred bytes each.
const maxVerified = 4096

func newAccessTokens(keys *Keys, issuer string, now func() time.Time) *accessTokens {
	rules := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(accessAudience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(clockLeeway), jwt.WithStrictDecoding(), jwt.WithTimeFunc(now),
	}
	return &accessTokens{keys: keys, issuer: issuer, now: now, parser: jwt.NewParser(rules...), validator: jwt.NewValidator(rules...),
		verified: map[[sha256.Size]byte]accessClaims{}}
}

// mint returns a token for the session and when it expires, at whole seconds as a JWT counts them.
func (t *accessTokens) mint(user wire.UserID, session wire.SessionID, epoch int64) (string, time.Time, error) {
	issued := t.now().Truncate(time.Second)
	expires := issued.Add(accessLife)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.issuer, Audience: jwt.ClaimStrings{accessAudience}, Subject: user.String(),
			IssuedAt: jwt.NewNumericDate(issued), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Session: session, Epoch: epoch,
	})
	token.Header = map[string]any{"alg": jwt.SigningMethodEdDSA.Alg(), "typ": accessType, "kid": t.keys.id}
	text, err := token.SignedString(t.keys.private)
	return text, expires, err
}

var errAccessToken = errors.New("not an access token of this place")

// read returns what a valid token says. Every other text is the same error: whoever holds it needs a new one, whatever is wrong.
func (t *accessTokens) read(token string) (accessClaims, error) {
	var claims accessClaims
	if len(token) > maxAccessToken || strings.ContainsFunc(token, notInToken) {
		return claims, errAccessToken
	}
	sum := sha256.Sum256([]byte(token))
	if known, ok := t.recall(sum); ok {
		if t.validator.Validate(known) != nil {
			return claims, errAccessToken
		}
		return known, nil
	}
	parsed, err := t.parser.ParseWithClaims(token, &claims, t.key)
	if err != nil {
		return claims, errAccessToken
	}
	if parsed.Header["kid"] == t.keys.id { // a retired key's time ends, whatever its tokens say
		t.remember(sum, claims)
	}
	return claims, nil
}

// recall spares a token its second signature check, which is most of what a small request costs on a small machine. Its dates are checked
// every time.
func (t *accessTokens) recall(sum [sha256.Size]byte) (accessClaims, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	claims, ok := t.verified[sum]
	return claims, ok
}

func (t *accessTokens) remember(sum [sha256.Size]byte, claims accessClaims) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.verified) >= maxVerified {
		clear(t.verified) // they are verified again when they are seen again
	}
	t.verified[sum] = claims
}

// notInToken keeps out the line breaks that base64 decoders skip, so that one token has one spelling.
func notInToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// key gives the verifying key for a token whose header is exactly ours: no crit, jwk, jku, x5u or anything else. The kid is looked up among the
// keys in memory; it is never a path or an address.
func (t *accessTokens) key(token *jwt.Token) (any, error) {
	h := token.Header
	if len(h) != 3 || h["typ"] != accessType {
		return nil, errAccessToken
	}
	if h["kid"] == t.keys.id {
		return t.keys.private.Public(), nil
	}
	for _, r := range t.stillGood(accessLife + clockLeeway) {
		if h["kid"] == r.id {
			return r.private.Public(), nil
		}
	}
	return nil, errAccessToken
}
