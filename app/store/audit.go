package store

import "chatalot/app/wire"

// Audit adds an entry to the audit log, at the time of the write. The names are those that Actor and User have now; ID, At and the names of e are not read.
func (tx *Tx) Audit(e wire.AuditEntry) error {
	_, err := tx.exec(`INSERT INTO audit (at, what, actor, actor_name, user_id, user_name, detail, address) VALUES (?1, ?2, ?3,
		coalesce((SELECT username FROM user WHERE id = ?3), ''), ?4, coalesce((SELECT username FROM user WHERE id = ?4), ''), ?5, ?6)`,
		tx.now, string(e.What), id16(e.Actor), id16(e.User), e.Detail, e.Address)
	return err
}

// AuditBefore lists at most limit entries older than the entry before (0: the newest there are), the newest first: all, or those that one person did
// or that were done to them.
func (tx *Tx) AuditBefore(before int64, of *wire.UserID, limit int) ([]wire.AuditEntry, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	if of == nil {
		return many(tx, scanAudit, "SELECT "+auditColumns+" FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?", before, limit)
	}
	return many(tx, scanAudit, "SELECT "+auditColumns+` FROM audit WHERE id IN (SELECT id FROM audit WHERE actor = ?2 UNION SELECT id FROM audit WHERE user_id = ?2)
		AND id < ?1 ORDER BY id DESC LIMIT ?3`, before, of[:], limit)
}

const auditColumns = "id, at, what, actor, actor_name, user_id, user_name, detail, address"

func scanAudit(s scanner) (e wire.AuditEntry, err error) {
	err = s.Scan(&e.ID, &e.At, &e.What, maybe[wire.UserID]{&e.Actor}, &e.ActorName, maybe[wire.UserID]{&e.User}, &e.UserName, &e.Detail, &e.Address)
	return e, err
}

// CountAudit counts the entries of an act since a time, Unix ms.
func (tx *Tx) CountAudit(what wire.Act, since int64) (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM audit WHERE what = ? AND at >= ?", string(what), since)
	return n, err
}

// DropAuditBefore removes the entries older than before, Unix ms.
func (tx *Tx) DropAuditBefore(before int64) error {
	_, err := tx.exec("DELETE FROM audit WHERE at < ?", before)
	return err
}
