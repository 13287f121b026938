package store

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// migrations bring an older database to schema.sql, one step a version: migrations[i] leads from version i+1 to i+2. They are only ever
// appended to. testdata/ keeps schema-N.sql, the schema of every version there was; the tests bring each of them here.
var migrations = []string{}

// Version is the schema version this program reads and writes (PRAGMA user_version).
func Version() int { return 1 + len(migrations) }

// migrate takes the steps from version on, after a verified copy of the database as it is (SECURITY.md D2).
func (s *Store) migrate(ctx context.Context, version int, steps []string) error {
	if version < 1 {
		return openError{fmt.Sprintf("%s carries our name but no version. It was left as it is.", s.path), ErrForeign}
	}
	copyPath := fmt.Sprintf("%s.pre-v%d", s.path, len(steps)+1)
	if err := s.copyVerified(ctx, copyPath, nil); err != nil {
		return fmt.Errorf("copy the database before changing it: %w", err)
	}
	s.log.Info("bringing the database up to date", "from", version, "to", len(steps)+1, "copy", copyPath)
	if err := s.writer.script(ctx, "PRAGMA foreign_keys = off"); err != nil { // a step may rebuild a table others refer to
		return err
	}
	for v := version; v <= len(steps); v++ {
		if err := s.step(ctx, v, steps[v-1]); err != nil {
			return fmt.Errorf("bring the database from version %d to %d (the copy is %s): %w", v, v+1, copyPath, err)
		}
	}
	return s.writer.script(ctx, "PRAGMA foreign_keys = on")
}

// step is one transaction, the new version number in it: a crash leaves the old version or the new one, never something between.
func (s *Store) step(ctx context.Context, v int, change string) error {
	err := s.writer.script(ctx, fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA user_version = %d;", change, v+1))
	if err == nil {
		err = s.noOrphans(ctx)
	}
	if err == nil {
		return s.writer.script(ctx, "COMMIT")
	}
	return errors.Join(err, s.writer.script(ctx, "ROLLBACK"))
}

func (s *Store) noOrphans(ctx context.Context) error {
	n, err := s.writer.number(ctx, "SELECT count(*) FROM pragma_foreign_key_check")
	if err == nil && n > 0 {
		err = fmt.Errorf("%d rows would refer to rows that are not there", n)
	}
	return err
}

// copyVerified writes a copy to dst, proves that it reads back whole, and only then gives it its name. look, when not nil, reads the very
// snapshot that is copied.
func (s *Store) copyVerified(ctx context.Context, dst string, look func(*Tx) error) error {
	tmp := dst + ".new"
	if err := removeAll(tmp, tmp+"-wal", tmp+"-shm"); err != nil {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	if err := copyInto(ctx, s.path, tmp, look); err != nil {
		return errors.Join(err, removeAll(tmp))
	}
	return publish(tmp, dst)
}

// copyInto copies over a connection of its own, so that neither the writer nor a reader waits for it.
func copyInto(ctx context.Context, src, dst string, look func(*Tx) error) error {
	c, err := dial(ctx, src, readOnly)
	if err != nil {
		return err
	}
	if look == nil {
		err = c.backup(dst)
	} else {
		err = c.backupSeen(ctx, dst, look)
	}
	if err := errors.Join(err, c.close()); err != nil {
		return err
	}
	return verify(ctx, dst)
}

// backupSeen copies inside a read transaction: SQLite's backup then copies the snapshot that look has read.
func (c *conn) backupSeen(ctx context.Context, dst string, look func(*Tx) error) error {
	if err := c.run("BEGIN"); err != nil {
		return err
	}
	err := look(&Tx{conn: c, ctx: ctx})
	if err == nil {
		err = c.backup(dst)
	}
	return errors.Join(err, c.run("ROLLBACK"))
}

// verify opens a copy and reads it through. Opening it without WAL leaves no second file beside it.
func verify(ctx context.Context, path string) error {
	c, err := dial(ctx, path, "&_pragma=journal_mode(delete)")
	if err != nil {
		return err
	}
	defer c.close()
	verdict, err := c.text(ctx, "PRAGMA quick_check(1)")
	if err != nil {
		return err
	}
	id, err := c.number(ctx, "PRAGMA application_id")
	if err == nil && (verdict != "ok" || id != applicationID) {
		err = fmt.Errorf("the copy does not read back: %s", verdict)
	}
	return err
}
