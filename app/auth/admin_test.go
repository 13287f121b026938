package auth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestTheRegistrationModeHoldsFromTheNextRegistrationOn(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	register := func(name string) error {
		_, err := h.Register(t.Context(), registration(name, ""), wire.From{})
		return err
	}
	set := func(mode wire.Registration) {
		t.Helper()
		place, err := h.ChangePlace(t.Context(), gurli, wire.PlaceChange{Registration: mode})
		if err != nil || place.Registration != mode {
			t.Fatalf("%+v, %v", place, err)
		}
		if place, err = h.Place(t.Context()); err != nil || place.Registration != mode {
			t.Fatalf("strangers see %+v, %v", place, err)
		}
	}
	refused(t, register("arne"), wire.InviteRequired)
	set(wire.Open)
	set(wire.Open) // nothing changes, nothing is written down
	if err := register("arne"); err != nil {
		t.Fatal(err)
	}
	set(wire.Closed)
	refused(t, register("bente"), wire.RegistrationClosed)
	_, err := h.Register(t.Context(), registration("bente", h.invite(gurli, 1).Token), wire.From{})
	refused(t, err, wire.RegistrationClosed)
	h.reopen(testKeys(t, 1)) // the settings only say how a new place begins
	refused(t, register("bente"), wire.RegistrationClosed)
	_, err = h.ChangePlace(t.Context(), gurli, wire.PlaceChange{Registration: "anyone"})
	refused(t, err, wire.BadRequest)
	want := []string{"set_up gurli> Birch Lane", "registration_changed gurli> open to everyone, before by invitation only", "registered arne>arne open",
		"registration_changed gurli> closed, before open to everyone", "invite_made gurli> 1 use, until 2026-11-23, as member"}
	if got := h.audit(); !slices.Equal(got, want) {
		t.Errorf("audit %q\nwant %q", got, want)
	}
}

func TestAnInvitationGivesTheRoleItSays(t *testing.T) {
	h, g := settled(t)
	gurli := h.confirmed(g)
	as := func(by wire.Caller, role wire.Role) (string, error) {
		v, err := h.NewInvite(t.Context(), by, wire.NewInvite{CommunityID: h.community(), Uses: 10, ExpiresIn: 86400, Role: role})
		if err == nil && v.Role != role {
			t.Errorf("made as %q", v.Role)
		}
		return v.Token, err
	}
	admins, err := as(gurli, wire.Admin)
	if err != nil {
		t.Fatal(err)
	}
	_, err = as(gurli, wire.Owner)
	refused(t, err, wire.BadRequest)
	role := func(user wire.UserID) (r wire.Role) {
		h.read(func(tx *store.Tx) (err error) {
			r, err = tx.CommunityRole(h.community(), user)
			return err
		})
		return r
	}
	arne, err := h.Register(t.Context(), registration("arne", admins), wire.From{})
	if err != nil || role(arne.Answer.User.ID) != wire.Admin {
		t.Fatalf("arne is %q, %v", role(arne.Answer.User.ID), err)
	}
	_, err = as(h.caller(arne), wire.Admin)
	refused(t, err, wire.Forbidden)
	members, err := as(h.caller(arne), wire.Member)
	if err != nil {
		t.Fatal(err)
	}
	accept := func(c wire.Caller, token string) wire.Role {
		t.Helper()
		community, err := h.AcceptInvite(t.Context(), c, wire.InviteToken{Token: token})
		if err != nil || community.Role != role(c.User) {
			t.Fatalf("%+v, %v; is %q", community, err, role(c.User))
		}
		return community.Role
	}
	if r := accept(h.stranger("bente"), admins); r != wire.Admin {
		t.Errorf("bente comes as %q", r)
	}
	if r := accept(h.caller(arne), members); r != wire.Admin {
		t.Errorf("arne falls to %q", r)
	}
	if r := accept(gurli, admins); r != wire.Owner {
		t.Errorf("gurli falls to %q", r)
	}
	carl := h.caller(h.join(gurli, "carl"))
	if r := accept(carl, admins); r != wire.Admin {
		t.Errorf("carl stays %q", r)
	}
	if rows := h.log("community_member"); !strings.Contains(string(rows[len(rows)-1].Body), `"role":"admin"`) {
		t.Errorf("told: %s", rows[len(rows)-1].Body)
	}
	used := map[wire.Role]int{}
	list, err := h.Invites(t.Context(), gurli)
	for _, v := range list.Invites {
		if v.Uses == 10 {
			used[v.Role] = v.Used
		}
	}
	if err != nil || used[wire.Admin] != 3 || used[wire.Member] != 0 {
		t.Errorf("used %v, %v", used, err)
	}
}

