package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"chatalot/app/wire"
)

// code is what an authenticator app with the secret shows.
func (q *person) code(secret string) string {
	q.place.t.Helper()
	text, err := totp.GenerateCode(secret, q.place.now())
	check(q.place.t, err)
	return text
}

// sending shows cookies that were set before.
func sending(cookies ...*http.Cookie) func(*http.Request) {
	return func(r *http.Request) {
		for _, c := range cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
}

func TestTheSecondStepOverHTTP(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	p.confirmed(root)
	p = root.place
	begun := root.call("POST", "/api/me/two-step", nil)
	secret := into[wire.TwoStepSecret](t, begun)
	if begun.status != 201 {
		t.Errorf("%d", begun.status)
	}
	codes := into[wire.BackupCodes](t, root.call("POST", "/api/me/two-step/confirm", wire.TwoStepCode{Code: root.code(secret.Secret)}))
	again := root.call("POST", "/api/me/two-step", nil)
	if again.status != 409 || again.code() != wire.TwoStepOn {
		t.Errorf("%d %s", again.status, again.body)
	}

	login := p.call("POST", "/api/auth/login", "", loginByCookie)
	if login.status != 202 || login.header.Get("Set-Cookie") != "" {
		t.Fatalf("%d %s %v", login.status, login.body, login.header)
	}
	challenge := into[wire.Challenge](t, login)
	if got := p.call("GET", "/api/me", challenge.Challenge, nil); got.status != 401 { // N34
		t.Errorf("the challenge opens: %d", got.status)
	}
	p.ahead.Add(int64(30 * time.Second))
	in := p.call("POST", "/api/auth/challenge", "", wire.ChallengeRequest{Challenge: challenge.Challenge, Code: root.code(secret.Secret), Trust: true, Transport: wire.ByCookie})
	if into[wire.SignedIn](t, in).AccessToken == "" || in.status != 200 {
		t.Fatalf("%d %s", in.status, in.body)
	}
	known := cookieNamed(t, in, "dev")
	if again := p.call("POST", "/api/auth/login", "", loginByCookie, sending(known)); again.status != 200 {
		t.Errorf("a trusted device: %d %s", again.status, again.body)
	}
	challenge = into[wire.Challenge](t, p.call("POST", "/api/auth/login", "", loginByCookie))
	backup := wire.ChallengeRequest{Challenge: challenge.Challenge, BackupCode: strings.ToLower(codes.Codes[0]), Transport: wire.ByBody}
	if got := p.call("POST", "/api/auth/challenge", "", backup); into[wire.SignedIn](t, got).RefreshToken == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := root.call("DELETE", "/api/me/two-step", nil); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := p.call("POST", "/api/auth/login", "", loginByCookie); got.status != 200 {
		t.Errorf("after switching it off: %d %s", got.status, got.body)
	}
}

// N36, and everything else that needs the password anew.
func TestDangerousChangesNeedTheFreshPassword(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	requests := []struct {
		method, path string
		body         any
	}{
		{"DELETE", "/api/me/two-step", nil}, {"POST", "/api/me/two-step", nil}, {"POST", "/api/me/backup-codes", nil},
		{"PUT", "/api/me/password", wire.PasswordChange{Password: otherPassword}},
		{"POST", "/api/admin/users/" + root.in.User.ID.String() + "/reset", wire.NewResetLink{}},
	}
	for _, r := range requests {
		if got := root.call(r.method, r.path, r.body); got.status != 403 || got.code() != wire.ConfirmFirst {
			t.Errorf("%s %s: %d %s", r.method, r.path, got.status, got.body)
		}
	}
	p.confirmed(root)
	root.place.ahead.Store(int64(5*time.Minute + time.Second))
	for _, r := range requests {
		if got := root.call(r.method, r.path, r.body); got.status != 403 || got.code() != wire.ConfirmFirst {
			t.Errorf("too late, %s %s: %d %s", r.method, r.path, got.status, got.body)
		}
	}
	root.place.ahead.Store(0)
	for _, r := range requests {
		if got := root.call(r.method, r.path, r.body); got.status == 403 {
			t.Errorf("confirmed, %s %s: %d %s", r.method, r.path, got.status, got.body)
		}
		if r.method == "PUT" {
			break // spends the confirmation
		}
	}
}

func TestADeviceCookieIsAsSafeAsTheOther(t *testing.T) {
	for origin, want := range map[string]string{"": "dev", "https://chat.example.org": "__Host-dev"} {
		p := openPlace(t, t.TempDir(), origin, builtApp())
		p.setUp()
		in := p.call("POST", "/api/auth/login", "", loginByCookie)
		c := cookieNamed(t, in, "dev")
		if c.Name != want || c.Secure != (origin != "") || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" ||
			c.MaxAge < 364*24*3600 || c.MaxAge > 366*24*3600 {
			t.Errorf("%+v", c)
		}
		renewed := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{Transport: wire.ByCookie}, sending(cookieOf(t, in), c))
		if cookies := (&http.Response{Header: renewed.header}).Cookies(); len(cookies) != 1 {
			t.Errorf("%v: it is set at sign-in", cookies)
		}
		program := loginByCookie
		program.Transport = wire.ByBody
		if got := p.call("POST", "/api/auth/login", "", program); got.header.Get("Set-Cookie") != "" {
			t.Error("a program got a cookie")
		}
		out := p.call("POST", "/api/auth/logout", "", nil, sending(cookieOf(t, in), c))
		if cookies := (&http.Response{Header: out.header}).Cookies(); len(cookies) != 1 {
			t.Errorf("%v: signing out forgets no device", cookies)
		}
	}
}

