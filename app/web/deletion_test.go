package web

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// club is a place whose admin is root, with a community of ann's that has bea and cid in it.
func club(t *testing.T) (p *testPlace, root, ann, bea, cid *person, home wire.Community) {
	t.Helper()
	p = newPlace(t)
	root = p.setUp().withDevice()
	first := into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID
	ann = p.join("ann", root, first).withDevice()
	home = into[wire.Community](t, ann.call("POST", "/api/communities", wire.Named{Name: "Book club"}))
	return p, root, ann, p.join("bea", ann, home.ID).withDevice(), p.join("cid", ann, home.ID).withDevice(), home
}

func (q *person) deleteMe() answer {
	q.place.t.Helper()
	return q.confirm().call("DELETE", "/api/me", nil)
}

func (q *person) cursor() int64 {
	q.place.t.Helper()
	return into[wire.State](q.place.t, q.call("GET", "/api/state", nil)).Cursor
}

// since are the events that a person receives after a cursor.
func (q *person) since(after int64) []wire.Event {
	q.place.t.Helper()
	return into[wire.SyncPage](q.place.t, q.call("GET", "/api/sync?limit=500&after="+strconv.FormatInt(after, 10), nil)).Events
}

// send posts a message to a conversation at its epoch.
func (q *person) send(conv wire.ConvID, epoch int64, id byte) answer {
	q.place.t.Helper()
	return q.call("POST", "/api/conversations/"+conv.String()+"/messages", wire.NewMessage{MessageID: wire.MsgID{id}, Epoch: epoch, Ciphertext: []byte("sealed")})
}

func TestADeletedAccountIsOverAtOnce(t *testing.T) {
	p, _, _, bea, _, _ := club(t)
	phone := bea.again()
	socket, _ := phone.listen(nil)
	key := bea.enrols("Mine")
	if got := bea.again().call("DELETE", "/api/me", nil); got.code() != wire.ConfirmFirst {
		t.Errorf("not confirmed: %d %s", got.status, got.body)
	}
	got := bea.deleteMe()
	if c := cookieOf(t, got); got.status != 204 || c.Value != "" || c.MaxAge >= 0 {
		t.Fatalf("%d %s, cookie %+v", got.status, got.body, c)
	}
	if code := socket.closed(); code != live.CodeExpired {
		t.Errorf("the socket closed with %d", code)
	}
	for _, q := range []*person{bea, phone} {
		if got := q.call("GET", "/api/me", nil); got.status != 401 {
			t.Errorf("a token still opens: %d", got.status)
		}
		if got := p.call("POST", "/api/auth/refresh", "", wire.RefreshRequest{RefreshToken: q.in.RefreshToken, Transport: wire.ByBody}); got.status != 401 {
			t.Errorf("a refresh token still opens: %d", got.status)
		}
	}
	if got := key.signsIn(p); got.code() != wire.BadPasskey {
		t.Errorf("the passkey: %d %s", got.status, got.body)
	}
	never := p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: "nobody", Password: testPassword, Transport: wire.ByBody})
	for _, name := range []string{"bea", "~" + bea.in.User.ID.String()} {
		got := p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: name, Password: testPassword, Transport: wire.ByBody})
		if got.status != never.status || !bytes.Equal(got.body, never.body) {
			t.Errorf("signing in as %s: %d %s", name, got.status, got.body)
		}
	}
	if last := p.acts()[0]; last.What != wire.ActAccountDeleted || *last.Actor != bea.in.User.ID {
		t.Errorf("audit: %+v", last)
	}
}

