package auth

import (
	"errors"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func stays(*store.Tx, store.User) error { return nil }

// A list that was on its way while its account was deleted must not bring the device back into use.
func TestADeletedAccountGetsNoNewKeys(t *testing.T) {
	h, gurli := settled(t)
	arne := h.publish(h.join(h.caller(gurli), "arne"), 1, 1)
	if err := h.DeleteMe(t.Context(), arne.caller, stays); err != nil {
		t.Fatal(err)
	}
	arne.next()
	_, err := h.PutManifest(t.Context(), arne.caller, wire.PutManifest{Manifest: arne.encode(), Vault: []byte("sealed"), VaultVersion: 1, Recovery: random(32), Prekeys: arne.prekeys(0, 0)})
	refused(t, err, wire.SessionEnded)
	_, err = h.PutPrekeys(t.Context(), arne.caller, wire.PutPrekeys{Prekeys: arne.prekeys(1, 0)})
	if err == nil {
		t.Error("prekeys were taken")
	}
	h.read(func(tx *store.Tx) error {
		devices, err := tx.DevicesOf(arne.caller.User)
		if err != nil || len(devices) != 1 || devices[0].Active || devices[0].Identity == nil || devices[0].Name != "" {
			t.Errorf("devices %+v, %v", devices, err)
		}
		left, stored, err := tx.CountPrekeys(*arne.caller.Device)
		if left != (wire.PrekeyCount{}) || stored != 0 {
			t.Errorf("%d prekeys are left", stored)
		}
		return err
	})
}

// What the rules refuse undoes the whole deletion, the ending of sessions included.
func TestADeletionThatIsRefusedChangesNothing(t *testing.T) {
	h, gurli := settled(t)
	arne := h.join(h.caller(gurli), "arne")
	other := h.login("arne")
	why := errors.New("not yet")
	if err := h.DeleteMe(t.Context(), h.caller(arne), func(*store.Tx, store.User) error { return why }); !errors.Is(err, why) {
		t.Fatalf("got %v", err)
	}
	for _, g := range []Grant{arne, other} {
		h.caller(g)
	}
	h.login("arne")
	refused(t, h.DeleteMe(t.Context(), h.caller(gurli), stays), wire.LastAdmin)
	h.caller(gurli)
}

// Somebody whose session ended while the request was on its way deletes nothing.
func TestAnEndedSessionDeletesNothing(t *testing.T) {
	h, gurli := settled(t)
	arne, other := h.join(h.caller(gurli), "arne"), h.login("arne")
	c := h.caller(arne)
	if err := h.EndSession(t.Context(), h.caller(other), c.Session); err != nil {
		t.Fatal(err)
	}
	refused(t, h.DeleteMe(t.Context(), c, stays), wire.SessionEnded)
	_, err := h.Confirm(t.Context(), c, wire.Confirmation{Password: goodPassword})
	refused(t, err, wire.SessionEnded)
	refused(t, h.EndOtherSessions(t.Context(), c), wire.SessionEnded)
	h.caller(other)
}
