package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// DeleteMe deletes the caller's account for good, in one write: memberships, sessions, keys, codes and names go, and only what the history of
// others needs is left (store.Tx.DeleteUser). depart ends the memberships, which are the rules' to end; its refusals are the caller's. It is
// wire.LastAdmin for the one who is left to look after the place.
func (a *Auth) DeleteMe(ctx context.Context, c wire.Caller, depart func(*store.Tx, store.User) error) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		user, err := a.stillHere(tx, c)
		if err != nil {
			return err
		}
		left, err := a.erase(tx, user)
		if err == nil && user.Role == wire.PlaceAdmin {
			err = someAdmin(tx)
		}
		if err != nil {
			return err
		}
		return errors.Join(depart(tx, left), auditOwn(tx, wire.ActAccountDeleted, user.ID, "", c.From))
	})
	if err != nil {
		return fmt.Errorf("delete an account: %w", err)
	}
	a.store.Scrub(ctx)
	return nil
}

// erase ends whatever a person could still come in by, and leaves of the account what others need.
func (a *Auth) erase(tx *store.Tx, user store.User) (left store.User, err error) {
	sessions, err := tx.SessionsOf(user.ID)
	if err != nil {
		return left, err
	}
	for _, s := range sessions {
		if err := a.end(tx, s.ID); err != nil {
			return left, err
		}
	}
	if err := errors.Join(a.Unlock(tx, user.Username), tx.DropResetLinksBy(user.ID)); err != nil {
		return left, err
	}
	return tx.DeleteUser(user.ID)
}

// stillHere reads the account of a caller whose session still runs: one may have been ended, its epoch be over, or the whole account suspended or
// deleted, while the request was on its way.
func (a *Auth) stillHere(tx *store.Tx, c wire.Caller) (store.User, error) {
	session, err := tx.Session(c.Session)
	if errors.Is(err, store.ErrNotFound) || err == nil && session.User != c.User {
		return store.User{}, wire.SignedOut()
	}
	if err != nil {
		return store.User{}, err
	}
	user, err := tx.User(c.User)
	if errors.Is(err, store.ErrNotFound) || err == nil && (session.UserEpoch != user.Epoch || !store.TakesPart(user.State)) {
		return store.User{}, wire.SignedOut()
	}
	return user, err
}