func TestNothingOfADeletedPersonIsLeft(t *testing.T) {
	p, _, ann, bea, _, home := club(t)
	dora := p.join("zanzibar.queen", ann, home.ID)
	dora.device = into[wire.Device](t, dora.call("POST", "/api/devices", wire.NewDevice{Name: "Doras gilded telephone"})).ID
	check(t, dora.sign(t))
	keys := dora.putManifest(t)
	keys.Vault = []byte("dora's vault, which only her recovery key opens")
	into[wire.Manifest](t, dora.call("PUT", "/api/manifests", keys))
	dora.renew()
	into[wire.User](t, dora.call("PATCH", "/api/me", wire.MeChange{DisplayName: "Dora of the Isles"}))
	into[wire.User](t, dora.call("PATCH", "/api/me", wire.MeChange{DisplayName: "Theodora Quenneville"}))
	into[wire.DM](t, bea.call("POST", "/api/dms", wire.NewDM{UserID: dora.in.User.ID}))
	dora.enrols("Doras silver key")
	p.put("INSERT INTO totp (user_id, sealed, confirmed_at) VALUES (?, CAST('doras sealed second step' AS BLOB), 1)", dora.in.User.ID)
	p.put("INSERT INTO backup_code (user_id, hash) VALUES (?, CAST('doras backup code, hashed, bytes' AS BLOB))", dora.in.User.ID)
	var hash string
	check(t, p.store.Read(t.Context(), func(tx *store.Tx) error {
		user, err := tx.User(dora.in.User.ID)
		hash = user.PasswordHash
		return err
	}))
	canaries := [][]byte{}
	for _, text := range []string{"zanzibar.queen", "ZANZIBAR.QUEEN", "Dora of the Isles", "Theodora Quenneville", "Doras gilded telephone", "Doras silver key", "dora's vault, which only her recovery key opens",
		"doras sealed second step", "doras backup code, hashed, bytes", hash} {
		canaries = append(canaries, []byte(text))
	}
	p.present(canaries...)
	if got := dora.deleteMe(); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	p.absent(canaries...) // of the running place, its write-ahead log included
	p.close()
	p.absent(canaries...)
}

func TestOthersKeepTheirHistoryWithADeletedPerson(t *testing.T) {
	p, _, ann, bea, cid, home := club(t)
	var group wire.GroupID
	for _, g := range into[wire.State](t, ann.call("GET", "/api/state", nil)).Groups {
		if g.CommunityID == home.ID {
			group = g.ID
		}
	}
	op := ann.createOp(signed.PolicyPrivate)
	ch := into[wire.Channel](t, ann.call("POST", "/api/groups/"+group.String()+"/channels", wire.NewChannel{Name: "read", Op: op.Encode()}))
	op = ann.nextOp(op, signed.OpAdd, signed.Target{User: bea.in.User.ID, Role: signed.RoleMember})
	into[wire.OpRecord](t, ann.call("POST", "/api/channels/"+ch.ID.String()+"/ops", wire.NewOp{Op: op.Encode()}))
	dm := into[wire.DM](t, cid.call("POST", "/api/dms", wire.NewDM{UserID: bea.in.User.ID}))
	into[wire.Message](t, bea.send(dm.ID, dm.Epoch, 1))
	into[wire.Message](t, bea.send(ch.ID, 2, 2))
	from := cid.cursor()
	if got := bea.deleteMe(); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	deleted := wire.User{ID: bea.in.User.ID, Username: "~" + bea.in.User.ID.String(), DisplayName: "Deleted account", Role: wire.PlaceMember, State: wire.Deleted}

	// Whoever shared only the community hears that she left it and what she is called now; her peer besides that the DM has a new epoch.
	told := cid.since(from)
	if len(told) != 3 || told[0].CommunityMemberGone == nil || *told[0].CommunityMemberGone.UserID != deleted.ID || told[1].User == nil || !same(*told[1].User, deleted) ||
		told[2].User == nil || !same(*told[2].User, deleted) || !slices.Equal(told[2].User.Epochs, []wire.ConvEpoch{{ConversationID: dm.ID, Epoch: dm.Epoch + 1}}) {
		t.Errorf("cid was told %+v", told)
	}
	told = ann.since(from)
	if len(told) != 3 || told[0].Channel == nil || len(told[0].Channel.Members) != 1 || told[0].Channel.Epoch != 3 || told[1].CommunityMemberGone == nil || told[2].User == nil {
		t.Errorf("ann was told %+v", told)
	}

	// The messages stay, and what verifies them.
	for q, conv := range map[*person]wire.ConvID{cid: dm.ID, ann: ch.ID} {
		if list := into[wire.Messages](t, q.call("GET", "/api/conversations/"+conv.String()+"/messages", nil)).Messages; len(list) != 1 || list[0].SenderUser != deleted.ID {
			t.Errorf("history: %+v", list)
		}
	}
	if got := into[wire.Manifest](t, cid.call("GET", "/api/manifests/"+deleted.ID.String(), nil)); !bytes.Equal(got.Manifest, bea.manifest.Encode()) {
		t.Error("her device list is another")
	}
	if got := into[wire.User](t, cid.call("GET", "/api/users/"+deleted.ID.String(), nil)); !same(got, deleted) {
		t.Errorf("she is %+v", got)
	}
	state := into[wire.State](t, cid.call("GET", "/api/state", nil))
	if len(state.DMs) != 1 || !same(state.DMs[0].Peer, deleted) || len(state.Members) != 2 {
		t.Errorf("state: %+v %+v", state.DMs, state.Members)
	}

	// Nobody can write to her any more, which is said before anything else; the DM can still be taken up to be read.
	got := cid.send(dm.ID, dm.Epoch, 3)
	if got.status != 403 || got.code() != wire.Forbidden || !strings.Contains(string(got.body), "deleted") {
		t.Errorf("a message to her: %d %s", got.status, got.body)
	}
	if got := into[wire.DM](t, cid.call("POST", "/api/dms", wire.NewDM{UserID: deleted.ID})); got.ID != dm.ID || got.Peer.State != wire.Deleted || len(got.Manifests) != 2 {
		t.Errorf("the DM: %+v", got)
	}
	if got := ann.call("POST", "/api/dms", wire.NewDM{UserID: deleted.ID}); got.status != 404 {
		t.Errorf("a new DM: %d %s", got.status, got.body)
	}
	late := bytes.NewBuffer(nil)
	late.Write(cid.call("GET", "/api/sync?after=0&limit=500", nil).body)
	if strings.Contains(late.String(), `"BEA"`) || !strings.Contains(late.String(), "Deleted account") {
		t.Error("who comes late reads her old name")
	}
	into[wire.Message](t, ann.send(ch.ID, 3, 4))

	// Her name is free, and whoever takes it is somebody else.
	next := p.join("bea", ann, home.ID)
	if next.in.User.ID == deleted.ID {
		t.Fatal("the name brought the account back")
	}
	if got := next.call("GET", "/api/conversations/"+dm.ID.String()+"/messages", nil); got.status != 404 {
		t.Errorf("her DM: %d", got.status)
	}
	if state := into[wire.State](t, next.call("GET", "/api/state", nil)); len(state.DMs) != 0 || state.Me.HasKeys {
		t.Errorf("the new one has %+v", state)
	}
}

