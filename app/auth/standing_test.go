package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// change does something to an account and fails the test when it is refused.
func (h *house) change(by wire.Caller, to wire.UserID, req wire.AdminUserChange) wire.AdminUser {
	h.t.Helper()
	out, err := h.ChangeUser(h.t.Context(), by, to, req)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// audit reads what has been written down, the oldest first, as "what actor>user detail".
func (h *house) audit() (lines []string) {
	h.t.Helper()
	page, err := h.AuditLog(h.t.Context(), 0, nil, maxAuditPage)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range slices.Backward(page.Entries) {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s>%s %s", e.What, e.ActorName, e.UserName, e.Detail)))
	}
	return lines
}

func (h *house) entry(want string) {
	h.t.Helper()
	if got := h.audit(); !slices.Contains(got, want) {
		h.t.Errorf("%q is not among %q", want, got)
	}
}

func (h *house) loginAs(name, password string) error {
	_, err := h.Login(h.t.Context(), wire.LoginRequest{Username: name, Password: password, Transport: wire.ByBody}, wire.From{})
	return err
}

func TestALockedPersonStaysSignedInAndSignsInNowhereElse(t *testing.T) {
	h, g := settled(t)
	gurli, arne := h.caller(g), h.join(h.caller(g), "arne")
	if out := h.change(gurli, arne.Answer.User.ID, wire.AdminUserChange{State: wire.Locked}); out.State != wire.Locked || out.User.State != "" || out.Sessions != 1 {
		t.Fatalf("%+v", out)
	}
	h.caller(arne)
	refused(t, h.loginAs("arne", goodPassword), wire.AccountPaused)
	refused(t, h.loginAs("arne", "birch lane 42 kettlf"), wire.BadCredentials) // who cannot show that it is theirs learns nothing
	next, err := h.Refresh(t.Context(), wire.RefreshRequest{RefreshToken: arne.Answer.RefreshToken, Transport: wire.ByBody}, "", wire.From{})
	if err != nil {
		t.Fatal(err)
	}
	if rows := h.log("user"); len(rows) != 0 {
		t.Errorf("others are told: %s", rows[0].Body)
	}
	h.change(gurli, arne.Answer.User.ID, wire.AdminUserChange{State: wire.Active})
	h.login("arne")
	h.caller(next)
	h.entry("user_locked gurli>arne")
	h.entry("user_unlocked gurli>arne")
}

// N41, T4: what a suspended person holds is dead the moment the write is on disk. Sockets and waiting syncs are TestASuspendedPersonIsOutAtOnce of package web.
func TestEverythingASuspendedPersonHoldsIsDead(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne := h.join(gurli, "arne")
	id := arne.Answer.User.ID
	h.write(func(tx *store.Tx) error { return tx.SetCommunityRole(h.community(), id, wire.Admin) })
	own := h.invite(h.caller(arne), 5)
	second := h.login("arne")
	out := h.change(gurli, id, wire.AdminUserChange{State: wire.Suspended})
	if out.State != wire.Suspended || out.User.State != wire.Suspended || out.Sessions != 0 || out.LastSeen != 0 {
		t.Errorf("%+v", out)
	}
	for _, held := range []Grant{arne, second} {
		_, _, err := h.Authenticate(held.Answer.AccessToken)
		refused(t, err, wire.SessionEnded)
		_, err = h.Refresh(t.Context(), wire.RefreshRequest{RefreshToken: held.Answer.RefreshToken, Transport: wire.ByBody}, "", wire.From{})
		refused(t, err, wire.SessionEnded)
	}
	refused(t, h.loginAs("arne", goodPassword), wire.AccountPaused)
	_, err := h.PreviewInvite(t.Context(), wire.InviteToken{Token: own.Token})
	refused(t, err, wire.InviteGone)
	h.entry("user_suspended gurli>arne invitations withdrawn: 1")
	h.read(func(tx *store.Tx) error { // two locks: either alone would do
		sessions, err := tx.SessionsOf(id)
		user, err2 := tx.User(id)
		if len(sessions) != 0 || user.Epoch != 2 {
			t.Errorf("%d sessions, epoch %d", len(sessions), user.Epoch)
		}
		return errors.Join(err, err2)
	})
	h.reopen(testKeys(t, 1)) // and stays dead
	_, _, err = h.Authenticate(second.Answer.AccessToken)
	refused(t, err, wire.SessionEnded)
	h.change(h.caller(g), id, wire.AdminUserChange{State: wire.Active})
	for _, held := range []Grant{arne, second} {
		_, _, err := h.Authenticate(held.Answer.AccessToken)
		refused(t, err, wire.SessionEnded)
	}
	h.login("arne")
	h.entry("user_restored gurli>arne")
}

// An invitation that a suspended person managed to make after all opens nothing, and neither does one as admin by somebody who is owner no more.
func TestAnInvitationDiesWithItsMakersRightToMakeIt(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne := h.join(gurli, "arne").Answer.User.ID
	token, hash := newInviteToken()
	h.write(func(tx *store.Tx) error {
		return errors.Join(tx.SetCommunityRole(h.community(), arne, wire.Admin), tx.CreateInvite(wire.Invite{ID: wire.NewID[wire.InviteID](),
			CommunityID: h.community(), CreatedBy: arne, Role: wire.Member, Uses: 1, CreatedAt: tx.Now(), ExpiresAt: tx.Now() + 1000}, hash))
	})
	open := func() error {
		_, err := h.PreviewInvite(t.Context(), wire.InviteToken{Token: token})
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	h.write(func(tx *store.Tx) error { return tx.SetUserState(arne, wire.Suspended) })
	refused(t, open(), wire.InviteGone)

	v, err := h.NewInvite(t.Context(), h.confirmed(g), wire.NewInvite{CommunityID: h.community(), Uses: 1, ExpiresIn: 60, Role: wire.Admin})
	if err != nil {
		t.Fatal(err)
	}
	h.write(func(tx *store.Tx) error { return tx.SetCommunityRole(h.community(), gurli.User, wire.Admin) })
	_, err = h.PreviewInvite(t.Context(), wire.InviteToken{Token: v.Token})
	refused(t, err, wire.InviteGone)
}

func TestSomebodyCanAlwaysLookAfterThePlace(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	h.join(gurli, "arne")
	for _, req := range []wire.AdminUserChange{{State: wire.Suspended}, {State: wire.Locked}, {Role: wire.PlaceMember}, {State: wire.Active, Role: wire.PlaceMember}} {
		_, err := h.ChangeUser(t.Context(), gurli, gurli.User, req)
		refused(t, err, wire.LastAdmin)
	}
	if c := h.caller(g); c.Role != wire.PlaceAdmin {
		t.Errorf("what was refused took effect: %+v", c)
	}
	arne := h.login("arne")
	h.change(gurli, arne.Answer.User.ID, wire.AdminUserChange{Role: wire.PlaceAdmin})
	h.change(gurli, arne.Answer.User.ID, wire.AdminUserChange{State: wire.Locked}) // a locked admin does not count
	_, err := h.ChangeUser(t.Context(), gurli, gurli.User, wire.AdminUserChange{Role: wire.PlaceMember})
	refused(t, err, wire.LastAdmin)
	h.change(gurli, arne.Answer.User.ID, wire.AdminUserChange{State: wire.Active})

	callers := []wire.Caller{h.caller(g), h.caller(arne)}
	var done sync.WaitGroup
	for i, by := range callers { // each takes the other's role at the same time
		done.Go(func() { h.ChangeUser(t.Context(), by, callers[1-i].User, wire.AdminUserChange{Role: wire.PlaceMember}) })
	}
	done.Wait()
	h.read(func(tx *store.Tx) error {
		n, err := tx.CountAdmins()
		if n != 1 {
			t.Errorf("%d admins are left", n)
		}
		return err
	})
}

func TestARoleTakesEffectAtOnceAndIsTold(t *testing.T) {
	h, g := settled(t)
	gurli, arne := h.caller(g), h.join(h.caller(g), "arne")
	gurli.From.Address = netip.MustParseAddr("203.0.113.9")
	if h.caller(arne).Role != wire.PlaceMember {
		t.Fatal("he is one already")
	}
	h.change(gurli, arne.Answer.User.ID, wire.AdminUserChange{Role: wire.PlaceAdmin})
	if h.caller(arne).Role != wire.PlaceAdmin {
		t.Error("the session he has knows nothing of it")
	}
	h.entry("role_changed gurli>arne is an admin now")
	told := map[string]bool{}
	for _, r := range append(h.log("user"), h.log("session_notice")...) {
		told[fmt.Sprintf("%s %v %v", r.Kind, r.User == arne.Answer.User.ID, r.Community == h.community())] = true
		if !strings.Contains(string(r.Body), `"role":"admin"`) && !strings.Contains(string(r.Body), "role_changed") && !strings.Contains(string(r.Body), "signed_in") {
			t.Errorf("told: %s", r.Body)
		}
	}
	for _, want := range []string{"user true false", "user false true", "session_notice true false"} {
		if !told[want] {
			t.Errorf("%s is missing of %v", want, told)
		}
	}
	page, err := h.AuditLog(t.Context(), 0, nil, 1)
	if err != nil || page.Entries[0].Address != "203.0.113.9" {
		t.Errorf("%+v, %v", page, err)
	}
	h.change(h.caller(arne), gurli.User, wire.AdminUserChange{Role: wire.PlaceMember})
	_, err = h.ChangeUser(t.Context(), gurli, arne.Answer.User.ID, wire.AdminUserChange{State: wire.Locked}) // an old caller, as a request under way has
	refused(t, err, wire.Forbidden)
	_, err = h.ChangePlace(t.Context(), gurli, wire.PlaceChange{Registration: wire.Open})
	refused(t, err, wire.Forbidden)
	refused(t, h.WithdrawInvite(t.Context(), gurli, wire.InviteID{}), wire.Forbidden)
}

func TestWhatCannotBeChangedIsSaid(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne := h.join(gurli, "arne").Answer.User.ID
	for req, want := range map[wire.AdminUserChange]wire.Code{
		{}: wire.BadRequest, {State: wire.Deleted}: wire.BadRequest, {State: "asleep"}: wire.BadRequest, {Role: "king"}: wire.BadRequest,
	} {
		_, err := h.ChangeUser(t.Context(), gurli, arne, req)
		refused(t, err, want)
	}
	_, err := h.ChangeUser(t.Context(), gurli, wire.UserID{1}, wire.AdminUserChange{State: wire.Locked})
	refused(t, err, wire.NotFound)
	h.write(func(tx *store.Tx) error { return tx.SetUserState(arne, wire.Deleted) })
	_, err = h.ChangeUser(t.Context(), gurli, arne, wire.AdminUserChange{State: wire.Active})
	refused(t, err, wire.Conflict)
	if before := len(h.audit()); before == 0 {
		t.Error("no audit at all")
	} else if h.change(gurli, gurli.User, wire.AdminUserChange{State: wire.Active, Role: wire.PlaceAdmin}); len(h.audit()) != before {
		t.Error("what changes nothing was written down")
	}
}

// The one hook for whatever lives as long as a session hears of every way a session can end.
func TestAHookHearsOfEveryWayASessionEnds(t *testing.T) {
	ends := map[string]func(h *house, gurli wire.Caller, p *person, arne Grant) error{
		"signed out": func(h *house, _ wire.Caller, _ *person, arne Grant) error {
			return h.Logout(t.Context(), wire.LogoutRequest{}, "", arne.Answer.AccessToken, wire.From{})
		},
		"copied token": func(h *house, _ wire.Caller, _ *person, arne Grant) error {
			token := arne.Answer.RefreshToken
			for range 2 {
				g, err := h.Refresh(t.Context(), wire.RefreshRequest{RefreshToken: token, Transport: wire.ByBody}, "", wire.From{})
				if err != nil {
					return err
				}
				token = g.Answer.RefreshToken
			}
			_, err := h.Refresh(t.Context(), wire.RefreshRequest{RefreshToken: arne.Answer.RefreshToken, Transport: wire.ByBody}, "", wire.From{})
			refused(t, err, wire.SessionEnded)
			return nil
		},
		"one too many": func(h *house, _ wire.Caller, _ *person, _ Grant) error {
			for range maxSessions {
				h.clock.advance(time.Second)
				h.login("arne")
			}
			return nil
		},
		"run out": func(h *house, _ wire.Caller, _ *person, _ Grant) error {
			h.clock.advance(refreshIdle + time.Second)
			h.login("arne")
			return nil
		},
		"device removed": func(h *house, _ wire.Caller, p *person, arne Grant) error {
			other := h.equip(h.login("arne"))
			p.next()
			p.add(*other.caller.Device, other.device)
			if _, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()}); err != nil {
				return err
			}
			h.clock.advance(time.Second)
			p.next()
			for i := range p.manifest.Devices {
				if d := &p.manifest.Devices[i]; d.ID == *p.caller.Device {
					d.Removed = p.now()
				}
			}
			req := wire.PutManifest{Manifest: p.encode()}
			_, err := h.PutManifest(t.Context(), other.caller, req)
			return err
		},
		"suspended": func(h *house, gurli wire.Caller, _ *person, arne Grant) error {
			h.change(gurli, arne.Answer.User.ID, wire.AdminUserChange{State: wire.Suspended})
			return nil
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			h, g := settled(t)
			gurli, arne := h.caller(g), h.join(h.caller(g), "arne")
			p := h.publish(arne, 1, 1)
			var whole, one bool
			h.hub.OnEnd(func(user wire.UserID, session *wire.SessionID) {
				if user != arne.Answer.User.ID {
					t.Errorf("heard of %v", user)
				}
				whole = whole || session == nil
				one = one || session != nil && *session == p.caller.Session
				if _, _, err := h.Authenticate(arne.Answer.AccessToken); err == nil {
					t.Error("the session is still good when the hook hears of its end")
				}
			})
			if err := end(h, gurli, p, arne); err != nil {
				t.Fatal(err)
			}
			if whole != (name == "suspended") || one == whole {
				t.Errorf("heard: everything %v, the session %v", whole, one)
			}
		})
	}
}

