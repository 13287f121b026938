package web

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// world is a place with somebody of every kind, as the permission matrix finds it before each request that changes something.
type world struct {
	*testPlace
	people  map[string]*person
	club    wire.Community
	group   wire.Group
	private *signed.Op // newest operation of the private channel
	open    *signed.Op // the create operation of the public one
	dm      wire.DM    // of "target" and "channel admin"
	invite  wire.Invite
	expired string         // an access token
	session wire.SessionID // of "target"
	passkey []byte         // likewise
}

// The kinds of callers, from nobody to everybody's host. Nobody but the first three is without a valid token.
var callers = []string{"stranger", "garbage", "expired", "outsider", "removed", "member", "channel admin", "community admin", "owner", "place admin",
	"member who has confirmed", "owner who has confirmed", "admin who has confirmed"}

// newWorld builds a community "Club" that the place's admin is not part of. Its private channel belongs to "channel admin" and has "member" and
// "target" in it; "removed" was in both and is in neither any more.
func newWorld(t *testing.T) *world {
	t.Helper()
	p := newPlace(t)
	w := &world{testPlace: p, people: map[string]*person{}}
	root := p.setUp().withDevice()
	home := into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID
	owner := p.join("owner", root, home).withDevice()
	w.people["place admin"], w.people["owner"] = root, owner
	w.people["outsider"] = p.join("outsider", root, home).withDevice()
	w.club = into[wire.Community](t, owner.call("POST", "/api/communities", wire.Named{Name: "Club"}))
	for _, kind := range []string{"removed", "member", "channel admin", "community admin", "target"} {
		w.people[kind] = p.join(strings.ReplaceAll(kind, " ", "."), owner, w.club.ID).withDevice()
	}
	into[wire.CommunityMember](t, owner.call("PATCH", w.at("/api/communities/{community}/members/")+w.people["community admin"].in.User.ID.String(), wire.RoleChange{Role: wire.Admin}))
	w.channels()
	w.rest(owner)
	return w
}

func (w *world) channels() {
	t, admin := w.t, w.people["channel admin"]
	for _, g := range into[wire.State](t, admin.call("GET", "/api/state", nil)).Groups {
		if g.CommunityID == w.club.ID {
			w.group = g
		}
	}
	w.open, w.private = admin.createOp(signed.PolicyPublic), admin.createOp(signed.PolicyPrivate)
	for name, op := range map[string]*signed.Op{"open": w.open, "private": w.private} {
		into[wire.Channel](t, admin.call("POST", w.at("/api/groups/{group}/channels"), wire.NewChannel{Name: name, Op: op.Encode()}))
	}
	for _, kind := range []string{"member", "target", "removed"} {
		op := admin.nextOp(w.private, signed.OpAdd, signed.Target{User: w.people[kind].in.User.ID, Role: signed.RoleMember})
		into[wire.OpRecord](t, admin.call("POST", w.at("/api/channels/{conversation}/ops"), wire.NewOp{Op: op.Encode()}))
		w.private = op
	}
}

// later is how long after it was built the matrix is asked: the first tokens have expired.
const later = 20 * time.Minute

func (w *world) rest(owner *person) {
	t := w.t
	gone := owner.call("DELETE", w.at("/api/communities/{community}/members/")+w.people["removed"].in.User.ID.String(), nil)
	if gone.status != 204 {
		t.Fatalf("remove: %d %s", gone.status, gone.body)
	}
	w.dm = into[wire.DM](t, w.people["target"].call("POST", "/api/dms", wire.NewDM{UserID: w.people["channel admin"].in.User.ID}))
	w.invite = into[wire.Invite](t, owner.call("POST", "/api/invites", wire.NewInvite{CommunityID: w.club.ID, Uses: 9, ExpiresIn: 86400}))
	w.guard()
	w.expired = w.people["member"].in.AccessToken
	w.ahead.Store(int64(later))
	for _, q := range w.people {
		q.renew()
	}
}

