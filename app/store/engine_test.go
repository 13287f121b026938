package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// schema is schema.sql as the program embeds it.
func schema(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("../../schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func options(t testing.TB, dir string) Options {
	return Options{Path: filepath.Join(dir, "chatalot.db"), Schema: schema(t), Fatal: func(err error) { t.Errorf("fatal: %v", err) }}
}

// open opens a store in a fresh directory and closes it with the test.
func open(t testing.TB) *Store {
	t.Helper()
	return reopen(t, t.TempDir())
}

func reopen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return s
}

func TestReadersCannotWrite(t *testing.T) {
	s := open(t)
	err := s.Read(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("UPDATE place SET name = 'x'")
		return err
	})
	if err == nil {
		t.Fatal("a reader wrote")
	}
}

func TestFailedWriteLeavesItsNeighboursWhole(t *testing.T) {
	s := open(t)
	boom := errors.New("boom")
	errs := make(chan error, 40)
	for i := range 40 {
		go func() {
			errs <- s.Write(t.Context(), func(tx *Tx) error {
				if _, err := tx.AppendLog("user", ToUser([16]byte{1}), i); err != nil {
					return err
				}
				if i%2 == 1 {
					return boom
				}
				return nil
			})
		}()
	}
	failed := 0
	for range 40 {
		if err := <-errs; errors.Is(err, boom) {
			failed++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := s.Read(t.Context(), func(tx *Tx) error { return tx.get([]any{&n}, "SELECT count(*) FROM log") }); err != nil {
		t.Fatal(err)
	}
	if failed != 20 || n != 20 {
		t.Fatalf("%d failed, %d rows; want 20 and 20", failed, n)
	}
}