func TestASuspendedPersonIsKickedWithTheirOwnCode(t *testing.T) {
	h, g := settled(t)
	arne := h.join(h.caller(g), "arne")
	s := h.hub.Subscribe(h.caller(arne))
	defer s.Close()
	h.change(h.caller(g), arne.Answer.User.ID, wire.AdminUserChange{State: wire.Suspended})
	if n := s.Take(1); n.Kicked != live.CodeRemoved {
		t.Errorf("%+v", n)
	}
}

func TestNobodyTakesPrekeysOfSomebodySuspended(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 1, 1)
	arne := h.publish(h.join(gurli.caller, "arne"), 2, 2)
	claim := func() int {
		out, err := h.ClaimPrekeys(t.Context(), gurli.caller, wire.ClaimPrekeys{Devices: []wire.DeviceAddress{arne.address()}})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Bundles)
	}
	h.change(gurli.caller, arne.caller.User, wire.AdminUserChange{State: wire.Suspended})
	if n := claim(); n != 0 {
		t.Errorf("%d bundles", n)
	}
	h.change(gurli.caller, arne.caller.User, wire.AdminUserChange{State: wire.Active})
	if n := claim(); n != 1 {
		t.Errorf("%d bundles after coming back", n)
	}
}

func TestWhoeverIsRenamedStaysWhatTheyAre(t *testing.T) {
	h, g := settled(t)
	arne := h.join(h.caller(g), "arne")
	c := h.caller(arne)
	h.change(h.caller(g), c.User, wire.AdminUserChange{Role: wire.PlaceAdmin})
	out, err := h.ChangeMe(t.Context(), c, wire.MeChange{DisplayName: "Somebody else"}) // a request that was let in before
	text, _ := json.Marshal(out)
	if err != nil || out.Role != wire.PlaceAdmin {
		t.Errorf("%s, %v", text, err)
	}
}