// guard gives "target" a passkey, and "member", "owner" and "place admin" a second session each that has
// confirmed when the matrix is asked, later.
func (w *world) guard() {
	w.passkey = w.people["target"].enrols("Theirs").id
	w.session = w.people["target"].current()
	for as, name := range map[string]string{"member who has confirmed": "member", "owner who has confirmed": "owner", "admin who has confirmed": "place admin"} {
		q := *w.people[name]
		q.in = w.people[name].again().in
		w.people[as] = &q
		session := q.current()
		check(w.t, w.store.Write(w.t.Context(), func(tx *store.Tx) error {
			return tx.ConfirmSession(session, w.now().Add(later+5*time.Minute).UnixMilli())
		}))
	}
}

// at fills the world's own ids into a pattern: the private channel, and "target" for people.
func (w *world) at(pattern string) string {
	conv, target := "", ""
	if w.private != nil {
		conv = w.private.Conv().String()
	}
	if q := w.people["target"]; q != nil {
		target = q.in.User.ID.String()
	}
	return strings.NewReplacer("{community}", w.club.ID.String(), "{group}", w.group.ID.String(), "{conversation}", conv, "{user}", target,
		"{invite}", w.invite.ID.String(), "{session}", w.session.String(), "{passkey}", unpadded(w.passkey)).Replace(pattern)
}

func (w *world) token(caller string) string {
	switch caller {
	case "stranger":
		return ""
	case "garbage":
		return "garbage"
	case "expired":
		return w.expired
	}
	return w.people[caller].in.AccessToken
}

// signer is whose keys a caller's request is signed with; nobody's are the member's.
func (w *world) signer(caller string) *person {
	if q := w.people[caller]; q != nil {
		return q
	}
	return w.people["member"]
}

// request is one line of the matrix: what is asked, in the caller's own name where that is part of it.
type request struct {
	note string // behind the route when there is more than one
	path string // when the route's own objects are not meant
	body func(w *world, as *person) any
}

func fixed(body any) func(*world, *person) any { return func(*world, *person) any { return body } }

func message(id byte) func(*world, *person) any {
	return fixed(wire.NewMessage{MessageID: wire.MsgID{id}, Epoch: 1, Ciphertext: []byte("sealed")})
}

