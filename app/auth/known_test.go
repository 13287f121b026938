package auth

import (
	"strings"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestABrowserIsRememberedForFourPeople(t *testing.T) {
	keys, cookie := testKeys(t, 1), ""
	for i := byte(1); i <= 5; i++ {
		cookie = keys.remember(cookie, store.User{ID: wire.UserID{i}}, [16]byte{i}).Reveal()
	}
	for i := byte(1); i <= 5; i++ {
		device, ok := keys.knows(cookie, store.User{ID: wire.UserID{i}})
		if want := i != 1; ok != want || ok && device != [16]byte{i} { // the one who came first is the one who has not been here for longest
			t.Errorf("%d: %v, %v", i, device, ok)
		}
	}
	again := keys.remember(cookie, store.User{ID: wire.UserID{3}}, [16]byte{33}).Reveal()
	if device, ok := keys.knows(again, store.User{ID: wire.UserID{3}}); !ok || device != [16]byte{33} || strings.Count(again, ".") != 3 {
		t.Errorf("%v, %v", device, ok)
	}
	if len(cookie) > 400 {
		t.Errorf("%d characters", len(cookie))
	}
}

func TestADeviceCookieIsMadeByThisPlaceAlone(t *testing.T) {
	keys, user := testKeys(t, 1), store.User{ID: wire.UserID{1}}
	good := keys.remember("", user, [16]byte{2}).Reveal()
	foreign := testKeys(t, 2).remember("", user, [16]byte{2}).Reveal()
	for _, cookie := range []string{"", foreign, good[:len(good)-1], good + "=", good + "\n", strings.Repeat(good+".", 9)} {
		if _, ok := keys.knows(cookie, user); ok {
			t.Errorf("%q was taken", cookie)
		}
	}
	if _, ok := keys.knows(good, store.User{ID: wire.UserID{2}}); ok {
		t.Error("one person's serves another")
	}
	carried := keys.remember(foreign, store.User{ID: wire.UserID{3}}, [16]byte{3}).Reveal() // unread
	if _, ok := keys.knows(carried, user); ok {
		t.Error("what others made is taken once it was carried along")
	}
}

func FuzzDeviceCookie(f *testing.F) {
	keys := testKeys(f, 1)
	good := keys.remember(keys.remember("", store.User{ID: wire.UserID{1}}, [16]byte{1}).Reveal(), store.User{ID: wire.UserID{2}}, [16]byte{2}).Reveal()
	f.Add(good)
	f.Add(".")
	f.Add("....")
	f.Fuzz(func(t *testing.T, cookie string) {
		next := keys.remember(cookie, store.User{ID: wire.UserID{9}}, [16]byte{9}).Reveal()
		if device, ok := keys.knows(next, store.User{ID: wire.UserID{9}}); !ok || device != [16]byte{9} {
			t.Fatalf("%q: forgot who has just signed in", cookie)
		}
		if len(next) > maxKnown*(markChars+1) {
			t.Fatalf("%q: grew to %d characters", cookie, len(next))
		}
		for _, m := range parseMarks(cookie) {
			if device, ok := keys.knows(cookie, store.User{ID: m.user}); ok && (m.user != wire.UserID{1} || device != [16]byte{1}) && (m.user != wire.UserID{2} || device != [16]byte{2}) {
				t.Fatalf("%q: forged", cookie)
			}
		}
	})
}

func TestEveryBrowserSignInIsRememberedAndNoProgramIs(t *testing.T) {
	h, g := settled(t)
	h.quick()
	if !g.Known.Empty() {
		t.Error("a program got a cookie")
	}
	req := registration("arne", h.invite(h.caller(h.start("gurli")), 1).Token)
	req.Transport = wire.ByCookie
	arne, err := h.Register(t.Context(), req, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	from := elsewhere
	from.Known = arne.Known.Reveal()
	gurli := h.mustTry("gurli", from)
	for _, user := range []store.User{h.user("arne"), h.user("gurli")} {
		if _, ok := h.keys.knows(gurli.Known.Reveal(), user); !ok {
			t.Errorf("%s is forgotten", user.Username)
		}
	}
	if !gurli.KnownExpires.Equal(h.clock.now().Add(365 * day)) {
		t.Error(gurli.KnownExpires)
	}
	first, _ := h.keys.knows(gurli.Known.Reveal(), h.user("gurli"))
	from.Known = gurli.Known.Reveal()
	if again, _ := h.keys.knows(h.mustTry("gurli", from).Known.Reveal(), h.user("gurli")); again != first {
		t.Error("one browser became two devices")
	}
}

func TestANoticeTellsOfADeviceNotSeenBefore(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	g := h.mustTry("gurli", elsewhere)
	told := h.notices("signed_in")
	if len(told) != 1 || told[0].Agent != "Firefox on Linux" || told[0].Network != "203.0.113.0/24" || *told[0].Session != h.caller(g).Session {
		t.Fatalf("%+v", told)
	}
	from := elsewhere
	from.Known = g.Known.Reveal()
	h.mustTry("gurli", from)
	if n := len(h.notices("signed_in")); n != 1 {
		t.Errorf("%d notices: the device was known", n)
	}
	if _, err := h.Login(t.Context(), wire.LoginRequest{Username: "gurli", Password: goodPassword, Transport: wire.ByBody}, from); err != nil {
		t.Fatal(err)
	}
	if n := len(h.notices("signed_in")); n != 2 {
		t.Errorf("%d notices: a program is always new", n)
	}
	acts := h.acts()
	if last := acts[len(acts)-1]; last.What != wire.ActSignedIn || last.UserName != "gurli" || *last.Actor != *last.User || last.Address != "203.0.113.7" || last.Detail != "Firefox on Linux, password" {
		t.Errorf("%+v", last)
	}
}

// marks signs in n times as a browser without a cookie: each time the place hands out another mark.
func (h *house) marks(n int) (list []wire.From) {
	h.t.Helper()
	for range n {
		from := elsewhere
		from.Known = h.mustTry("gurli", elsewhere).Known.Reveal()
		list = append(list, from)
	}
	return list
}

// guesses is how many of ten wrong passwords by each of the marks are looked at.
func (h *house) guesses(marks []wire.From) (n int) {
	h.t.Helper()
	for _, from := range marks {
		for range maxFailures {
			if _, err := h.try("gurli", wrongPassword, from); asWire(err).Code == wire.BadCredentials {
				n++
			}
		}
	}
	return n
}

func TestManyMarksAreNotManyCounters(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	if n := h.guesses(h.marks(14)); n != (maxDevices+1)*maxFailures {
		t.Errorf("%d guesses", n)
	}
}

// Whoever knew the old password, or was signed out, has no counter of their own.
func TestMarksEndWithThePasswordTheSecondStepAndTheOtherSessions(t *testing.T) {
	for name, change := range map[string]func(*house) error{
		"password": func(h *house) error {
			user := h.user("gurli")
			h.write(func(tx *store.Tx) error { return h.putPassword(tx, &user, user.PasswordHash, nil) })
			return nil
		},
		"other sessions": func(h *house) error { return h.EndOtherSessions(t.Context(), h.confirmed(h.start("gurli"))) },
		"two-step codes": func(h *house) error {
			h.guarded(h.start("gurli"))
			return h.EndTwoStep(t.Context(), h.confirmed(h.start("gurli")))
		},
	} {
		h, _ := settled(t)
		h.quick()
		marks := h.marks(3)
		if err := change(h); err != nil {
			t.Fatal(name, err)
		}
		own := elsewhere
		own.Known = h.mustTry("gurli", marks[0]).Known.Reveal()
		if n := h.guesses(marks); n != maxFailures {
			t.Errorf("%s: %d guesses", name, n)
		}
		if _, err := h.try("gurli", goodPassword, own); err != nil {
			t.Errorf("%s: the mark of the next sign-in: %v", name, err)
		}
	}
}

func TestAKnownDeviceHasThirtyCodesADayToo(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	h.quick()
	h.nextCode()
	g, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	own, looked := elsewhere, 0
	own.Known = g.Known.Reveal()
	for range 5 {
		for range 2 {
			token := h.challenged(own)
			for range 5 {
				if _, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: h.wrongCode(secret)}, own); asWire(err).Code != wire.AccountLocked {
					looked++
				}
			}
		}
		h.clock.advance(lockTime)
	}
	if looked != maxCodesADay {
		t.Errorf("%d codes were looked at", looked)
	}
}

func TestTrustEndsWithTheOtherSessions(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	own := h.trusted(secret)
	if err := h.EndOtherSessions(t.Context(), h.confirmed(h.start("gurli"))); err != nil {
		t.Fatal(err)
	}
	h.challenged(own)
	user := h.user("gurli")
	h.read(func(tx *store.Tx) error {
		until, err := tx.TrustedUntil(user.ID, parseMarks(own.Known)[0].device)
		if until != 0 {
			t.Error("the trust is written down still")
		}
		return err
	})
}
