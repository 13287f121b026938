package auth

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestSetupMakesThePlaceItsAdminAndItsFirstCommunity(t *testing.T) {
	h, g := settled(t)
	place, err := h.Place(t.Context())
	if err != nil || place != (wire.Place{Name: "Birch Lane", Registration: wire.InviteOnly, SetUp: true, Version: "test"}) || !h.IsSetUp() {
		t.Fatalf("place %+v, %v", place, err)
	}
	c := h.caller(g)
	if c.Role != wire.PlaceAdmin || g.Answer.User.Username != "gurli" || g.Answer.HasKeys {
		t.Fatalf("caller %+v, answer %+v", c, g.Answer)
	}
	h.read(func(tx *store.Tx) error {
		communities, err := tx.CommunitiesOf(c.User)
		if err != nil || len(communities) != 1 || communities[0].Name != "Birch Lane" || communities[0].Role != wire.Owner {
			t.Fatalf("communities %+v, %v", communities, err)
		}
		groups, err := tx.GroupsOf(communities[0].ID)
		if err != nil || len(groups) != 1 || groups[0].Name != "General" {
			t.Fatalf("groups %+v, %v", groups, err)
		}
		return nil
	})
}

func TestNobodyWithoutTheTokenSetsAPlaceUp(t *testing.T) {
	h := newHouse(t)
	if h.IsSetUp() {
		t.Fatal("set up before anybody did")
	}
	_, err := h.Setup(t.Context(), setupRequest(NewSecret("")), wire.From{})
	refused(t, err, wire.SetupToken)
	token, err := IssueSetupToken(t.Context(), h.store)
	if err != nil || len(token.Reveal()) != 43 {
		t.Fatalf("token of %d characters, %v", len(token.Reveal()), err)
	}
	for _, guess := range []string{"", "x", strings.Repeat("A", 43), token.Reveal()[:42], token.Reveal() + "\n", token.Reveal() + "A"} {
		_, err := h.Setup(t.Context(), setupRequest(NewSecret(guess)), wire.From{})
		refused(t, err, wire.SetupToken)
	}
}

func TestTheSetupTokenDiesAfterADayAndWhenAnotherIsIssued(t *testing.T) {
	h := newHouse(t)
	old, err := IssueSetupToken(t.Context(), h.store)
	if err != nil {
		t.Fatal(err)
	}
	token, err := IssueSetupToken(t.Context(), h.store)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Setup(t.Context(), setupRequest(old), wire.From{})
	refused(t, err, wire.SetupToken)
	h.clock.advance(24 * time.Hour)
	_, err = h.Setup(t.Context(), setupRequest(token), wire.From{})
	refused(t, err, wire.SetupToken)
}

func TestTheSetupTokenWorksOnceHoweverManyUseIt(t *testing.T) {
	h := newHouse(t)
	token, err := IssueSetupToken(t.Context(), h.store)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = h.Setup(t.Context(), setupRequest(token), wire.From{}) })
	}
	wg.Wait()
	worked := 0
	for _, err := range errs {
		if err == nil {
			worked++
			continue
		}
		refused(t, err, wire.SetupDone)
	}
	if worked != 1 {
		t.Fatalf("%d setups worked", worked)
	}
	_, err = IssueSetupToken(t.Context(), h.store)
	refused(t, err, wire.SetupDone)
}

func TestAFailedSetupLeavesNothingBehind(t *testing.T) {
	h := newHouse(t)
	token, err := IssueSetupToken(t.Context(), h.store)
	if err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*wire.SetupRequest){
		"place_name":   func(r *wire.SetupRequest) { r.PlaceName = " " },
		"username":     func(r *wire.SetupRequest) { r.Username = "g" },
		"display_name": func(r *wire.SetupRequest) { r.DisplayName = "\u202e" },
		"password":     func(r *wire.SetupRequest) { r.Password = "password123" },
		"transport":    func(r *wire.SetupRequest) { r.Transport = "pigeon" },
	} {
		req := setupRequest(token)
		change(&req)
		_, err := h.Setup(t.Context(), req, wire.From{})
		refused(t, err, wire.BadRequest)
		if got := asWire(err).Field; got != field {
			t.Errorf("field %q, want %q", got, field)
		}
	}
	if _, err := h.Setup(t.Context(), setupRequest(token), wire.From{}); err != nil {
		t.Fatalf("the token was used up: %v", err)
	}
}

func asWire(err error) *wire.Error {
	for err != nil {
		if e, ok := err.(*wire.Error); ok {
			return e
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			break
		}
		err = u.Unwrap()
	}
	return &wire.Error{}
}

func TestASecretNeverFormatsAsItself(t *testing.T) {
	s := NewSecret("canary")
	text, err := json.Marshal(struct{ S Secret }{s})
	if err != nil || strings.Contains(string(text), "canary") || strings.Contains(s.String()+s.LogValue().String(), "canary") || s.Reveal() != "canary" {
		t.Fatalf("%s %v", text, err)
	}
}
