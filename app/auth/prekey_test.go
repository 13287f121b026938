package auth

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

func (h *house) claimOf(c wire.Caller, devices ...wire.DeviceAddress) wire.Bundles {
	h.t.Helper()
	out, err := h.ClaimPrekeys(h.t.Context(), c, wire.ClaimPrekeys{Devices: devices})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func kindOf(t *testing.T, b wire.Bytes) signed.PrekeyKind {
	t.Helper()
	p, err := signed.ParsePrekey(b)
	if err != nil {
		t.Fatal(err)
	}
	return p.Kind
}

// Tests N06 and N07 of E2EE.md, the server's part.
func TestEachOneTimeKeyIsHandedOutOnce(t *testing.T) {
	h, g := settled(t)
	const people, keys = 12, 5
	gurli := h.publish(g, keys, keys)
	callers := make([]wire.Caller, people)
	for i := range callers {
		callers[i] = h.stranger("person" + string(rune('a'+i)))
		h.write(func(tx *store.Tx) error {
			_, err := tx.JoinCommunity(h.community(), callers[i].User, wire.Member)
			return err
		})
	}
	bundles := make([]wire.Bundle, people)
	var wg sync.WaitGroup
	for i, c := range callers {
		wg.Go(func() {
			out, err := h.ClaimPrekeys(t.Context(), c, wire.ClaimPrekeys{Devices: []wire.DeviceAddress{gurli.address()}})
			if err != nil || len(out.Bundles) != 1 {
				t.Errorf("%+v, %v", out, err)
				return
			}
			bundles[i] = out.Bundles[0]
		})
	}
	wg.Wait()
	seen, lastResort := map[string]bool{}, 0
	for _, b := range bundles {
		if kindOf(t, b.Signed) != signed.PrekeySigned {
			t.Fatal("no signed prekey")
		}
		if b.OneTime != nil && (seen[string(b.OneTime)] || kindOf(t, b.OneTime) != signed.PrekeyOneTime) {
			t.Fatal("a one-time key was handed out twice")
		}
		seen[string(b.OneTime)] = true
		switch kindOf(t, b.KEM) {
		case signed.PrekeyLastResort:
			lastResort++
		case signed.PrekeyKEM:
			if seen[string(b.KEM)] {
				t.Fatal("a KEM key was handed out twice")
			}
			seen[string(b.KEM)] = true
		}
	}
	if len(seen) != 2*keys+1 || lastResort != people-keys {
		t.Fatalf("%d one-time keys and %d last resorts", len(seen)-1, lastResort)
	}
}

func TestOneAccountCannotDrainAnothersKeys(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 30, 20)
	arne := h.caller(h.join(h.caller(g), "arne"))
	for hour := range 24 {
		for i := range claimsAnHour {
			b := h.claimOf(arne, gurli.address()).Bundles[0]
			if first := hour == 0 && i == 0; (b.OneTime != nil) != first || (kindOf(t, b.KEM) == signed.PrekeyKEM) != first {
				t.Fatalf("hour %d, claim %d: %v", hour, i, b.OneTime != nil)
			}
		}
		_, err := h.ClaimPrekeys(t.Context(), arne, wire.ClaimPrekeys{Devices: []wire.DeviceAddress{gurli.address()}})
		refused(t, err, wire.TooMany)
		if wait := asWire(err).RetryAfter; wait != 3600 {
			t.Fatalf("retry after %d", wait)
		}
		h.clock.advance(time.Hour)
	}
	if b := h.claimOf(arne, gurli.address()).Bundles[0]; b.OneTime == nil {
		t.Fatal("none after a day")
	}
	if left, err := h.PrekeyCount(t.Context(), gurli.caller); err != nil || left != (wire.PrekeyCount{OneTime: 28, KEM: 18}) {
		t.Fatalf("%+v, %v", left, err)
	}
}

func TestABundleOfSomebodyForeignIsLeftOut(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 3, 3)
	arne := h.publish(h.join(h.caller(g), "arne"), 3, 3)
	stranger := h.stranger("bente")
	swapped := wire.DeviceAddress{UserID: arne.caller.User, DeviceID: *gurli.caller.Device}
	if out := h.claimOf(stranger, gurli.address(), arne.address()); len(out.Bundles) != 0 {
		t.Fatalf("%+v", out)
	}
	out := h.claimOf(arne.caller, gurli.address(), swapped, wire.DeviceAddress{UserID: gurli.caller.User, DeviceID: wire.DeviceID{1}})
	if len(out.Bundles) != 1 || out.Bundles[0].DeviceID != *gurli.caller.Device {
		t.Fatalf("%+v", out)
	}
	if left, err := h.PrekeyCount(t.Context(), gurli.caller); err != nil || left.OneTime != 2 {
		t.Fatalf("%+v, %v", left, err)
	}
	for _, devices := range [][]wire.DeviceAddress{nil, {gurli.address(), gurli.address()}, make([]wire.DeviceAddress, 101)} {
		_, err := h.ClaimPrekeys(t.Context(), arne.caller, wire.ClaimPrekeys{Devices: devices})
		refused(t, err, wire.BadRequest)
	}
}

