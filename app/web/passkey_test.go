package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// two is a place with its admin and one other person.
func two(t *testing.T) (p *testPlace, root, ann *person) {
	t.Helper()
	p = newPlace(t)
	root = p.setUp()
	home := into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID
	return p, root, p.join("ann", root, home)
}

// acts reads the audit log, newest first.
func (p *testPlace) acts() (list []wire.AuditEntry) {
	p.t.Helper()
	check(p.t, p.store.Read(p.t.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.AuditBefore(0, 1000)
		return err
	}))
	return list
}

// notices are what a person was told about how their account is guarded, oldest first.
func (q *person) notices() (list []string) {
	q.place.t.Helper()
	for _, e := range into[wire.SyncPage](q.place.t, q.call("GET", "/api/sync?after=0&limit=500", nil)).Events {
		if e.SessionNotice != nil {
			list = append(list, e.SessionNotice.What)
		}
	}
	return list
}

func TestAPasskeySignsIn(t *testing.T) {
	p, _, ann := two(t)
	a := ann.enrols("My phone")
	got := into[wire.SignedIn](t, p.call("POST", "/api/auth/passkey", "", wire.PasskeyLogin{Passkey: a.get(p.ask()), Transport: wire.ByBody}, header("X-Forwarded-For", "203.0.113.9")))
	if got.User.ID != ann.in.User.ID || got.RefreshToken == "" {
		t.Fatalf("got %+v", got)
	}
	me := into[wire.Me](t, p.call("GET", "/api/me", got.AccessToken, nil))
	if me.User.Username != "ann" {
		t.Errorf("got %+v", me)
	}
	security := into[wire.Security](t, ann.call("GET", "/api/me/security", nil))
	if len(security.Passkeys) != 1 || security.Passkeys[0].Name != "My phone" || security.Passkeys[0].UsedAt == 0 || !bytes.Equal(security.Passkeys[0].ID, a.id) {
		t.Errorf("got %+v", security)
	}
	if told := ann.notices(); !slices.Contains(told, "passkey_added") || !slices.Contains(told, "signed_in") {
		t.Errorf("told %v", told)
	}
	acts := p.acts()
	if acts[0].What != wire.ActSignedIn || acts[0].Address != "203.0.113.9" || *acts[0].User != ann.in.User.ID || acts[1].What != wire.ActPasskeyAdded {
		t.Errorf("audit: %+v", acts[:2])
	}
}

func TestPasskeysAreAskedForAsTheStandardWants(t *testing.T) {
	p, _, ann := two(t)
	sign := p.ask()
	if o := sign.Options; o.RPID != "localhost" || o.UserVerification != "required" || len(o.Challenge) != 43 || o.Timeout != 300_000 {
		t.Errorf("to sign in: %+v", o)
	}
	if raw := p.call("POST", "/api/auth/passkey/options", "", nil).body; bytes.Contains(raw, []byte("allowCredentials")) {
		t.Errorf("tells strangers of passkeys: %s", raw)
	}
	a := ann.enrols("One")
	o := into[asked](t, ann.call("POST", "/api/me/passkeys/options", nil)).Options
	id := ann.in.User.ID
	if o.RP.ID != "localhost" || o.RP.Name != "Elm Street" || !bytes.Equal(o.User.ID, id[:]) || o.User.Name != "ann" || o.User.DisplayName != "ANN" ||
		o.Selection.ResidentKey != "required" || o.Selection.UserVerification != "required" || o.Attestation != "none" {
		t.Errorf("to make one: %+v", o)
	}
	if fmt.Sprint(o.Params) != "[{public-key -7} {public-key -8} {public-key -257}]" {
		t.Errorf("algorithms %v", o.Params)
	}
	if len(o.Exclude) != 1 || !bytes.Equal(o.Exclude[0].ID, a.id) || fmt.Sprint(o.Exclude[0].Transports) != "[internal hybrid]" {
		t.Errorf("excluded: %+v", o.Exclude)
	}
}

