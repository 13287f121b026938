package auth

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestAnInviteeLandsInTheCommunityAndBothSidesHearOfIt(t *testing.T) {
	h, g := settled(t)
	in := h.join(h.caller(g), "arne")
	c := h.caller(in)
	if c.Role != wire.PlaceMember || in.Answer.User.DisplayName != "arne" {
		t.Fatalf("caller %+v, answer %+v", c, in.Answer)
	}
	h.read(func(tx *store.Tx) error {
		role, err := tx.CommunityRole(h.community(), c.User)
		if role != wire.Member {
			t.Errorf("role %q", role)
		}
		return err
	})
	told := func(kind string, match func(store.Row) bool) bool {
		for _, r := range h.log(kind) {
			if match(r) {
				return true
			}
		}
		return false
	}
	if !told("community", func(r store.Row) bool { return r.User == c.User }) || !told("community_member", func(r store.Row) bool { return r.Community == h.community() }) {
		t.Fatal("somebody was not told")
	}
}

// N25.
func TestNobodyRegistersWithoutAGoodInvite(t *testing.T) {
	h, g := settled(t)
	_, err := h.Register(t.Context(), registration("arne", ""), wire.From{})
	refused(t, err, wire.InviteRequired)
	_, err = h.Register(t.Context(), registration("arne", "not a token"), wire.From{})
	refused(t, err, wire.InviteGone)
	unknown, _ := newInviteToken()
	_, err = h.Register(t.Context(), registration("arne", unknown), wire.From{})
	refused(t, err, wire.InviteGone)

	used := h.invite(h.caller(g), 1)
	if _, err := h.Register(t.Context(), registration("arne", used.Token), wire.From{}); err != nil {
		t.Fatal(err)
	}
	_, err = h.Register(t.Context(), registration("bente", used.Token), wire.From{})
	refused(t, err, wire.InviteGone)

	expired := h.invite(h.caller(g), 1)
	h.clock.advance(time.Hour)
	_, err = h.Register(t.Context(), registration("bente", expired.Token), wire.From{})
	refused(t, err, wire.InviteGone)
}

func TestAClosedPlaceTakesNobody(t *testing.T) {
	h, g := settledOf(t, wire.Closed)
	_, err := h.Register(t.Context(), registration("arne", h.invite(h.caller(g), 5).Token), wire.From{})
	refused(t, err, wire.RegistrationClosed)
	_, err = h.Register(t.Context(), registration("arne", ""), wire.From{})
	refused(t, err, wire.RegistrationClosed)
}

func TestAnOpenPlaceTakesAnybodyIntoItsFirstCommunity(t *testing.T) {
	h, _ := settledOf(t, wire.Open)
	in, err := h.Register(t.Context(), registration("arne", ""), wire.From{})
	if err != nil {
		t.Fatal(err)
	}
	h.read(func(tx *store.Tx) error {
		_, err := tx.CommunityRole(h.community(), in.Answer.User.ID)
		return err
	})
	_, err = h.Register(t.Context(), registration("bente", "0123456789"), wire.From{})
	refused(t, err, wire.InviteGone)
}

// Test 26 of SECURITY.md.
func TestASignInNameBelongsToOnePerson(t *testing.T) {
	h, g := settled(t)
	token := h.invite(h.caller(g), 9).Token
	for _, name := range []string{"Gurli", "ＧＵＲＬＩ"} {
		_, err := h.Register(t.Context(), registration(name, token), wire.From{})
		refused(t, err, wire.UsernameTaken)
	}
	for _, name := range []string{"g", "g\u00fcrli", "gurl\u0456", "gurli\x00", ""} {
		_, err := h.Register(t.Context(), registration(name, token), wire.From{})
		refused(t, err, wire.BadRequest)
	}
	v, err := h.Invites(t.Context(), h.caller(g))
	if err != nil || len(v.Invites) != 1 || v.Invites[0].Used != 0 {
		t.Fatalf("the invitation was used up: %+v, %v", v, err)
	}
}

func TestATakenNameIsToldOnlyToThoseInvited(t *testing.T) {
	h, _ := settled(t)
	_, err := h.Register(t.Context(), registration("gurli", ""), wire.From{})
	refused(t, err, wire.InviteRequired)
}

func TestTheLastUsesOfAnInviteAreGivenOutExactly(t *testing.T) {
	h, g := settled(t)
	const people, uses = 50, 7
	token := h.invite(h.caller(g), uses).Token
	errs := make([]error, people)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = h.Register(t.Context(), registration(fmt.Sprintf("person%d", i), token), wire.From{})
		})
	}
	wg.Wait()
	joined := 0
	for _, err := range errs {
		if err == nil {
			joined++
			continue
		}
		refused(t, err, wire.InviteGone)
	}
	h.read(func(tx *store.Tx) error {
		members, err := tx.CommunityMembers(h.community())
		if joined != uses || len(members) != uses+1 {
			t.Errorf("%d joined and %d are members, want %d", joined, len(members)-1, uses)
		}
		return err
	})
}
