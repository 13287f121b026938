package store

import "chatalot/app/wire"

// Vault reads a person's sealed key vault: ErrNotFound when there is none.
func (tx *Tx) Vault(user wire.UserID) (wire.Vault, error) {
	return one(tx, func(s scanner) (v wire.Vault, err error) {
		err = s.Scan(&v.VaultVersion, (*[]byte)(&v.Vault))
		return v, err
	}, "SELECT version, sealed FROM vault WHERE user_id = ?", user[:])
}

// VaultVersion is the version of a person's vault, 0 when there is none.
func (tx *Tx) VaultVersion(user wire.UserID) (version int64, err error) {
	err = tx.get([]any{&version}, "SELECT coalesce((SELECT version FROM vault WHERE user_id = ?), 0)", user[:])
	return version, err
}

// PutVault replaces a person's vault.
func (tx *Tx) PutVault(user wire.UserID, v wire.Vault) error {
	_, err := tx.exec(`INSERT INTO vault (user_id, version, sealed) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET version = excluded.version, sealed = excluded.sealed`, user[:], v.VaultVersion, []byte(v.Vault))
	return err
}

// HasKeys reports whether a person has published a device list; their vault came with it.
func (tx *Tx) HasKeys(user wire.UserID) (has bool, err error) {
	err = tx.get([]any{&has}, "SELECT EXISTS (SELECT 1 FROM manifest WHERE user_id = ?)", user[:])
	return has, err
}