func TestPasskeysBelongToTheNameOfThePlace(t *testing.T) {
	for origin, want := range map[string]string{"https://chat.example.org": "chat.example.org", "https://chat.example.org:8443": "chat.example.org", "": "localhost"} {
		p := openPlace(t, t.TempDir(), origin, builtApp())
		p.setUp()
		if got := p.ask().Options.RPID; got != want {
			t.Errorf("%s: %s", origin, got)
		}
	}
	p := openPlace(t, t.TempDir(), "https://192.0.2.7", builtApp())
	p.setUp()
	if got := p.call("POST", "/api/auth/passkey/options", "", nil); got.status != 401 || got.code() != wire.BadPasskey {
		t.Errorf("by number: %d %s", got.status, got.body)
	}
}

// bends are what an attacker may do to an assertion; each must be refused alike, and the straight one accepted.
func TestAnAssertionThatIsNotExactlyRightIsRefused(t *testing.T) {
	p, root, ann := two(t)
	a, other := ann.enrols("Mine"), root.enrols("Admin's")
	login := func(in wire.PasskeyAssertion) answer {
		return p.call("POST", "/api/auth/passkey", "", wire.PasskeyLogin{Passkey: in, Transport: wire.ByBody})
	}
	bent := func(bend func(*authenticator)) wire.PasskeyAssertion {
		copied := *a
		bend(&copied)
		return copied.get(p.ask())
	}
	straight := a.get(p.ask())
	into[wire.SignedIn](t, login(straight))
	foreign := a.get(p.ask())
	foreign.Ceremony = "x" + foreign.Ceremony[1:]
	swapped := a.get(p.ask())
	swapped.Ceremony = p.ask().Ceremony
	making := a.get(into[asked](t, ann.confirm().call("POST", "/api/me/passkeys/options", nil)))
	altered := a.get(p.ask())
	altered.AuthenticatorData = append(wire.Bytes{}, altered.AuthenticatorData...)
	altered.AuthenticatorData[36]++
	noHandle := a.get(p.ask())
	noHandle.UserHandle = nil
	long := a.get(p.ask())
	long.ClientData = append(long.ClientData, bytes.Repeat([]byte(" "), 5<<10)...)
	for name, in := range map[string]wire.PasskeyAssertion{
		"replay":                   straight,
		"foreign origin":           bent(func(a *authenticator) { a.origin = "https://evil.example" }),
		"origin of another scheme": bent(func(a *authenticator) { a.origin = "https" + a.origin[4:] }),
		"origin without the port":  bent(func(a *authenticator) { a.origin = "http://localhost" }),
		"suffix of the origin":     bent(func(a *authenticator) { a.origin += ".evil.example" }),
		"foreign place":            bent(func(a *authenticator) { a.rp = "evil.example" }),
		"nobody verified":          bent(func(a *authenticator) { a.flags = flagPresent }),
		"nobody present":           bent(func(a *authenticator) { a.flags = flagVerified }),
		"another's user handle":    bent(func(a *authenticator) { a.handle = other.handle }),
		"another's passkey":        bent(func(a *authenticator) { a.id, a.handle = other.id, other.handle }),
		"unknown passkey":          bent(func(a *authenticator) { a.id = []byte("unknown") }),
		"another key":              bent(func(a *authenticator) { a.key = other.key }),
		"no user handle":           noHandle,
		"forged ceremony":          foreign,
		"another ceremony":         swapped,
		"ceremony to make one":     making,
		"altered data":             altered,
		"endless client data":      long,
		"nothing":                  {},
	} {
		if got := login(in); got.status != 401 || got.code() != wire.BadPasskey {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if name != "replay" && name != "foreign origin" && name != "nobody verified" && name != "altered data" {
			continue // the same check stands before both; confirming is limited
		}
		if got := root.call("POST", "/api/me/confirm", wire.Confirmation{Passkey: &in}); got.status != 401 || got.code() != wire.BadPasskey {
			t.Errorf("%s, to confirm: %d %s", name, got.status, got.body)
		}
	}
	late := a.get(p.ask())
	p.ahead.Add(int64(5*time.Minute + time.Second))
	if got := login(late); got.code() != wire.BadPasskey {
		t.Errorf("late: %d %s", got.status, got.body)
	}
	into[wire.SignedIn](t, a.signsIn(p)) // and none of it has spoilt the passkey
}

// A ceremony serves once, even when its two answers arrive at the same time, and not again after a restart that has forgotten its use.
func TestACeremonyServesOnce(t *testing.T) {
	p, _, ann := two(t)
	a := ann.enrols("Mine")
	in := wire.PasskeyLogin{Passkey: a.get(p.ask()), Transport: wire.ByBody}
	var answers [8]int
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = p.call("POST", "/api/auth/passkey", "", in).status })
	}
	all.Wait()
	slices.Sort(answers[:])
	if answers[0] != 200 || answers[1] != 401 {
		t.Fatalf("got %v", answers)
	}
	p.close()
	again := openPlace(t, p.dir, p.origin, builtApp())
	if got := again.call("POST", "/api/auth/passkey", "", in); got.status != 401 || got.code() != wire.BadPasskey {
		t.Errorf("after a restart: %d %s", got.status, got.body)
	}
}

