package store

import "chatalot/app/wire"

// Passkey is a WebAuthn credential of a person.
type Passkey struct {
	ID         []byte // WebAuthn credential id, chosen by the authenticator
	User       wire.UserID
	Name       string // as its owner calls it
	Credential string // JSON of the WebAuthn library: public key, counter, flags. Nothing in it opens anything
	CreatedAt  int64  // Unix ms
	UsedAt     int64  // Unix ms; 0: never
}

// Wire is the passkey as its owner sees it.
func (p Passkey) Wire() wire.Passkey {
	return wire.Passkey{ID: p.ID, Name: p.Name, CreatedAt: p.CreatedAt, UsedAt: p.UsedAt}
}

const passkeyColumns = "id, user_id, name, credential, created_at, used_at"

func scanPasskey(s scanner) (p Passkey, err error) {
	err = s.Scan(&p.ID, fixed(p.User[:]), &p.Name, &p.Credential, &p.CreatedAt, &p.UsedAt)
	return p, err
}

// CreatePasskey adds a passkey made now: ErrTaken when there is one of this id, whosever it is.
func (tx *Tx) CreatePasskey(p Passkey) (Passkey, error) {
	return one(tx, scanPasskey, "INSERT INTO passkey (id, user_id, name, credential, created_at) VALUES (?, ?, ?, ?, ?) RETURNING "+passkeyColumns,
		p.ID, p.User[:], p.Name, p.Credential, tx.now)
}

// Passkey reads a passkey of anybody: ErrNotFound when there is none.
func (tx *Tx) Passkey(id []byte) (Passkey, error) {
	return one(tx, scanPasskey, "SELECT "+passkeyColumns+" FROM passkey WHERE id = ?", id)
}

// PasskeysOf lists a person's passkeys, oldest first.
func (tx *Tx) PasskeysOf(user wire.UserID) ([]Passkey, error) {
	return many(tx, scanPasskey, "SELECT "+passkeyColumns+" FROM passkey WHERE user_id = ? ORDER BY created_at, id", user[:])
}

// UsePasskey notes that a passkey was used now and keeps what it showed of itself. was is the credential that the use was checked against:
// ErrNotFound when it is another by now, or gone.
func (tx *Tx) UsePasskey(id []byte, was, credential string) error {
	return tx.execOne("UPDATE passkey SET credential = ?, used_at = max(used_at, ?) WHERE id = ? AND credential = ?", credential, tx.now, id, was)
}

// RenamePasskey gives a person's passkey another name: ErrNotFound when it is not theirs.
func (tx *Tx) RenamePasskey(user wire.UserID, id []byte, name string) (Passkey, error) {
	return one(tx, scanPasskey, "UPDATE passkey SET name = ? WHERE id = ? AND user_id = ? RETURNING "+passkeyColumns, name, id, user[:])
}

// DropPasskeysOf removes every passkey of a person and tells how many there were.
func (tx *Tx) DropPasskeysOf(user wire.UserID) (int, error) {
	gone, err := many(tx, scanPasskey, "DELETE FROM passkey WHERE user_id = ? RETURNING "+passkeyColumns, user[:])
	return len(gone), err
}

// DropPasskey removes a person's passkey and returns what it was: ErrNotFound when it is not theirs.
func (tx *Tx) DropPasskey(user wire.UserID, id []byte) (Passkey, error) {
	return one(tx, scanPasskey, "DELETE FROM passkey WHERE id = ? AND user_id = ? RETURNING "+passkeyColumns, id, user[:])
}
