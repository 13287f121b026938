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

// What a request brings about is asked once more in the write itself: the session may have ended, its epoch be over, or the account paused meanwhile.
func TestWhoeverIsOutChangesNothingMore(t *testing.T) {
	acts := map[string]func(h *house, c wire.Caller) error{
		"begin two-step codes": func(h *house, c wire.Caller) error { return last(h.BeginTwoStep(h.t.Context(), c)) },
		"confirm two-step codes": func(h *house, c wire.Caller) error {
			return last(h.ConfirmTwoStep(h.t.Context(), c, wire.TwoStepCode{Code: "123456"}))
		},
		"end two-step codes": func(h *house, c wire.Caller) error { return h.EndTwoStep(h.t.Context(), c) },
		"make backup codes":  func(h *house, c wire.Caller) error { return last(h.NewBackupCodes(h.t.Context(), c)) },
		"change their name": func(h *house, c wire.Caller) error {
			return last(h.ChangeMe(h.t.Context(), c, wire.MeChange{DisplayName: "Still me"}))
		},
		"invite": func(h *house, c wire.Caller) error {
			return last(h.NewInvite(h.t.Context(), c, wire.NewInvite{CommunityID: h.community(), Uses: 1, ExpiresIn: 60}))
		},
		"accept an invitation": func(h *house, c wire.Caller) error {
			other := h.invite(h.caller(h.start("gurli")), 1)
			return last(h.AcceptInvite(h.t.Context(), c, wire.InviteToken{Token: other.Token}))
		},
	}
	h, g := settled(t)
	h.join(h.caller(g), "arne")
	h.write(func(tx *store.Tx) error { return tx.SetCommunityRole(h.community(), h.user("arne").ID, wire.Admin) })
	for how, query := range map[string]string{
		"signed out": "DELETE FROM session WHERE user_id = ?", "of an earlier epoch": "UPDATE user SET epoch = epoch + 1 WHERE id = ?",
		"suspended": "UPDATE user SET state = 'suspended' WHERE id = ?", "deleted": "UPDATE user SET state = 'deleted' WHERE id = ?",
	} {
		h.sql("UPDATE user SET state = 'active'")
		arne := h.confirmed(h.start("arne"))
		h.sql(query, arne.User[:])
		for name, act := range acts {
			if refusal := asWire(act(h, arne)); refusal == nil || refusal.Code != wire.SessionEnded {
				t.Errorf("%s, they %s: %+v", how, name, refusal)
			}
		}
	}
}

func last[T any](_ T, err error) error { return err }