func TestACountThatGoesBackIsRefusedAndTold(t *testing.T) {
	p, _, ann := two(t)
	a := ann.enrols("Key")
	a.counts = true
	copied := *a
	into[wire.SignedIn](t, a.signsIn(p))
	into[wire.SignedIn](t, a.signsIn(p))
	if got := copied.signsIn(p); got.status != 401 || got.code() != wire.BadPasskey || !strings.Contains(string(got.body), "copied") {
		t.Fatalf("the copy: %d %s", got.status, got.body)
	}
	if told := ann.notices(); told[len(told)-1] != "passkey_copied" {
		t.Errorf("told %v", told)
	}
	if last := p.acts()[0]; last.What != wire.ActSignInFailed || *last.User != ann.in.User.ID || !strings.Contains(last.Detail, "copied") {
		t.Errorf("audit: %+v", last)
	}
	into[wire.SignedIn](t, a.signsIn(p))
}

func TestANewPasskeyThatIsNotExactlyRightIsRefused(t *testing.T) {
	p, root, ann := two(t)
	ann.confirm()
	root.confirm()
	ask := func(q *person) asked { return into[asked](t, q.call("POST", "/api/me/passkeys/options", nil)) }
	bent := func(bend func(*authenticator)) wire.NewPasskey {
		a := p.authenticator()
		bend(a)
		return a.create(ask(ann), "Mine")
	}
	known := ann.enrols("First")
	theirs := root.enrols("Admin's")
	wrongID := p.authenticator().create(ask(ann), "Mine")
	wrongID.ID = []byte("another")
	certified := p.authenticator().create(ask(ann), "Certified")
	certified.AttestationObject = bytes.Replace(certified.AttestationObject, []byte("none"), []byte("fido"), 1)
	for name, in := range map[string]wire.NewPasskey{
		"foreign origin":       bent(func(a *authenticator) { a.origin = "https://evil.example" }),
		"foreign place":        bent(func(a *authenticator) { a.rp = "evil.example" }),
		"nobody verified":      bent(func(a *authenticator) { a.flags = flagPresent }),
		"nobody present":       bent(func(a *authenticator) { a.flags = flagVerified }),
		"known already":        bent(func(a *authenticator) { a.id = known.id }),
		"known of another":     bent(func(a *authenticator) { a.id = theirs.id }),
		"endless id":           bent(func(a *authenticator) { a.id = bytes.Repeat([]byte("x"), 1024) }),
		"another's ceremony":   p.authenticator().create(ask(root), "Mine"),
		"ceremony to sign in":  p.authenticator().create(p.ask(), "Mine"),
		"id of another key":    wrongID,
		"nothing":              {Name: "x", Transports: []string{}},
		"no attestation":       {Ceremony: ask(ann).Ceremony, Name: "x", ID: []byte("x"), Transports: []string{}},
		"CBOR that never ends": {Ceremony: ask(ann).Ceremony, Name: "x", ID: []byte("x"), ClientData: []byte("{}"), AttestationObject: bytes.Repeat([]byte{0x81}, 8000), Transports: []string{}},
	} {
		if got := ann.call("POST", "/api/me/passkeys", in); got.status != 401 || got.code() != wire.BadPasskey {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	into[wire.Passkey](t, ann.call("POST", "/api/me/passkeys", certified)) // what attests a key was not asked for and is not looked at
	once := p.authenticator().create(ask(ann), "Once")
	into[wire.Passkey](t, ann.call("POST", "/api/me/passkeys", once))
	if got := ann.call("DELETE", "/api/me/passkeys/"+unpadded(once.ID), nil); got.status != 204 {
		t.Fatalf("removed: %d %s", got.status, got.body)
	}
	if got := ann.call("POST", "/api/me/passkeys", once); got.code() != wire.BadPasskey {
		t.Errorf("the same answer twice: %d %s", got.status, got.body)
	}
	for _, name := range []string{"", strings.Repeat("x", 61), "a\nb"} {
		if got := ann.call("POST", "/api/me/passkeys", p.authenticator().create(ask(ann), name)); got.status != 400 || got.code() != wire.BadRequest {
			t.Errorf("named %q: %d %s", name, got.status, got.body)
		}
	}
}

func TestAnAccountHoldsTwentyPasskeys(t *testing.T) {
	p, _, ann := two(t)
	ann.confirm()
	var asks []asked
	for range 21 {
		asks = append(asks, into[asked](t, ann.call("POST", "/api/me/passkeys/options", nil)))
	}
	for i, o := range asks {
		got := ann.call("POST", "/api/me/passkeys", p.authenticator().create(o, fmt.Sprint("Key ", i)))
		if i < 20 && got.status != 201 || i == 20 && got.code() != wire.LimitReached {
			t.Errorf("passkey %d: %d %s", i+1, got.status, got.body)
		}
	}
	if got := ann.call("POST", "/api/me/passkeys/options", nil); got.code() != wire.LimitReached {
		t.Errorf("asked for one more: %d %s", got.status, got.body)
	}
}

func TestAPasskeyIsRenamedAndRemovedByItsOwnerAlone(t *testing.T) {
	p, root, ann := two(t)
	a := ann.enrols("Phone")
	path := "/api/me/passkeys/" + unpadded(a.id)
	root.confirm()
	if got := root.call("PATCH", path, wire.Named{Name: "Mine"}); got.status != 404 {
		t.Errorf("renamed by another: %d", got.status)
	}
	if got := root.call("DELETE", path, nil); got.status != 404 {
		t.Errorf("removed by another: %d", got.status)
	}
	if got := into[wire.Passkey](t, ann.call("PATCH", path, wire.Named{Name: " Old phone "})); got.Name != "Old phone" {
		t.Errorf("got %+v", got)
	}
	if got := ann.call("DELETE", path, nil); got.status != 204 {
		t.Fatalf("removed: %d %s", got.status, got.body)
	}
	if got := a.signsIn(p); got.code() != wire.BadPasskey {
		t.Errorf("a removed passkey: %d %s", got.status, got.body)
	}
	if told := ann.notices(); told[len(told)-1] != "passkey_removed" {
		t.Errorf("told %v", told)
	}
	if last := p.acts()[0]; last.What != wire.ActPasskeyRemoved || *last.Actor != ann.in.User.ID {
		t.Errorf("audit: %+v", last)
	}
}

// A passkey has asked for a finger or a face itself: neither a password locked by guessing nor two-step codes stand before it.
func TestAPasskeyNeedsNeitherPasswordNorCode(t *testing.T) {
	p, _, ann := two(t)
	a := ann.enrols("Mine")
	for range 11 {
		p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: "ann", Password: "wrong", Transport: wire.ByBody})
	}
	p.put("INSERT INTO totp (user_id, sealed, confirmed_at, last_step) VALUES (?, x'00', 1, 0)", ann.in.User.ID)
	into[wire.SignedIn](t, a.signsIn(p))
}