func TestADeviceRunningOutOfKeysIsTold(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, lowPrekeys, lowPrekeys+1)
	arne := h.caller(h.join(h.caller(g), "arne"))
	sub := h.hub.Subscribe(gurli.caller)
	defer sub.Close()
	news := sub.Take(1 << 20)
	for news.Stale != 0 {
		sub.SetView(live.View{User: gurli.caller.User}, news.Stale)
		news = sub.Take(1 << 20)
	}
	h.claimOf(arne, gurli.address())
	var f wire.Frame
	if err := json.Unmarshal(sub.Take(1<<20).Whisper, &f); err != nil || f.T != "keys_low" || f.KeysLow == nil || *f.KeysLow != (wire.PrekeyCount{OneTime: lowPrekeys - 1, KEM: lowPrekeys}) {
		t.Fatalf("%+v, %v", f, err)
	}
}

func TestPrekeysThatDoNotVerifyAreRefused(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 0, 0)
	arne := h.publish(h.join(h.caller(g), "arne"), 0, 0)
	flipped := gurli.prekey(signed.PrekeyOneTime)
	flipped[len(flipped)-1] ^= 1
	h.clock.advance(-48 * time.Hour)
	fromThePast := gurli.prekey(signed.PrekeyOneTime)
	h.clock.advance(4 * 24 * time.Hour)
	fromTheFuture := gurli.prekey(signed.PrekeyOneTime)
	h.clock.advance(-2 * 24 * time.Hour)
	for name, body := range map[string]wire.Bytes{"somebody else's": arne.prekey(signed.PrekeyOneTime), "flipped": flipped, "from the future": fromTheFuture, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			_, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: []wire.Bytes{gurli.prekey(signed.PrekeyOneTime), body}})
			refused(t, err, wire.BadPrekey)
		})
	}
	if _, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: []wire.Bytes{fromThePast}}); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(29 * 24 * time.Hour)
	if left, err := h.PrekeyCount(t.Context(), gurli.caller); err != nil || left.OneTime != 0 {
		t.Fatalf("an expired key counts: %+v, %v", left, err)
	}
	_, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: []wire.Bytes{fromThePast}})
	refused(t, err, wire.BadPrekey)
}

func TestAKeyThatWasHandedOutCannotBeUploadedAgain(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 1, 1)
	arne, bente := h.caller(h.join(h.caller(g), "arne")), h.caller(h.join(h.caller(g), "bente"))
	spent := h.claimOf(arne, gurli.address()).Bundles[0]
	left, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: []wire.Bytes{spent.OneTime, spent.KEM}})
	if err != nil || left != (wire.PrekeyCount{}) {
		t.Fatalf("%+v, %v", left, err)
	}
	if b := h.claimOf(bente, gurli.address()).Bundles[0]; b.OneTime != nil || kindOf(t, b.KEM) != signed.PrekeyLastResort {
		t.Fatal("handed out twice")
	}
}

func TestASignedPrekeyIsReplacedByNewerOnesOnly(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 0, 0)
	arne := h.caller(h.join(h.caller(g), "arne"))
	old := h.claimOf(arne, gurli.address()).Bundles[0].Signed
	h.clock.advance(7 * 24 * time.Hour)
	fresh := gurli.prekey(signed.PrekeySigned)
	for _, body := range []wire.Bytes{fresh, fresh} {
		if _, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: []wire.Bytes{body}}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: []wire.Bytes{old}})
	refused(t, err, wire.BadPrekey)
	if b := h.claimOf(arne, gurli.address()).Bundles[0]; string(b.Signed) != string(fresh) {
		t.Fatal("the old one is handed out")
	}
	h.clock.advance(31 * 24 * time.Hour) // nobody renewed it
	if out := h.claimOf(arne, gurli.address()); len(out.Bundles) != 0 {
		t.Fatal("an expired signed prekey is handed out")
	}
}

func TestADeviceStoresAtMostTwoHundredPrekeys(t *testing.T) {
	h, g := settled(t)
	gurli := h.publish(g, 150, 0)
	more := make([]wire.Bytes, 49)
	for i := range more {
		more[i] = gurli.prekey(signed.PrekeyOneTime)
	}
	_, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: more})
	refused(t, err, wire.LimitReached)
	if left, err := h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: more[:48]}); err != nil || left.OneTime != 198 {
		t.Fatalf("%+v, %v", left, err)
	}
	_, err = h.PutPrekeys(t.Context(), gurli.caller, wire.PutPrekeys{Prekeys: make([]wire.Bytes, 201)})
	refused(t, err, wire.BadRequest)
}