// same compares what others see of a person.
func same(a, b wire.User) bool {
	a.Epochs, b.Epochs = nil, nil
	return a.ID == b.ID && a.Username == b.Username && a.DisplayName == b.DisplayName && a.Role == b.Role && a.State == b.State
}

func TestWhoeverOthersDependOnHandsOverFirst(t *testing.T) {
	_, root, ann, bea, cid, home := club(t)
	if got := root.deleteMe(); got.status != 409 || got.code() != wire.LastAdmin {
		t.Errorf("the only admin: %d %s", got.status, got.body)
	}
	got := ann.deleteMe()
	if got.status != 409 || got.code() != wire.OwnsCommunities || !strings.Contains(string(got.body), "Book club") {
		t.Errorf("an owner: %d %s", got.status, got.body)
	}
	if got := ann.call("GET", "/api/me", nil); got.status != 200 {
		t.Errorf("refused, and still something happened: %d", got.status)
	}
	path := "/api/communities/" + home.ID.String() + "/members/" + bea.in.User.ID.String()
	into[wire.CommunityMember](t, ann.confirm().call("PATCH", path, wire.RoleChange{Role: wire.Owner}))
	alone := into[wire.Community](t, ann.call("POST", "/api/communities", wire.Named{Name: "Diary"}))
	if got := ann.deleteMe(); got.status != 204 {
		t.Fatalf("after handing over: %d %s", got.status, got.body)
	}
	if got := cid.call("GET", "/api/communities/"+home.ID.String()+"/members", nil); len(into[wire.CommunityMembers](t, got).Members) != 2 {
		t.Errorf("the community: %s", got.body)
	}
	var kept int
	check(t, root.place.store.Read(t.Context(), func(tx *store.Tx) (err error) {
		_, _, err = tx.CommunityPreview(alone.ID)
		if err == nil {
			kept++
		}
		return nil
	}))
	if kept != 0 {
		t.Error("the community she was alone in is still there")
	}
}

