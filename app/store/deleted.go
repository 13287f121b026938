package store

import "chatalot/app/wire"

// DeletedName is how people see somebody whose account is deleted.
const DeletedName = "Deleted account"

// Owned is a community that a person owns, and how many others are in it.
type Owned struct {
	ID     wire.CommunityID
	Name   string
	Others int
}

// OwnedBy lists the communities that a person owns, those with other people in them first.
func (tx *Tx) OwnedBy(user wire.UserID) ([]Owned, error) {
	return many(tx, func(s scanner) (o Owned, err error) {
		err = s.Scan(&o.ID, &o.Name, &o.Others)
		return o, err
	}, `SELECT c.id, c.name, (SELECT count(*) FROM community_member o WHERE o.community_id = c.id AND o.user_id <> m.user_id) AS others
		FROM community_member m JOIN community c ON c.id = m.community_id WHERE m.user_id = ? AND m.role = 'owner' ORDER BY others DESC, c.created_at, c.id`, user[:])
}

// DeleteUser leaves of an account only what the history of others needs: its id, its signed device list and its devices' identities, by
// which what it signed is verified. Its sign-in name is free again. Everything else that tells of the person is gone: keys, codes, links,
// sessions, and the names in the log of changes and in the audit log, whose entries stay. What is left is returned. Its memberships are the
// caller's to end.
func (tx *Tx) DeleteUser(id wire.UserID) (left User, err error) {
	stub := "~" + id.String() // no sign-in name can be typed or registered that begins so
	left, err = one(tx, scanUser, `UPDATE user SET username = ?, display_name = ?, password_hash = '', password_at = 0, role = 'member', state = 'deleted',
		epoch = epoch + 1, recovery_hash = NULL WHERE id = ? AND state <> 'deleted' RETURNING `+userColumns, stub, DeletedName, id[:])
	if err != nil {
		return left, err
	}
	for _, q := range []string{
		"DELETE FROM session WHERE user_id = ?",
		"DELETE FROM challenge WHERE user_id = ?",
		"DELETE FROM totp WHERE user_id = ?",
		"DELETE FROM backup_code WHERE user_id = ?",
		"DELETE FROM trusted_device WHERE user_id = ?",
		"DELETE FROM passkey WHERE user_id = ?",
		"DELETE FROM reset_link WHERE user_id = ?",
		"DELETE FROM vault WHERE user_id = ?",
		"DELETE FROM invite WHERE created_by = ?",
		"DELETE FROM prekey WHERE device_id IN (SELECT id FROM device WHERE user_id = ?)",
		"DELETE FROM prekey_spent WHERE device_id IN (SELECT id FROM device WHERE user_id = ?)",
		"DELETE FROM prekey_claim WHERE user_id = ?1 OR device_id IN (SELECT id FROM device WHERE user_id = ?1)",
		"DELETE FROM device WHERE user_id = ? AND identity IS NULL",
		"UPDATE device SET name = '', active = 0, last_seen = created_at WHERE user_id = ?",
	} {
		if _, err := tx.exec(q, id[:]); err != nil {
			return left, err
		}
	}
	return left, tx.forgetNames(left)
}

// forgetNames puts a deleted person's present names in the place of the earlier ones, wherever a row keeps a copy. What was for this person
// alone goes; the other rows stay, so that devices that come back late read the log without a gap.
func (tx *Tx) forgetNames(left User) error {
	for _, q := range []string{"UPDATE audit SET actor_name = ? WHERE actor = ?", "UPDATE audit SET user_name = ? WHERE user_id = ?"} {
		if _, err := tx.exec(q, left.Username, left.ID[:]); err != nil {
			return err
		}
	}
	rows, err := many(tx, scanRow, `SELECT seq, at, kind, conversation_id, community_id, user_id, body FROM log WHERE user_id = ?
		OR kind IN ('user', 'community_member', 'dm') AND instr(body, ?)`, left.ID[:], left.ID.String())
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := tx.forgetNamesIn(r, left); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) forgetNamesIn(r Row, left User) error {
	if r.User == left.ID {
		return tx.execOne("DELETE FROM log WHERE seq = ?", r.Seq)
	}
	at, ok := map[string]string{"user": "$", "community_member": "$.user", "dm": "$.peer"}[r.Kind]
	if !ok {
		return nil
	}
	_, err := tx.exec(`UPDATE log SET body = json_set(body, ?1 || '.username', ?2, ?1 || '.display_name', ?3)
		WHERE seq = ?4 AND json_extract(body, ?1 || '.id') = ?5`, at, left.Username, left.DisplayName, r.Seq, left.ID.String())
	return err
}
