package web

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/wire"
)

// again signs the person in once more, as from another browser.
func (q *person) again() *person {
	q.place.t.Helper()
	in := into[wire.SignedIn](q.place.t, q.place.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: q.name, Password: testPassword, Transport: wire.ByBody}))
	return &person{place: q.place, name: q.name, in: in}
}

func (q *person) sessions() []wire.Session {
	q.place.t.Helper()
	return into[wire.Sessions](q.place.t, q.call("GET", "/api/sessions", nil)).Sessions
}

// current is the id of the person's own session.
func (q *person) current() wire.SessionID {
	q.place.t.Helper()
	for _, s := range q.sessions() {
		if s.Current {
			return s.ID
		}
	}
	q.place.t.Fatal("no session is the current one")
	return wire.SessionID{}
}

// Dangerous changes are refused until the person has shown, within the last minutes and to this session, that it is them. // N36
func TestDangerousChangesNeedAFreshConfirmation(t *testing.T) {
	p, _, ann := two(t)
	other := ann.again()
	refused := func(q *person, want bool) {
		t.Helper()
		got := q.call("POST", "/api/me/passkeys/options", nil)
		if is := got.status == 403 && got.code() == wire.ConfirmFirst; is != want {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	refused(ann, true)
	if got := ann.call("POST", "/api/me/confirm", wire.Confirmation{Password: "not the password"}); got.status != 401 || got.code() != wire.BadCredentials {
		t.Errorf("wrong password: %d %s", got.status, got.body)
	}
	for _, in := range []wire.Confirmation{{}, {Password: testPassword, Passkey: &wire.PasskeyAssertion{}}} {
		if got := ann.call("POST", "/api/me/confirm", in); got.status != 400 {
			t.Errorf("neither or both: %d %s", got.status, got.body)
		}
	}
	refused(ann, true)
	until := into[wire.Confirmed](t, ann.call("POST", "/api/me/confirm", wire.Confirmation{Password: testPassword})).FreshUntil
	if ahead := until - p.now().UnixMilli(); ahead > 300_000 || ahead < 290_000 {
		t.Errorf("fresh for %d ms", ahead)
	}
	refused(ann, false)
	refused(other, true)
	if got := into[wire.Security](t, ann.call("GET", "/api/me/security", nil)).FreshUntil; got != until {
		t.Errorf("security says %d, not %d", got, until)
	}
	p.close()
	q := openPlace(t, p.dir, p.origin, builtApp())
	ann.place = q
	refused(ann, false) // a restart forgets no confirmation
	q.ahead.Store(int64(5 * time.Minute))
	refused(ann, true)
}

func TestAPasskeyConfirmsItsOwnersSessionsAlone(t *testing.T) {
	p, root, ann := two(t)
	a := ann.enrols("Mine")
	other := ann.again()
	in := a.get(p.ask())
	if got := root.call("POST", "/api/me/confirm", wire.Confirmation{Passkey: &in}); got.status != 401 || got.code() != wire.BadPasskey {
		t.Errorf("another's passkey: %d %s", got.status, got.body)
	}
	in = a.get(p.ask())
	into[wire.Confirmed](t, other.call("POST", "/api/me/confirm", wire.Confirmation{Passkey: &in}))
	if got := other.call("POST", "/api/me/passkeys/options", nil); got.status != 200 {
		t.Errorf("confirmed: %d %s", got.status, got.body)
	}
	if got := other.call("POST", "/api/me/confirm", wire.Confirmation{Passkey: &in}); got.code() != wire.BadPasskey {
		t.Errorf("the same answer again: %d %s", got.status, got.body)
	}
}

func TestTwoConfirmationsAtOnceBothHold(t *testing.T) {
	_, _, ann := two(t)
	var all sync.WaitGroup
	var until [2]int64
	for i := range until {
		all.Go(func() {
			json.Unmarshal(ann.call("POST", "/api/me/confirm", wire.Confirmation{Password: testPassword}).body, &struct {
				At *int64 `json:"fresh_until"`
			}{&until[i]})
		})
	}
	all.Wait()
	if got := into[wire.Security](t, ann.call("GET", "/api/me/security", nil)).FreshUntil; got != max(until[0], until[1]) || min(until[0], until[1]) == 0 {
		t.Errorf("fresh until %d, promised %v", got, until)
	}
}

func TestSecurityTellsHowTheAccountIsGuarded(t *testing.T) {
	p, _, ann := two(t)
	fresh := into[wire.Security](t, ann.call("GET", "/api/me/security", nil))
	if fresh.TwoStep || fresh.BackupCodes != 0 || len(fresh.Passkeys) != 0 || fresh.FreshUntil != 0 || fresh.State != wire.Active || fresh.PasswordAt == 0 {
		t.Errorf("got %+v", fresh)
	}
	if raw := ann.call("GET", "/api/me/security", nil).body; !bytes.Contains(raw, []byte(`"passkeys":[]`)) {
		t.Errorf("got %s", raw)
	}
	p.put("INSERT INTO totp (user_id, sealed) VALUES (?, x'00')", ann.in.User.ID)
	if into[wire.Security](t, ann.call("GET", "/api/me/security", nil)).TwoStep {
		t.Error("two-step codes count as on before the first code")
	}
	p.put("UPDATE totp SET confirmed_at = 1 WHERE user_id = ?", ann.in.User.ID)
	p.put("INSERT INTO backup_code (user_id, hash) VALUES (?1, zeroblob(32)), (?1, randomblob(32))", ann.in.User.ID)
	if got := into[wire.Security](t, ann.call("GET", "/api/me/security", nil)); !got.TwoStep || got.BackupCodes != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestSessionsTellWhereOneIsSignedIn(t *testing.T) {
	p, root, ann := two(t)
	ann.withDevice()
	p.ahead.Add(int64(time.Hour))
	agent := header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	in := into[wire.SignedIn](t, p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: "ann", Password: testPassword, Transport: wire.ByBody}, agent, header("X-Forwarded-For", "203.0.113.9")))
	list := (&person{place: p, name: "ann", in: in}).sessions()
	if len(list) != 2 {
		t.Fatalf("got %+v", list)
	}
	if s := list[0]; s.Agent != "Firefox on Linux" || s.Network != "203.0.113.0/24" || !s.Current || s.HasKeys || s.Device != "" || s.LastSeen != s.CreatedAt || s.ExpiresAt < s.LastSeen {
		t.Errorf("this one: %+v", s)
	}
	if s := list[1]; s.Current || !s.HasKeys || s.Device != "Test" || s.LastSeen >= list[0].LastSeen {
		t.Errorf("the other: %+v", s)
	}
	p.ahead.Add(int64(time.Hour))
	into[wire.SignedIn](t, p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: ann.in.RefreshToken, Transport: wire.ByBody}, header("X-Forwarded-For", "2001:db8:7:8::9")))
	ann.again() // whose token is fresh
	list = (&person{place: p, in: into[wire.SignedIn](t, p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: in.RefreshToken, Transport: wire.ByBody}))}).sessions()
	i := slices.IndexFunc(list, func(s wire.Session) bool { return s.HasKeys })
	if s := list[i]; s.Network != "2001:db8:7::/48" || s.LastSeen <= s.CreatedAt || s.LastSeen < p.now().Add(-time.Minute).UnixMilli() {
		t.Errorf("renewed: %+v", s)
	}
	for _, s := range root.again().sessions() {
		if slices.ContainsFunc(list, func(mine wire.Session) bool { return mine.ID == s.ID }) {
			t.Error("another person's session is listed")
		}
	}
}

