package auth

import (
	"errors"
	"sync"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func (h *house) reset(token string, from wire.From) (Grant, error) {
	return h.Reset(h.t.Context(), wire.ResetRequest{Token: token, Password: nextPassword, Transport: wire.ByBody}, from)
}

// link has gurli make a reset link for a person.
func (h *house) link(of wire.UserID, twoStep bool) string {
	h.t.Helper()
	l, err := h.NewResetLink(h.t.Context(), h.confirmed(h.start("gurli")), of, wire.NewResetLink{TwoStep: twoStep})
	if err != nil {
		h.t.Fatal(err)
	}
	return l.Token
}

func TestAResetLinkSetsANewPasswordOnce(t *testing.T) {
	h, g := settled(t)
	arne := h.join(h.caller(g), "arne")
	link, err := h.NewResetLink(t.Context(), h.caller(g), arne.Answer.User.ID, wire.NewResetLink{})
	if err != nil || link.ExpiresAt != h.clock.now().Add(24*time.Hour).UnixMilli() || len(link.Token) != 43 {
		t.Fatal(link, err)
	}
	h.caller(arne) // sessions go on until it is used
	if told := h.notices("reset_link_made"); len(told) != 1 {
		t.Errorf("%+v", told)
	}
	seen, err := h.PreviewReset(t.Context(), wire.ResetToken{Token: link.Token})
	if err != nil || seen != (wire.ResetPreview{Username: "arne", ExpiresAt: link.ExpiresAt}) {
		t.Fatal(seen, err)
	}
	_, err = h.Reset(t.Context(), wire.ResetRequest{Token: link.Token, Password: "arne123456", Transport: wire.ByBody}, elsewhere)
	refused(t, err, wire.BadRequest) // a bad password uses nothing up
	in, err := h.reset(link.Token, elsewhere)
	if err != nil || in.Answer.User.Username != "arne" {
		t.Fatal(err)
	}
	h.caller(in)
	h.ended(arne)
	_, err = h.reset(link.Token, elsewhere)
	refused(t, err, wire.ResetGone)
	_, err = h.PreviewReset(t.Context(), wire.ResetToken{Token: link.Token})
	refused(t, err, wire.ResetGone)
	if _, err := h.try("arne", nextPassword, elsewhere); err != nil {
		t.Fatal(err)
	}
	if h.count(wire.ActPasswordReset) != 1 || len(h.notices("password_reset")) != 1 || h.count(wire.ActResetLinkMade) != 1 {
		t.Error("not told once")
	}
	h.grep(link.Token)
	for _, e := range h.acts() {
		if e.What == wire.ActResetLinkMade && (e.ActorName != "gurli" || e.UserName != "arne") {
			t.Errorf("%+v", e)
		}
	}
}

func TestAResetLinkLastsADayAndANewOneReplacesIt(t *testing.T) {
	h, g := settled(t)
	user := g.Answer.User.ID
	old := h.link(user, false)
	newer := h.link(user, false)
	_, err := h.reset(old, elsewhere)
	refused(t, err, wire.ResetGone)
	h.clock.advance(resetLife)
	_, err = h.reset(newer, elsewhere)
	refused(t, err, wire.ResetGone)
	last := h.link(user, false)
	h.clock.advance(resetLife - time.Millisecond)
	if _, err := h.reset(last, elsewhere); err != nil {
		t.Fatal(err)
	}
	for _, garbage := range []string{"", "garbage", last + "A", last + "\n", last[:42]} {
		_, err := h.reset(garbage, elsewhere)
		refused(t, err, wire.ResetGone)
	}
	_, err = h.NewResetLink(t.Context(), h.caller(h.start("gurli")), wire.UserID{9}, wire.NewResetLink{})
	refused(t, err, wire.NotFound)
}

func TestAResetLinkIsUsedOnceHoweverManyTry(t *testing.T) {
	h, g := settled(t)
	token := h.link(g.Answer.User.ID, false)
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = h.reset(token, elsewhere) })
	}
	wg.Wait()
	used := 0
	for _, err := range errs {
		if err == nil {
			used++
			continue
		}
		refused(t, err, wire.ResetGone)
	}
	if used != 1 {
		t.Fatalf("used %d times", used)
	}
}

