package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const resetLife = day

func resetGone() error {
	return wire.Fail(wire.ResetGone, "This link was used or has expired. Ask an admin of this place for a new one.")
}

// NewResetLink makes a one-use link by which a person chooses a new password, for an admin to hand over. The admin learns no password and chooses none.
// It takes the place of an earlier link; nothing else changes before it is used.
func (a *Auth) NewResetLink(ctx context.Context, c wire.Caller, id wire.UserID, req wire.NewResetLink) (out wire.ResetLink, err error) {
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := stillAdmin(tx, c); err != nil {
			return err
		}
		user, err := tx.User(id)
		if err == nil && user.State == wire.Deleted {
			err = store.ErrNotFound
		}
		if err != nil {
			return missing(err)
		}
		out, err = issueReset(tx, id, req.TwoStep, &c.User, c.From)
		return err
	})
	if err != nil {
		return wire.ResetLink{}, fmt.Errorf("make a reset link: %w", err)
	}
	return out, nil
}

// IssueResetLink is NewResetLink from the console, beside a running server: for the only admin who forgot their password. It is ErrNoAccount for a
// sign-in name that nobody has.
func IssueResetLink(ctx context.Context, s *store.Store, typed string, twoStep bool) (token Secret, err error) {
	err = atConsole(ctx, s, typed, func(tx *store.Tx, user store.User) error {
		link, err := issueReset(tx, user.ID, twoStep, nil, wire.From{})
		token = NewSecret(link.Token)
		return err
	})
	return token, err
}

// issueReset puts a reset link in the place of an earlier one, tells the person, and writes down who made it; actor is nil for the console.
func issueReset(tx *store.Tx, user wire.UserID, twoStep bool, actor *wire.UserID, from wire.From) (wire.ResetLink, error) {
	token, hash := newOneTime()
	link := store.ResetLink{User: user, MadeBy: actor, TwoStep: twoStep, ExpiresAt: tx.Now() + resetLife.Milliseconds()}
	detail := ""
	if twoStep {
		detail = "switches two-step codes off"
	}
	notice := wire.SessionNotice{What: "reset_link_made"} // from where an admin asked is nobody else's business
	_, err := tx.AppendLog("session_notice", store.ToUser(user), notice)
	return wire.ResetLink{Token: token, ExpiresAt: link.ExpiresAt}, errors.Join(err, tx.PutResetLink(link, hash),
		tx.Audit(wire.AuditEntry{What: wire.ActResetLinkMade, Actor: actor, User: &user, Detail: detail, Address: addressText(from)}))
}

// PreviewReset is whose password a reset link sets, for whoever holds it.
func (a *Auth) PreviewReset(ctx context.Context, req wire.ResetToken) (wire.ResetPreview, error) {
	_, link, user, err := a.readReset(ctx, req.Token)
	if err != nil {
		return wire.ResetPreview{}, err
	}
	return wire.ResetPreview{Username: user.Username, ExpiresAt: link.ExpiresAt}, nil
}

// readReset reads the link that a token opens, and whose it is.
func (a *Auth) readReset(ctx context.Context, token string) (hash [32]byte, link store.ResetLink, user store.User, err error) {
	hash, ok := oneTimeHash(token)
	if !ok {
		return hash, link, user, resetGone()
	}
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		link, user, err = openReset(tx, hash)
		return err
	})
	return hash, link, user, err
}

// openReset reads a link that still opens something. One goes with the standing of the admin who made it: it is as good as their word.
func openReset(tx *store.Tx, hash [32]byte) (link store.ResetLink, user store.User, err error) {
	if link, err = tx.ResetLink(hash); err == nil {
		user, err = tx.User(link.User)
	}
	if err == nil && link.MadeBy != nil {
		maker, err := tx.User(*link.MadeBy)
		if err != nil || powerOf(maker) != wire.PlaceAdmin {
			return link, user, errors.Join(err, resetGone())
		}
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && (running(link.ExpiresAt, tx.Now(), resetLife) == 0 || user.State == wire.Deleted) {
		return link, user, resetGone()
	}
	return link, user, err
}

// Reset sets a new password by a reset link. An account that keeps its two-step codes answers a challenge, and only its second step uses the link up.
func (a *Auth) Reset(ctx context.Context, req wire.ResetRequest, from wire.From) (Grant, error) {
	if err := checkTransport(req.Transport); err != nil {
		return Grant{}, err
	}
	hash, _, user, err := a.readReset(ctx, req.Token)
	if err != nil {
		return Grant{}, err
	}
	if err := newPassword(req.Password, user.Username, user.DisplayName); err != nil {
		return Grant{}, err
	}
	phc, err := a.hasher.hash(ctx, req.Password)
	if err != nil {
		return Grant{}, err
	}
	var e entrance
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		e, err = a.resetWith(tx, hash, phc, req.Transport, from)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("reset a password: %w", err)
	}
	return a.open(e, from)
}

func (a *Auth) resetWith(tx *store.Tx, hash [32]byte, phc string, transport wire.Transport, from wire.From) (e entrance, err error) {
	link, user, err := openReset(tx, hash)
	if err != nil {
		return e, err
	}
	if err := e.admit(tx, user, from); err != nil || e.refused != nil {
		return e, err
	}
	codes, err := tx.TOTP(user.ID)
	if err != nil {
		return e, err
	}
	if codes.On() && !link.TwoStep {
		e.challenge, err = challenge(tx, store.Challenge{User: user.ID, UserEpoch: user.Epoch, Method: store.ByReset, PasswordHash: phc, ResetHash: hash})
		return e, err
	}
	if err := a.resetBy(tx, &user, link, phc, from); err != nil {
		return e, err
	}
	return a.arrive(tx, user, "reset link", transport, from)
}

// resetBy puts the new password of a reset link in force, and uses the link up.
func (a *Auth) resetBy(tx *store.Tx, user *store.User, link store.ResetLink, phc string, from wire.From) error {
	if link.TwoStep {
		if err := endTwoStep(tx, user.ID, from, nil); err != nil {
			return err
		}
	}
	if err := a.putPassword(tx, user, phc, nil); err != nil {
		return err
	}
	return errors.Join(auditOwn(tx, wire.ActPasswordReset, user.ID, "", from), tell(tx, user.ID, "password_reset", from, nil))
}
