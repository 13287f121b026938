package store

import (
	"errors"

	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// Prekey is a published prekey with what the server needs to know of it.
type Prekey struct {
	Kind    signed.PrekeyKind
	ID      uint32
	Expires int64  // Unix ms
	Body    []byte // the signed statement
}

func scanPrekey(s scanner) (p Prekey, err error) {
	err = s.Scan(&p.Kind, &p.ID, &p.Expires, &p.Body)
	return p, err
}

// Prekey reads one prekey of a device: ErrNotFound when it is not there.
func (tx *Tx) Prekey(device wire.DeviceID, kind signed.PrekeyKind, id uint32) (Prekey, error) {
	return one(tx, scanPrekey, "SELECT kind, key_id, expires, body FROM prekey WHERE device_id = ? AND kind = ? AND key_id = ?", device[:], int64(kind), int64(id))
}

// LastingPrekey reads the device's one prekey of a kind that is handed out again and again: ErrNotFound when there is none in date.
func (tx *Tx) LastingPrekey(device wire.DeviceID, kind signed.PrekeyKind) (Prekey, error) {
	return one(tx, scanPrekey, "SELECT kind, key_id, expires, body FROM prekey WHERE device_id = ? AND kind = ? AND expires > ?", device[:], int64(kind), tx.now)
}

// AddPrekey stores a prekey: ErrTaken when the device has one of this kind and number, or had one that was handed out.
func (tx *Tx) AddPrekey(device wire.DeviceID, p Prekey) error {
	var spent bool
	err := tx.get([]any{&spent}, "SELECT EXISTS (SELECT 1 FROM prekey_spent WHERE device_id = ? AND kind = ? AND key_id = ?)", device[:], int64(p.Kind), int64(p.ID))
	if err != nil {
		return err
	}
	if spent {
		return ErrTaken
	}
	_, err = tx.exec("INSERT INTO prekey (device_id, kind, key_id, expires, body) VALUES (?, ?, ?, ?, ?)", device[:], int64(p.Kind), int64(p.ID), p.Expires, p.Body)
	return err
}

// DropPrekeysOfKind removes a device's prekeys of one kind.
func (tx *Tx) DropPrekeysOfKind(device wire.DeviceID, kind signed.PrekeyKind) error {
	_, err := tx.exec("DELETE FROM prekey WHERE device_id = ? AND kind = ?", device[:], int64(kind))
	return err
}

// DropPrekeys removes everything a device has published, when it is removed itself.
func (tx *Tx) DropPrekeys(device wire.DeviceID) error {
	_, err := tx.exec("DELETE FROM prekey WHERE device_id = ?", device[:])
	return err
}

// DropExpiredPrekeys forgets a device's prekeys past their date, and which ones were handed out: their date refuses them now.
func (tx *Tx) DropExpiredPrekeys(device wire.DeviceID) error {
	_, err := tx.exec("DELETE FROM prekey WHERE device_id = ? AND expires <= ?", device[:], tx.now)
	if err == nil {
		_, err = tx.exec("DELETE FROM prekey_spent WHERE device_id = ? AND expires <= ?", device[:], tx.now)
	}
	return err
}

// SpendPrekey takes a one-time prekey in date out of the database, the lowest number first, so that nobody else is ever given it:
// ErrNotFound when none is left.
func (tx *Tx) SpendPrekey(device wire.DeviceID, kind signed.PrekeyKind) (Prekey, error) {
	p, err := one(tx, scanPrekey, `DELETE FROM prekey WHERE device_id = ?1 AND kind = ?2
		AND key_id = (SELECT key_id FROM prekey WHERE device_id = ?1 AND kind = ?2 AND expires > ?3 ORDER BY key_id LIMIT 1)
		RETURNING kind, key_id, expires, body`, device[:], int64(kind), tx.now)
	if err != nil {
		return p, err
	}
	_, err = tx.exec("INSERT INTO prekey_spent (device_id, kind, key_id, expires) VALUES (?, ?, ?, ?)", device[:], int64(p.Kind), int64(p.ID), p.Expires)
	return p, err
}

// CountPrekeys counts a device's one-time prekeys in date, and all it has stored.
func (tx *Tx) CountPrekeys(device wire.DeviceID) (left wire.PrekeyCount, stored int, err error) {
	err = tx.get([]any{&left.OneTime, &left.KEM, &stored}, `SELECT count(*) FILTER (WHERE kind = ?1 AND expires > ?3),
		count(*) FILTER (WHERE kind = ?2 AND expires > ?3), count(*) FROM prekey WHERE device_id = ?4`,
		int64(signed.PrekeyOneTime), int64(signed.PrekeyKEM), tx.now, device[:])
	return left, stored, err
}

// Claims is what one account fetched of one device's prekeys lately.
type Claims struct {
	Count  int   // since the time asked for
	Oldest int64 // of those, Unix ms
	Spent  bool  // a one-time key was handed out since the other time asked for
}

// Claims counts what user has fetched for device since since, and looks whether a one-time key was among it since spentSince.
func (tx *Tx) Claims(user wire.UserID, device wire.DeviceID, since, spentSince int64) (c Claims, err error) {
	err = tx.get([]any{&c.Count, &c.Oldest, &c.Spent}, `SELECT count(*) FILTER (WHERE at > ?3), coalesce(min(at) FILTER (WHERE at > ?3), 0),
		coalesce(max(spent) FILTER (WHERE at > ?4), 0) FROM prekey_claim WHERE user_id = ?1 AND device_id = ?2`, user[:], device[:], since, spentSince)
	return c, err
}

// AddClaim notes a fetch, and forgets the person's fetches before before.
func (tx *Tx) AddClaim(user wire.UserID, device wire.DeviceID, spent bool, before int64) error {
	_, old := tx.exec("DELETE FROM prekey_claim WHERE user_id = ? AND device_id = ? AND at <= ?", user[:], device[:], before)
	_, err := tx.exec("INSERT INTO prekey_claim (user_id, device_id, at, spent) VALUES (?, ?, ?, ?)", user[:], device[:], tx.now, spent)
	return errors.Join(old, err)
}
