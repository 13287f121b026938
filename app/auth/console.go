package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// What the console does to accounts works on the database alone, beside a place that runs. Each is written down in the audit log without an actor.

// ErrNoAccount says that nobody has the sign-in name that was typed at the console.
var ErrNoAccount = errors.New("nobody has this sign-in name")

// ListAccounts lists everybody, by sign-in name.
func ListAccounts(ctx context.Context, s *store.Store) (list []wire.AdminUser, err error) {
	err = s.Read(ctx, func(tx *store.Tx) error {
		list, err = tx.AdminUsers()
		return err
	})
	return list, err
}

// UnlockAccount lets somebody sign in again who was locked, by wrong guesses or by an admin. It does not restore who is suspended.
func UnlockAccount(ctx context.Context, s *store.Store, keys *Keys, typed string) error {
	return atConsole(ctx, s, typed, func(tx *store.Tx, user store.User) error {
		if err := keys.Unlock(tx, user.Username); err != nil {
			return err
		}
		detail := "wrong guesses forgotten"
		if user.State == wire.Locked {
			detail = ""
			if err := tx.SetUserState(user.ID, wire.Active); err != nil {
				return err
			}
		}
		return tx.Audit(wire.AuditEntry{What: wire.ActUserUnlocked, User: &user.ID, Detail: detail})
	})
}

// MakeAdmin makes somebody an admin of the place. A place that runs lets them act as one when their session is renewed next, within 15 minutes.
// It reports false for somebody who is one already.
func MakeAdmin(ctx context.Context, s *store.Store, typed string) (changed bool, err error) {
	err = atConsole(ctx, s, typed, func(tx *store.Tx, user store.User) error {
		changed = user.Role != wire.PlaceAdmin
		return appoint(tx, user, wire.AuditEntry{})
	})
	return changed && err == nil, err
}

// appoint makes an account an admin, unless it is one.
func appoint(tx *store.Tx, user store.User, by wire.AuditEntry) error {
	if user.Role == wire.PlaceAdmin {
		return nil
	}
	if err := tx.SetPlaceRole(user.ID, wire.PlaceAdmin); err != nil {
		return err
	}
	user.Role = wire.PlaceAdmin
	return tellOfRole(tx, user, by)
}

// atConsole runs fn on the account of a sign-in name that works: ErrNoAccount when there is none, a wire.Error when it is suspended.
func atConsole(ctx context.Context, s *store.Store, typed string, fn func(*store.Tx, store.User) error) error {
	name, err := username(typed)
	if err != nil {
		return ErrNoAccount
	}
	return s.Write(ctx, func(tx *store.Tx) error {
		user, err := tx.UserByUsername(name)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNoAccount
		}
		if err != nil {
			return err
		}
		if !store.TakesPart(user.State) {
			return wire.Fail(wire.AccountPaused, "This account is suspended. An admin of the place restores it.")
		}
		return fn(tx, user)
	})
}

// appoint makes the account that the settings name an admin, when it is there and active. The log does not name it.
func (a *Auth) appoint(ctx context.Context) error {
	if a.reserved == "" {
		return nil
	}
	made := false
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		user, err := tx.UserByUsername(a.reserved)
		if errors.Is(err, store.ErrNotFound) || err == nil && user.State != wire.Active {
			return nil
		}
		if err != nil {
			return err
		}
		made = user.Role != wire.PlaceAdmin
		return a.setRole(tx, &user, wire.PlaceAdmin, wire.AuditEntry{})
	})
	if err != nil {
		return fmt.Errorf("make the admin that the settings name: %w", err)
	}
	if made {
		a.log.Warn("the account that admin_username names has been made an admin")
	}
	return nil
}

// notReserved keeps the name of the settings' admin from being taken by whoever comes first: it can only be chosen with the setup link.
func (a *Auth) notReserved(name string) error {
	if a.reserved != "" && name == a.reserved {
		return &wire.Error{Code: wire.Forbidden, Field: "username", Message: "This sign-in name is kept for whoever runs this place. Choose another."}
	}
	return nil
}
