package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"chatalot/app/wire"
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

func TestReaderSeesWhatWasAcknowledgedAndNothingElse(t *testing.T) {
	s := open(t)
	inside, seen := make(chan struct{}), make(chan struct{})
	go s.Write(context.Background(), func(tx *Tx) error {
		if _, err := tx.AppendLog("user", ToUser(wire.UserID{1}), 1); err != nil {
			return err
		}
		close(inside)
		<-seen
		return nil
	})
	var before int64
	err := s.Read(t.Context(), func(tx *Tx) (err error) {
		<-inside // the write has happened but is not committed
		before, err = tx.Cursor()
		close(seen)
		return err
	})
	if err != nil || before != 0 {
		t.Fatal(before, err)
	}
	if err := s.Write(t.Context(), func(tx *Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var after int64
	if err := s.Read(t.Context(), func(tx *Tx) (err error) { after, err = tx.Cursor(); return err }); err != nil || after != 1 {
		t.Fatal(after, err)
	}
}

func TestHookHearsCommitsInOrderBeforeTheWriterDoes(t *testing.T) {
	s := open(t)
	var mu sync.Mutex
	var heard []int64
	s.OnCommitted(func(c Commit) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range c.Rows {
			heard = append(heard, r.Seq)
		}
	})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var seq int64
			later := false
			err := s.Write(t.Context(), func(tx *Tx) (err error) {
				tx.OnCommit(func() { later = true })
				if seq, err = tx.AppendLog("user", ToUser(wire.UserID{1}), i); i%3 == 0 {
					return errors.New("taken back")
				}
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if told := slices.Contains(heard, seq); err == nil && (!told || !later) {
				t.Errorf("write %d was acknowledged before the hook heard of it", seq)
			}
			if err != nil && later {
				t.Error("a write that failed was told")
			}
		})
	}
	wg.Wait()
	if len(heard) != 33 || !slices.IsSorted(heard) {
		t.Fatalf("heard %v", heard)
	}
}

func TestPanicStaysWithItsWriter(t *testing.T) {
	s := open(t)
	func() {
		defer func() {
			if recover() != "oops" {
				t.Error("the panic was lost")
			}
		}()
		s.Write(t.Context(), func(tx *Tx) error {
			tx.AppendLog("user", ToUser(wire.UserID{1}), 1)
			panic("oops")
		})
	}()
	if n, err := count(t, s); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	if err := s.Write(t.Context(), func(tx *Tx) error { _, err := tx.AppendLog("user", ToUser(wire.UserID{1}), 1); return err }); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, s *Store) (n int, err error) {
	t.Helper()
	err = s.Read(t.Context(), func(tx *Tx) error { return tx.get([]any{&n}, "SELECT count(*) FROM log") })
	return n, err
}

func TestWithdrawnWriteNeverHappens(t *testing.T) {
	s := open(t)
	busy, release := make(chan struct{}), make(chan struct{})
	go s.Write(context.Background(), func(*Tx) error { close(busy); <-release; return nil })
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		result <- s.Write(ctx, func(tx *Tx) error { _, err := tx.AppendLog("user", ToUser(wire.UserID{1}), 1); return err })
	}()
	for len(s.jobs) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(release)
	if err := s.Write(t.Context(), func(*Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if n, err := count(t, s); err != nil || n != 0 {
		t.Fatal(n, err)
	}
}

func TestFullDiskRefusesWritesAndRecovers(t *testing.T) {
	s := open(t)
	big := strings.Repeat("x", 100_000)
	put := func() error {
		return s.Write(t.Context(), func(tx *Tx) error { _, err := tx.AppendLog("user", ToUser(wire.UserID{1}), big); return err })
	}
	limit := func(pages int) {
		t.Helper()
		err := s.Write(t.Context(), func(tx *Tx) error { _, err := tx.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(200)
	ok, failed := 0, 0
	for range 20 {
		switch err := put(); {
		case err == nil:
			ok++
		case errors.Is(err, ErrFull):
			failed++
			if told, ok := errors.AsType[*wire.Error](err); !ok || told.Code != wire.Unavailable {
				t.Fatalf("nobody is told what to do: %v", err)
			}
		default:
			t.Fatal(err)
		}
	}
	if n, err := count(t, s); err != nil || n != ok || failed == 0 {
		t.Fatalf("%d acknowledged, %d refused, %d there, %v", ok, failed, n, err)
	}
	limit(100_000)
	if err := put(); err != nil {
		t.Fatal("did not recover:", err)
	}
}

func TestClosedStoreRefusesPolitely(t *testing.T) {
	s, err := Open(t.Context(), options(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	acked := atomic.Int64{}
	for range 20 {
		wg.Go(func() {
			for s.Write(context.Background(), func(tx *Tx) error { _, err := tx.AppendLog("user", ToUser(wire.UserID{1}), 1); return err }) == nil {
				acked.Add(1)
			}
		})
	}
	for acked.Load() < 20 {
		runtime.Gosched()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := s.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	again := reopen(t, filepath.Dir(s.path))
	if n, err := count(t, again); err != nil || int64(n) != acked.Load() {
		t.Fatalf("%d there, %d acknowledged, %v", n, acked.Load(), err)
	}
}

func TestWalStaysSmall(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, dir)
	body := strings.Repeat("x", 4000)
	for range 50 {
		err := s.Write(t.Context(), func(tx *Tx) error {
			for range 200 {
				if _, err := tx.AppendLog("user", ToUser(wire.UserID{1}), body); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "chatalot.db-wal"))
	if err != nil || info.Size() > 36<<20 { // 50 MB were written
		t.Fatal(info.Size(), err)
	}
}
