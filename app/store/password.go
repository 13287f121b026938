package store

import "chatalot/app/wire"

// SetPassword puts a new password in force and grows the epoch: every token of the person is worthless from the commit on.
func (tx *Tx) SetPassword(user wire.UserID, hash string) error {
	return tx.execOne("UPDATE user SET password_hash = ?, password_at = ?, epoch = epoch + 1 WHERE id = ?", hash, tx.now, user[:])
}

// KeepSession takes a login over into a new epoch of its person; dangerous changes need a new confirmation.
func (tx *Tx) KeepSession(id wire.SessionID, epoch int64) error {
	return tx.execOne("UPDATE session SET user_epoch = ?, fresh_until = 0 WHERE id = ?", epoch, id)
}

// RecoveryHash is the SHA-256 of a person's recovery proof (SPEC.md section 6): ErrNotFound while there is none.
func (tx *Tx) RecoveryHash(user wire.UserID) (hash [32]byte, err error) {
	err = tx.get([]any{fixed(hash[:])}, "SELECT recovery_hash FROM user WHERE id = ? AND recovery_hash IS NOT NULL", user[:])
	return hash, err
}

// SetRecoveryHash keeps the SHA-256 of a person's recovery proof.
func (tx *Tx) SetRecoveryHash(user wire.UserID, hash [32]byte) error {
	return tx.execOne("UPDATE user SET recovery_hash = ? WHERE id = ?", hash[:], user[:])
}