func TestAdminsSeeAndWithdrawEveryInvitation(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne := h.caller(h.join(gurli, "arne"))
	var v wire.Invite
	h.write(func(tx *store.Tx) error {
		choir, err := tx.CreateCommunity("Choir", arne.User)
		v.CommunityID = choir.ID
		return err
	})
	h.clock.advance(time.Second)
	v, err := h.NewInvite(t.Context(), arne, wire.NewInvite{CommunityID: v.CommunityID, Uses: 3, ExpiresIn: 86400})
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.AdminInvites(t.Context())
	if err != nil || len(list.Invites) != 2 || list.Invites[0].CommunityName != "Choir" || list.Invites[0].InviterName != "arne" || list.Invites[0].Invite.Token != "" {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := h.WithdrawInvite(t.Context(), gurli, v.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.PreviewInvite(t.Context(), wire.InviteToken{Token: v.Token})
	refused(t, err, wire.InviteGone)
	refused(t, h.WithdrawInvite(t.Context(), gurli, v.ID), wire.NotFound)
	h.entry("invite_revoked gurli>arne 3 uses, until 2026-11-24, as member")
}

func TestTheAuditLogIsReadInPages(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne := h.join(gurli, "arne").Answer.User.ID
	for range 3 {
		h.change(gurli, arne, wire.AdminUserChange{State: wire.Locked})
		h.change(gurli, arne, wire.AdminUserChange{State: wire.Active})
	}
	all, err := h.AuditLog(t.Context(), 0, nil, 0)
	if err != nil || len(all.Entries) != 9 || all.More || all.Days != 90 {
		t.Fatalf("%+v, %v", all, err)
	}
	var pieces []wire.AuditEntry
	for before := int64(0); ; before = pieces[len(pieces)-1].ID {
		page, err := h.AuditLog(t.Context(), before, nil, 4)
		if err != nil {
			t.Fatal(err)
		}
		if pieces = append(pieces, page.Entries...); !page.More {
			break
		}
	}
	if fmt.Sprint(len(pieces), pieces[8].ID, pieces[0].ID) != fmt.Sprint(9, all.Entries[8].ID, all.Entries[0].ID) {
		t.Errorf("in pieces: %+v", pieces)
	}
	of, err := h.AuditLog(t.Context(), 0, &arne, 0)
	if err != nil || len(of.Entries) != 7 || *of.Entries[6].Actor != arne || *of.Entries[0].User != arne {
		t.Errorf("of arne: %+v, %v", of, err)
	}
	for _, limit := range []int{-1, 201} {
		_, err = h.AuditLog(t.Context(), 0, nil, limit)
		refused(t, err, wire.BadRequest)
	}
}

func TestTheAuditLogForgetsAfterItsDays(t *testing.T) {
	h, _ := settled(t)
	h.clock.advance(89 * 24 * time.Hour)
	h.join(h.caller(h.login("gurli")), "arne")
	h.clock.advance(24*time.Hour + time.Millisecond)
	if err := h.PruneAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := h.audit()
	if slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "set_up") }) || len(got) == 0 {
		t.Errorf("kept %q", got)
	}
}

func TestTheOverviewTellsHowThePlaceStands(t *testing.T) {
	h, g := settled(t)
	arne := h.join(h.caller(g), "arne").Answer.User.ID
	h.join(h.caller(g), "bente")
	h.write(func(tx *store.Tx) error { return tx.SetUserState(arne, wire.Deleted) })
	started := h.clock.now().UnixMilli()
	s := h.hub.Subscribe(h.caller(g))
	defer s.Close()
	h.write(func(tx *store.Tx) error { return tx.Audit(wire.AuditEntry{What: wire.ActSignInFailed}) })
	h.clock.advance(7*24*time.Hour + time.Millisecond)
	for range 2 {
		h.write(func(tx *store.Tx) error { return tx.Audit(wire.AuditEntry{What: wire.ActSignInFailed}) })
	}
	o, err := h.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o.StartedAt != started || o.People != 2 || o.Online != 1 || o.FailedSignIns != 2 || len(o.Lately) != lately || o.Place.Name != "Birch Lane" {
		t.Errorf("%+v", o)
	}
	if o.DatabaseBytes < 4096 || o.DiskFree <= 0 || o.DiskTotal < o.DiskFree {
		t.Errorf("disk: %+v", o)
	}
}