func TestThePlaceKeepsAnAdmin(t *testing.T) {
	p, root, ann, bea, cid, _ := club(t)
	p.put("UPDATE user SET role = 'admin' WHERE id = ?", bea.in.User.ID)
	p.put("UPDATE user SET role = 'admin', state = 'suspended' WHERE id = ?", cid.in.User.ID)
	first := into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID
	into[wire.CommunityMember](t, root.confirm().call("PATCH", "/api/communities/"+first.String()+"/members/"+ann.in.User.ID.String(), wire.RoleChange{Role: wire.Owner}))
	answers := map[*person]*answer{bea: {}, root: {}}
	var both sync.WaitGroup
	for q, got := range answers {
		q.confirm()
		both.Go(func() { *got = q.call("DELETE", "/api/me", nil) })
	}
	both.Wait()
	stays, goes := root, bea
	if answers[root].status == 204 {
		stays, goes = bea, root
	}
	if answers[goes].status != 204 || answers[stays].status != 409 || answers[stays].code() != wire.LastAdmin {
		t.Errorf("%s: %d %s, %s: %d %s", goes.name, answers[goes].status, answers[goes].body, stays.name, answers[stays].status, answers[stays].body)
	}
	if got := stays.call("DELETE", "/api/me", nil); got.code() != wire.LastAdmin {
		t.Errorf("once more: %d %s", got.status, got.body)
	}
}

// A request that was on its way while the account was deleted must not bring anything of it back.
func TestNothingComesBackAfterDeletion(t *testing.T) {
	p, _, ann, bea, _, home := club(t)
	who, _, err := p.auth.Authenticate(bea.in.AccessToken)
	check(t, err)
	o := into[asked](t, bea.confirm().call("POST", "/api/me/passkeys/options", nil))
	invite := into[wire.Invite](t, ann.call("POST", "/api/invites", wire.NewInvite{CommunityID: home.ID, Uses: 1, ExpiresIn: 3600}))
	if got := bea.deleteMe(); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	ctx := t.Context()
	for name, act := range map[string]func() error{
		"passkey": func() error { _, err := p.auth.AddPasskey(ctx, who, p.authenticator().create(o, "x")); return err },
		"confirm": func() error {
			_, err := p.auth.Confirm(ctx, who, wire.Confirmation{Password: testPassword})
			return err
		},
		"name": func() error { _, err := p.auth.ChangeMe(ctx, who, wire.MeChange{DisplayName: "Bea"}); return err },
		"join": func() error {
			_, err := p.auth.AcceptInvite(ctx, who, wire.InviteToken{Token: invite.Token})
			return err
		},
		"device":   func() error { _, err := p.auth.ReserveDevice(ctx, who, wire.NewDevice{Name: "x"}); return err },
		"session":  func() error { return p.auth.EndOtherSessions(ctx, who) },
		"security": func() error { _, err := p.auth.Security(ctx, who); return err },
		"community": func() error {
			_, err := p.face.chat.CreateCommunity(ctx, who, wire.Named{Name: "Mine"})
			return err
		},
	} {
		if act() == nil {
			t.Errorf("%s: done for an account that is gone", name)
		}
	}
	if got := ann.call("GET", "/api/communities/"+home.ID.String()+"/members", nil); bytes.Contains(got.body, []byte(bea.in.User.ID.String())) {
		t.Errorf("she is back: %s", got.body)
	}
}

