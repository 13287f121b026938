package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"
)

// pragmas are SECURITY.md D1. synchronous=FULL: an acknowledged write survives a power cut. The writer checkpoints by itself only when
// the background one has fallen far behind (checkpoint.go).
const pragmas = "_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_foreign_keys=1&_dqs=0&_defensive=1&_error_rc=1" +
	"&_pragma=secure_delete(on)&_pragma=trusted_schema(off)&_pragma=cell_size_check(on)&_pragma=temp_store(memory)" +
	"&_pragma=wal_autocheckpoint(8000)&_pragma=journal_size_limit(67108864)"

// readOnly turns a connection into a reader: SQLite refuses every write on it.
const readOnly = "&_query_only=1"

// conn is one connection with its prepared statements. One goroutine at a time uses it.
type conn struct {
	db    *sql.DB
	c     *sql.Conn
	stmts map[string]*sql.Stmt // every SQL text is a constant of this package, so the map is bounded
}

// dial opens a connection to the file at path. It never asks the pool of database/sql for a second one.
func dial(ctx context.Context, path, extra string) (*conn, error) {
	return dialWith(ctx, path, pragmas+extra)
}

// dialWith is dial with all the parameters of the connection.
func dialWith(ctx context.Context, path, query string) (*conn, error) {
	dsn, err := dataSource(path, query)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &conn{db: db, c: c, stmts: map[string]*sql.Stmt{}}, nil
}

// dataSource spells path as a URI, so that ?, # and % in a directory's name stay part of it.
func dataSource(path, query string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: query}
	return u.String(), nil
}

func (c *conn) prepare(query string) (*sql.Stmt, error) {
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	st, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = st
	return st, nil
}

// run executes a statement of the engine itself. It takes no context: interrupting a write makes SQLite roll back the whole
// transaction, and with it the writes of others that share the commit.
func (c *conn) run(query string) error {
	st, err := c.prepare(query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(context.Background())
	return err
}

// script runs several statements that are not worth keeping prepared.
func (c *conn) script(ctx context.Context, text string) error {
	_, err := c.c.ExecContext(ctx, text)
	return err
}

// number reads one integer, such as a pragma.
func (c *conn) number(ctx context.Context, query string) (n int64, err error) {
	err = c.c.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

func (c *conn) text(ctx context.Context, query string) (s string, err error) {
	err = c.c.QueryRowContext(ctx, query).Scan(&s)
	return s, err
}

// backup copies the whole database into the new file at dst with SQLite's online backup.
func (c *conn) backup(dst string) error {
	return c.c.Raw(func(dc any) error {
		b, err := dc.(interface {
			NewBackup(string) (*sqlite.Backup, error)
		}).NewBackup(dst)
		if err != nil {
			return err
		}
		_, err = b.Step(-1)
		return errors.Join(err, b.Finish())
	})
}

// pagesWritten returns how many pages the connection has written since it was last asked.
func (c *conn) pagesWritten() (n int, err error) {
	err = c.c.Raw(func(dc any) error {
		n, _, err = dc.(interface {
			Status(sqlite.DBStatusOp, bool) (int, int, error)
		}).Status(sqlite.DBStatusCacheWrite, true)
		return err
	})
	return n, err
}

func (c *conn) close() error {
	var err error
	for _, st := range c.stmts {
		err = errors.Join(err, st.Close())
	}
	return errors.Join(err, c.c.Close(), c.db.Close())
}
