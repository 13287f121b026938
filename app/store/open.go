package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID is "CHAT" in the header of the file; it tells our file from every other SQLite database.
const applicationID = 0x43484154

// marker stands in the lock file from the moment a database exists: a directory that has it but no database has lost one.
const marker = "This directory belongs to a Chatalot place. While chatalot runs, it holds a lock on this file.\n"

// takeLock lets one process at a time serve the file. The lock goes with the process, however it ends.
func (s *Store) takeLock() error {
	f, err := os.OpenFile(s.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return openError{fmt.Sprintf("Another chatalot is already running on %s. Stop it first.", filepath.Dir(s.path)), ErrInUse}
	}
	s.lock = f
	return nil
}

// mark leaves the marker in the lock file.
func (s *Store) mark() error {
	if _, err := s.lock.WriteAt([]byte(marker), 0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return s.lock.Sync()
}

// find makes sure that there is a database to open. It tells whether the last process left without closing it.
func (s *Store) find(ctx context.Context, o Options) (unclean bool, err error) {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.Beside:
		return false, openError{fmt.Sprintf("There is no database at %s. Start the place once with chatalot serve.", s.path), ErrMissing}
	case errors.Is(err, fs.ErrNotExist):
		return false, s.create(ctx, o.Schema)
	case err != nil:
		return false, fmt.Errorf("look for the database: %w", err)
	case info.Size() == 0: // SQLite would take it for a new database; ours is never empty, see create
		return false, openError{fmt.Sprintf("The database %s is empty: its content has been lost. Put a backup in its place.", s.path), ErrDamaged}
	}
	if err := s.refuseForeign(); err != nil {
		return false, err
	}
	wal, err := os.Stat(s.path + "-wal")
	return err == nil && wal.Size() > 0 && !o.Beside, nil
}

// refuseForeign looks at the header of the file (https://www.sqlite.org/fileformat2.html section 1.3) before SQLite does: opening another
// program's database would already switch its journal mode. Our application id is in the file itself since before it had its name.
func (s *Store) refuseForeign() error {
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	defer f.Close()
	var header [100]byte
	if _, err := io.ReadFull(f, header[:]); err != nil || string(header[:16]) != "SQLite format 3\x00" {
		return openError{fmt.Sprintf("%s is not a database. It was left as it is.", s.path), ErrForeign}
	}
	if binary.BigEndian.Uint32(header[68:]) != applicationID {
		return openError{fmt.Sprintf("%s is a database of another program, not of Chatalot. It was left as it is.", s.path), ErrForeign}
	}
	return nil
}

// create makes the database under another name and renames it, so that the real name never holds half of one.
func (s *Store) create(ctx context.Context, schema string) error {
	if err := s.refuseLost(); err != nil {
		return err
	}
	tmp := s.path + ".new"
	if err := removeAll(tmp, tmp+"-wal", tmp+"-shm"); err != nil {
		return fmt.Errorf("clear away a half-made database: %w", err)
	}
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	f.Close()
	if err := fill(ctx, tmp, schema); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return publish(tmp, s.path)
}

// refuseLost keeps a place that had a database from starting afresh beside its remains.
func (s *Store) refuseLost() error {
	if info, err := s.lock.Stat(); err != nil || info.Size() > 0 {
		return errors.Join(err, openError{fmt.Sprintf("The database %s is gone, but this directory had one. Put a backup in its place, or choose an empty directory to begin anew.", s.path), ErrMissing})
	}
	if _, err := os.Stat(s.path + "-wal"); err == nil {
		return openError{fmt.Sprintf("The database %s is gone, but its -wal file is here. Put the database back beside it, or choose an empty directory to begin anew.", s.path), ErrMissing}
	}
	return nil
}

func fill(ctx context.Context, path, schema string) error {
	c, err := dial(ctx, path, "")
	if err != nil {
		return err
	}
	err = c.script(ctx, fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;", schema, applicationID, Version()))
	return errors.Join(err, c.close())
}

// publish makes what stands at tmp durable and gives it its real name.
func publish(tmp, path string) error {
	if err := syncPath(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func removeAll(paths ...string) error {
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// identify refuses a newer database and migrates an older one.
func (s *Store) identify(ctx context.Context, o Options) error {
	version, err := s.writer.number(ctx, "PRAGMA user_version")
	if err != nil {
		return s.explain(err)
	}
	switch {
	case int(version) > Version():
		return openError{fmt.Sprintf("The database has version %d, but this chatalot knows only %d. Install the newer chatalot again; the database was left as it is.", version, Version()), ErrNewer}
	case int(version) == Version():
		return nil
	case o.Beside:
		return openError{fmt.Sprintf("The database has version %d; start chatalot serve once to bring it to version %d.", version, Version()), ErrInUse}
	}
	return s.migrate(ctx, int(version), migrations)
}

// quickCheck reads the whole file's structure: after a crash or a power cut nothing else tells a damaged page.
func (s *Store) quickCheck(ctx context.Context) error {
	s.log.Info("the last run did not end cleanly; checking the database")
	verdict, err := s.writer.text(ctx, "PRAGMA quick_check(1)")
	if err != nil {
		return s.explain(err)
	}
	if verdict != "ok" {
		return s.damaged(verdict)
	}
	return nil
}

// explain turns what SQLite says of an unreadable file into the sentence for it.
func (s *Store) explain(err error) error {
	switch code(err) & 0xff {
	case sqlite3.SQLITE_NOTADB:
		return openError{fmt.Sprintf("%s is not a database. It was left as it is.", s.path), ErrForeign}
	case sqlite3.SQLITE_CORRUPT:
		return s.damaged(err.Error())
	}
	return fmt.Errorf("open the database: %w", err)
}

func (s *Store) damaged(why string) error {
	return openError{fmt.Sprintf("The database %s is damaged (%s). Keep it aside and put a backup in its place.", s.path, why), ErrDamaged}
}
