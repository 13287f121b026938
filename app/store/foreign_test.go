package store

import (
	"path/filepath"
	"testing"
)

func beside(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: filepath.Join(dir, "chatalot.db"), Beside: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func rename(t testing.TB, s *Store, name string) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *Tx) error {
		return tx.execOne("UPDATE place SET name = ? WHERE id = 1", name)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyCommitsOfOthersAreForeign(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, dir)
	other := beside(t, dir)
	want := func(doing string, foreign bool) {
		t.Helper()
		if got := s.foreignCommits(); got != foreign {
			t.Errorf("%s: foreign is %v", doing, got)
		}
	}
	want("nothing", false)
	rename(t, s, "own")
	want("an own commit", false)
	rename(t, other, "theirs")
	want("a commit of another", true)
	want("after it was seen", false)
	rename(t, other, "theirs again")
	rename(t, s, "own again")
	want("an own commit after another's", true)
	if err := s.checkpoint(); err != nil {
		t.Fatal(err)
	}
	want("a checkpoint", false)
	if err := s.Backup(t.Context(), filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	want("a backup", false)
	if err := other.Read(t.Context(), func(tx *Tx) error { _, err := tx.Place(); return err }); err != nil {
		t.Fatal(err)
	}
	want("another's reading", false)
}

func TestTheHookHearsOfACommitThatCameBeforeIt(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, dir)
	rename(t, beside(t, dir), "theirs")
	heard := make(chan string, 1)
	s.OnForeign(func() {
		var place Place
		if err := s.Read(t.Context(), func(tx *Tx) (err error) { place, err = tx.Place(); return err }); err != nil {
			t.Error(err)
		}
		heard <- place.Name
	})
	if name := <-heard; name != "theirs" {
		t.Errorf("the hook read %q", name)
	}
}

// BenchmarkLook is what the writer gives each second to learn whether another process wrote.
func BenchmarkLook(b *testing.B) {
	s := open(b)
	for b.Loop() {
		if s.foreignCommits() {
			b.Fatal("nobody else is there")
		}
	}
}
