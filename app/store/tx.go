package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"chatalot/app/wire"
)

// Tx is one transaction: the savepoint of a write or the snapshot of a read. It is valid only inside the function it was given to, on
// that function's goroutine.
type Tx struct {
	conn    *conn
	ctx     context.Context // of a read; never of a write, see conn.run
	now     int64
	writes  bool
	failed  error // the first driver error, for the engine to judge
	rows    []Row
	members []wire.UserID
	after   []func()
}

// Now is the time of the transaction, in Unix milliseconds.
func (tx *Tx) Now() int64 { return tx.now }

// OnCommit has f called once the write is on disk, on the writer's goroutine, before the write is acknowledged; never when it fails.
// It must be quick and must not call the store.
func (tx *Tx) OnCommit(f func()) { tx.after = append(tx.after, f) }

// forget drops what a write that failed had to tell.
func (tx *Tx) forget() { tx.rows, tx.members, tx.after = nil, nil, nil }

// note remembers the first driver error and translates err for callers.
func (tx *Tx) note(err error) error {
	if err == nil {
		return nil
	}
	if tx.failed == nil && code(err) != 0 {
		tx.failed = err
	}
	return plain(err)
}

// exec runs a statement and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (changed int64, err error) {
	st, err := tx.conn.prepare(query)
	if err != nil {
		return 0, tx.note(err)
	}
	res, err := st.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, tx.note(err)
	}
	return res.RowsAffected()
}

// execOne is exec for a statement that must change exactly one row: ErrNotFound when it changed none.
func (tx *Tx) execOne(query string, args ...any) error {
	n, err := tx.exec(query, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// insert runs an INSERT into a table with an integer key and returns that key.
func (tx *Tx) insert(query string, args ...any) (id int64, err error) {
	st, err := tx.conn.prepare(query)
	if err != nil {
		return 0, tx.note(err)
	}
	res, err := st.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, tx.note(err)
	}
	return res.LastInsertId()
}

// get scans the one row of query into dst: ErrNotFound when there is none.
func (tx *Tx) get(dst []any, query string, args ...any) error {
	st, err := tx.conn.prepare(query)
	if err != nil {
		return tx.note(err)
	}
	return tx.note(st.QueryRowContext(tx.ctx, args...).Scan(dst...))
}

// scanner is a row being read: *sql.Row or *sql.Rows. It is here so that each type has one scan function.
type scanner interface{ Scan(dst ...any) error }

// one reads the single row of query through scan: ErrNotFound when there is none.
func one[T any](tx *Tx, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	var zero T
	st, err := tx.conn.prepare(query)
	if err != nil {
		return zero, tx.note(err)
	}
	v, err := scan(st.QueryRowContext(tx.ctx, args...))
	if err != nil {
		return zero, tx.note(err)
	}
	return v, nil
}

// many reads every row of query through scan. The list is never nil, so that it is [] in JSON.
func many[T any](tx *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	list := []T{}
	err := each(tx, func(row scanner) error {
		v, err := scan(row)
		list = append(list, v)
		return err
	}, query, args...)
	return list, err
}

// each calls fn for every row of query and stops at its first error.
func each(tx *Tx, fn func(scanner) error, query string, args ...any) error {
	st, err := tx.conn.prepare(query)
	if err != nil {
		return tx.note(err)
	}
	rows, err := st.QueryContext(tx.ctx, args...)
	if err != nil {
		return tx.note(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return tx.note(err)
		}
	}
	return tx.note(errors.Join(rows.Err(), rows.Close()))
}

// fixed scans a BLOB into an id or a hash of exactly its size.
type fixed []byte

// Scan implements sql.Scanner.
func (f fixed) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(f) {
		return fmt.Errorf("want %d bytes, got %T of another size", len(f), src)
	}
	copy(f, b)
	return nil
}

// maybe scans a nullable BLOB of 16 bytes: nil stays nil.
type maybe[T ~[16]byte] struct{ dst **T }

// Scan implements sql.Scanner.
func (m maybe[T]) Scan(src any) error {
	*m.dst = nil
	if src == nil {
		return nil
	}
	var v T
	raw := [16]byte{}
	if err := fixed(raw[:]).Scan(src); err != nil {
		return err
	}
	v = T(raw)
	*m.dst = &v
	return nil
}

// id16 binds a 16-byte id, or NULL for nil.
func id16[T ~[16]byte](id *T) any {
	if id == nil {
		return nil
	}
	b := [16]byte(*id)
	return b[:]
}

var (
	_ sql.Scanner = fixed(nil)
	_ sql.Scanner = maybe[wire.UserID]{}
)
