package store

import (
	"log/slog"

	"chatalot/app/wire"
)

// The first steps that a challenge can follow.
const (
	ByPassword = "password"
	ByRecovery = "recovery"
	ByReset    = "reset"
)

// Challenge is a sign-in whose first step was right and whose second is awaited. It formats as its owner alone: the password hash stays out of logs.
type Challenge struct {
	TokenHash    [32]byte // SHA-256; the client holds the token
	User         wire.UserID
	UserEpoch    int64    // User.Epoch at the first step; worthless after another one
	Method       string   // ByPassword and so on
	PasswordHash string   // secret: the new password's, put in force with the second step; empty for ByPassword
	ResetHash    [32]byte // the reset link that is used up with the second step; zero but for ByReset
	Failures     int
	ExpiresAt    int64 // Unix ms
}

// String keeps the password hash out of formatted text.
func (c Challenge) String() string { return "challenge of user " + c.User.String() }

// GoString keeps the password hash out of %#v.
func (c Challenge) GoString() string { return c.String() }

// LogValue keeps the password hash out of logs.
func (c Challenge) LogValue() slog.Value { return slog.StringValue(c.String()) }

// CreateChallenge adds a challenge, and drops those that have expired and those of the same person but the newest most-1.
func (tx *Tx) CreateChallenge(c Challenge, most int) error {
	if _, err := tx.exec("DELETE FROM challenge WHERE expires_at <= ?", tx.now); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM challenge WHERE token_hash IN (SELECT token_hash FROM challenge WHERE user_id = ?
		ORDER BY expires_at DESC LIMIT -1 OFFSET ?)`, c.User[:], most-1)
	if err != nil {
		return err
	}
	var hash any
	if c.PasswordHash != "" {
		hash = c.PasswordHash
	}
	_, err = tx.exec(`INSERT INTO challenge (token_hash, user_id, user_epoch, method, password_hash, reset_hash, failures, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, c.TokenHash[:], c.User[:], c.UserEpoch, c.Method, hash, unlessZero(c.ResetHash[:]), c.Failures, c.ExpiresAt)
	return err
}

// Challenge reads the challenge of a token: ErrNotFound when there is none.
func (tx *Tx) Challenge(hash [32]byte) (Challenge, error) {
	return one(tx, func(s scanner) (c Challenge, err error) {
		err = s.Scan(fixed(c.TokenHash[:]), fixed(c.User[:]), &c.UserEpoch, &c.Method, &c.PasswordHash, orZero(c.ResetHash[:]), &c.Failures, &c.ExpiresAt)
		return c, err
	}, `SELECT token_hash, user_id, user_epoch, method, coalesce(password_hash, ''), reset_hash, failures, expires_at
		FROM challenge WHERE token_hash = ?`, hash[:])
}

// FailChallenge counts one wrong code.
func (tx *Tx) FailChallenge(hash [32]byte) error {
	return tx.execOne("UPDATE challenge SET failures = failures + 1 WHERE token_hash = ?", hash[:])
}

// DropChallenge ends a challenge, if it is there.
func (tx *Tx) DropChallenge(hash [32]byte) error {
	_, err := tx.exec("DELETE FROM challenge WHERE token_hash = ?", hash[:])
	return err
}

// DropChallengesOf ends every challenge of a person.
func (tx *Tx) DropChallengesOf(user wire.UserID) error {
	_, err := tx.exec("DELETE FROM challenge WHERE user_id = ?", user[:])
	return err
}