func TestACommunityIsHandedOver(t *testing.T) {
	p, _, ann, bea, cid, home := club(t)
	path := func(q *person) string {
		return "/api/communities/" + home.ID.String() + "/members/" + q.in.User.ID.String()
	}
	if got := bea.call("PATCH", path(bea), wire.RoleChange{Role: wire.Owner}); got.status != 403 {
		t.Errorf("taken by a member: %d %s", got.status, got.body)
	}
	if got := ann.call("PATCH", path(bea), wire.RoleChange{Role: wire.Owner}); got.code() != wire.ConfirmFirst {
		t.Errorf("before it was shown that it is them: %d %s", got.status, got.body)
	}
	from := ann.confirm().cursor()
	if got := into[wire.CommunityMember](t, ann.call("PATCH", path(bea), wire.RoleChange{Role: wire.Owner})); got.Role != wire.Owner || got.User.ID != bea.in.User.ID {
		t.Fatalf("got %+v", got)
	}
	roles := func(events []wire.Event) (list []string) {
		for _, e := range events {
			switch {
			case e.CommunityMember != nil:
				list = append(list, e.CommunityMember.User.Username+" "+string(e.CommunityMember.Role))
			case e.Community != nil:
				list = append(list, "mine "+string(e.Community.Role))
			}
		}
		return list
	}
	for q, want := range map[*person][]string{ann: {"ann admin", "mine admin", "bea owner"}, bea: {"ann admin", "bea owner", "mine owner"}, cid: {"ann admin", "bea owner"}} {
		if got := roles(q.since(from)); !slices.Equal(got, want) {
			t.Errorf("%s was told %v", q.name, got)
		}
	}
	if last := p.acts()[0]; last.What != wire.ActOwnerChanged || *last.Actor != ann.in.User.ID || *last.User != bea.in.User.ID {
		t.Errorf("audit: %+v", last)
	}
	if got := ann.call("PATCH", path(cid), wire.RoleChange{Role: wire.Owner}); got.status != 403 {
		t.Errorf("handed over once more: %d %s", got.status, got.body)
	}
	into[wire.CommunityMember](t, bea.confirm().call("PATCH", path(ann), wire.RoleChange{Role: wire.Owner}))
}

func TestACommunityHasOneOwnerAlways(t *testing.T) {
	_, _, ann, bea, cid, home := club(t)
	ann.confirm()
	var all sync.WaitGroup
	for range 4 {
		for _, q := range []*person{bea, cid} {
			all.Go(func() {
				ann.call("PATCH", "/api/communities/"+home.ID.String()+"/members/"+q.in.User.ID.String(), wire.RoleChange{Role: wire.Owner})
			})
		}
	}
	all.Wait()
	owners := 0
	for _, m := range into[wire.CommunityMembers](t, ann.call("GET", "/api/communities/"+home.ID.String()+"/members", nil)).Members {
		if m.Role == wire.Owner {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d owners", owners)
	}
}

func TestASuspendedPersonIsHandedNothing(t *testing.T) {
	p, _, ann, bea, _, home := club(t)
	p.put("UPDATE user SET state = 'suspended' WHERE id = ?", bea.in.User.ID)
	got := ann.confirm().call("PATCH", "/api/communities/"+home.ID.String()+"/members/"+bea.in.User.ID.String(), wire.RoleChange{Role: wire.Owner})
	if got.status != 409 || got.code() != wire.Conflict {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Who is the only admin of a channel hands that over as well, as before leaving.
func TestTheOnlyAdminOfAChannelHandsItOverFirst(t *testing.T) {
	_, _, ann, bea, cid, home := club(t)
	var group wire.GroupID
	for _, g := range into[wire.State](t, ann.call("GET", "/api/state", nil)).Groups {
		if g.CommunityID == home.ID {
			group = g.ID
		}
	}
	op := bea.createOp(signed.PolicyPublic)
	ch := into[wire.Channel](t, bea.call("POST", "/api/groups/"+group.String()+"/channels", wire.NewChannel{Name: "birds", Op: op.Encode()}))
	into[wire.OpRecord](t, cid.call("POST", "/api/channels/"+ch.ID.String()+"/ops", wire.NewOp{Op: cid.nextOp(op, signed.OpJoin).Encode()}))
	if got := bea.deleteMe(); got.status != 409 || got.code() != wire.Conflict || !strings.Contains(string(got.body), "birds") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := bea.call("DELETE", "/api/channels/"+ch.ID.String(), nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := bea.deleteMe(); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
