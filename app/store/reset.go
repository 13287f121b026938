package store

import "chatalot/app/wire"

// ResetLink is a one-use link by which a person chooses a new password.
type ResetLink struct {
	User      wire.UserID
	MadeBy    *wire.UserID // the admin; nil for the console
	TwoStep   bool         // it switches two-step codes off as well
	ExpiresAt int64        // Unix ms
}

// PutResetLink adds a reset link, which takes the place of an earlier one of the same person; hash is that of its token, which is stored nowhere.
func (tx *Tx) PutResetLink(l ResetLink, hash [32]byte) error {
	if err := tx.DropResetLink(l.User); err != nil {
		return err
	}
	_, err := tx.exec("INSERT INTO reset_link (token_hash, user_id, made_by, two_step, expires_at) VALUES (?, ?, ?, ?, ?)",
		hash[:], l.User[:], id16(l.MadeBy), l.TwoStep, l.ExpiresAt)
	return err
}

// ResetLink reads the link that a token opens: ErrNotFound when it is unknown, used or expired.
func (tx *Tx) ResetLink(hash [32]byte) (ResetLink, error) {
	return one(tx, func(s scanner) (l ResetLink, err error) {
		err = s.Scan(fixed(l.User[:]), maybe[wire.UserID]{&l.MadeBy}, &l.TwoStep, &l.ExpiresAt)
		return l, err
	}, "SELECT user_id, made_by, two_step, expires_at FROM reset_link WHERE token_hash = ? AND expires_at > ?", hash[:], tx.now)
}

// DropResetLink removes a person's reset link, if there is one.
func (tx *Tx) DropResetLink(user wire.UserID) error {
	_, err := tx.exec("DELETE FROM reset_link WHERE user_id = ?", user[:])
	return err
}

// DropResetLinksBy removes the reset links that an admin has made for others.
func (tx *Tx) DropResetLinksBy(admin wire.UserID) error {
	_, err := tx.exec("DELETE FROM reset_link WHERE made_by = ?", admin[:])
	return err
}
