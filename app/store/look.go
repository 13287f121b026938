package store

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lookOnly are the parameters of a connection that only looks: SQLite opens the file read-only and makes none beside it.
const lookOnly = "mode=ro&_query_only=1&_busy_timeout=2000&_dqs=0&_defensive=1&_error_rc=1" +
	"&_pragma=trusted_schema(off)&_pragma=cell_size_check(on)&_pragma=temp_store(memory)"

// View is a database that somebody looks at from beside, without being its owner. One goroutine at a time uses it.
type View struct {
	conn *conn
	// Unclean: nobody serves the database and the last process left without closing it. What waits in the WAL is not seen, and the file
	// alone need not be whole: the next start puts both together.
	Unclean bool
}

// Look opens the database at path for reading only. It takes no lock that a place waits for, writes nothing and needs no right to write;
// served says whether a process serves it (see Holder). The errors are those of Open.
func Look(ctx context.Context, path string, served bool) (*View, error) {
	processWide()
	s := &Store{path: path}
	if _, err := s.find(ctx, Options{Beside: true}); err != nil {
		return nil, err
	}
	query, unclean := lookOnly, false
	if !served { // without a process there is no -shm file to share, and making one is not for an onlooker
		wal, err := os.Stat(path + "-wal")
		query, unclean = query+"&immutable=1", err == nil && wal.Size() > 0
	}
	c, err := dialWith(ctx, path, query)
	if err != nil {
		return nil, s.explain(err)
	}
	v := &View{conn: c, Unclean: unclean}
	version, err := c.number(ctx, "PRAGMA user_version")
	switch {
	case err != nil:
		err = s.explain(err)
	case int(version) > Version():
		err = openError{fmt.Sprintf("The database has version %d, but this chatalot knows only %d. Install the newer chatalot again; the database was left as it is.", version, Version()), ErrNewer}
	case int(version) < Version():
		err = openError{fmt.Sprintf("The database has version %d; start chatalot serve once to bring it to version %d.", version, Version()), ErrInUse}
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return v, nil
}

// Read calls fn with one consistent snapshot.
func (v *View) Read(ctx context.Context, fn func(*Tx) error) error {
	if err := v.conn.run("BEGIN"); err != nil {
		return err
	}
	err := fn(&Tx{conn: v.conn, ctx: ctx, now: time.Now().UnixMilli()})
	return errors.Join(err, v.conn.run("ROLLBACK"))
}

// Close ends the looking.
func (v *View) Close() error { return v.conn.close() }

// Holder tells which process holds the lock of the database at path, 0 when none does or this system does not tell. Asking takes no lock:
// a place that starts at the same moment is not refused because of it.
func Holder(path string) (pid int) {
	info, err := os.Stat(path + ".lock")
	if err != nil {
		return 0
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		return 0
	}
	defer f.Close()
	inode := strconv.FormatUint(st.Ino, 10)
	for lines := bufio.NewScanner(f); lines.Scan(); { // "1: FLOCK  ADVISORY  WRITE 708 08:01:393227 0 EOF", proc_locks(5)
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[1] != "FLOCK" || fields[3] != "WRITE" {
			continue
		}
		// The device is left out of the comparison: file systems with subvolumes tell another one here than stat does.
		if place := strings.Split(fields[5], ":"); len(place) == 3 && place[2] == inode {
			pid, _ = strconv.Atoi(fields[4])
			return pid
		}
	}
	return 0
}

// Health is what an examination of a place reads of its database.
type Health struct {
	Place    Place
	TOTPUsed bool     // place.totp_check is there: a two-step key has been used
	Admins   int      // active ones
	Guarded  int      // of these, who have two-step codes or a passkey
	Session  *Session // one that is alive, the one seen last; nil when nobody is signed in
}

// Health reads what an examination needs.
func (tx *Tx) Health() (h Health, err error) {
	if h.Place, err = tx.Place(); err != nil {
		return h, err
	}
	if err := tx.get([]any{&h.TOTPUsed}, "SELECT totp_check IS NOT NULL FROM place WHERE id = 1"); err != nil {
		return h, err
	}
	err = tx.get([]any{&h.Admins, &h.Guarded}, `SELECT count(*), count(*) FILTER (WHERE
		EXISTS (SELECT 1 FROM totp WHERE totp.user_id = user.id AND confirmed_at IS NOT NULL) OR EXISTS (SELECT 1 FROM passkey WHERE passkey.user_id = user.id))
		FROM user WHERE role = 'admin' AND state = 'active'`)
	if err != nil {
		return h, err
	}
	session, err := one(tx, scanSession, "SELECT "+sessionColumns+" FROM session WHERE expires_at > ? ORDER BY last_seen DESC LIMIT 1", tx.now)
	switch {
	case err == nil:
		h.Session = &session
	case !errors.Is(err, ErrNotFound):
		return h, err
	}
	return h, nil
}

// Engine is how a connection treats the database (SECURITY.md D1), as SQLite itself tells.
type Engine struct {
	JournalMode   string
	Synchronous   int64 // 2: FULL
	SecureDelete  int64
	ForeignKeys   int64
	TrustedSchema int64
	CellSizeCheck int64
	SQLite        string // its version
}

// Engine asks the writing connection how it is set.
func (s *Store) Engine(ctx context.Context) (e Engine, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		e, err = tx.engine()
		return err
	})
	return e, err
}

