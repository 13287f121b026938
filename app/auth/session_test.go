package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestSigningInGivesTokensTheWayTheClientAsked(t *testing.T) {
	h, _ := settled(t)
	body := h.login("GURLI")
	if body.Answer.RefreshToken == "" || !body.Cookie.Empty() {
		t.Fatalf("body client: %+v", body.Answer)
	}
	cookie, err := h.Login(t.Context(), wire.LoginRequest{Username: "gurli", Password: goodPassword, Transport: wire.ByCookie}, wire.From{})
	if err != nil || cookie.Answer.RefreshToken != "" || cookie.Cookie.Empty() || !cookie.CookieExpires.Equal(h.clock.now().Add(refreshIdle)) {
		t.Fatalf("cookie client: %+v, %v", cookie, err)
	}
	_, expires, err := h.Authenticate(body.Answer.AccessToken)
	if err != nil || !expires.Equal(h.clock.now().Add(15*time.Minute)) || body.Answer.ExpiresAt != expires.UnixMilli() {
		t.Fatalf("expires %v, %v", expires, err)
	}
	_, err = h.Login(t.Context(), wire.LoginRequest{Username: "gurli", Password: goodPassword}, wire.From{})
	refused(t, err, wire.BadRequest)
}

// Test 16 of SECURITY.md; that both do the work of one verification is TestNoPasswordFitsAnUnknownName.
func TestAWrongPasswordAndAnUnknownNameAnswerTheSame(t *testing.T) {
	h, _ := settled(t)
	var answers []string
	for _, req := range []wire.LoginRequest{{Username: "gurli", Password: "birch lane 42 kettlf"}, {Username: "nobody", Password: goodPassword},
		{Username: "\u0430dmin", Password: goodPassword}, {Username: "gurli", Password: ""}} {
		req.Transport = wire.ByBody
		_, err := h.Login(t.Context(), req, wire.From{})
		refused(t, err, wire.BadCredentials)
		text, err := json.Marshal(asWire(err))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, string(text))
	}
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("%s differs from %s", a, answers[0])
		}
	}
}

func TestAnUnknownNameTakesAPlaceAmongThePasswordsWorkedOn(t *testing.T) {
	h, _ := settled(t)
	h.hasher.slots <- struct{}{}
	h.hasher.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"gurli", "nobody", "!"} {
		if _, err := h.Login(ctx, wire.LoginRequest{Username: name, Password: goodPassword, Transport: wire.ByBody}, wire.From{}); err == nil || asWire(err).Code != "" {
			t.Errorf("%s: answered %v without verifying anything", name, err)
		}
	}
}

