package web

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

func (q *person) changes(to *person, req wire.AdminUserChange) wire.AdminUser {
	q.place.t.Helper()
	return into[wire.AdminUser](q.place.t, q.call("PATCH", "/api/admin/users/"+to.in.User.ID.String(), req))
}

// byCookie signs in once more, as a browser does, and returns its cookie.
func (q *person) byCookie() *http.Cookie {
	q.place.t.Helper()
	got := q.place.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: q.name, Password: testPassword, Transport: wire.ByCookie})
	res := http.Response{Header: got.header}
	i := slices.IndexFunc(res.Cookies(), func(c *http.Cookie) bool { return c.Name == q.place.face.cookieName(refreshCookie) })
	if i < 0 {
		q.place.t.Fatalf("no cookie: %d %s", got.status, got.body)
	}
	return res.Cookies()[i]
}

// N41, N49 and T4: whoever is suspended while holding a token, a socket, a refresh cookie and a waiting sync loses all of them at once.
func TestASuspendedPersonIsOutAtOnce(t *testing.T) {
	p := newPlace(t)
	root := p.setUp().withDevice()
	home := into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID
	ann, bob := p.join("ann", root, home).withDevice(), p.join("bob", root, home).withDevice()
	p.confirmed(root, ann, bob)

	cookie, token := ann.byCookie(), ann.in.AccessToken
	socket, _ := ann.listen(nil)
	other, _ := bob.listen(nil)
	cursor := into[wire.State](t, ann.call("GET", "/api/state", nil)).Cursor
	waiting := make(chan answer, 1)
	go func() { waiting <- ann.call("GET", fmt.Sprintf("/api/sync?after=%d&wait=30", cursor), nil) }()
	p.streams(ann, 2)

	root.changes(ann, wire.AdminUserChange{State: wire.Suspended})
	if got := ann.call("GET", "/api/me", nil); got.status != 401 || got.code() != wire.SessionEnded {
		t.Errorf("the token: %d %s", got.status, got.body)
	}
	got := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{Transport: wire.ByCookie}, func(r *http.Request) { r.AddCookie(cookie) })
	if got.status != 401 || got.code() != wire.SessionEnded {
		t.Errorf("the cookie: %d %s", got.status, got.body)
	}
	got = p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: ann.in.RefreshToken, Transport: wire.ByBody})
	if got.status != 401 || got.code() != wire.SessionEnded {
		t.Errorf("the refresh token: %d %s", got.status, got.body)
	}
	if code := socket.closed(); code != 4403 {
		t.Errorf("the socket: %d", code)
	}
	if a := <-waiting; a.status != 401 || a.code() != wire.SessionEnded {
		t.Errorf("the waiting sync: %d %s", a.status, a.body)
	}
	again := p.connect()
	again.say(wire.AuthFrame{T: "auth", Token: token})
	if code := again.closed(); code != 4401 {
		t.Errorf("a new socket: %d", code)
	}
	got = p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: "ann", Password: testPassword, Transport: wire.ByBody})
	if got.status != 403 || got.code() != wire.AccountPaused {
		t.Errorf("signing in: %d %s", got.status, got.body)
	}
	if u := other.hearUser(); u.ID != ann.in.User.ID || u.State != wire.Suspended {
		t.Errorf("bob is told %+v", u)
	}
	root.changes(ann, wire.AdminUserChange{State: wire.Active})
	if u := other.hearUser(); u.ID != ann.in.User.ID || u.State != "" {
		t.Errorf("bob is told %+v", u)
	}
	if got := ann.call("GET", "/api/me", nil); got.status != 401 {
		t.Errorf("the old token is good again: %d", got.status)
	}
	ann.byCookie()
}

// hearUser reads until an event tells of a person.
func (l *listener) hearUser() wire.User {
	l.t.Helper()
	for {
		for _, e := range l.hear("events").Events {
			if e.User != nil {
				return *e.User
			}
		}
	}
}

// streams returns once the person has so many streams.
func (p *testPlace) streams(q *person, want int) {
	p.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		p.face.sockets.mu.Lock()
		n := p.face.sockets.streams[q.in.User.ID]
		p.face.sockets.mu.Unlock()
		if n == want {
			return
		}
		if time.Since(began) > patience {
			p.t.Fatalf("%d streams", n)
		}
	}
}

