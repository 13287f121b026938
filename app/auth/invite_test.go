package auth

import (
	"strings"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestAnInvitationShowsTheInviterAndACountAndNoOtherNames(t *testing.T) {
	h, g := settled(t)
	h.join(h.caller(g), "arne")
	v := h.invite(h.caller(g), 3)
	typed := strings.ToLower(v.Token[:5] + "-" + v.Token[5:])
	got, err := h.PreviewInvite(t.Context(), wire.InviteToken{Token: typed})
	want := wire.InvitePreview{PlaceName: "Birch Lane", CommunityName: "Birch Lane", InviterName: "Gurli", People: 2, ExpiresAt: v.ExpiresAt}
	if err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestOnlyThoseWhoRunACommunityInviteToIt(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne, stranger := h.caller(h.join(gurli, "arne")), h.stranger("bente")
	ask := wire.NewInvite{CommunityID: h.community(), Uses: 1, ExpiresIn: 60}
	_, err := h.NewInvite(t.Context(), arne, ask)
	refused(t, err, wire.Forbidden)
	_, err = h.NewInvite(t.Context(), stranger, ask)
	refused(t, err, wire.NotFound)
	h.write(func(tx *store.Tx) error { return tx.SetCommunityRole(h.community(), arne.User, wire.Admin) })
	made, err := h.NewInvite(t.Context(), arne, ask)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := h.Invites(t.Context(), stranger); err != nil || list.Invites == nil || len(list.Invites) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	refused(t, h.RevokeInvite(t.Context(), stranger, made.ID), wire.NotFound)
	list, err := h.Invites(t.Context(), gurli)
	if err != nil || len(list.Invites) != 2 || list.Invites[0].Token != "" {
		t.Fatalf("%+v, %v", list, err)
	}
	h.write(func(tx *store.Tx) error { return tx.SetCommunityRole(h.community(), arne.User, wire.Member) })
	_, err = h.PreviewInvite(t.Context(), wire.InviteToken{Token: made.Token})
	refused(t, err, wire.InviteGone) // it died with its maker's right to invite
	refused(t, h.RevokeInvite(t.Context(), arne, made.ID), wire.NotFound)
}

func TestInvitationsAreBounded(t *testing.T) {
	h, g := settled(t)
	for field, ask := range map[string]wire.NewInvite{"uses": {Uses: 0, ExpiresIn: 60}, "expires_in": {Uses: 1, ExpiresIn: 59}} {
		for _, more := range []int64{0, 1} {
			ask.CommunityID = h.community()
			if more == 1 && field == "uses" {
				ask.Uses = 1001
			} else if more == 1 {
				ask.ExpiresIn = 90*24*3600 + 1
			}
			_, err := h.NewInvite(t.Context(), h.caller(g), ask)
			refused(t, err, wire.BadRequest)
			if got := asWire(err).Field; got != field {
				t.Errorf("field %q, want %q", got, field)
			}
		}
	}
	for range maxInvites {
		h.invite(h.caller(g), 1)
	}
	_, err := h.NewInvite(t.Context(), h.caller(g), wire.NewInvite{CommunityID: h.community(), Uses: 1, ExpiresIn: 60})
	refused(t, err, wire.LimitReached)
	h.clock.advance(32 * 24 * time.Hour)
	h.invite(h.caller(h.login("gurli")), 1)
}

func TestARevokedInvitationOpensNothing(t *testing.T) {
	h, g := settled(t)
	c := h.caller(g)
	v := h.invite(c, 3)
	if err := h.RevokeInvite(t.Context(), c, v.ID); err != nil {
		t.Fatal(err)
	}
	_, err := h.PreviewInvite(t.Context(), wire.InviteToken{Token: v.Token})
	refused(t, err, wire.InviteGone)
	_, err = h.Register(t.Context(), registration("arne", v.Token), wire.From{})
	refused(t, err, wire.InviteGone)
	_, err = h.AcceptInvite(t.Context(), c, wire.InviteToken{Token: v.Token})
	refused(t, err, wire.InviteGone)
	refused(t, h.RevokeInvite(t.Context(), c, v.ID), wire.NotFound)
}

func TestSomebodyWithAnAccountJoinsOnceForOneUse(t *testing.T) {
	h, g := settled(t)
	v := h.invite(h.caller(g), 2)
	bente := h.stranger("bente")
	for range 2 {
		community, err := h.AcceptInvite(t.Context(), bente, wire.InviteToken{Token: v.Token})
		if err != nil || community.ID != h.community() || community.Role != wire.Member {
			t.Fatalf("%+v, %v", community, err)
		}
	}
	list, err := h.Invites(t.Context(), h.caller(g))
	if err != nil || list.Invites[0].Used != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
}

func TestNoInviteTokenStandsInTheDatabase(t *testing.T) {
	h, g := settled(t)
	v := h.invite(h.caller(g), 1)
	raw, err := crockford.DecodeString(v.Token)
	if err != nil {
		t.Fatal(err)
	}
	h.grep(v.Token, string(raw))
}

func TestInvitingAdminsTakesAConfirmation(t *testing.T) {
	h, g := settled(t)
	req := wire.NewInvite{CommunityID: h.community(), Uses: 1, ExpiresIn: 60, Role: wire.Admin}
	_, err := h.NewInvite(t.Context(), h.caller(g), req)
	refused(t, err, wire.ConfirmFirst)
	if _, err := h.NewInvite(t.Context(), h.confirmed(g), req); err != nil {
		t.Error(err)
	}
	arne := h.join(h.caller(g), "arne")
	h.write(func(tx *store.Tx) error { return tx.SetCommunityRole(h.community(), arne.Answer.User.ID, wire.Admin) })
	_, err = h.NewInvite(t.Context(), h.caller(arne), req) // nobody is asked to confirm what they may not do
	refused(t, err, wire.Forbidden)
}
