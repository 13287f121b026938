package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

func TestTheFirstManifestBringsDevicesVaultAndPrekeys(t *testing.T) {
	h, g := settled(t)
	p := h.equip(g)
	req := p.first(3, 2)
	out, err := h.PutManifest(t.Context(), p.caller, req)
	if err != nil || out.Version != 1 || !bytes.Equal(out.Manifest, req.Manifest) || out.UserID != p.caller.User {
		t.Fatalf("%+v, %v", out, err)
	}
	me, err := h.Me(t.Context(), p.caller)
	if err != nil || !me.HasKeys || me.VaultVersion != 1 || me.DeviceID == nil {
		t.Fatalf("%+v, %v", me, err)
	}
	if v, err := h.Vault(t.Context(), p.caller); err != nil || string(v.Vault) != "sealed" {
		t.Fatalf("%+v, %v", v, err)
	}
	if left, err := h.PrekeyCount(t.Context(), p.caller); err != nil || left != (wire.PrekeyCount{OneTime: 3, KEM: 2}) {
		t.Fatalf("%+v, %v", left, err)
	}
	if list, err := h.Devices(t.Context(), p.caller); err != nil || len(list.Devices) != 1 || !list.Devices[0].Active {
		t.Fatalf("%+v, %v", list, err)
	}
}

func TestAManifestSentTwiceChangesNothing(t *testing.T) {
	h, g := settled(t)
	p := h.equip(g)
	req := p.first(3, 2)
	for range 2 {
		if _, err := h.PutManifest(t.Context(), p.caller, req); err != nil {
			t.Fatal(err)
		}
	}
	if rows := h.log("manifest"); len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	if left, err := h.PrekeyCount(t.Context(), p.caller); err != nil || left.OneTime != 3 {
		t.Fatalf("%+v, %v", left, err)
	}
}

func TestAFirstManifestThatLacksAnythingIsRefusedWhole(t *testing.T) {
	h, g := settled(t)
	p := h.equip(g)
	good := p.first(1, 1)
	for name, c := range map[string]struct {
		change func(*wire.PutManifest)
		code   wire.Code
	}{
		"no vault":           {func(r *wire.PutManifest) { r.Vault, r.VaultVersion = nil, 0 }, wire.BadRequest},
		"vault too long":     {func(r *wire.PutManifest) { r.Vault = make(wire.Bytes, maxVault+1) }, wire.BadRequest},
		"other version":      {func(r *wire.PutManifest) { r.VaultVersion = 2 }, wire.BadRequest},
		"no recovery":        {func(r *wire.PutManifest) { r.Recovery = nil }, wire.BadRequest},
		"recovery too short": {func(r *wire.PutManifest) { r.Recovery = r.Recovery[:31] }, wire.BadRequest},
		"no prekeys":         {func(r *wire.PutManifest) { r.Prekeys = nil }, wire.BadRequest},
		"no last resort":     {func(r *wire.PutManifest) { r.Prekeys = r.Prekeys[:1] }, wire.BadRequest},
		"prekey cut short":   {func(r *wire.PutManifest) { r.Prekeys[2] = r.Prekeys[2][:40] }, wire.BadPrekey},
		"manifest cut short": {func(r *wire.PutManifest) { r.Manifest = r.Manifest[:40] }, wire.BadManifest},
		"signature":          {func(r *wire.PutManifest) { r.Manifest[len(r.Manifest)-1] ^= 1 }, wire.BadManifest},
	} {
		t.Run(name, func(t *testing.T) {
			req := good
			req.Manifest, req.Prekeys = bytes.Clone(good.Manifest), append([]wire.Bytes{}, good.Prekeys...)
			c.change(&req)
			_, err := h.PutManifest(t.Context(), p.caller, req)
			refused(t, err, c.code)
			if me, err := h.Me(t.Context(), p.caller); err != nil || me.HasKeys || me.VaultVersion != 0 {
				t.Fatalf("something stayed: %+v, %v", me, err)
			}
		})
	}
	if _, err := h.PutManifest(t.Context(), p.caller, good); err != nil {
		t.Fatal(err)
	}
}

func TestAManifestOfAnyoneElseIsRefused(t *testing.T) {
	h, g := settled(t)
	gurli := h.equip(g)
	arne := h.equip(h.join(gurli.caller, "arne"))
	_, err := h.PutManifest(t.Context(), arne.caller, gurli.first(0, 0))
	refused(t, err, wire.BadManifest)

	arne.add(*gurli.caller.Device, newKey()) // a device that somebody else reserved
	_, err = h.PutManifest(t.Context(), arne.caller, arne.first(0, 0))
	refused(t, err, wire.BadManifest)
}

