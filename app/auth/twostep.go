package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func twoStepOn() error {
	return wire.Fail(wire.TwoStepOn, "Two-step codes are on already. Switch them off first.")
}

func twoStepOff() error {
	return wire.Fail(wire.TwoStepOff, "Two-step codes are off. Switch them on first.")
}

// BeginTwoStep makes a secret for the caller's authenticator app. No code is asked for before ConfirmTwoStep has seen one; beginning again makes
// another secret.
func (a *Auth) BeginTwoStep(ctx context.Context, c wire.Caller) (out wire.TwoStepSecret, err error) {
	secret := random(totpSecret)
	sealed, err := a.keys.sealSecret(c.User, secret)
	if err != nil {
		return out, err
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		codes, err := tx.TOTP(c.User)
		if err != nil {
			return err
		}
		if codes.On() {
			return twoStepOn()
		}
		if out.URL, err = linkFor(tx, c.User, secret); err != nil {
			return err
		}
		return tx.PutTOTP(c.User, sealed)
	})
	if err != nil {
		return wire.TwoStepSecret{}, fmt.Errorf("begin two-step codes: %w", err)
	}
	out.Secret = base32Text.EncodeToString(secret)
	return out, nil
}

func linkFor(tx *store.Tx, id wire.UserID, secret []byte) (string, error) {
	place, err := tx.Place()
	if err != nil {
		return "", err
	}
	user, err := tx.User(id)
	if err != nil {
		return "", err
	}
	return authenticatorLink(place.Name, user.Username, secret)
}

// ConfirmTwoStep switches two-step codes on: the authenticator app has shown that it makes the right ones. The backup codes it returns are shown this
// once. Wrong codes are counted as at sign-in: whoever has taken over a session must not guess their way to backup codes.
func (a *Auth) ConfirmTwoStep(ctx context.Context, c wire.Caller, req wire.TwoStepCode) (out wire.BackupCodes, err error) {
	if err := checkCode(req.Code); err != nil {
		return out, err
	}
	codes, hashes := a.keys.newBackupCodes(c.User)
	var refused error
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		refused, err = a.confirmTwoStep(tx, c, req.Code, hashes)
		return err
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return out, fmt.Errorf("confirm two-step codes: %w", err)
	}
	return wire.BackupCodes{Codes: codes}, nil
}

func (a *Auth) confirmTwoStep(tx *store.Tx, c wire.Caller, code string, hashes [][32]byte) (refused, err error) {
	user, err := a.stillHere(tx, c)
	if err != nil {
		return nil, err
	}
	codes, err := tx.TOTP(c.User)
	switch {
	case err != nil:
		return nil, err
	case codes.Sealed == nil:
		return nil, twoStepOff()
	case codes.On():
		return nil, twoStepOn()
	}
	right, err := a.tryCode(tx, user, secondAnswer{code: code}, c.From)
	if err != nil {
		return nil, err
	}
	if !right {
		return badCode(), nil
	}
	return nil, errors.Join(tx.ConfirmTOTP(c.User), tx.PutBackupCodes(c.User, hashes), tx.DropTrust(c.User), tx.DropChallengesOf(c.User),
		auditOwn(tx, wire.ActTwoStepOn, c.User, "", c.From), tell(tx, c.User, "two_step_on", c.From, &c.Session))
}

// EndTwoStep switches the caller's two-step codes off, if they are on.
func (a *Auth) EndTwoStep(ctx context.Context, c wire.Caller) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		return endTwoStep(tx, c.User, c.From, &c.Session)
	})
	if err != nil {
		return fmt.Errorf("switch two-step codes off: %w", err)
	}
	return nil
}

// endTwoStep ends a person's two-step codes and what hangs on them. Nobody is told when they were not on.
func endTwoStep(tx *store.Tx, user wire.UserID, from wire.From, session *wire.SessionID) error {
	codes, err := tx.TOTP(user)
	if err != nil {
		return err
	}
	if err := errors.Join(tx.DropTOTP(user), tx.DropTrust(user), tx.DropChallengesOf(user)); err != nil || !codes.On() {
		return err
	}
	return errors.Join(auditOwn(tx, wire.ActTwoStepOff, user, "", from), tell(tx, user, "two_step_off", from, session))
}

// NewBackupCodes replaces the caller's backup codes by ten others, which are shown this once.
func (a *Auth) NewBackupCodes(ctx context.Context, c wire.Caller) (wire.BackupCodes, error) {
	codes, hashes := a.keys.newBackupCodes(c.User)
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		is, err := tx.TOTP(c.User)
		if err != nil {
			return err
		}
		if !is.On() {
			return twoStepOff()
		}
		return errors.Join(tx.PutBackupCodes(c.User, hashes), auditOwn(tx, wire.ActBackupCodesMade, c.User, "", c.From),
			tell(tx, c.User, "backup_codes_made", c.From, &c.Session))
	})
	if err != nil {
		return wire.BackupCodes{}, fmt.Errorf("make backup codes: %w", err)
	}
	return wire.BackupCodes{Codes: codes}, nil
}
