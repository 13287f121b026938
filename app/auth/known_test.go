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
