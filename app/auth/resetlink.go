package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const (
	resetLife  = 24 * time.Hour
	resetBytes = 32 // 256 random bits
)

// IssueResetLink makes the token of a one-use link by which somebody chooses a new password (43 characters, good for 24 h), in the place of an earlier
// one. twoStep lets the link switch two-step codes off as well. It works beside a running server, for the only admin who forgot theirs; the person is
// told. It is ErrNoAccount for a name that nobody has.
func IssueResetLink(ctx context.Context, s *store.Store, typed string, twoStep bool) (Secret, error) {
	token := random(resetBytes)
	err := atConsole(ctx, s, typed, func(tx *store.Tx, user store.User) error {
		if err := tx.PutResetToken(user.ID, sha256.Sum256(token), twoStep, tx.Now()+resetLife.Milliseconds()); err != nil {
			return err
		}
		detail := ""
		if twoStep {
			detail = "two-step codes too"
		}
		_, err := tx.AppendLog("session_notice", store.ToUser(user.ID), wire.SessionNotice{What: "reset_link_made"})
		return errors.Join(err, tx.Audit(wire.AuditEntry{What: wire.ActResetLinkMade, User: &user.ID, Detail: detail}))
	})
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(tokenText.EncodeToString(token)), nil
}
