package auth

import (
	"context"
	"fmt"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// freshLife is for how long after a confirmation dangerous changes are allowed.
const freshLife = 5 * time.Minute

// Confirm allows the caller's session dangerous changes for the next minutes, when they show their password or one of their passkeys.
// Failures are those of the door that was tried: wire.BadCredentials and wire.AccountLocked, or wire.BadPasskey.
func (a *Auth) Confirm(ctx context.Context, c wire.Caller, req wire.Confirmation) (out wire.Confirmed, err error) {
	if (req.Password == "") == (req.Passkey == nil) {
		return out, wire.FailField("password", "Send your password or a passkey, one of the two.")
	}
	var stillShown func(*store.Tx) error
	if req.Passkey != nil {
		stillShown, err = a.showPasskey(ctx, c, *req.Passkey)
	} else {
		stillShown, err = a.showPassword(ctx, c, req.Password)
	}
	if err != nil {
		return out, err
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		if err := stillShown(tx); err != nil {
			return err
		}
		out.FreshUntil, err = a.makeFresh(tx, c.Session)
		return err
	})
	if err != nil {
		return wire.Confirmed{}, fmt.Errorf("confirm a session: %w", err)
	}
	return out, nil
}

// makeFresh allows a session dangerous changes from now on, and returns until when, Unix ms. A session that the recovery key has just begun gets it
// too: the key is stronger than the password that it replaced, and another takes its place at once, without the new password being typed again.
func (a *Auth) makeFresh(tx *store.Tx, id wire.SessionID) (until int64, err error) {
	until = tx.Now() + freshLife.Milliseconds()
	tx.OnCommit(func() { a.sessions.change(id, func(l *login) { l.fresh = until }) })
	return until, tx.ConfirmSession(id, until)
}

// showPassword checks the caller's password. What it returns says, in the write that follows, whether that is still the one.
func (a *Auth) showPassword(ctx context.Context, c wire.Caller, password string) (still func(*store.Tx) error, err error) {
	var user store.User
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		user, err = tx.User(c.User)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read an account: %w", err)
	}
	still = func(tx *store.Tx) error {
		now, err := tx.User(c.User)
		if err == nil && now.PasswordHash != user.PasswordHash {
			err = badCredentials()
		}
		return err
	}
	return still, a.provePassword(ctx, user, password, c.From)
}

// showPasskey checks one of the caller's own passkeys: somebody else's opens nothing here. What it returns writes its use down.
func (a *Auth) showPasskey(ctx context.Context, c wire.Caller, in wire.PasskeyAssertion) (use func(*store.Tx) error, err error) {
	shown, err := a.readAssertion(ctx, in, c.From)
	if err == nil && shown.user.ID != c.User {
		err = badPasskey()
	}
	return shown.use, err
}

// Security is how the caller's account is guarded.
func (a *Auth) Security(ctx context.Context, c wire.Caller) (out wire.Security, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		if out, err = tx.Security(c.User, c.Session); running(out.FreshUntil, tx.Now(), freshLife) == 0 {
			out.FreshUntil = 0
		}
		return err
	})
	if err != nil {
		return out, fmt.Errorf("read how an account is guarded: %w", missing(err))
	}
	return out, nil
}