func TestAnEndedSessionIsOverAtOnce(t *testing.T) {
	p, root, ann := two(t)
	phone := ann.again()
	socket, _ := phone.listen(nil)
	id := phone.current()
	path := "/api/sessions/" + id.String()
	if got := ann.call("DELETE", path, nil); got.code() != wire.ConfirmFirst {
		t.Errorf("not confirmed: %d %s", got.status, got.body)
	}
	if got := root.confirm().call("DELETE", path, nil); got.status != 404 {
		t.Errorf("a stranger's session: %d %s", got.status, got.body)
	}
	ann.confirm()
	if got := ann.call("DELETE", path, nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if code := socket.closed(); code != live.CodeExpired {
		t.Errorf("the socket closed with %d", code)
	}
	if got := phone.call("GET", "/api/me", nil); got.status != 401 || got.code() != wire.SessionEnded {
		t.Errorf("its token: %d %s", got.status, got.body)
	}
	if got := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: phone.in.RefreshToken, Transport: wire.ByBody}); got.status != 401 {
		t.Errorf("its refresh token: %d %s", got.status, got.body)
	}
	if got := ann.call("DELETE", path, nil); got.status != 404 {
		t.Errorf("once more: %d", got.status)
	}
	if last := p.acts()[0]; last.What != wire.ActSessionEnded || *last.Actor != ann.in.User.ID || last.Detail == "" {
		t.Errorf("audit: %+v", last)
	}
	if got := ann.call("GET", "/api/me", nil); got.status != 200 {
		t.Errorf("the one that asked: %d", got.status)
	}
}