func TestTheListOfPeopleCountsWhatTheyHave(t *testing.T) {
	h, g := settled(t)
	h.publish(g, 1, 1)
	h.join(h.caller(g), "arne")
	h.clock.advance(90 * time.Minute)
	h.login("arne")
	list, err := h.AdminUsers(t.Context())
	if err != nil || len(list.Users) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	arne, gurli := list.Users[0], list.Users[1]
	if arne.User.Username != "arne" || arne.Sessions != 2 || arne.Devices != 0 || arne.HasKeys || arne.State != wire.Active || arne.User.Role != wire.PlaceMember {
		t.Errorf("%+v", arne)
	}
	if gurli.Sessions != 1 || gurli.Devices != 1 || !gurli.HasKeys || gurli.User.Role != wire.PlaceAdmin {
		t.Errorf("%+v", gurli)
	}
	if hour := time.Hour.Milliseconds(); arne.LastSeen%hour != 0 || arne.LastSeen != gurli.LastSeen+hour {
		t.Errorf("last seen %d and %d", arne.LastSeen, gurli.LastSeen)
	}
}

func TestTheSettingsNameAnAdmin(t *testing.T) {
	h, g := settledOf(t, wire.Open)
	h.join(h.caller(g), "arne")
	h.admin = "bente"
	h.reopen(testKeys(t, 1)) // nobody of that name: nothing happens
	_, err := h.Register(t.Context(), registration("Bente", ""), wire.From{})
	refused(t, err, wire.Forbidden) // whoever comes first must not become the admin
	h.admin = "arne"
	h.reopen(testKeys(t, 1))
	if c := h.caller(h.login("arne")); c.Role != wire.PlaceAdmin {
		t.Errorf("arne is %q", c.Role)
	}
	h.entry("role_changed >arne is an admin now")
	before := len(h.audit())
	h.reopen(testKeys(t, 1))
	if len(h.audit()) != before {
		t.Error("made an admin again")
	}
	arne := h.caller(h.login("arne"))
	h.change(h.caller(g), arne.User, wire.AdminUserChange{Role: wire.PlaceMember, State: wire.Suspended})
	h.reopen(testKeys(t, 1))
	h.read(func(tx *store.Tx) error {
		user, err := tx.User(arne.User)
		if user.Role != wire.PlaceMember {
			t.Error("a suspended account was made an admin")
		}
		return err
	})
}

func TestTheConsoleActsOnAccounts(t *testing.T) {
	h, g := settled(t)
	arne := h.join(h.caller(g), "arne")
	ctx, id := t.Context(), arne.Answer.User.ID
	for _, name := range []string{"nobody", "!", ""} {
		_, made := MakeAdmin(ctx, h.store, name)
		_, link := IssueResetLink(ctx, h.store, name, false)
		for _, err := range []error{made, link, UnlockAccount(ctx, h.store, h.keys, name)} {
			if err != ErrNoAccount {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	h.change(h.caller(g), id, wire.AdminUserChange{State: wire.Locked})
	if err := UnlockAccount(ctx, h.store, h.keys, "Arne"); err != nil {
		t.Fatal(err)
	}
	h.login("arne")
	for _, want := range []bool{true, false} {
		if changed, err := MakeAdmin(ctx, h.store, "arne"); err != nil || changed != want {
			t.Errorf("changed %v, %v", changed, err)
		}
	}
	if c := h.caller(arne); c.Role != wire.PlaceMember {
		t.Error("another process cannot have told this one")
	}
	next, err := h.Refresh(ctx, wire.RefreshRequest{RefreshToken: arne.Answer.RefreshToken, Transport: wire.ByBody}, "", wire.From{})
	if err != nil || h.caller(next).Role != wire.PlaceAdmin {
		t.Errorf("after renewing: %+v, %v", h.caller(next), err)
	}
	link, err := IssueResetLink(ctx, h.store, "arne", true)
	if err != nil || len(link.Reveal()) != 43 {
		t.Fatal(err)
	}
	h.grep(link.Reveal())
	notices := h.log("session_notice")
	if last := notices[len(notices)-1]; last.User != id || string(last.Body) != `{"what":"reset_link_made"}` {
		t.Errorf("told %s", last.Body)
	}
	for _, want := range []string{"user_unlocked >arne", "role_changed >arne is an admin now", "reset_link_made >arne switches two-step codes off"} {
		h.entry(want)
	}
	h.change(h.caller(g), id, wire.AdminUserChange{State: wire.Suspended})
	_, err = IssueResetLink(ctx, h.store, "arne", false)
	refused(t, err, wire.AccountPaused)
}

func TestAuditEntriesSayFromWhere(t *testing.T) {
	for address, want := range map[string]string{"203.0.113.9": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "2001:db8::1": "2001:db8::1", "": ""} {
		from := wire.From{}
		if address != "" {
			from.Address = netip.MustParseAddr(address)
		}
		if got := addressText(from); got != want {
			t.Errorf("%q: %q", address, got)
		}
	}
}