// requests has at least one line for every route; TestPermissions fails for a route without.
func (w *world) requests() map[string][]request {
	named, open, dm := fixed(wire.Named{Name: "New name"}), w.open.Conv().String(), w.dm.ID.String()
	target := w.people["target"]
	one := func(body func(*world, *person) any) []request { return []request{{body: body}} }
	three := func(pattern, query string, body func(*world, *person) any) []request {
		path := func(id string) string { return strings.Replace(pattern, "{conversation}", id, 1) + query }
		return []request{{"private", path(w.private.Conv().String()), body}, {"public", path(open), body}, {"a DM of others", path(dm), body}}
	}
	ask := one(nil)
	return map[string][]request{
		"GET /api/health": ask, "GET /api/place": ask,
		"POST /api/setup":           one(fixed(wire.SetupRequest{Token: "x", PlaceName: "Mine", Username: "eve", DisplayName: "Eve", Password: testPassword, Transport: wire.ByBody})),
		"POST /api/invites/preview": one(fixed(wire.InviteToken{Token: w.invite.Token})),
		"POST /api/auth/register": {
			{note: "no invitation", body: fixed(wire.RegisterRequest{Username: "eve", DisplayName: "Eve", Password: testPassword, Transport: wire.ByBody})},
			{note: "wrong invitation", body: fixed(wire.RegisterRequest{Username: "eve", DisplayName: "Eve", Password: testPassword, Invite: "00000000000000000000000000", Transport: wire.ByBody})},
		},
		"POST /api/auth/login":           one(fixed(wire.LoginRequest{Username: "owner", Password: "wrong", Transport: wire.ByBody})),
		"POST /api/auth/challenge":       one(fixed(wire.ChallengeRequest{Challenge: "garbage", Code: "123456", Transport: wire.ByBody})),
		"POST /api/auth/recover":         one(fixed(wire.RecoverRequest{Username: "owner", Proof: make(wire.Bytes, 32), Password: otherPassword, Transport: wire.ByBody})),
		"POST /api/auth/reset/preview":   one(fixed(wire.ResetToken{Token: "garbage"})),
		"POST /api/auth/reset":           one(fixed(wire.ResetRequest{Token: "garbage", Password: otherPassword, Transport: wire.ByBody})),
		"POST /api/auth/refresh":         one(fixed(wire.RefreshRequest{RefreshToken: "garbage", Transport: wire.ByBody})),
		"POST /api/auth/logout":          ask,
		"POST /api/auth/passkey/options": ask,
		"POST /api/auth/passkey":         one(fixed(wire.PasskeyLogin{Transport: wire.ByBody})),

		"POST /api/me/confirm": {
			{note: "wrong password", body: fixed(wire.Confirmation{Password: "wrong"})},
			{note: "wrong passkey", body: fixed(wire.Confirmation{Passkey: &wire.PasskeyAssertion{}})},
		},
		"GET /api/me/security": ask, "DELETE /api/me": ask,
		"POST /api/me/passkeys/options":    ask,
		"POST /api/me/passkeys":            one(fixed(wire.NewPasskey{Name: "Mine", Transports: []string{}})),
		"PATCH /api/me/passkeys/{passkey}": one(named), "DELETE /api/me/passkeys/{passkey}": ask,
		"GET /api/sessions": ask, "DELETE /api/sessions/{session}": ask, "DELETE /api/sessions": ask,

		"GET /api/me": ask, "PATCH /api/me": one(fixed(wire.MeChange{DisplayName: "Me"})),
		"PUT /api/me/presence":  one(fixed(wire.SetPresence{Presence: wire.Away})),
		"GET /api/users/{user}": ask,
		"PUT /api/me/password":  one(fixed(wire.PasswordChange{Password: otherPassword})),
		"POST /api/me/two-step": ask, "DELETE /api/me/two-step": ask, "POST /api/me/backup-codes": ask,
		"POST /api/me/two-step/confirm":      one(fixed(wire.TwoStepCode{Code: "123456"})),
		"POST /api/admin/users/{user}/reset": one(fixed(wire.NewResetLink{})),
		"POST /api/devices":                  one(fixed(wire.NewDevice{Name: "Another"})),
		"GET /api/devices":                   ask,
		"PUT /api/manifests":                 one(func(w *world, as *person) any { return wire.PutManifest{Manifest: target.manifest.Encode()} }),
		"GET /api/manifests/{user}":          ask,
		"GET /api/vault":                     ask,
		"POST /api/prekeys": one(func(w *world, as *person) any {
			key := x25519(w.t)
			return wire.PutPrekeys{Prekeys: []wire.Bytes{as.prekey(w.t, signed.PrekeyOneTime, 7, key[:])}}
		}),
		"GET /api/prekeys":        ask,
		"POST /api/prekeys/claim": one(fixed(wire.ClaimPrekeys{Devices: []wire.DeviceAddress{{UserID: target.in.User.ID, DeviceID: target.device}}})),

		"GET /api/admin/overview": ask, "GET /api/admin/users": ask, "GET /api/admin/invites": ask, "GET /api/admin/audit": ask,
		"PATCH /api/admin/users/{user}":      one(fixed(wire.AdminUserChange{State: wire.Suspended})),
		"PATCH /api/admin/place":             one(fixed(wire.PlaceChange{Registration: wire.Open})),
		"DELETE /api/admin/invites/{invite}": ask,

		"GET /api/state": ask, "POST /api/communities": one(named),
		"PATCH /api/communities/{community}": one(named), "DELETE /api/communities/{community}": ask,
		"GET /api/communities/{community}/members":           ask,
		"PATCH /api/communities/{community}/members/{user}":  {{note: "admin", body: fixed(wire.RoleChange{Role: wire.Admin})}, {note: "owner", body: fixed(wire.RoleChange{Role: wire.Owner})}},
		"DELETE /api/communities/{community}/members/{user}": {{note: "another"}, {note: "the owner", path: w.at("/api/communities/{community}/members/") + w.people["owner"].in.User.ID.String()}},
		"POST /api/communities/{community}/groups":           one(named),
		"PATCH /api/groups/{group}":                          one(named), "DELETE /api/groups/{group}": ask,
		"POST /api/groups/{group}/channels": one(func(w *world, as *person) any {
			return wire.NewChannel{Name: "another", Op: as.createOp(signed.PolicyPrivate).Encode()}
		}),
		"GET /api/channels/{conversation}":    three("/api/channels/{conversation}", "", nil),
		"PATCH /api/channels/{conversation}":  three("/api/channels/{conversation}", "", fixed(map[string]string{"topic": "New"})),
		"DELETE /api/channels/{conversation}": three("/api/channels/{conversation}", "", nil),
		"POST /api/channels/{conversation}/ops": {
			{"remove another from the private one", w.at("/api/channels/{conversation}/ops"), func(w *world, as *person) any {
				return wire.NewOp{Op: as.nextOp(w.private, signed.OpRemove, signed.Target{User: target.in.User.ID}).Encode()}
			}},
			{"join the private one", w.at("/api/channels/{conversation}/ops"), func(w *world, as *person) any {
				return wire.NewOp{Op: as.nextOp(w.private, signed.OpJoin).Encode()}
			}},
			{"join the public one", "/api/channels/" + open + "/ops", func(w *world, as *person) any {
				return wire.NewOp{Op: as.nextOp(w.open, signed.OpJoin).Encode()}
			}},
			{"in another's name", w.at("/api/channels/{conversation}/ops"), func(w *world, as *person) any {
				return wire.NewOp{Op: w.people["channel admin"].nextOp(w.private, signed.OpLeave).Encode()}
			}},
		},
		"GET /api/channels/{conversation}/ops": three("/api/channels/{conversation}/ops", "?after=0", nil),

		"POST /api/invites": {
			{note: "as members", body: fixed(wire.NewInvite{CommunityID: w.club.ID, Uses: 1, ExpiresIn: 60})},
			{note: "as admins", body: fixed(wire.NewInvite{CommunityID: w.club.ID, Uses: 1, ExpiresIn: 60, Role: wire.Admin})},
		},
		"GET /api/invites":             ask,
		"DELETE /api/invites/{invite}": ask, "POST /api/invites/accept": one(fixed(wire.InviteToken{Token: w.invite.Token})),
		"POST /api/dms": one(fixed(wire.NewDM{UserID: target.in.User.ID})),

		"POST /api/conversations/{conversation}/messages": three("/api/conversations/{conversation}/messages", "", message(1)),
		"GET /api/conversations/{conversation}/messages":  three("/api/conversations/{conversation}/messages", "?limit=5", nil),
		"PUT /api/conversations/{conversation}/read":      three("/api/conversations/{conversation}/read", "", fixed(wire.SetRead{Seq: 1})),
		"POST /api/conversations/{conversation}/typing":   three("/api/conversations/{conversation}/typing", "", nil),
		"GET /api/sync":   ask,
		"GET /api/events": ask,

		"GET /api/admin/checkup":  ask,
		"POST /api/admin/checkup": ask,
	}
}