// A locked admin may be somebody else at the keyboard: from that moment their sessions are a member's, and nothing they hold unlocks them again.
func TestALockedAdminHasNoPowers(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne := h.join(gurli, "arne")
	id := arne.Answer.User.ID
	h.change(gurli, id, wire.AdminUserChange{Role: wire.PlaceAdmin})
	began := h.caller(arne)
	h.change(gurli, id, wire.AdminUserChange{State: wire.Locked})
	role := func(want wire.PlaceRole, when string) {
		t.Helper()
		if c := h.caller(arne); c.Role != want {
			t.Errorf("%s: acts as %s", when, c.Role)
		}
	}
	role(wire.PlaceMember, "locked")
	for _, req := range []wire.AdminUserChange{{State: wire.Active}, {Role: wire.PlaceAdmin}, {Unlock: true}} {
		_, err := h.ChangeUser(t.Context(), began, id, req)
		refused(t, err, wire.Forbidden)
	}
	_, err := h.ChangePlace(t.Context(), began, wire.PlaceChange{Registration: wire.Open})
	refused(t, err, wire.Forbidden)
	if arne, err = h.refresh(arne.Answer.RefreshToken); err != nil {
		t.Fatal(err)
	}
	role(wire.PlaceMember, "renewed")
	if err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	role(wire.PlaceMember, "read again")
	h.change(gurli, id, wire.AdminUserChange{State: wire.Active})
	role(wire.PlaceAdmin, "unlocked")
}