func TestAllOtherSessionsEnd(t *testing.T) {
	p, root, ann := two(t)
	others := []*person{ann.again(), ann.again()}
	ann.confirm()
	if got := ann.call("DELETE", "/api/sessions", nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, q := range others {
		if got := q.call("GET", "/api/me", nil); got.status != 401 {
			t.Errorf("another session: %d", got.status)
		}
	}
	if list := ann.sessions(); len(list) != 1 || !list[0].Current {
		t.Errorf("left: %+v", list)
	}
	if got := root.call("GET", "/api/me", nil); got.status != 200 {
		t.Errorf("another person: %d", got.status)
	}
	if acts := p.acts(); acts[0].What != wire.ActSessionEnded || acts[1].What != wire.ActSessionEnded {
		t.Errorf("audit: %+v", acts)
	}
}

// Whichever comes first, a session that was ended renews nothing. // N41
func TestASessionThatEndsWhileItRefreshesIsOver(t *testing.T) {
	p, _, ann := two(t)
	ann.confirm()
	for range 8 {
		phone := ann.again()
		id := phone.current()
		var got answer
		var both sync.WaitGroup
		both.Go(func() {
			got = p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: phone.in.RefreshToken, Transport: wire.ByBody})
		})
		both.Go(func() { ann.call("DELETE", "/api/sessions/"+id.String(), nil) })
		both.Wait()
		var in wire.SignedIn
		json.Unmarshal(got.body, &in)
		for _, token := range []string{phone.in.AccessToken, in.AccessToken} {
			if got := p.call("GET", "/api/me", token, nil); got.status != 401 {
				t.Errorf("a token of the ended session: %d", got.status)
			}
		}
		if in.RefreshToken != "" {
			if got := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: in.RefreshToken, Transport: wire.ByBody}); got.status != 401 {
				t.Errorf("its successor: %d", got.status)
			}
		}
	}
}

// N40
func TestACopiedSessionEndsForEverybodyAndIsTold(t *testing.T) {
	p, _, ann := two(t)
	first := ann.in.RefreshToken
	old := ann.in.AccessToken
	watch := ann.again()
	ann.renew()
	ann.renew()
	got := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: first, Transport: wire.ByBody}, header("X-Forwarded-For", "198.51.100.7"))
	if got.status != 401 || got.code() != wire.SessionEnded {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, token := range []string{old, ann.in.AccessToken} {
		if got := p.call("GET", "/api/me", token, nil); got.status != 401 {
			t.Errorf("still open: %d", got.status)
		}
	}
	if told := watch.notices(); told[len(told)-1] != "refresh_reused" {
		t.Errorf("told %v", told)
	}
	if last := p.acts()[0]; last.What != wire.ActRefreshReused || last.Actor != nil || *last.User != ann.in.User.ID || last.Address != "198.51.100.7" {
		t.Errorf("audit: %+v", last)
	}
}

// N39
func TestTokensServeOnlyWhereTheyBelong(t *testing.T) {
	p, _, ann := two(t)
	if got := p.call("GET", "/api/me", ann.in.RefreshToken, nil); got.status != 401 {
		t.Errorf("a refresh token as access token: %d", got.status)
	}
	for _, token := range []string{ann.in.AccessToken, p.ask().Ceremony} {
		if got := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: token, Transport: wire.ByBody}); got.status != 401 {
			t.Errorf("%.12s… as refresh token: %d", token, got.status)
		}
		if got := p.call("GET", "/api/me", p.ask().Ceremony, nil); got.status != 401 {
			t.Errorf("a ceremony as access token: %d", got.status)
		}
	}
}

// N34: what proves that a sign-in has begun opens nothing by itself.
func TestACeremonyIsNoAccessToken(t *testing.T) {
	p, _, ann := two(t)
	ann.confirm()
	for _, text := range []string{p.ask().Ceremony, into[asked](t, ann.call("POST", "/api/me/passkeys/options", nil)).Ceremony} {
		if got := p.call("GET", "/api/me", text, nil); got.status != 401 || got.code() != wire.Unauthorized {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

func TestSigningOutIsWrittenDownOnce(t *testing.T) {
	p, _, ann := two(t)
	got := p.call("POST", "/api/auth/logout", ann.in.AccessToken, wire.LogoutRequest{RefreshToken: ann.in.RefreshToken})
	if got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	acts := p.acts()
	if len(acts) == 0 || acts[0].What != wire.ActSignedOut || *acts[0].Actor != ann.in.User.ID {
		t.Fatalf("audit: %+v", acts)
	}
	if len(acts) > 1 && acts[1].What == wire.ActSignedOut {
		t.Errorf("twice: %+v", acts)
	}
}