func TestAResetAsksForTheSecondStepUnlessTheLinkSwitchesItOff(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	g := h.start("gurli")
	token := h.link(g.Answer.User.ID, false)
	in, err := h.reset(token, elsewhere)
	if err != nil || in.Challenge == nil {
		t.Fatal(in, err)
	}
	h.caller(g)
	if _, err := h.PreviewReset(t.Context(), wire.ResetToken{Token: token}); err != nil {
		t.Error("the link was used up before the second step:", err)
	}
	if _, err := h.answer(wire.ChallengeRequest{Challenge: in.Challenge.Challenge, Code: h.code(secret, 0)}, elsewhere); err != nil {
		t.Fatal(err)
	}
	h.hasPassword(nextPassword)
	h.ended(g)
	_, err = h.reset(token, elsewhere)
	refused(t, err, wire.ResetGone)

	token = h.link(g.Answer.User.ID, true)
	in, err = h.reset(token, elsewhere)
	if err != nil || in.Challenge != nil {
		t.Fatal(in, err)
	}
	h.caller(in)
	h.read(func(tx *store.Tx) error {
		codes, err := tx.TOTP(g.Answer.User.ID)
		left, _ := tx.CountBackupCodes(g.Answer.User.ID)
		if codes.On() || left != 0 {
			t.Error("two-step codes are on still")
		}
		return err
	})
	if h.count(wire.ActTwoStepOff) != 1 || len(h.notices("two_step_off")) != 1 {
		t.Error("not told")
	}
}

