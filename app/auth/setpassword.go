package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// putPassword puts a new password in force. The epoch of the person grows, every session but keep (nil: every one) ends at once, and whatever was
// begun or trusted under the old password is over. When no session is kept, somebody has come back without the old password, and whoever was in
// the account meanwhile may have added a passkey: those go too. user is read again.
func (a *Auth) putPassword(tx *store.Tx, user *store.User, hash string, keep *wire.SessionID) error {
	sessions, err := tx.SessionsOf(user.ID)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if keep != nil && s.ID == *keep {
			continue
		}
		if err := a.end(tx, s.ID); err != nil {
			return err
		}
	}
	if keep == nil {
		if err := dropPasskeys(tx, user.ID); err != nil {
			return err
		}
	}
	err = errors.Join(tx.SetPassword(user.ID, hash), tx.DropTrust(user.ID), tx.ForgetDevices(a.keys.attemptSubject(user.Username)), tx.DropUnconfirmedTOTP(user.ID),
		tx.DropChallengesOf(user.ID), tx.DropResetLink(user.ID))
	if err != nil {
		return err
	}
	*user, err = tx.User(user.ID)
	return err
}

// ChangePassword sets a new password for somebody who has confirmed the old one. Every other session ends; this one goes on, with the new tokens of the
// grant in the way it was begun, and has to confirm again before the next dangerous change.
func (a *Auth) ChangePassword(ctx context.Context, c wire.Caller, req wire.PasswordChange) (Grant, error) {
	var user store.User
	err := a.store.Read(ctx, func(tx *store.Tx) (err error) {
		user, err = tx.User(c.User)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("change a password: %w", missing(err))
	}
	if err := newPassword(req.Password, user.Username, user.DisplayName); err != nil {
		return Grant{}, err
	}
	hash, err := a.hasher.hash(ctx, req.Password)
	if err != nil {
		return Grant{}, err
	}
	var s store.Session
	var hasKeys bool
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if user, s, err = a.changePassword(tx, c, hash); err != nil {
			return err
		}
		hasKeys, err = tx.HasKeys(user.ID)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("change a password: %w", err)
	}
	return a.grant(user, s, hasKeys)
}

func (a *Auth) changePassword(tx *store.Tx, c wire.Caller, hash string) (user store.User, s store.Session, err error) {
	if user, err = tx.User(c.User); err != nil {
		return user, s, err
	}
	s, err = tx.Session(c.Session)
	if errors.Is(err, store.ErrNotFound) || err == nil && s.UserEpoch != user.Epoch {
		return user, s, wire.SignedOut() // by somebody faster, with another new password perhaps
	}
	if err != nil {
		return user, s, err
	}
	if running(s.FreshUntil, tx.Now(), freshLife) == 0 {
		return user, s, wire.Unconfirmed()
	}
	if err := a.putPassword(tx, &user, hash, &c.Session); err != nil {
		return user, s, err
	}
	s.UserEpoch, s.FreshUntil = user.Epoch, 0
	tx.OnCommit(func() { a.sessions.change(s.ID, func(l *login) { l.epoch, l.fresh = s.UserEpoch, 0 }) })
	return user, s, errors.Join(tx.KeepSession(s.ID, user.Epoch), auditOwn(tx, wire.ActPasswordChanged, user.ID, "", c.From),
		tell(tx, user.ID, "password_changed", c.From, &s.ID))
}