// N53: whoever is no admin of the place gets no further than the door of any admin route, confirmed or not, whatever they run in it.
func TestMembersAreRefusedEveryAdminRoute(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	ann := p.join("ann", root, into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID)
	into[wire.Community](t, ann.call("POST", "/api/communities", wire.Named{Name: "Her own"}))
	check(t, p.store.Write(t.Context(), func(tx *store.Tx) error { return tx.Audit(wire.AuditEntry{What: wire.ActSetUp}) }))
	p.confirmed(root, ann)
	asked := 0
	for _, r := range p.face.routes {
		if !strings.HasPrefix(r.pattern, "/api/admin/") {
			if r.class == admin || r.class == freshAdmin {
				t.Errorf("%s is an admin route under another name: this test misses it", r.pattern)
			}
			continue
		}
		asked++
		path := strings.NewReplacer("{user}", root.in.User.ID.String(), "{invite}", wire.NewID[wire.InviteID]().String()).Replace(r.pattern)
		if got := ann.call(r.method, path, wire.AdminUserChange{State: wire.Suspended}); got.status != 403 || got.code() != wire.Forbidden {
			t.Errorf("%s %s: %d %s", r.method, path, got.status, got.body)
		}
		if got := p.call(r.method, path, "", nil); got.status != 401 {
			t.Errorf("%s %s without a token: %d", r.method, path, got.status)
		}
	}
	if asked < 7 {
		t.Errorf("only %d admin routes", asked)
	}
}

