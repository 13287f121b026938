package store

import (
	"context"
	"fmt"
	"strings"
)

// Backup writes a complete, verified copy of the database to path while it is in use. The copy appears under its name only when it is
// whole and on disk; an existing file there is replaced.
func (s *Store) Backup(ctx context.Context, path string) error {
	return s.copyVerified(ctx, path, nil)
}

// BackupSeen is Backup that first has look read the very snapshot that is copied, for a rehearsal to compare the copy with.
func (s *Store) BackupSeen(ctx context.Context, path string, look func(*Tx) error) error {
	return s.copyVerified(ctx, path, look)
}

// RowCounts tells how many rows each table of the schema has.
func (tx *Tx) RowCounts() (map[string]int64, error) {
	names, err := many(tx, func(s scanner) (name string, err error) { return name, s.Scan(&name) },
		`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	rows := make(map[string]int64, len(names))
	for _, name := range names {
		n, err := tx.conn.number(tx.ctx, `SELECT count(*) FROM "`+strings.ReplaceAll(name, `"`, `""`)+`"`) // not kept prepared: read once a day
		if err != nil {
			return nil, tx.note(fmt.Errorf("count %s: %w", name, err))
		}
		rows[name] = n
	}
	return rows, nil
}

// IntegrityCheck reads the whole database and every index against its table: nil when all of it is as it should be.
func (tx *Tx) IntegrityCheck() error { return tx.verdict("PRAGMA integrity_check(1)") }

// QuickCheck reads the structure of the whole database, without the indexes' contents: nil when it is as it should be.
func (tx *Tx) QuickCheck() error { return tx.verdict("PRAGMA quick_check(1)") }

func (tx *Tx) verdict(query string) error {
	verdict, err := tx.conn.text(tx.ctx, query)
	if err != nil {
		return tx.note(err)
	}
	if verdict != "ok" {
		return openError{fmt.Sprintf("The database is damaged (%s).", verdict), ErrDamaged}
	}
	return nil
}