// forge makes a token whose parts a test can bend.
func forge(t *testing.T, header, claims map[string]any, sign func(signingInput []byte) []byte) string {
	t.Helper()
	enc := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := enc(header) + "." + enc(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

// N38, and threat T20.
func TestTokensThatAreNotExactlyOursAreRefused(t *testing.T) {
	h, g := settled(t)
	good := g.Answer.AccessToken
	parts := strings.Split(good, ".")
	header, claims := decodePart(t, parts[0]), decodePart(t, parts[1])
	ours := func(in []byte) []byte { return ed25519.Sign(h.keys.private, in) }
	public := h.keys.private.Public().(ed25519.PublicKey)
	with := func(m map[string]any, key string, value any) map[string]any {
		c := map[string]any{}
		for k, v := range m {
			c[k] = v
		}
		if c[key] = value; value == nil {
			delete(c, key)
		}
		return c
	}
	if _, _, err := h.Authenticate(forge(t, header, claims, ours)); err != nil {
		t.Fatalf("the forger cannot even make a good one: %v", err)
	}
	now := h.clock.now().Unix()
	bad := map[string]string{
		"empty": "", "garbage": "x.y.z", "two parts": parts[0] + "." + parts[1],
		"alg none":        forge(t, with(header, "alg", "none"), claims, func([]byte) []byte { return nil }),
		"alg None":        forge(t, with(header, "alg", "None"), claims, func([]byte) []byte { return nil }),
		"HS256 by public": forge(t, with(header, "alg", "HS256"), claims, func(in []byte) []byte { return hmacOf(public, in) }),
		"other key":       forge(t, header, claims, func(in []byte) []byte { return ed25519.Sign(newKey(), in) }),
		"other kid":       forge(t, with(header, "kid", "../../etc/passwd"), claims, ours),
		"no kid":          forge(t, with(header, "kid", nil), claims, ours),
		"other typ":       forge(t, with(header, "typ", "JWT"), claims, ours),
		"no typ":          forge(t, with(header, "typ", nil), claims, ours),
		"crit":            forge(t, with(header, "crit", []string{"exp"}), claims, ours),
		"jwk":             forge(t, with(header, "jwk", map[string]any{}), claims, ours),
		"jku":             forge(t, with(header, "jku", "https://evil.example"), claims, ours),
		"x5u":             forge(t, with(header, "x5u", "https://evil.example"), claims, ours),
		"x5c":             forge(t, with(header, "x5c", []string{"MII="}), claims, ours),
		"b64":             forge(t, with(header, "b64", false), claims, ours),
		"zip":             forge(t, with(header, "zip", "DEF"), claims, ours),
		"cty":             forge(t, with(header, "cty", "JWT"), claims, ours),
		"alg empty":       forge(t, with(header, "alg", ""), claims, func([]byte) []byte { return nil }),
		"no alg":          forge(t, with(header, "alg", nil), claims, ours),
		"alg as a list":   forge(t, with(header, "alg", []string{"EdDSA"}), claims, ours),
		"alg eddsa":       forge(t, with(header, "alg", "eddsa"), claims, ours),
		"alg Ed25519":     forge(t, with(header, "alg", "Ed25519"), claims, ours),
		"HS256 by PEM":    forge(t, with(header, "alg", "HS256"), claims, func(in []byte) []byte { return hmacOf(publicPEM(t, public), in) }),
		"kid as a number": forge(t, with(header, "kid", 1), claims, ours),
		"kid as a list":   forge(t, with(header, "kid", []string{h.keys.id}), claims, ours),
		"kid as address":  forge(t, with(header, "kid", "https://evil.example/key"), claims, ours),
		"typ in capitals": forge(t, with(header, "typ", "AT+JWT"), claims, ours),
		"no signature":    parts[0] + "." + parts[1] + ".",
		"claims swapped":  parts[0] + "." + strings.Split(forge(t, header, with(claims, "sub", wire.UserID{1}.String()), ours), ".")[1] + "." + parts[2],
		"two signatures":  good + "." + parts[2],
		"exp as a text":   forge(t, header, with(claims, "exp", "tomorrow"), ours),
		"exp null":        forge(t, header, with(claims, "exp", json.RawMessage("null")), ours),
		"no iss":          forge(t, header, with(claims, "iss", nil), ours),
		"aud among more":  forge(t, header, with(claims, "aud", []string{"other"}), ours),
		"no exp":          forge(t, header, with(claims, "exp", nil), ours),
		"exp passed":      forge(t, header, with(claims, "exp", now-6), ours),
		"nbf future":      forge(t, header, with(claims, "nbf", now+60), ours),
		"iat future":      forge(t, header, with(claims, "iat", now+60), ours),
		"other aud":       forge(t, header, with(claims, "aud", "refresh"), ours),
		"no aud":          forge(t, header, with(claims, "aud", nil), ours),
		"other iss":       forge(t, header, with(claims, "iss", "x"), ours),
		"last char":       good[:len(good)-1] + string(otherChar(good[len(good)-1])),
		"newline":         good + "\n", "space": " " + good, "padding": good + "=",
		"newline inside": parts[0] + "." + parts[1] + ".\n" + parts[2],
		"Bearer":         "Bearer " + good,
		"3 KB":           forge(t, header, with(claims, "pad", strings.Repeat("x", 3000)), ours),
	}
	for name, token := range bad {
		t.Run(name, func(t *testing.T) {
			_, _, err := h.Authenticate(token)
			refused(t, err, wire.Unauthorized)
		})
	}
	for name, token := range map[string]string{
		"other epoch": forge(t, header, with(claims, "epoch", 2), ours),
		"other sub":   forge(t, header, with(claims, "sub", wire.UserID{1}.String()), ours),
		"no sub":      forge(t, header, with(claims, "sub", nil), ours),
		"no sid":      forge(t, header, with(claims, "sid", nil), ours),
		"no epoch":    forge(t, header, with(claims, "epoch", nil), ours),
		"other sid":   forge(t, header, with(claims, "sid", wire.SessionID{1}.String()), ours),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := h.Authenticate(token)
			refused(t, err, wire.SessionEnded)
		})
	}
}