// Usual is how this program sets a connection to the database at path, read back from one that it opens for reading. served is as in Look.
func Usual(ctx context.Context, path string, served bool) (e Engine, err error) {
	processWide()
	query := pragmas + readOnly + "&mode=ro"
	if !served {
		query = strings.Replace(query, "_journal_mode=WAL&", "", 1) + "&immutable=1"
	}
	c, err := dialWith(ctx, path, query)
	if err != nil {
		return e, err
	}
	defer c.close()
	return (&Tx{conn: c, ctx: ctx}).engine()
}

func (tx *Tx) engine() (e Engine, err error) {
	for _, ask := range []struct {
		query string
		into  any
	}{
		{"PRAGMA journal_mode", &e.JournalMode}, {"PRAGMA synchronous", &e.Synchronous}, {"PRAGMA secure_delete", &e.SecureDelete},
		{"PRAGMA foreign_keys", &e.ForeignKeys}, {"PRAGMA trusted_schema", &e.TrustedSchema}, {"PRAGMA cell_size_check", &e.CellSizeCheck},
		{"SELECT sqlite_version()", &e.SQLite},
	} {
		if err := tx.get([]any{ask.into}, ask.query); err != nil {
			return e, err
		}
	}
	return e, nil
}

// Files is what the files of a database tell without opening it.
type Files struct {
	Bytes   int64     // of the database itself
	WAL     bool      // the file's header says that it is used with a write-ahead log
	WALSize int64     // bytes of the -wal file
	Waiting int64     // bytes in it that are not written back into the database yet; -1 when that is not to be seen
	Written time.Time // when something was last added to the write-ahead log; zero when there is none
}

// LookAtFiles reads the sizes and headers of the database at path and of the files beside it
// (https://www.sqlite.org/fileformat2.html section 1.3, https://www.sqlite.org/walformat.html section 2.1).
func LookAtFiles(path string) (f Files, err error) {
	file, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return f, err
	}
	var versions [2]byte // for writing and for reading: 2 means WAL
	if _, err := file.ReadAt(versions[:], 18); err != nil {
		return f, err
	}
	f.Bytes, f.WAL, f.Waiting = info.Size(), versions == [2]byte{2, 2}, -1
	wal, err := os.Stat(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.WALSize, f.Written = wal.Size(), wal.ModTime()
	f.Waiting = waiting(path + "-shm")
	return f, nil
}

// waiting reads the index of the write-ahead log: mxFrame at 16 is how many pages the log holds, nBackfill at 96 how many of them have been
// written back. Both are in this machine's byte order.
func waiting(path string) int64 {
	shm, err := os.Open(path)
	if err != nil {
		return -1
	}
	defer shm.Close()
	var head [100]byte
	if _, err := shm.ReadAt(head[:], 0); err != nil {
		return -1
	}
	frames, done := binary.NativeEndian.Uint32(head[16:]), binary.NativeEndian.Uint32(head[96:])
	if done > frames {
		return -1 // caught between the two
	}
	return int64(frames-done) * pageSize
}