func TestASessionWithoutADevicePublishesNothing(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	in := h.caller(h.login("gurli"))
	_, err := h.PutManifest(t.Context(), in, p.first(0, 0))
	refused(t, err, wire.BadRequest)
	_, err = h.PutPrekeys(t.Context(), in, wire.PutPrekeys{})
	refused(t, err, wire.BadRequest)
}

// second signs in as gurli again and reserves a device, which it puts on p's list.
func (p *person) second() (*person, Grant) {
	p.h.t.Helper()
	g := p.h.login("gurli")
	d, err := p.h.ReserveDevice(p.h.t.Context(), p.h.caller(g), wire.NewDevice{Name: "Phone"})
	if err != nil {
		p.h.t.Fatal(err)
	}
	other := *p
	other.caller, other.device = p.h.caller(g), newKey()
	p.next()
	p.add(d.ID, other.device)
	return &other, g
}

func TestManifestsSupersedeOneAnotherOnlyInOrder(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	old := p.manifest.Encode()
	second, _ := p.second()
	next := wire.PutManifest{Manifest: p.encode(), Prekeys: second.prekeys(1, 1)}
	if _, err := h.PutManifest(t.Context(), second.caller, next); err != nil {
		t.Fatal(err)
	}
	_, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: old}) // rollback
	refused(t, err, wire.StaleManifest)

	newest := *p.manifest
	p.manifest.Devices[0].Removed = p.now()
	fork := p.encode()
	_, err = h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: fork}) // same version, other content
	refused(t, err, wire.StaleManifest)

	*p.manifest = newest
	p.manifest.Devices = append([]signed.Device{}, newest.Devices...)
	p.next()
	p.next() // gap
	_, err = h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()})
	refused(t, err, wire.StaleManifest)
	if m, err := h.Manifest(t.Context(), p.caller, p.caller.User); err != nil || m.Version != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
}

func TestANewMasterKeyIsRefused(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	p.next()
	p.msk = newKey()
	p.manifest.MSK = signed.PublicEd25519(p.msk)
	p.manifest.Devices[0].Countersign(p.manifest.User, p.manifest.MSK, p.device)
	_, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()})
	refused(t, err, wire.BadManifest)
}

func TestTheVaultVersionGoesWithTheManifest(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	p.caller = h.confirmed(g)
	p.next()
	p.manifest.VaultVersion = 2
	_, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()})
	refused(t, err, wire.BadRequest) // names a vault that is not there
	p.manifest.VaultVersion = 3
	_, err = h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode(), Vault: []byte("sealed 3"), VaultVersion: 3, Recovery: recoveryOf(testProof)})
	refused(t, err, wire.BadRequest)
	p.manifest.VaultVersion = 2
	if _, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode(), Vault: []byte("sealed 2"), VaultVersion: 2, Recovery: recoveryOf(testProof)}); err != nil {
		t.Fatal(err)
	}
	if v, err := h.Vault(t.Context(), p.caller); err != nil || string(v.Vault) != "sealed 2" || v.VaultVersion != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
}

func TestARemovedDeviceLosesItsSessionsAndPrekeysAtOnce(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	second, in := p.second()
	if _, err := h.PutManifest(t.Context(), second.caller, wire.PutManifest{Manifest: p.encode(), Prekeys: second.prekeys(2, 2)}); err != nil {
		t.Fatal(err)
	}
	sub := h.hub.Subscribe(second.caller)
	defer sub.Close()
	p.next()
	p.manifest.Device(*second.caller.Device).Removed = p.now()
	if _, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()}); err != nil {
		t.Fatal(err)
	}
	_, _, err := h.Authenticate(in.Answer.AccessToken)
	refused(t, err, wire.SessionEnded)
	if sub.Take(1).Kicked != live.CodeExpired {
		t.Fatal("its socket lives")
	}
	out, err := h.ClaimPrekeys(t.Context(), p.caller, wire.ClaimPrekeys{Devices: []wire.DeviceAddress{second.address()}})
	if err != nil || len(out.Bundles) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	again := h.caller(h.login("gurli"))
	_, err = h.ReserveDevice(t.Context(), again, wire.NewDevice{Name: "Phone", ID: second.caller.Device})
	refused(t, err, wire.Conflict)
	h.caller(g)
}