// TestPermissions asks every route as every kind of caller and compares the whole matrix with testdata/permissions.golden. Write it anew
// with CHATALOT_GOLDEN=write, and read the difference: it is the access policy.
func TestPermissions(t *testing.T) {
	w := newWorld(t)
	snapshot := w.snapshot()
	requests := w.requests()
	var matrix bytes.Buffer
	for _, r := range w.face.routes {
		name := r.method + " " + r.pattern
		if len(requests[name]) == 0 {
			t.Errorf("%s is not in the matrix", name)
		}
		for _, asked := range requests[name] {
			fmt.Fprintf(&matrix, "%s (%s)%s\n", name, r.class, strings.TrimSuffix(": "+asked.note, ": "))
			answers := map[string][]string{}
			for _, caller := range callers {
				got := w.ask(r, asked, caller)
				result := strings.TrimSpace(fmt.Sprintf("%d %s", got.status, got.code()))
				answers[result] = append(answers[result], caller)
				if r.class != open && r.class != public && r.class != socket && strings.Contains("stranger garbage expired", caller) && got.status != http.StatusUnauthorized {
					t.Errorf("%s as %s: %d", name, caller, got.status)
				}
				if r.method != "GET" && got.status < 300 {
					w.restore(snapshot)
				}
			}
			for _, result := range slices.Sorted(maps.Keys(answers)) {
				fmt.Fprintf(&matrix, "  %s: %s\n", result, strings.Join(answers[result], ", "))
			}
		}
	}
	compareGolden(t, "testdata/permissions.golden", matrix.Bytes())
}