// A code that is looked at without being counted or used up could be tried out.
func TestAChallengeOfALinkThatIsGoneLooksAtNoCode(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	user := h.user("gurli").ID
	in, err := h.reset(h.link(user, false), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	h.link(user, false) // takes the place of the one used
	for _, code := range []string{h.wrongCode(secret), h.code(secret, 0)} {
		_, err := h.answer(wire.ChallengeRequest{Challenge: in.Challenge.Challenge, Code: code}, elsewhere)
		refused(t, err, wire.ResetGone)
	}
	h.hasPassword(goodPassword)
}

func TestAResetDoesNotOpenAPausedAccount(t *testing.T) {
	h, _ := keyed(t)
	link, err := IssueResetLink(t.Context(), h.store, "gurli", false) // the console's: nobody's standing is behind it
	if err != nil {
		t.Fatal(err)
	}
	token := link.Reveal()
	h.sql("UPDATE user SET state = 'locked'")
	_, err = h.reset(token, elsewhere)
	refused(t, err, wire.AccountPaused)
	_, err = h.recover("gurli", testProof, elsewhere)
	refused(t, err, wire.AccountPaused)
	_, err = h.recover("gurli", wrongProof, elsewhere)
	refused(t, err, wire.BadCredentials)
	h.hasPassword(goodPassword)
}

// N41 for the sessions of a changed password.
func TestChangingThePasswordEndsEveryOtherSessionAndKeepsThisOne(t *testing.T) {
	h, g := settled(t)
	other, cookie := h.start("gurli"), h.mustTry("gurli", elsewhere)
	here := h.confirmed(cookie)
	here.From = elsewhere
	sub := h.hub.Subscribe(here)
	defer sub.Close()
	_, err := h.ChangePassword(t.Context(), here, wire.PasswordChange{Password: "gurli12345"})
	refused(t, err, wire.BadRequest)
	in, err := h.ChangePassword(t.Context(), here, wire.PasswordChange{Password: nextPassword})
	if err != nil || in.Cookie.Empty() || in.Answer.RefreshToken != "" {
		t.Fatalf("%+v, %v", in, err)
	}
	h.hasPassword(nextPassword)
	h.ended(g)
	h.ended(other)
	now := h.caller(in)
	if now.Session != here.Session || now.Fresh {
		t.Errorf("%+v", now)
	}
	_, _, err = h.Authenticate(cookie.Answer.AccessToken) // the tokens before are dead here too
	refused(t, err, wire.SessionEnded)
	if h.count(wire.ActPasswordChanged) != 1 || *h.notices("password_changed")[0].Session != here.Session {
		t.Error("not told")
	}
	_, err = h.ChangePassword(t.Context(), here, wire.PasswordChange{Password: "again another meadow"})
	refused(t, err, wire.ConfirmFirst) // the confirmation is spent
	h.reopen(testKeys(t, 1))
	h.caller(in)
	next, err := h.Refresh(t.Context(), wire.RefreshRequest{Transport: wire.ByCookie}, in.Cookie.Reveal(), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	h.caller(next)
	_, err = h.Refresh(t.Context(), wire.RefreshRequest{Transport: wire.ByCookie}, cookie.Cookie.Reveal(), elsewhere)
	refused(t, err, wire.SessionEnded)
	h.caller(next) // and an old one ends nothing
	user := h.user("gurli")
	if user.PasswordAt != h.clock.now().UnixMilli() || user.Epoch != 2 {
		t.Errorf("%+v", user.PasswordAt)
	}
}

func TestChangingThePasswordEndsAResetLink(t *testing.T) {
	h, g := settled(t)
	token := h.link(g.Answer.User.ID, false)
	if _, err := h.ChangePassword(t.Context(), h.confirmed(g), wire.PasswordChange{Password: nextPassword}); err != nil {
		t.Fatal(err)
	}
	_, err := h.reset(token, elsewhere)
	refused(t, err, wire.ResetGone)
}

// T5: an admin who is none any more takes nobody's account over with a link they kept. It does not come back with their standing either.
func TestAResetLinkDiesWithItsMakersStanding(t *testing.T) {
	for name, change := range map[string]wire.AdminUserChange{
		"demoted": {Role: wire.PlaceMember}, "locked": {State: wire.Locked}, "suspended": {State: wire.Suspended},
	} {
		t.Run(name, func(t *testing.T) {
			h, g := settled(t)
			gurli := h.caller(g)
			arne := h.join(gurli, "arne").Answer.User.ID
			h.change(gurli, arne, wire.AdminUserChange{Role: wire.PlaceAdmin})
			link, err := h.NewResetLink(t.Context(), h.confirmed(h.start("arne")), gurli.User, wire.NewResetLink{TwoStep: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.PreviewReset(t.Context(), wire.ResetToken{Token: link.Token}); err != nil {
				t.Fatal(err)
			}
			h.change(gurli, arne, change)
			_, err = h.reset(link.Token, elsewhere)
			refused(t, err, wire.ResetGone)
			h.change(gurli, arne, wire.AdminUserChange{Role: wire.PlaceAdmin, State: wire.Active})
			_, err = h.PreviewReset(t.Context(), wire.ResetToken{Token: link.Token})
			refused(t, err, wire.ResetGone)
		})
	}
	h, g := settled(t) // and when they delete themselves, or the row is there still
	arne := h.join(h.caller(g), "arne").Answer.User.ID
	h.change(h.caller(g), arne, wire.AdminUserChange{Role: wire.PlaceAdmin})
	own := h.confirmed(h.start("arne"))
	link, err := h.NewResetLink(t.Context(), own, g.Answer.User.ID, wire.NewResetLink{})
	if err != nil {
		t.Fatal(err)
	}
	h.sql("UPDATE user SET state = 'locked' WHERE username = 'arne'")
	_, err = h.reset(link.Token, elsewhere)
	refused(t, err, wire.ResetGone)
	h.sql("UPDATE user SET state = 'active' WHERE username = 'arne'")
	if err := h.DeleteMe(t.Context(), own, func(*store.Tx, store.User) error { return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = h.reset(link.Token, elsewhere)
	refused(t, err, wire.ResetGone)
	h.read(func(tx *store.Tx) error {
		hash, _ := oneTimeHash(link.Token)
		_, err := tx.ResetLink(hash)
		if !errors.Is(err, store.ErrNotFound) {
			t.Error("the row of a deleted admin's link is there:", err)
		}
		return nil
	})
}

// What an admin began before they were demoted, locked or suspended comes to nothing.
func TestNoResetLinkIsMadeByWhoIsNoAdminAnyMore(t *testing.T) {
	for query, want := range map[string]wire.Code{
		"UPDATE user SET role = 'member'": wire.Forbidden, "UPDATE user SET state = 'locked'": wire.Forbidden, "UPDATE user SET state = 'suspended'": wire.SessionEnded,
	} {
		h, g := settled(t)
		began := h.confirmed(g)
		h.sql(query)
		_, err := h.NewResetLink(t.Context(), began, began.User, wire.NewResetLink{})
		refused(t, err, want)
	}
}
