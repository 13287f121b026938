package store

// SetKeyFingerprint keeps which access-token key is in force. None waits for the next start any more.
func (tx *Tx) SetKeyFingerprint(fingerprint [32]byte) error {
	return tx.execOne("UPDATE place SET key_fingerprint = ?, key_next = NULL WHERE id = 1", fingerprint[:])
}

// SetKeyNext keeps which access-token key the next start may put in force without ending anybody's session.
func (tx *Tx) SetKeyNext(fingerprint [32]byte) error {
	return tx.execOne("UPDATE place SET key_next = ? WHERE id = 1", fingerprint[:])
}

// SetTOTPCheck keeps the known value sealed under the TOTP key.
func (tx *Tx) SetTOTPCheck(sealed []byte) error {
	return tx.execOne("UPDATE place SET totp_check = ? WHERE id = 1", sealed)
}

// RetiredKey is an access-token key that a rotation replaced.
type RetiredKey struct {
	Fingerprint [32]byte // SHA-256 of the public key
	At          int64    // when its successor came into force, Unix ms
}

// RetireKey says that the successor of a key came into force now.
func (tx *Tx) RetireKey(fingerprint [32]byte) error {
	_, err := tx.exec("INSERT INTO retired_key (fingerprint, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at", fingerprint[:], tx.now)
	return err
}

// RetiredKeys lists the keys that rotations replaced, the newest first.
func (tx *Tx) RetiredKeys() ([]RetiredKey, error) {
	return many(tx, func(s scanner) (k RetiredKey, err error) {
		err = s.Scan(fixed(k.Fingerprint[:]), &k.At)
		return k, err
	}, "SELECT fingerprint, at FROM retired_key ORDER BY at DESC")
}

// DropRetiredKeys forgets the keys retired at until (Unix ms) or before.
func (tx *Tx) DropRetiredKeys(until int64) error {
	_, err := tx.exec("DELETE FROM retired_key WHERE at <= ?", until)
	return err
}

// EndEverything ends whatever lets anybody in without a password: sessions, sign-ins half done, devices that need no two-step code, reset
// links, and the keys that rotations replaced. It returns how many sessions there were. Invitations stay: they open no account.
func (tx *Tx) EndEverything() (sessions int64, err error) {
	if sessions, err = tx.exec("DELETE FROM session"); err != nil {
		return 0, err
	}
	for _, query := range []string{"UPDATE user SET epoch = epoch + 1", "DELETE FROM challenge", "DELETE FROM trusted_device", "DELETE FROM reset_link",
		"DELETE FROM retired_key", "UPDATE place SET key_next = NULL"} {
		if _, err = tx.exec(query); err != nil {
			return 0, err
		}
	}
	return sessions, nil
}