func TestWhomAnAdminHasLockedNoPasskeySignsIn(t *testing.T) {
	p, _, ann := two(t)
	a := ann.enrols("Mine")
	for _, state := range []wire.UserState{wire.Locked, wire.Suspended} {
		p.put("UPDATE user SET state = '"+string(state)+"' WHERE id = ?", ann.in.User.ID)
		if got := a.signsIn(p); got.status != 403 || got.code() != wire.AccountPaused {
			t.Errorf("%s: %d %s", state, got.status, got.body)
		}
	}
	p.put("UPDATE user SET state = 'active' WHERE id = ?", ann.in.User.ID)
	into[wire.SignedIn](t, a.signsIn(p))
}

// The rules of SECURITY.md S1 and S4 hold for this way of signing in as for the others. // N29
func TestSigningInByPasskeyKeepsTheRulesOfCookies(t *testing.T) {
	p, _, ann := two(t)
	a := ann.enrols("Mine")
	by := func(transport wire.Transport, edit ...func(*http.Request)) answer {
		return p.call("POST", "/api/auth/passkey", "", wire.PasskeyLogin{Passkey: a.get(p.ask()), Transport: transport}, edit...)
	}
	got := by(wire.ByCookie)
	c := cookieOf(t, got)
	if c.Name != "rt" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || bytes.Contains(got.body, []byte("refresh_token")) || bytes.Contains(got.body, []byte(c.Value)) {
		t.Errorf("cookie %+v, body %s", c, got.body)
	}
	if got := by(wire.ByBody); got.header.Get("Set-Cookie") != "" || into[wire.SignedIn](t, got).RefreshToken == "" {
		t.Errorf("a program got %v %s", got.header, got.body)
	}
	if got := by("header"); got.status != 400 {
		t.Errorf("another transport: %d", got.status)
	}
	for _, edit := range []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Site", "same-site"), header("Origin", "https://evil.example"), header("Origin", "null")} {
		if got := by(wire.ByCookie, edit); got.status != 403 || got.code() != wire.CrossSite || got.header.Get("Set-Cookie") != "" {
			t.Errorf("from another site: %d %s", got.status, got.body)
		}
		if got := p.call("POST", "/api/auth/passkey/options", "", nil, edit); got.status != 403 {
			t.Errorf("options for another site: %d", got.status)
		}
	}
	if got := by(wire.ByCookie, header("Content-Type", "text/plain")); got.status != 415 {
		t.Errorf("plain text: %d", got.status)
	}
}

// Only the passkey of whoever signs in is asked; nothing that is stored opens anything.
func TestTheDatabaseHoldsNoSecretOfAPasskey(t *testing.T) {
	p, _, ann := two(t)
	a := ann.enrols("Mine")
	into[wire.SignedIn](t, a.signsIn(p))
	secret, err := a.key.Bytes()
	check(t, err)
	var stored store.Passkey
	check(t, p.store.Read(t.Context(), func(tx *store.Tx) (err error) {
		stored, err = tx.Passkey(a.id)
		return err
	}))
	if !json.Valid([]byte(stored.Credential)) || strings.Contains(stored.Credential, "clientDataJSON") || len(stored.Credential) > 1000 {
		t.Errorf("stored %s", stored.Credential)
	}
	p.absent(secret)
}
