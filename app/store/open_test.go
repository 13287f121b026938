package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refused fails the test unless opening dir fails with that sentinel, in one line, leaving the file as it was.
func refused(t *testing.T, dir string, want error) {
	t.Helper()
	before, _ := os.ReadFile(filepath.Join(dir, "chatalot.db"))
	s, err := Open(t.Context(), options(t, dir))
	if err == nil {
		s.Close()
		t.Fatalf("opened; want %v", want)
	}
	if !errors.Is(err, want) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %q, want one line of %v", err, want)
	}
	after, _ := os.ReadFile(filepath.Join(dir, "chatalot.db"))
	if string(before) != string(after) {
		t.Fatal("the file was changed")
	}
}

// made leaves a closed database in a fresh directory, after some SQL.
func made(t *testing.T, change ...string) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "chatalot.db")
	raw(t, path, change...)
	return dir, path
}

// rawSQL runs statements over a plain connection, as another program would.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(q, err)
		}
	}
}

func TestNewDatabaseIsPrivateAndMarked(t *testing.T) {
	dir, path := made(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	s := reopen(t, dir)
	for pragma, want := range map[string]int64{"application_id": applicationID, "user_version": int64(Version()), "synchronous": 2,
		"foreign_keys": 1, "secure_delete": 1, "trusted_schema": 0, "cell_size_check": 1} {
		if got, err := s.writer.number(t.Context(), "PRAGMA "+pragma); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", pragma, got, err, want)
		}
	}
	if mode, err := s.writer.text(t.Context(), "PRAGMA journal_mode"); err != nil || mode != "wal" {
		t.Error(mode, err)
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	t.Run("another program's database", func(t *testing.T) {
		dir := t.TempDir()
		raw(t, filepath.Join(dir, "chatalot.db"), "CREATE TABLE other (x)")
		refused(t, dir, ErrForeign)
	})
	t.Run("another application id", func(t *testing.T) {
		dir, _ := made(t, "PRAGMA application_id = 1")
		refused(t, dir, ErrForeign)
	})
	t.Run("a text file", func(t *testing.T) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "chatalot.db"), []byte(strings.Repeat("not a database\n", 100)), 0o600)
		refused(t, dir, ErrForeign)
	})
	t.Run("our name without a version", func(t *testing.T) {
		dir, _ := made(t, "PRAGMA user_version = 0")
		refused(t, dir, ErrForeign)
	})
}

func TestNewerDatabaseIsRefusedWithBothNumbers(t *testing.T) {
	dir, _ := made(t, fmt.Sprintf("PRAGMA user_version = %d", Version()+1))
	refused(t, dir, ErrNewer)
	_, err := Open(t.Context(), options(t, dir))
	if !strings.Contains(err.Error(), fmt.Sprint(Version()+1)) || !strings.Contains(err.Error(), fmt.Sprint("only ", Version())) {
		t.Fatal(err)
	}
}

func TestLostDatabaseIsNotReplacedByAnEmptyOne(t *testing.T) {
	t.Run("empty file", func(t *testing.T) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "chatalot.db"), nil, 0o600)
		refused(t, dir, ErrDamaged)
	})
	t.Run("file gone", func(t *testing.T) {
		dir, path := made(t)
		os.Remove(path)
		refused(t, dir, ErrMissing)
		if _, err := os.Stat(path); err == nil {
			t.Fatal("a new database was made")
		}
	})
	t.Run("only the wal is there", func(t *testing.T) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "chatalot.db-wal"), []byte("x"), 0o600)
		refused(t, dir, ErrMissing)
	})
}

func TestHalfMadeDatabaseIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "chatalot.db.new"), []byte("half"), 0o600)
	reopen(t, dir)
}

func TestDamageIsFoundAfterAnUncleanEnd(t *testing.T) {
	dir, path := made(t, "INSERT INTO log (at, kind, user_id, body) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT 0, 'user', randomblob(16), hex(randomblob(100)) FROM n")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4096 { // a page of the table
		b[len(b)/2/4096*4096+i] = 0xff
	}
	os.WriteFile(path, b, 0o600)
	os.WriteFile(path+"-wal", []byte("left behind by a crash"), 0o600)
	_, err = Open(t.Context(), options(t, dir))
	if !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	reopen(t, dir)
	_, err := Open(t.Context(), options(t, dir))
	if !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
}

func TestConsoleWritesBesideTheServer(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	o.Beside = true
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrMissing) {
		t.Fatal("made a database beside nobody:", err)
	}
	server := reopen(t, dir)
	console, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	for i, s := range []*Store{console, server, console, server} {
		if err := s.Write(t.Context(), func(tx *Tx) error { return tx.SetSetupToken([32]byte{byte(i + 1)}, 1) }); err != nil {
			t.Fatal(err)
		}
	}
	var p Place
	if err := console.Read(t.Context(), func(tx *Tx) (err error) { p, err = tx.Place(); return err }); err != nil || p.SetupHash[0] != 4 {
		t.Fatal(p, err)
	}
}

func TestOddDirectoryNamesAreOnlyNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a?mode=memory&b#c%20 d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	reopen(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "chatalot.db")); err != nil {
		t.Fatal(err)
	}
}

func TestBackupIsWholeWhileInUse(t *testing.T) {
	s := open(t)
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
				s.Write(context.Background(), func(tx *Tx) error { _, err := tx.AppendLog("user", ToUser([16]byte{1}), n); return err })
				n++
			}
		}
	}()
	target := filepath.Join(t.TempDir(), "chatalot.db")
	for range 3 {
		if err := s.Backup(t.Context(), target); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-done
	o := options(t, filepath.Dir(target))
	copied, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	var rows, cursor int64
	err = copied.Read(t.Context(), func(tx *Tx) error {
		if cursor, err = tx.Cursor(); err != nil {
			return err
		}
		return tx.get([]any{&rows}, "SELECT count(*) FROM log")
	})
	if err != nil || rows != cursor {
		t.Fatal(rows, cursor, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(target), "*.new*")); len(left) != 0 {
		t.Fatal("left behind:", left)
	}
}
