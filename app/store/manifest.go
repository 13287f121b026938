package store

import "chatalot/app/wire"

// Manifest reads a person's newest signed device list: ErrNotFound when they have published none.
func (tx *Tx) Manifest(user wire.UserID) (wire.Manifest, error) {
	return one(tx, scanManifest, "SELECT user_id, version, body FROM manifest WHERE user_id = ?", user[:])
}

func scanManifest(s scanner) (m wire.Manifest, err error) {
	err = s.Scan(fixed(m.UserID[:]), &m.Version, (*[]byte)(&m.Manifest))
	return m, err
}

// PutManifest makes m its owner's newest. Whether it may be is the caller's to know.
func (tx *Tx) PutManifest(m wire.Manifest) error {
	_, err := tx.exec(`INSERT INTO manifest (user_id, version, body, updated_at) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body, updated_at = excluded.updated_at`,
		m.UserID[:], m.Version, []byte(m.Manifest), tx.now)
	return err
}

// ManifestsOfPeople reads the newest device list of each person who has published one, in the order named, twice named once.
func (tx *Tx) ManifestsOfPeople(people []wire.UserID) (list []wire.Manifest, err error) {
	read := map[wire.UserID]bool{}
	for _, user := range people {
		if read[user] {
			continue
		}
		read[user] = true
		switch m, err := tx.Manifest(user); err {
		case nil:
			list = append(list, m)
		case ErrNotFound:
		default:
			return nil, err
		}
	}
	return list, nil
}
