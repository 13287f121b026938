package store

import "chatalot/app/wire"

// TOTP is a person's two-step codes (RFC 6238).
type TOTP struct {
	Sealed      []byte // the shared secret under the TOTP key
	ConfirmedAt int64  // Unix ms; 0 while the first code is awaited
	LastStep    int64  // time step of the newest accepted code
}

// On reports whether a second step is asked for.
func (t TOTP) On() bool { return t.ConfirmedAt > 0 }

// TOTP reads a person's two-step codes; the zero TOTP when there are none.
func (tx *Tx) TOTP(user wire.UserID) (TOTP, error) {
	t, err := one(tx, func(s scanner) (t TOTP, err error) {
		err = s.Scan(&t.Sealed, &t.ConfirmedAt, &t.LastStep)
		return t, err
	}, "SELECT sealed, coalesce(confirmed_at, 0), last_step FROM totp WHERE user_id = ?", user[:])
	if err == ErrNotFound {
		return TOTP{}, nil
	}
	return t, err
}

// PutTOTP begins two-step codes anew with a sealed secret. They are not asked for before ConfirmTOTP.
func (tx *Tx) PutTOTP(user wire.UserID, sealed []byte) error {
	_, err := tx.exec(`INSERT INTO totp (user_id, sealed) VALUES (?, ?)
		ON CONFLICT DO UPDATE SET sealed = excluded.sealed, confirmed_at = NULL, last_step = 0`, user[:], sealed)
	return err
}

// ConfirmTOTP has the codes asked for from now on.
func (tx *Tx) ConfirmTOTP(user wire.UserID) error {
	return tx.execOne("UPDATE totp SET confirmed_at = ? WHERE user_id = ?", tx.now, user[:])
}

// SpendTOTP says that the code of a time step was accepted: ErrNotFound when one of that step or a later one was before.
func (tx *Tx) SpendTOTP(user wire.UserID, step int64) error {
	return tx.execOne("UPDATE totp SET last_step = ?1 WHERE user_id = ?2 AND last_step < ?1", step, user[:])
}

// DropTOTP ends a person's two-step codes with their backup codes.
func (tx *Tx) DropTOTP(user wire.UserID) error {
	if _, err := tx.exec("DELETE FROM backup_code WHERE user_id = ?", user[:]); err != nil {
		return err
	}
	_, err := tx.exec("DELETE FROM totp WHERE user_id = ?", user[:])
	return err
}

// PutBackupCodes replaces a person's backup codes; hashes are HMACs of them.
func (tx *Tx) PutBackupCodes(user wire.UserID, hashes [][32]byte) error {
	if _, err := tx.exec("DELETE FROM backup_code WHERE user_id = ?", user[:]); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := tx.exec("INSERT INTO backup_code (user_id, hash) VALUES (?, ?)", user[:], hash[:]); err != nil {
			return err
		}
	}
	return nil
}

// SpendBackupCode uses a backup code up: ErrNotFound when the person has none like it.
func (tx *Tx) SpendBackupCode(user wire.UserID, hash [32]byte) error {
	return tx.execOne("DELETE FROM backup_code WHERE user_id = ? AND hash = ?", user[:], hash[:])
}

// CountBackupCodes counts the backup codes that a person has left.
func (tx *Tx) CountBackupCodes(user wire.UserID) (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM backup_code WHERE user_id = ?", user[:])
	return n, err
}

// TrustDevice spares a device the second step until then, Unix ms.
func (tx *Tx) TrustDevice(user wire.UserID, device [16]byte, until int64) error {
	if _, err := tx.exec("DELETE FROM trusted_device WHERE user_id = ? AND until <= ?", user[:], tx.now); err != nil {
		return err
	}
	_, err := tx.exec(`INSERT INTO trusted_device (user_id, device, until) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET until = excluded.until`, user[:], device[:], until)
	return err
}

// TrustedUntil is until when a device is spared the second step, Unix ms; 0 when it is not.
func (tx *Tx) TrustedUntil(user wire.UserID, device [16]byte) (until int64, err error) {
	err = tx.get([]any{&until}, "SELECT coalesce((SELECT until FROM trusted_device WHERE user_id = ? AND device = ?), 0)", user[:], device[:])
	return until, err
}

// DropUnconfirmedTOTP forgets two-step codes whose first code is still awaited.
func (tx *Tx) DropUnconfirmedTOTP(user wire.UserID) error {
	_, err := tx.exec("DELETE FROM totp WHERE user_id = ? AND confirmed_at IS NULL", user[:])
	return err
}

// DropTrust has every device of a person asked for the second step again, and makes their device cookies worthless: all are unknown from now on.
func (tx *Tx) DropTrust(user wire.UserID) error {
	if _, err := tx.exec("DELETE FROM trusted_device WHERE user_id = ?", user[:]); err != nil {
		return err
	}
	return tx.execOne("UPDATE user SET marks_epoch = marks_epoch + 1 WHERE id = ?", user[:])
}