// N17, N19, T15, T16: with what a lock says in the header.
func TestALockOverHTTP(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	known := cookieNamed(t, p.call("POST", "/api/auth/login", "", loginByCookie), "dev")
	var bodies []string
	for _, name := range []string{"root", "nobody"} {
		req := wire.LoginRequest{Username: name, Password: "wrong", Transport: wire.ByCookie}
		for range 10 {
			if got := p.call("POST", "/api/auth/login", "", req); got.status != 401 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		req.Password = testPassword
		got := p.call("POST", "/api/auth/login", "", req)
		if got.status != 429 || got.code() != wire.AccountLocked || len(got.header.Get("Retry-After")) != 3 || got.header.Get("Retry-After") > "900" || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s %v", name, got.status, got.body, got.header)
		}
		bodies = append(bodies, strings.NewReplacer("899", "900", "898", "900").Replace(string(got.body)))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("%s\n%s", bodies[0], bodies[1])
	}
	if got := p.call("POST", "/api/auth/login", "", loginByCookie, sending(known)); got.status != 200 {
		t.Errorf("her own browser: %d %s", got.status, got.body)
	}
}

// N36's neighbour: what a recovery, a reset and a new password answer.
func TestPasswordsOverHTTP(t *testing.T) {
	p := newPlace(t)
	root := p.setUp().withDevice()
	state := into[wire.State](t, root.call("GET", "/api/state", nil))
	ann := p.join("ann", root, state.Communities[0].ID)
	req := wire.RecoverRequest{Username: "root", Proof: testProof, Password: otherPassword, Transport: wire.ByBody}
	got := p.call("POST", "/api/auth/recover", "", req)
	root.in = into[wire.SignedIn](t, got)
	if got.status != 200 || !root.in.HasKeys {
		t.Errorf("%d %s", got.status, got.body)
	}
	into[wire.Confirmed](t, root.call("POST", "/api/me/confirm", wire.Confirmation{Password: otherPassword}))
	p.confirmed(ann)
	made := root.call("POST", "/api/admin/users/"+ann.in.User.ID.String()+"/reset", wire.NewResetLink{})
	link := into[wire.ResetLink](t, made)
	if made.status != 201 {
		t.Errorf("%d", made.status)
	}
	if got := ann.call("POST", "/api/admin/users/"+root.in.User.ID.String()+"/reset", wire.NewResetLink{}); got.status != 403 || got.code() != wire.Forbidden { // N53
		t.Errorf("a member made one: %d %s", got.status, got.body)
	}
	if seen := into[wire.ResetPreview](t, p.call("POST", "/api/auth/reset/preview", "", wire.ResetToken{Token: link.Token})); seen.Username != "ann" {
		t.Errorf("%+v", seen)
	}
	old := ann.in.AccessToken
	ann.in = into[wire.SignedIn](t, p.call("POST", "/api/auth/reset", "", wire.ResetRequest{Token: link.Token, Password: otherPassword, Transport: wire.ByBody}))
	if got := p.call("GET", "/api/me", old, nil); got.status != 401 || got.code() != wire.SessionEnded { // N41
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := p.call("POST", "/api/auth/reset", "", wire.ResetRequest{Token: link.Token, Password: otherPassword, Transport: wire.ByBody}); got.status != 410 {
		t.Errorf("%d %s", got.status, got.body)
	}
	changed := root.call("PUT", "/api/me/password", wire.PasswordChange{Password: testPassword})
	if in := into[wire.SignedIn](t, changed); in.RefreshToken == "" || changed.status != 200 {
		t.Errorf("%d %s", changed.status, changed.body)
	}
	if got := root.call("GET", "/api/me", nil); got.status != 401 {
		t.Errorf("the token before: %d", got.status)
	}
}

// T30 for the secrets of the second step: none is logged.
func TestNoSecretOfTheSecondStepIsLogged(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	p.confirmed(root)
	p = root.place
	secret := into[wire.TwoStepSecret](t, root.call("POST", "/api/me/two-step", nil))
	first := root.code(secret.Secret)
	codes := into[wire.BackupCodes](t, root.call("POST", "/api/me/two-step/confirm", wire.TwoStepCode{Code: first}))
	challenge := into[wire.Challenge](t, p.call("POST", "/api/auth/login", "", loginByCookie))
	p.call("POST", "/api/auth/challenge", "", wire.ChallengeRequest{Challenge: challenge.Challenge, Code: first, Transport: wire.ByBody})
	link := into[wire.ResetLink](t, root.call("POST", "/api/admin/users/"+root.in.User.ID.String()+"/reset", wire.NewResetLink{TwoStep: true}))
	p.call("POST", "/api/auth/recover", "", wire.RecoverRequest{Username: "canaryname", Proof: testProof, Password: otherPassword, Transport: wire.ByBody})
	in := p.call("POST", "/api/auth/reset", "", wire.ResetRequest{Token: link.Token, Password: otherPassword, Transport: wire.ByCookie})
	known := cookieNamed(t, in, "dev")
	p.call("POST", "/api/auth/login", "", loginByCookie, sending(known))
	log := p.log.String()
	for name, canary := range map[string]string{"secret": secret.Secret, "link": "otpauth", "code": first, "backup code": codes.Codes[0], "challenge": challenge.Challenge,
		"reset link": link.Token, "device cookie": known.Value, "name": "canaryname", "password": otherPassword, "proof": "recovery proof"} {
		if strings.Contains(log, canary) {
			t.Errorf("the log has the %s", name)
		}
	}
	if !strings.Contains(log, "route=/api/auth/reset status=200") {
		t.Errorf("the log lacks the requests:\n%s", log)
	}
}
