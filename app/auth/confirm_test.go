package auth

import (
	"errors"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestAConfirmationIsNeverLongerThanFiveMinutes(t *testing.T) {
	h, g := settled(t)
	h.quick()
	g = h.start("gurli")
	h.clock.advance(time.Minute)
	c, years := h.caller(g), h.clock.now().Add(6*time.Hour).UnixMilli() // as a clock that was wrong would have it
	h.sessions.change(c.Session, func(l *login) { l.fresh = years })
	h.sql("UPDATE session SET fresh_until = ?", years)
	if c = h.caller(g); c.Fresh {
		t.Error("confirmed for six hours")
	}
	_, err := h.ChangePassword(t.Context(), c, wire.PasswordChange{Password: nextPassword})
	refused(t, err, wire.ConfirmFirst)
	if s, err := h.Security(t.Context(), c); err != nil || s.FreshUntil != 0 {
		t.Errorf("%d, %v", s.FreshUntil, err)
	}
	if _, err := h.Confirm(t.Context(), c, wire.Confirmation{Password: goodPassword}); err != nil || !h.caller(g).Fresh {
		t.Errorf("a new confirmation does not help: %v", err)
	}
}

// What was shown counts only while everything is as it was when it was looked at.
func TestProofsEndWithTheEpochAndThePassword(t *testing.T) {
	h, g := settled(t)
	h.quick()
	was := h.user("gurli")
	still, err := h.showPassword(t.Context(), h.caller(g), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	shown := assertion{user: was, key: store.Passkey{ID: []byte{1}, User: was.ID, Name: "Key", Credential: "{}"}, is: "{}"}
	h.write(func(tx *store.Tx) error {
		_, err := tx.CreatePasskey(shown.key)
		_, changed := unchanged(tx, was)
		return errors.Join(err, changed, still(tx), shown.use(tx))
	})
	h.sql("UPDATE user SET epoch = epoch + 1 WHERE username = 'gurli'")
	h.write(func(tx *store.Tx) error {
		_, err := unchanged(tx, was)
		refused(t, err, wire.BadCredentials)
		refused(t, shown.use(tx), wire.BadPasskey)
		return errors.Join(still(tx), tx.SetPassword(was.ID, "another"))
	})
	h.read(func(tx *store.Tx) error {
		refused(t, still(tx), wire.BadCredentials)
		return nil
	})
}