func hmacOf(key, in []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(in)
	return m.Sum(nil)
}

// publicPEM is the public key as its file has it: what a confused library would take for the secret of HS256.
func publicPEM(t *testing.T, public ed25519.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func decodePart(t *testing.T, part string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func otherChar(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

func FuzzAccessToken(f *testing.F) {
	keys := testKeys(f, 1)
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	tokens := newAccessTokens(keys, "issuer", now)
	good, _, err := tokens.mint(wire.UserID{1}, wire.SessionID{2}, 3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := tokens.read(s); err == nil && s != good {
			t.Fatalf("a second spelling was taken: %q", s)
		}
	})
}

func TestAnAccessTokenExpiresAfterFifteenMinutes(t *testing.T) {
	h, g := settled(t)
	h.clock.advance(15*time.Minute + clockLeeway - time.Second)
	if _, _, err := h.Authenticate(g.Answer.AccessToken); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(time.Second)
	_, _, err := h.Authenticate(g.Answer.AccessToken)
	refused(t, err, wire.Unauthorized)
}

func (h *house) refresh(token string) (Grant, error) {
	return h.Refresh(h.t.Context(), wire.RefreshRequest{RefreshToken: token, Transport: wire.ByBody}, "", wire.From{})
}

func TestALostAnswerSignsNobodyOut(t *testing.T) {
	h, g := settled(t)
	first := g.Answer.RefreshToken
	second, err := h.refresh(first)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the answer got lost, however often
		h.clock.advance(time.Hour)
		again, err := h.refresh(first)
		if err != nil || again.Answer.RefreshToken != second.Answer.RefreshToken {
			t.Fatalf("the same successor was not given again: %v", err)
		}
	}
	h.reopen(testKeys(t, 1)) // nor does a crash
	if again, err := h.refresh(first); err != nil || again.Answer.RefreshToken != second.Answer.RefreshToken {
		t.Fatalf("after a restart: %v", err)
	}
	if _, err := h.refresh(second.Answer.RefreshToken); err != nil {
		t.Fatal(err)
	}
}

// Test 40 of SECURITY.md, and threat T19.
func TestACopiedRefreshTokenEndsTheSessionForEverybody(t *testing.T) {
	h, g := settled(t)
	other := h.login("gurli")
	second, err := h.refresh(g.Answer.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	third, err := h.refresh(second.Answer.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.refresh(g.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)
	_, err = h.refresh(third.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)
	_, _, err = h.Authenticate(third.Answer.AccessToken)
	refused(t, err, wire.SessionEnded)
	if _, _, err := h.Authenticate(other.Answer.AccessToken); err != nil {
		t.Fatalf("another session ended too: %v", err)
	}
	notices := h.log("session_notice")
	if last := notices[len(notices)-1]; !strings.Contains(string(last.Body), "refresh_reused") || last.User != g.Answer.User.ID {
		t.Fatalf("nobody was told: %s", last.Body)
	}
	h.reopen(testKeys(t, 1))
	_, err = h.refresh(third.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)
}

func TestAForgedRefreshTokenEndsNothing(t *testing.T) {
	h, g := settled(t)
	c := h.caller(g)
	for _, forged := range []string{
		testKeys(t, 2).mintRefresh(c.Session, 1, c.User, 1).Reveal(), h.keys.mintRefresh(c.Session, 0, c.User, 1).Reveal(),
		h.keys.mintRefresh(wire.SessionID{1}, 1, c.User, 1).Reveal(), g.Answer.RefreshToken + "A", g.Answer.RefreshToken + "\n", "",
	} {
		_, err := h.refresh(forged)
		refused(t, err, wire.SessionEnded)
	}
	if _, err := h.refresh(g.Answer.RefreshToken); err != nil {
		t.Fatal(err)
	}
}

// Test 39 of SECURITY.md.
func TestOneKindOfTokenDoesNotServeAsTheOther(t *testing.T) {
	h, g := settled(t)
	_, _, err := h.Authenticate(g.Answer.RefreshToken)
	refused(t, err, wire.Unauthorized)
	_, err = h.refresh(g.Answer.AccessToken)
	refused(t, err, wire.SessionEnded)
}

func TestACookieNeverTurnsIntoATokenThatScriptsCanRead(t *testing.T) {
	h, _ := settled(t)
	g, err := h.Login(t.Context(), wire.LoginRequest{Username: "gurli", Password: goodPassword, Transport: wire.ByCookie}, wire.From{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Refresh(t.Context(), wire.RefreshRequest{Transport: wire.ByBody}, g.Cookie.Reveal(), wire.From{})
	refused(t, err, wire.BadRequest)
	_, err = h.refresh(g.Cookie.Reveal())
	refused(t, err, wire.SessionEnded)
	again, err := h.Refresh(t.Context(), wire.RefreshRequest{Transport: wire.ByCookie}, g.Cookie.Reveal(), wire.From{})
	if err != nil || again.Cookie.Empty() || again.Answer.RefreshToken != "" {
		t.Fatalf("%+v, %v", again, err)
	}
}

func TestASessionDiesUnusedAfterThirtyDaysAndInAnyCaseAfter180(t *testing.T) {
	h, g := settled(t)
	h.clock.advance(refreshIdle)
	_, err := h.refresh(g.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)

	g = h.login("gurli")
	token := g.Answer.RefreshToken
	for range 6 {
		h.clock.advance(29 * 24 * time.Hour)
		next, err := h.refresh(token)
		if err != nil {
			t.Fatal(err)
		}
		token = next.Answer.RefreshToken
	}
	h.clock.advance(6 * 24 * time.Hour) // 180 days after signing in
	_, err = h.refresh(token)
	refused(t, err, wire.SessionEnded)
}

// Test 41 of SECURITY.md.
func TestSigningOutEndsTheSessionAtOnceAndItsSocketsWithIt(t *testing.T) {
	for name, leave := range map[string]func(h *house, g Grant) error{
		"by token": func(h *house, g Grant) error {
			return h.Logout(h.t.Context(), wire.LogoutRequest{RefreshToken: g.Answer.RefreshToken}, "", "", wire.From{})
		},
		"by cookie": func(h *house, g Grant) error {
			return h.Logout(h.t.Context(), wire.LogoutRequest{}, g.Answer.RefreshToken, "", wire.From{})
		},
		"by bearer": func(h *house, g Grant) error {
			return h.Logout(h.t.Context(), wire.LogoutRequest{}, "", g.Answer.AccessToken, wire.From{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, g := settled(t)
			other := h.login("gurli")
			sub := h.hub.Subscribe(h.caller(g))
			defer sub.Close()
			stays := h.hub.Subscribe(h.caller(other))
			defer stays.Close()
			if err := leave(h, g); err != nil {
				t.Fatal(err)
			}
			if sub.Take(1).Kicked != live.CodeExpired || stays.Take(1).Kicked != 0 {
				t.Fatal("the wrong sockets ended")
			}
			_, _, err := h.Authenticate(g.Answer.AccessToken)
			refused(t, err, wire.SessionEnded)
			_, err = h.refresh(g.Answer.RefreshToken)
			refused(t, err, wire.SessionEnded)
			h.caller(other)
			if err := leave(h, g); err != nil {
				t.Fatalf("signing out twice: %v", err)
			}
		})
	}
}

// Test 42 of SECURITY.md.
func TestReplacingTheKeyFileSignsEverybodyOut(t *testing.T) {
	h, g := settled(t)
	h.reopen(testKeys(t, 1))
	h.caller(g)
	h.reopen(testKeys(t, 2))
	_, _, err := h.Authenticate(g.Answer.AccessToken)
	refused(t, err, wire.Unauthorized)
	_, err = h.refresh(g.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)
	h.reopen(testKeys(t, 1)) // and putting the old file back revives nobody
	_, _, err = h.Authenticate(g.Answer.AccessToken)
	refused(t, err, wire.SessionEnded)
	_, err = h.refresh(g.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)
	h.login("gurli")
}

func TestTheTwentyFirstSessionEndsTheOneSeenLongestAgo(t *testing.T) {
	h, first := settled(t)
	second := h.start("gurli")
	h.clock.advance(time.Minute)
	if _, err := h.refresh(first.Answer.RefreshToken); err != nil {
		t.Fatal(err)
	}
	for range maxSessions - 2 {
		h.start("gurli")
	}
	h.caller(second)
	newest := h.start("gurli")
	_, _, err := h.Authenticate(second.Answer.AccessToken)
	refused(t, err, wire.SessionEnded)
	h.caller(first)
	h.caller(newest)
}

// start signs in without the slow password.
func (h *house) start(name string) Grant {
	h.t.Helper()
	user, err := h.knownUser(h.t.Context(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	g, err := h.signIn(h.t.Context(), user, wire.ByBody, wire.From{})
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

func TestRefreshingFromTwoTabsAtOnceGivesBothTheSameToken(t *testing.T) {
	h, g := settled(t)
	tokens := make([]string, 10)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			next, err := h.refresh(g.Answer.RefreshToken)
			if err != nil {
				t.Error(err)
			}
			tokens[i] = next.Answer.RefreshToken
		})
	}
	wg.Wait()
	for _, token := range tokens {
		if token != tokens[0] {
			t.Fatal("two successors of one token")
		}
	}
}

func TestNoTokenStandsInTheDatabase(t *testing.T) {
	h, g := settled(t)
	h.read(func(tx *store.Tx) error {
		rows, err := tx.SessionsOf(g.Answer.User.ID)
		if err != nil || len(rows) != 1 || rows[0].Agent != "A program" {
			t.Fatalf("%+v, %v", rows, err)
		}
		return err
	})
	h.grep(g.Answer.AccessToken, g.Answer.RefreshToken, goodPassword, strings.Split(g.Answer.AccessToken, ".")[2])
}

func TestVerifiedTokensAreRememberedInBoundedMemory(t *testing.T) {
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	tokens := newAccessTokens(testKeys(t, 1), "issuer", now)
	for i := range maxVerified + 10 {
		tokens.remember([32]byte{byte(i), byte(i >> 8)}, accessClaims{})
	}
	if n := len(tokens.verified); n > maxVerified || n == 0 {
		t.Fatalf("%d remembered", n)
	}
	forged, _, err := newAccessTokens(testKeys(t, 2), "issuer", now).mint(wire.UserID{1}, wire.SessionID{2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a refusal is not remembered as anything else
		if _, err := tokens.read(forged); err == nil {
			t.Fatal("a token of another key was taken")
		}
	}
}
