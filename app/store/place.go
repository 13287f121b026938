package store

import "chatalot/app/wire"

// Place is this installation's row.
type Place struct {
	Instance       [16]byte // random; the issuer of access tokens
	Name           string   // empty until set up
	Registration   wire.Registration
	SetUpAt        int64    // Unix ms; 0 until the first account exists
	SetupHash      [32]byte // SHA-256 of the one-time setup token; zero when none is out
	SetupExpires   int64    // Unix ms
	KeyFingerprint [32]byte // of the access-token key; zero before one was ever used
	KeyNext        [32]byte // of the key that a rotation has made and the next start puts in force; zero when there is none
	TOTPCheck      []byte   // a known value sealed under the TOTP key; nil before one was ever used
}

// SetUp reports whether the first account exists.
func (p Place) SetUp() bool { return p.SetUpAt > 0 }

// Wire is the place as a stranger sees it; version is the program's.
func (p Place) Wire(version string) wire.Place {
	return wire.Place{Name: p.Name, Registration: p.Registration, SetUp: p.SetUp(), Version: version}
}

// Place reads the place; schema.sql has made its row.
func (tx *Tx) Place() (Place, error) {
	return one(tx, scanPlace, `SELECT instance_id, name, registration, coalesce(set_up_at, 0), setup_hash, coalesce(setup_expires, 0), key_fingerprint, key_next, totp_check
		FROM place WHERE id = 1`)
}

func scanPlace(s scanner) (p Place, err error) {
	err = s.Scan(fixed(p.Instance[:]), &p.Name, &p.Registration, &p.SetUpAt, orZero(p.SetupHash[:]), &p.SetupExpires, orZero(p.KeyFingerprint[:]), orZero(p.KeyNext[:]), &p.TOTPCheck)
	return p, err
}

// SetSetupToken keeps the hash of the one setup token that is good until expires (Unix ms).
func (tx *Tx) SetSetupToken(hash [32]byte, expires int64) error {
	return tx.execOne("UPDATE place SET setup_hash = ?, setup_expires = ? WHERE id = 1", hash[:], expires)
}

// FinishSetup names the place and ends the setup token, once: ErrNotFound when it was set up before.
func (tx *Tx) FinishSetup(name string, mode wire.Registration) error {
	return tx.execOne(`UPDATE place SET name = ?, registration = ?, set_up_at = ?, setup_hash = NULL, setup_expires = NULL
		WHERE id = 1 AND set_up_at IS NULL`, name, string(mode), tx.now)
}

// FirstCommunity is the community that the place began with, or the oldest that is left of those since: ErrNotFound when there is none.
func (tx *Tx) FirstCommunity() (id wire.CommunityID, err error) {
	err = tx.get([]any{&id}, "SELECT id FROM community ORDER BY created_at, id LIMIT 1")
	return id, err
}