func TestWhoIsDemotedIsRefusedAtOnce(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	ann := p.join("ann", root, into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID)
	p.confirmed(root, ann)
	root.changes(ann, wire.AdminUserChange{Role: wire.PlaceAdmin})
	into[wire.Overview](t, ann.call("GET", "/api/admin/overview", nil))
	root.changes(ann, wire.AdminUserChange{Role: wire.PlaceMember})
	if got := ann.call("GET", "/api/admin/overview", nil); got.code() != wire.Forbidden {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := root.call("PATCH", "/api/admin/users/"+root.in.User.ID.String(), wire.AdminUserChange{Role: wire.PlaceMember}); got.status != 409 || got.code() != wire.LastAdmin {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestDangerousAdminActsAskForThePasswordFirst(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	for path, body := range map[string]any{"/api/admin/users/" + root.in.User.ID.String(): wire.AdminUserChange{Unlock: true},
		"/api/admin/place": wire.PlaceChange{Registration: wire.Open}} {
		if got := root.call("PATCH", path, body); got.status != 403 || got.code() != wire.ConfirmFirst {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	p.confirmed(root)
	into[wire.AdminUser](t, root.call("PATCH", "/api/admin/users/"+root.in.User.ID.String(), wire.AdminUserChange{Unlock: true}))
	into[wire.Place](t, root.call("PATCH", "/api/admin/place", wire.PlaceChange{Registration: wire.Open}))
	if place := into[wire.Place](t, p.call("GET", "/api/place", "", nil)); place.Registration != wire.Open {
		t.Errorf("%+v", place)
	}
	into[wire.SignedIn](t, p.call("POST", "/api/auth/register", "", wire.RegisterRequest{Username: "ann", DisplayName: "Ann", Password: testPassword, Transport: wire.ByBody}))
}

func TestTheAuditLogCanBeAskedForPiecesAndPeople(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	ann := p.join("ann", root, into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID)
	page := into[wire.AuditPage](t, root.call("GET", "/api/admin/audit?limit=2", nil))
	if len(page.Entries) != 2 || !page.More || page.Days != 90 || page.Entries[0].What != wire.ActRegistered {
		t.Errorf("%+v", page)
	}
	rest := into[wire.AuditPage](t, root.call("GET", fmt.Sprintf("/api/admin/audit?before=%d", page.Entries[1].ID), nil))
	if len(rest.Entries) != 1 || rest.More || rest.Entries[0].What != wire.ActSetUp {
		t.Errorf("%+v", rest)
	}
	of := into[wire.AuditPage](t, root.call("GET", "/api/admin/audit?user="+ann.in.User.ID.String(), nil))
	if len(of.Entries) != 1 || of.Entries[0].ActorName != "ann" {
		t.Errorf("%+v", of)
	}
	for _, query := range []string{"limit=0", "limit=201", "before=0", "before=x", "user=ann", "since=1", "limit=1&limit=2"} {
		if got := root.call("GET", "/api/admin/audit?"+query, nil); got.status != 400 || got.code() != wire.BadRequest {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

// An admin who is curious finds in no admin answer a password, a token, a key or anything somebody wrote.
func TestNoAdminAnswerTellsASecret(t *testing.T) {
	p := newPlace(t)
	root := p.setUp().withDevice()
	home := into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID
	ann := p.join("ann", root, home).withDevice()
	invite := into[wire.Invite](t, root.call("POST", "/api/invites", wire.NewInvite{CommunityID: home, Uses: 3, ExpiresIn: 3600}))
	dm := into[wire.DM](t, ann.call("POST", "/api/dms", wire.NewDM{UserID: root.in.User.ID}))
	into[wire.Message](t, ann.call("POST", "/api/conversations/"+dm.ID.String()+"/messages",
		wire.NewMessage{MessageID: wire.MsgID{1}, Epoch: dm.Epoch, Ciphertext: []byte("canary ciphertext")}))
	p.confirmed(root, ann)

	secrets := map[string]string{"password": testPassword, "access token": ann.in.AccessToken, "refresh token": ann.in.RefreshToken, "own refresh token": root.in.RefreshToken,
		"invitation": invite.Token, "ciphertext": "canary ciphertext", "vault": "sealed", "device name": `"Test"`, "device key": string(ann.manifest.Devices[0].Ed25519[:])}
	check(t, p.store.Read(t.Context(), func(tx *store.Tx) error {
		user, err := tx.User(ann.in.User.ID)
		secrets["password hash"] = user.PasswordHash
		return err
	}))
	path := "/api/admin/users/" + ann.in.User.ID.String()
	answers := map[string]answer{"unlock": root.call("PATCH", path, wire.AdminUserChange{Unlock: true}),
		"suspend": root.call("PATCH", path, wire.AdminUserChange{State: wire.Suspended}), "refused": root.call("PATCH", path, wire.AdminUserChange{State: "x"}),
		"place": root.call("PATCH", "/api/admin/place", wire.PlaceChange{Registration: wire.Closed})}
	for _, path := range []string{"/api/admin/overview", "/api/admin/users", "/api/admin/invites", "/api/admin/audit?limit=200"} {
		answers[path] = root.call("GET", path, nil)
	}
	for name, got := range answers {
		if name != "refused" && got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		for what, secret := range secrets {
			for _, spelled := range []string{secret, base64.RawURLEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
				if secret == "" || bytes.Contains(got.body, []byte(spelled)) {
					t.Errorf("%s tells the %s: %s", name, what, got.body)
				}
			}
		}
	}
	if !bytes.Contains(answers["/api/admin/users"].body, []byte(`"ann"`)) || !bytes.Contains(answers["/api/admin/invites"].body, []byte(invite.ID.String())) {
		t.Error("the answers hold nothing: this test sees nothing")
	}
}

// A channel as everybody's device sees it when one of its members is suspended and comes back.
func TestSuspensionIsToldInTheOneOrderOfTheLog(t *testing.T) {
	p := newPlace(t)
	root := p.setUp().withDevice()
	state := into[wire.State](t, root.call("GET", "/api/state", nil))
	ann, bob := p.join("ann", root, state.Communities[0].ID).withDevice(), p.join("bob", root, state.Communities[0].ID).withDevice()
	op := ann.createOp(signed.PolicyPrivate)
	op.Targets = append(op.Targets, signed.Target{User: bob.in.User.ID, Role: signed.RoleMember})
	slices.SortFunc(op.Targets, func(a, b signed.Target) int { return bytes.Compare(a.User[:], b.User[:]) })
	check(t, op.Sign(ann.key))
	into[wire.Channel](t, ann.call("POST", "/api/groups/"+state.Groups[0].ID.String()+"/channels", wire.NewChannel{Name: "quiet", Op: op.Encode()}))
	p.confirmed(root, ann, bob)
	before := into[wire.State](t, ann.call("GET", "/api/state", nil))
	root.changes(bob, wire.AdminUserChange{State: wire.Suspended})
	page := into[wire.SyncPage](t, ann.call("GET", fmt.Sprintf("/api/sync?after=%d&limit=500", before.Cursor), nil))
	var order []string
	for _, e := range page.Events {
		order = append(order, e.Kind)
		if e.User != nil && e.User.State != wire.Suspended {
			t.Errorf("told %+v", e.User)
		}
	}
	if got, want := strings.Join(order, " "), "channel user user"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	after := into[wire.State](t, ann.call("GET", "/api/state", nil))
	if after.Channels[0].Epoch != before.Channels[0].Epoch+1 || page.Events[1].User.Epochs[0].Epoch != after.Channels[0].Epoch || len(after.Channels[0].Members) != 1 {
		t.Errorf("channel %+v, told %+v", after.Channels[0], page.Events[1].User)
	}
	if got := root.call("GET", fmt.Sprintf("/api/sync?after=%d&limit=500", before.Cursor), nil); bytes.Contains(got.body, []byte(op.Conv().String())) {
		t.Errorf("the admin, who is not in the channel, learns of it: %s", got.body)
	}
}
