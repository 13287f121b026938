package auth

import (
	"reflect"
	"testing"

	"chatalot/app/wire"
)

func TestReservingADeviceAgainMakesNoSecondOne(t *testing.T) {
	h, g := settled(t)
	first, err := h.ReserveDevice(t.Context(), h.caller(g), wire.NewDevice{Name: "Firefox"})
	if err != nil || first.Active || first.LastSeen%3_600_000 != 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	if got := h.caller(g).Device; got == nil || *got != first.ID {
		t.Fatal("the session does not know its device")
	}
	again, err := h.ReserveDevice(t.Context(), h.caller(g), wire.NewDevice{Name: "Firefox on Linux"})
	if err != nil || again.ID != first.ID || again.Name != "Firefox on Linux" {
		t.Fatalf("%+v, %v", again, err)
	}
	h.reopen(testKeys(t, 1))
	if got := h.caller(g).Device; got == nil || *got != first.ID {
		t.Fatal("the session forgot its device in a restart")
	}
	_, err = h.ReserveDevice(t.Context(), h.caller(g), wire.NewDevice{Name: "\n"})
	refused(t, err, wire.BadRequest)
}

func TestABrowserThatLostItsKeysGetsANewDeviceAndOneThatKeptThemItsOld(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 1, 1)
	fresh, err := h.ReserveDevice(t.Context(), h.caller(g), wire.NewDevice{Name: "Firefox"})
	if err != nil || fresh.ID == *p.caller.Device {
		t.Fatalf("%+v, %v", fresh, err)
	}
	in := h.login("gurli")
	if in.Answer.DeviceID != nil || !in.Answer.HasKeys {
		t.Fatalf("%+v", in.Answer)
	}
	back, err := h.ReserveDevice(t.Context(), h.caller(in), wire.NewDevice{Name: "Firefox", ID: p.caller.Device})
	if err != nil || back.ID != *p.caller.Device || !back.Active {
		t.Fatalf("%+v, %v", back, err)
	}
	list, err := h.Devices(t.Context(), h.caller(in))
	if err != nil || len(list.Devices) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
}

func TestNobodyTakesSomebodyElsesDevice(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	arne := h.join(h.caller(g), "arne")
	for _, id := range []wire.DeviceID{*p.caller.Device, {1}} {
		_, err := h.ReserveDevice(t.Context(), h.caller(arne), wire.NewDevice{Name: "Firefox", ID: &id})
		refused(t, err, wire.NotFound)
	}
	if h.caller(arne).Device != nil {
		t.Fatal("the session was bound all the same")
	}
}

func TestDevicesThatCameToNothingAreForgotten(t *testing.T) {
	h, g := settled(t)
	for range 3 {
		in := h.start("gurli")
		if _, err := h.ReserveDevice(t.Context(), h.caller(in), wire.NewDevice{Name: "Firefox"}); err != nil {
			t.Fatal(err)
		}
		if err := h.Logout(t.Context(), wire.LogoutRequest{}, "", in.Answer.AccessToken, wire.From{}); err != nil {
			t.Fatal(err)
		}
	}
	p := h.equip(g)
	list, err := h.Devices(t.Context(), p.caller)
	if err != nil || len(list.Devices) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
}

func TestPeopleSeeOnlyThoseTheyShareACommunityWith(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 0, 0).caller
	arne := h.caller(h.join(gurli, "arne"))
	stranger := h.stranger("bente")
	if u, err := h.User(t.Context(), arne, gurli.User); err != nil || u.DisplayName != "Gurli" {
		t.Fatalf("%+v, %v", u, err)
	}
	if m, err := h.Manifest(t.Context(), arne, gurli.User); err != nil || m.Version != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, id := range []wire.UserID{gurli.User, {1}} {
		_, err := h.User(t.Context(), stranger, id)
		refused(t, err, wire.NotFound)
		_, err = h.Manifest(t.Context(), stranger, id)
		refused(t, err, wire.NotFound)
	}
	if _, err := h.User(t.Context(), stranger, stranger.User); err != nil {
		t.Fatal(err)
	}
	_, err := h.Manifest(t.Context(), arne, arne.User)
	refused(t, err, wire.NotFound)
	_, err = h.Vault(t.Context(), arne)
	refused(t, err, wire.NotFound)
}

func TestANewNameIsToldToEverybodyWhoKnowsThePerson(t *testing.T) {
	h, g := settled(t)
	c := h.caller(g)
	u, err := h.ChangeMe(t.Context(), c, wire.MeChange{DisplayName: " Gurli Birk "})
	if err != nil || u.DisplayName != "Gurli Birk" || u.Username != "gurli" {
		t.Fatalf("%+v, %v", u, err)
	}
	me, err := h.Me(t.Context(), c)
	if err != nil || !reflect.DeepEqual(me.User, u) || me.HasKeys || me.VaultVersion != 0 {
		t.Fatalf("%+v, %v", me, err)
	}
	rows := h.log("user")
	if len(rows) != 2 || rows[0].User != c.User || rows[1].Community != h.community() {
		t.Fatalf("%+v", rows)
	}
	_, err = h.ChangeMe(t.Context(), c, wire.MeChange{DisplayName: "\u202e"})
	refused(t, err, wire.BadRequest)
}