func (w *world) ask(r route, asked request, caller string) answer {
	path := asked.path
	if path == "" {
		path = w.at(r.pattern)
	}
	var body any
	if asked.body != nil {
		body = asked.body(w, w.signer(caller))
	}
	return w.call(r.method, path, w.token(caller), body)
}

// snapshot keeps the place as it is now.
func (w *world) snapshot() string {
	w.close()
	kept := w.t.TempDir()
	check(w.t, os.CopyFS(kept, os.DirFS(w.dir)))
	w.reopen()
	return kept
}

func (w *world) restore(kept string) {
	w.close()
	w.dir = filepath.Join(w.t.TempDir(), "place")
	check(w.t, os.CopyFS(w.dir, os.DirFS(kept)))
	w.reopen()
}

func (w *world) reopen() {
	check(w.t, os.Chmod(filepath.Join(w.dir, "secrets"), 0o700)) // CopyFS widens them
	check(w.t, os.Chmod(filepath.Join(w.dir, "secrets/jwt_private.pem"), 0o600))
	check(w.t, os.Chmod(filepath.Join(w.dir, "secrets/totp.key"), 0o600))
	ahead := w.ahead.Load()
	w.testPlace = openPlace(w.t, w.dir, "", builtApp())
	w.ahead.Store(ahead)
	for _, q := range w.people {
		q.place = w.testPlace
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("CHATALOT_GOLDEN") == "write" {
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	check(t, err)
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("line %d differs from %s:\ngot  %s\nwant %s", i+1, path, at(gotLines, i), at(wantLines, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// TestListsHoldNothingForeign looks for the club's ids in everything that people outside it may read without naming an object.
func TestListsHoldNothingForeign(t *testing.T) {
	w := newWorld(t)
	traces := map[string]string{"community": w.club.ID.String(), "group": w.group.ID.String(), "private channel": w.private.Conv().String(),
		"public channel": w.open.Conv().String(), "DM": w.dm.ID.String(), "member": w.people["target"].in.User.ID.String(), "invite": w.invite.ID.String()}
	seen := map[string]bool{}
	for _, path := range []string{"/api/state", "/api/sync?after=0&limit=500", "/api/invites", "/api/devices", "/api/me"} {
		for _, caller := range []string{"outsider", "place admin", "removed", "owner", "target"} {
			got := w.call("GET", path, w.token(caller), nil)
			if got.status != 200 {
				t.Errorf("%s as %s: %d %s", path, caller, got.status, got.body)
			}
			for what, trace := range traces {
				found := bytes.Contains(got.body, []byte(trace))
				switch caller {
				case "owner", "target":
					seen[what] = seen[what] || found
				default: // what was addressed to somebody while they were in stays theirs to read again
					if found && !(caller == "removed" && strings.HasPrefix(path, "/api/sync")) {
						t.Errorf("%s tells %s of the %s", path, caller, what)
					}
				}
			}
		}
	}
	for what := range traces {
		if !seen[what] {
			t.Errorf("the %s is seen by nobody: this test sees nothing", what)
		}
	}
}
