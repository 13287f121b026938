package store

import (
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"chatalot/app/wire"
)

// Why a database was not opened. Each arrives wrapped in one sentence for the operator; the caller chooses an exit status by errors.Is.
var (
	ErrInUse   = errors.New("database in use")
	ErrForeign = errors.New("not a Chatalot database")
	ErrNewer   = errors.New("database is newer than this program")
	ErrMissing = errors.New("database is missing")
	ErrDamaged = errors.New("database is damaged")
)

// What a read or a write can fail with besides its own reasons.
var (
	ErrNotFound = errors.New("no such row")
	ErrClosed   = errors.New("the database is closed")
	ErrBroken   = errors.New("the database failed; the process must start again")
	ErrFull     = errors.New("the disk is full")                        // with a *wire.Error for the person
	ErrBusy     = errors.New("another process keeps the database busy") // likewise
	ErrTaken    = errors.New("already taken")                           // a UNIQUE rule of the schema was hit
)

// openError is one clear line for the operator with the sentinel behind it.
type openError struct {
	line string
	kind error
}

func (e openError) Error() string { return e.line }
func (e openError) Unwrap() error { return e.kind }

// code is SQLite's extended result code of err, or 0.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// isFatal tells whether err leaves in doubt what the file holds (SECURITY.md D6). A full disk does not: SQLite rolls back cleanly.
func isFatal(err error) bool {
	switch code(err) & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// plain replaces the driver errors that callers switch on by the sentinels of this package.
func plain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	}
	switch c := code(err); {
	case c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return errors.Join(ErrTaken, err)
	case c&0xff == sqlite3.SQLITE_FULL:
		return errors.Join(wire.Fail(wire.Unavailable, "The disk of this place is full, so nothing can be saved. Ask whoever runs it to make room."), ErrFull, err)
	case c&0xff == sqlite3.SQLITE_BUSY:
		return errors.Join(wire.Fail(wire.Unavailable, "This place is busy. Try again in a moment."), ErrBusy, err)
	}
	return err
}
