package web

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatalot/app/wire"
)

var loginByCookie = wire.LoginRequest{Username: "root", Password: testPassword, Transport: wire.ByCookie}

// cookieOf is the refresh token's cookie.
func cookieOf(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	return cookieNamed(t, a, "rt")
}

func cookieNamed(t *testing.T, a answer, name string) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	for _, c := range cookies {
		if strings.TrimPrefix(c.Name, "__Host-") == name {
			return c
		}
	}
	t.Fatalf("%d %s: cookies %v", a.status, a.body, cookies)
	return nil
}

func TestTheRefreshTokenOfABrowserIsACookieAndNothingElse(t *testing.T) {
	for origin, want := range map[string]http.Cookie{
		"":                         {Name: "rt", Secure: false},
		"https://chat.example.org": {Name: "__Host-rt", Secure: true},
	} {
		p := openPlace(t, t.TempDir(), origin, builtApp())
		p.setUp()
		got := p.call("POST", "/api/auth/login", "", loginByCookie)
		c := cookieOf(t, got)
		if c.Name != want.Name || c.Secure != want.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 29*24*3600 || c.MaxAge > 30*24*3600 {
			t.Errorf("%s: %+v", origin, c)
		}
		if bytes.Contains(got.body, []byte("refresh_token")) || bytes.Contains(got.body, []byte(c.Value)) {
			t.Errorf("%s: the body has the token: %s", origin, got.body)
		}
		renewed := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{Transport: wire.ByCookie}, header("Cookie", c.Name+"="+c.Value))
		next := cookieOf(t, renewed)
		if renewed.status != 200 || next.Value == c.Value || bytes.Contains(renewed.body, []byte("refresh_token")) {
			t.Errorf("%s: refresh %d %s", origin, renewed.status, renewed.body)
		}
		stolen := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{Transport: wire.ByBody}, header("Cookie", c.Name+"="+next.Value))
		if stolen.status < 400 {
			t.Errorf("%s: a script got the cookie's token as JSON: %s", origin, stolen.body)
		}
		out := p.call("POST", "/api/auth/logout", "", nil, header("Cookie", c.Name+"="+next.Value))
		if gone := cookieOf(t, out); out.status != 204 || gone.MaxAge >= 0 || gone.Value != "" || gone.Name != c.Name || gone.Secure != want.Secure {
			t.Errorf("%s: logout %d %v", origin, out.status, gone)
		}
		ended := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{Transport: wire.ByCookie}, header("Cookie", c.Name+"="+next.Value))
		if ended.status != 401 || ended.code() != wire.SessionEnded {
			t.Errorf("%s: after logout %d %s", origin, ended.status, ended.body)
		}
	}
}

func TestAProgramsRefreshTokenIsInTheBody(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	login := loginByCookie
	login.Transport = wire.ByBody
	got := p.call("POST", "/api/auth/login", "", login)
	if in := into[wire.SignedIn](t, got); in.RefreshToken == "" || got.header.Get("Set-Cookie") != "" {
		t.Errorf("%+v %v", in, got.header)
	}
}

// TestAnotherSiteCannotUseTheCookie is the matrix of SECURITY.md S4 (N29), and what CrossOriginProtection alone lets through.
func TestAnotherSiteCannotUseTheCookie(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	for _, c := range []struct {
		name, origin, site string
		want               int
	}{
		{"a program", "", "", 200},
		{"own page", p.url, "same-origin", 200},
		{"typed address", "", "none", 200},
		{"own page in an old browser", p.url, "", 200},
		{"another site", "https://evil.example", "cross-site", 403},
		{"a sister site", "https://sister.example.org", "same-site", 403},
		{"another site without Origin", "", "cross-site", 403},
		{"another site in an old browser", "https://evil.example", "", 403},
		{"sandboxed frame in an old browser", "null", "", 403},
		{"other scheme in an old browser", strings.Replace(p.url, "http://", "https://", 1), "", 403},
		{"own site by mistake of the browser", "https://evil.example", "same-origin", 403},
	} {
		for _, path := range []string{"/api/auth/login", "/api/auth/refresh", "/api/auth/logout", "/api/auth/register", "/api/setup"} {
			got := p.call("POST", path, "", loginByCookie, func(r *http.Request) {
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				if c.site != "" {
					r.Header.Set("Sec-Fetch-Site", c.site)
				}
			})
			refused := got.status == 403 && got.code() == wire.CrossSite
			if refused != (c.want == 403) || (path == "/api/auth/login" && got.status != c.want) {
				t.Errorf("%s, %s: %d %s", c.name, path, got.status, got.body)
			}
			if refused && got.header.Get("Set-Cookie") != "" {
				t.Errorf("%s, %s: set a cookie", c.name, path)
			}
		}
	}
}

// N28.
func TestOnlyJSONIsRead(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	for media, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "APPLICATION/JSON": 200,
		"text/plain": 415, "": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415,
		"application/json; charset=utf-16": 415, "application/json, text/plain": 415,
	} {
		if got := p.call("POST", "/api/auth/login", "", loginByCookie, header("Content-Type", media)); got.status != want {
			t.Errorf("%q: %d %s", media, got.status, got.body)
		}
	}
}

func TestNoSecretIsLogged(t *testing.T) {
	p := newPlace(t)
	root := p.setUp().withDevice()
	state := into[wire.State](t, root.call("GET", "/api/state", nil))
	ann := p.join("canaryann", root, state.Communities[0].ID)
	got := p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: "canaryann", Password: "canary-wrong", Transport: wire.ByBody})
	p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: ann.in.RefreshToken + "x", Transport: wire.ByBody})
	p.call("GET", "/api/users/"+ann.in.User.ID.String()+"?canaryquery=1", root.in.AccessToken, nil)
	p.call("GET", "/canarypath%0alevel=ERROR", "", nil)
	l, _ := ann.listen(nil)
	l.say(wire.AuthFrame{T: "auth", Token: "canarytoken"})
	l.closed()
	if got.status != 401 {
		t.Errorf("wrong password: %d", got.status)
	}
	log := p.log.String()
	for name, secret := range map[string]string{
		"password": testPassword, "wrong password": "canary-wrong", "name": "canary", "display name": "CANARY", "access token": root.in.AccessToken,
		"refresh token": ann.in.RefreshToken, "user": ann.in.User.ID.String(), "device": root.device.String(), "address": "127.0.0.1",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the %s:\n%s", name, log)
		}
	}
	if !strings.Contains(log, "route=/api/users/{user} status=200") {
		t.Errorf("the log lacks the requests:\n%s", log)
	}
}

func TestAnExpiredTokenIsRefused(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	p.ahead.Store(int64(16 * time.Minute))
	if got := root.call("GET", "/api/me", nil); got.status != 401 || got.code() != wire.Unauthorized || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}
