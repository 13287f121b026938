package doctor

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"chatalot/app/config"
	"chatalot/app/wire"
)

// forgery is a token that must be refused, and what is wrong with it. Everything else about it is right, so that a refusal is for that.
type forgery struct{ what, token string }

// claims are those of an access token (RFC 9068) of this place.
type claims struct {
	Issuer   string   `json:"iss"`
	Audience []string `json:"aud"`
	Subject  string   `json:"sub"`
	Session  string   `json:"sid"`
	Epoch    int64    `json:"epoch"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

var b64 = base64.RawURLEncoding

// forger makes tokens for a session that is alive, so that nothing but the token itself can be the reason for a refusal.
type forger struct {
	claims claims
	public ed25519.PublicKey
	now    time.Time
}

func (p *patient) forger(public ed25519.PublicKey) forger {
	f := forger{public: public, now: p.Now()}
	f.claims = claims{Issuer: b64.EncodeToString(p.health.Place.Instance[:]), Audience: []string{"access"}, Issued: f.now.Add(-time.Minute).Unix(), Expires: f.now.Add(10 * time.Minute).Unix()}
	var session wire.SessionID
	var user wire.UserID
	rand.Read(session[:])
	rand.Read(user[:])
	if s := p.health.Session; s != nil {
		session, user, f.claims.Epoch = s.ID, s.User, s.UserEpoch
	}
	f.claims.Session, f.claims.Subject = session.String(), user.String()
	return f
}

// token is a JWT of the claims whose signature is what sign answers.
func (f forger) token(alg string, c claims, sign func(text string) []byte) string {
	sum := sha256.Sum256(f.public)
	head, _ := json.Marshal(map[string]string{"alg": alg, "typ": "at+jwt", "kid": b64.EncodeToString(sum[:12])}) // strings: cannot fail
	body, _ := json.Marshal(c)
	text := b64.EncodeToString(head) + "." + b64.EncodeToString(body)
	return text + "." + b64.EncodeToString(sign(text))
}

// forgeries are SECURITY.md N38's tokens that need no luck. private may be nil when it cannot be read; the expired one is then left out.
func (f forger) forgeries(private ed25519.PrivateKey) []forgery {
	unsigned := func(string) []byte { return nil }
	mac := func(key []byte) func(string) []byte {
		return func(text string) []byte {
			h := hmac.New(sha256.New, key)
			h.Write([]byte(text))
			return h.Sum(nil)
		}
	}
	der, _ := x509.MarshalPKIXPublicKey(f.public) // an Ed25519 key: cannot fail
	file := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	_, stranger, _ := ed25519.GenerateKey(nil)
	sign := func(key ed25519.PrivateKey) func(string) []byte {
		return func(text string) []byte { return ed25519.Sign(key, []byte(text)) }
	}
	all := []forgery{
		{"an unsigned one (alg none)", f.token("none", f.claims, unsigned)},
		{"an unsigned one (alg None)", f.token("None", f.claims, unsigned)},
		{"an HS256 one under the public key", f.token("HS256", f.claims, mac(f.public))},
		{"an HS256 one under the public key's file", f.token("HS256", f.claims, mac(file))},
		{"one signed by another key", f.token("EdDSA", f.claims, sign(stranger))},
	}
	if private != nil {
		old := f.claims
		old.Issued, old.Expires = f.now.Add(-time.Hour).Unix(), f.now.Add(-45*time.Minute).Unix()
		all = append(all, forgery{"an expired one", f.token("EdDSA", old, sign(private))})
	}
	return all
}

func forgedTokens(ctx context.Context, p *patient) verdict {
	if p.door == nil {
		return p.asleep()
	}
	if err := p.seen(); err != nil {
		return p.noDatabase(err)
	}
	if !p.health.Place.SetUp() {
		return warn("Set the place up, then ask again.", "No token is asked for before the place is set up.")
	}
	private, err := p.privateKey()
	var public ed25519.PublicKey
	if err == nil {
		public = private.Public().(ed25519.PublicKey)
	} else if public, err = p.publicKey(); public == nil {
		return warn("Do what D2 says, then ask again.", "No token can be forged without the public key.")
	}
	tried := p.forger(public).forgeries(private)
	for _, one := range tried {
		r, err := p.door.ask(ctx, "GET", "/api/me", p.from.asks, one.token, nil)
		switch {
		case err != nil:
			return warn("Ask again; if it stays, the log of the place says what is wrong.", "The place could not be asked: %s.", plain(err))
		case r.status == http.StatusTooManyRequests:
			return warn("Ask again in a minute.", "The place was too busy to be asked.")
		case r.status != http.StatusUnauthorized:
			return fail("Stop the place now, install an unchanged chatalot and run chatalot keys revoke-all.", "A forged token was not refused: %s was answered %d instead of 401.", one.what, r.status)
		}
	}
	left := ""
	if private == nil {
		left = "; an expired one could not be made without the private key"
	}
	return pass("%d forged tokens (unsigned, HS256 under the public key, another key's, expired) were refused with 401%s.", len(tried), left)
}

// fixedHeaders are six of the hardening page's seven; the seventh, the policy, is compared part by part.
var fixedHeaders = map[string]string{
	"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "X-XSS-Protection": "1; mode=block", "Referrer-Policy": "strict-origin-when-cross-origin",
	"Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}

const hsts = "max-age=31536000; includeSubDomains"

func headers(ctx context.Context, p *patient) verdict {
	if p.door == nil {
		return p.asleep()
	}
	r, err := p.door.ask(ctx, "GET", "/api/doctor-was-here", p.from.asks, "", nil)
	const fix = "Use an unchanged chatalot, and take out of the proxy in front whatever changes headers."
	switch {
	case err != nil:
		return warn("Ask again; if it stays, the log of the place says what is wrong.", "The place could not be asked: %s.", plain(err))
	case r.status == http.StatusTooManyRequests:
		return warn("Ask again in a minute.", "The place was too busy to be asked.")
	case r.status != http.StatusNotFound:
		return fail(fix, "An address that does not exist was answered %d instead of 404.", r.status)
	}
	if wrong := p.wrongHeaders(r.header); len(wrong) > 0 {
		return fail(fix, "On a 404 these headers are missing or wrong: %s.", strings.Join(wrong, ", "))
	}
	if p.secure() {
		return pass("A 404 carries all seven headers with their exact values.")
	}
	return pass("A 404 carries the headers with their exact values; Strict-Transport-Security comes with https.")
}

func (p *patient) wrongHeaders(h http.Header) (wrong []string) {
	for name, want := range fixedHeaders {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			wrong = append(wrong, name)
		}
	}
	if got := h.Get("Strict-Transport-Security"); p.secure() && got != hsts {
		wrong = append(wrong, "Strict-Transport-Security")
	}
	if len(h.Values("Content-Security-Policy")) != 1 || !p.strictPolicy(h.Get("Content-Security-Policy")) {
		wrong = append(wrong, "Content-Security-Policy")
	}
	sort.Strings(wrong)
	return wrong
}

// strictPolicy compares with SECURITY.md decision 4: every directive as it stands there, none left out, and none that loosens it.
func (p *patient) strictPolicy(policy string) bool {
	socket := "ws://"
	if p.secure() {
		socket = "wss://"
	}
	want := map[string]string{
		"default-src": "'none'", "script-src": "'self' 'wasm-unsafe-eval'", "style-src": "'self'", "connect-src": "'self' " + socket + p.origin.Host,
		"img-src": "'self' data: blob:", "media-src": "'self' blob:", "worker-src": "'self'", "font-src": "'self'", "manifest-src": "'self'", "frame-src": "'none'",
		"frame-ancestors": "'none'", "form-action": "'self'", "base-uri": "'none'", "object-src": "'none'", "require-trusted-types-for": "'script'",
	}
	for directive := range strings.SplitSeq(policy, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), " ")
		if name == "trusted-types" && !strings.Contains(value, "*") {
			continue
		}
		if want[name] != value || value == "" {
			return false
		}
		delete(want, name)
	}
	return len(want) == 0
}

const maxBurst = 400 // requests; many times what a limit of the page lets through at once

// A limit is asked for with requests that do nothing: one reads what every stranger may, the other brings no token to renew.
// burstOf is how much a limit of the settings lets through at once; page is what the hardening page has.
func burstOf(rate string, page int) int {
	r, ok := config.ReadRate(rate)
	if !ok {
		return page
	}
	return r.Burst
}

func limits(ctx context.Context, p *patient) verdict {
	if p.door == nil {
		return p.asleep()
	}
	const fix = "Put rate_api and rate_auth back to their defaults in the settings (chatalot config prints them)."
	told := []string{}
	for _, one := range []struct {
		what, method, path, from string
		body                     []byte
		want                     int // what the settings let through at once
	}{
		{"requests", "GET", "/api/place", p.from.bursts, nil, burstOf(p.Config.RateAPI, 50)},
		{"tries to sign in", "POST", "/api/auth/refresh", p.from.guesses, []byte("{}"), burstOf(p.Config.RateAuth, 10)},
	} {
		if 3*one.want > maxBurst {
			return warn(fix, "The settings let %d %s through at once from one address, more than is tried here; the hardening page has 50 and 10.", one.want, one.what)
		}
		n, wait, err := p.burst(ctx, one.method, one.path, one.from, one.body)
		switch {
		case err != nil:
			return warn("Ask again; if it stays, the log of the place says what is wrong.", "The place could not be asked: %s.", plain(err))
		case n < 0:
			return fail(fix, "%d %s at once from one address were all answered.", maxBurst, one.what)
		case wait < 1:
			return fail(fix, "Too many %s are answered 429, but without Retry-After.", one.what)
		case n > 3*one.want:
			return warn(fix, "Only after %d %s at once from one address came a 429; the settings have %d.", n, one.what, one.want)
		}
		told = append(told, fmt.Sprintf("%s after %d", one.what, n))
	}
	return pass("Bursts from one address were answered 429 with Retry-After: %s.", strings.Join(told, ", "))
}

// burst asks until the answer is 429 and tells after how many answers that was, -1 for never, and the Retry-After that came with it.
func (p *patient) burst(ctx context.Context, method, path, from string, body []byte) (n, wait int, err error) {
	for n = range maxBurst {
		r, err := p.door.ask(ctx, method, path, from, "", body)
		if err != nil {
			return n, 0, err
		}
		if r.status == http.StatusTooManyRequests {
			wait, _ = strconv.Atoi(r.header.Get("Retry-After"))
			return n, wait, nil
		}
	}
	return -1, 0, nil
}