func TestANewManifestStartsAnEpochInEveryConversationOfItsOwnerAndNowhereElse(t *testing.T) {
	h, g := settled(t)
	gurli := h.caller(g)
	arne := h.caller(h.join(gurli, "arne"))
	mine, theirs := signed.DMConv(gurli.User, arne.User), wire.ConvID{9}
	h.write(func(tx *store.Tx) error {
		for _, conv := range []wire.ConvID{mine, theirs} {
			if err := tx.CreateConversation(conv, "dm"); err != nil {
				return err
			}
			if err := tx.AddConvMember(conv, store.ConvMember{User: arne.User}, 1); err != nil {
				return err
			}
		}
		return tx.AddConvMember(mine, store.ConvMember{User: gurli.User}, 1)
	})
	p := h.publish(g, 0, 0)
	rows := h.log("manifest")
	if len(rows) != 2 || rows[0].User != p.caller.User || rows[1].Conversation != mine {
		t.Fatalf("%+v", rows)
	}
	var told wire.Manifest
	if err := json.Unmarshal(rows[1].Body, &told); err != nil {
		t.Fatal(err)
	}
	if len(told.Epochs) != 1 || told.Epochs[0] != (wire.ConvEpoch{ConversationID: mine, Epoch: 2}) || told.Version != 1 {
		t.Fatalf("%+v", told)
	}
}

func TestOfTwoDevicesPublishingAtOnceOneHasToTryAgain(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	base, devices := *p.manifest, p.manifest.Devices
	requests := make([]wire.PutManifest, 4)
	for i := range requests { // each removes nothing and adds one device of its own reserving
		*p.manifest = base
		p.manifest.Devices = append([]signed.Device{}, devices...)
		p.second()
		requests[i] = wire.PutManifest{Manifest: p.encode()}
	}
	errs := make([]error, len(requests))
	var wg sync.WaitGroup
	for i, req := range requests {
		wg.Go(func() { _, errs[i] = h.PutManifest(t.Context(), p.caller, req) })
	}
	wg.Wait()
	published := 0
	for _, err := range errs {
		if err == nil {
			published++
			continue
		}
		refused(t, err, wire.StaleManifest)
	}
	if published != 1 || len(h.log("manifest")) != 2 {
		t.Fatalf("%d were published", published)
	}
}

func TestDatesOfADeviceListAreOfThisTime(t *testing.T) {
	h, g := settled(t)
	p := h.equip(g)
	good := p.first(0, 0)
	ahead := uint64((wire.MaxAhead + time.Second).Milliseconds())
	p.manifest.Devices = nil
	h.clock.advance(wire.MaxAhead + time.Second) // what add signs is from then
	p.add(*p.caller.Device, p.device)
	fast := p.first(0, 0)
	h.clock.advance(-wire.MaxAhead - time.Second)
	fast.Prekeys = good.Prekeys
	_, err := h.PutManifest(t.Context(), p.caller, fast)
	refused(t, err, wire.BadManifest)
	h.clock.advance(time.Second)
	if _, err := h.PutManifest(t.Context(), p.caller, fast); err != nil {
		t.Fatal("as far ahead as is allowed:", err)
	}

	h.clock.advance(wire.MaxAhead)
	second, _ := p.second()
	if _, err := h.PutManifest(t.Context(), second.caller, wire.PutManifest{Manifest: p.encode(), Prekeys: second.prekeys(0, 0)}); err != nil {
		t.Fatal(err)
	}
	p.next()
	p.manifest.Device(*second.caller.Device).Removed = p.now() + ahead
	_, err = h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()})
	refused(t, err, wire.BadManifest)
	p.manifest.Device(*second.caller.Device).Removed = p.now() + ahead - 1000
	if _, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()}); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(-24 * time.Hour) // the place's clock is set back: what it took before must not lock anybody out
	p.next()
	if _, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()}); err != nil {
		t.Fatal(err)
	}
}

// A channel's chain is verified by everybody who joins it later, with these dates.
func TestARemovalIsNotDatedBeforeWhatTheDeviceSigned(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	second, _ := p.second()
	if _, err := h.PutManifest(t.Context(), second.caller, wire.PutManifest{Manifest: p.encode(), Prekeys: second.prekeys(0, 0)}); err != nil {
		t.Fatal(err)
	}
	op := signed.Op{Actor: p.caller.User, Device: *second.caller.Device, Created: p.now() + 1000, Type: signed.OpCreate, Policy: signed.PolicyPublic,
		Nonce: [16]byte{1}, Targets: []signed.Target{{User: p.caller.User, Role: signed.RoleAdmin}}}
	if err := op.Sign(second.device); err != nil {
		t.Fatal(err)
	}
	h.write(func(tx *store.Tx) error {
		return errors.Join(tx.CreateConversation(op.Conv(), "channel"), tx.AppendOp(op.Conv(), 0, op.Actor, op.Encode(), 1))
	})
	p.next()
	p.manifest.Device(*second.caller.Device).Removed = op.Created
	_, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()})
	refused(t, err, wire.BadManifest)
	p.manifest.Device(*second.caller.Device).Removed = op.Created + 1
	if _, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode()}); err != nil {
		t.Fatal(err)
	}
}
