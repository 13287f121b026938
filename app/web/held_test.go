package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatalot/app/wire"
)

// slow is a body on whose way something happens.
type slow struct {
	io.Reader
	happens func()
}

func (s *slow) Read(b []byte) (int, error) {
	if s.happens != nil {
		s.happens()
		s.happens = nil
	}
	return s.Reader.Read(b)
}

// held makes a request that is let in, and whose body comes only when something has happened. It fails the test when the body is never asked for.
func (q *person) held(method, path string, body any, happens func()) answer {
	t := q.place.t
	t.Helper()
	text, err := json.Marshal(body)
	check(t, err)
	asked := false
	r := httptest.NewRequest(method, q.place.url+path, &slow{strings.NewReader(string(text)), func() { asked = true; happens() }})
	r.ContentLength, r.RemoteAddr = int64(len(text)), "127.0.0.1:1"
	r.Header.Set("Authorization", "Bearer "+q.in.AccessToken)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	q.place.face.router.ServeHTTP(w, r)
	if !asked {
		t.Errorf("%s %s: the body was never asked for: %d %s", method, path, w.Code, w.Body)
	}
	return answer{w.Code, w.Header(), w.Body.Bytes()}
}

// T4: a request may be a minute on its way. What its sender has lost meanwhile, it does not have either.
func TestWhatIsLostWhileABodyIsOnItsWayIsLost(t *testing.T) {
	reset := func(q *person) (string, string, any) {
		return "POST", "/api/admin/users/" + q.in.User.ID.String() + "/reset", wire.NewResetLink{TwoStep: true}
	}
	name := func(*person) (string, string, any) { return "PATCH", "/api/me", wire.MeChange{DisplayName: "Still me"} }
	for _, c := range []struct {
		what    string
		request func(q *person) (method, path string, body any)
		happens func(root, eve *person)
		code    wire.Code
	}{
		{"suspended", reset, func(root, eve *person) { root.changes(eve, wire.AdminUserChange{State: wire.Suspended}) }, wire.SessionEnded},
		{"demoted", reset, func(root, eve *person) { root.changes(eve, wire.AdminUserChange{Role: wire.PlaceMember}) }, wire.Forbidden},
		{"locked", reset, func(root, eve *person) { root.changes(eve, wire.AdminUserChange{State: wire.Locked}) }, wire.Forbidden},
		{"no longer confirmed", reset, func(_, eve *person) { eve.place.ahead.Store(int64(6 * time.Minute)) }, wire.ConfirmFirst},
		{"signed out", name, func(_, eve *person) { eve.call("POST", "/api/auth/logout", nil) }, wire.SessionEnded},
		{"expired", name, func(_, eve *person) { eve.place.ahead.Store(int64(16 * time.Minute)) }, wire.Unauthorized},
		{"another password", name, func(_, eve *person) {
			into[wire.SignedIn](eve.place.t, eve.again().confirm().call("PUT", "/api/me/password", wire.PasswordChange{Password: otherPassword}))
		}, wire.SessionEnded},
		{"deleted", name, func(_, eve *person) { eve.call("DELETE", "/api/me", nil) }, wire.SessionEnded},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, root, eve := two(t)
			p.confirmed(root, eve)
			root.changes(eve, wire.AdminUserChange{Role: wire.PlaceAdmin})
			method, path, body := c.request(root)
			if got := eve.held(method, path, body, func() { c.happens(root, eve) }); got.code() != c.code {
				t.Errorf("%d %s, want %s", got.status, got.body, c.code)
			}
		})
	}
}

// Somebody without a token makes the place wait for nothing.
func TestABodyWithoutATokenIsNotWaitedFor(t *testing.T) {
	p, root, _ := two(t)
	r := httptest.NewRequest("PATCH", p.url+"/api/me", &slow{strings.NewReader("{}"), func() { t.Error("the body was read") }})
	r.ContentLength, r.RemoteAddr = 2, "127.0.0.1:1"
	w := httptest.NewRecorder()
	p.face.router.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	done := false
	if got := root.held("PATCH", "/api/me", wire.MeChange{DisplayName: "Slow"}, func() { done = true }); got.status != 200 || !done {
		t.Errorf("a slow body of somebody who is still here: %d %s", got.status, got.body)
	}
}

// What a locked admin reads and does is what a member may.
func TestALockedAdminIsAMember(t *testing.T) {
	p, root, eve := two(t)
	p.confirmed(root, eve)
	root.changes(eve, wire.AdminUserChange{Role: wire.PlaceAdmin})
	into[wire.AdminUsers](t, eve.call("GET", "/api/admin/users", nil))
	root.changes(eve, wire.AdminUserChange{State: wire.Locked})
	for _, got := range []answer{
		eve.call("GET", "/api/admin/users", nil), eve.call("GET", "/api/admin/audit", nil),
		eve.call("PATCH", "/api/admin/users/"+eve.in.User.ID.String(), wire.AdminUserChange{State: wire.Active}),
		eve.call("POST", "/api/admin/users/"+root.in.User.ID.String()+"/reset", wire.NewResetLink{TwoStep: true}),
	} {
		if got.code() != wire.Forbidden {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if got := eve.call("GET", "/api/me", nil); got.status != 200 {
		t.Errorf("their session ended: %d %s", got.status, got.body)
	}
}
