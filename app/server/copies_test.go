package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatalot/app/doctor"
	"chatalot/app/store"
	"chatalot/app/wire"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newCopier is a place that is set up, on a disk with room, at a time that the test moves.
func newCopier(t *testing.T) (c *copier, now *time.Time) {
	t.Helper()
	schema, err := os.ReadFile("../../schema.sql")
	must(t, err)
	data := t.TempDir()
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.Local)
	now = &at
	clock := func() time.Time { return *now }
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(data, databaseFile), Schema: string(schema), Now: clock})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.FinishSetup("Birch Lane", wire.InviteOnly), tx.Audit(wire.AuditEntry{What: wire.ActSetUp}))
	}))
	return &copier{store: s, data: data, schema: string(schema), keep: 3, now: clock, log: slog.New(slog.DiscardHandler),
		space: func(string) (doctor.Space, error) { return doctor.Space{Free: 50 << 30, Total: 100 << 30}, nil }}, now
}

func (c *copier) files(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(c.dir())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	return names
}

func TestACopyIsMadeRestoredAndWrittenDown(t *testing.T) {
	c, now := newCopier(t)
	must(t, c.copy(t.Context()))
	last := c.last()
	if last.File != "chatalot-20261123-0300.db" || !last.Taken.Equal(*now) || last.Restored.Before(last.Taken) || last.Rows < 2 || last.Trouble != "" || len(last.SHA256) != 64 {
		t.Errorf("%+v", last)
	}
	if info, err := os.Stat(c.dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v %v", info.Mode(), err)
	}
	if got := c.files(t); !slices.Equal(got, []string{"chatalot-20261123-0300.db", "last.json"}) {
		t.Errorf("left behind: %v", got)
	}
	v, err := store.Look(t.Context(), filepath.Join(c.dir(), last.File), false)
	must(t, err)
	defer v.Close()
	must(t, v.Read(t.Context(), func(tx *store.Tx) error {
		place, err := tx.Place()
		if place.Name != "Birch Lane" {
			t.Errorf("the copy is of %q", place.Name)
		}
		return err
	}))
}

func TestOnlyTheNewestCopiesAreKept(t *testing.T) {
	c, now := newCopier(t)
	for range 5 {
		must(t, c.copy(t.Context()))
		*now = now.AddDate(0, 0, 1)
	}
	if got := c.files(t); !slices.Equal(got, []string{"chatalot-20261125-0300.db", "chatalot-20261126-0300.db", "chatalot-20261127-0300.db", "last.json"}) {
		t.Errorf("kept %v", got)
	}
}

func TestAMissedNightIsCaughtUpWithOnce(t *testing.T) {
	c, now := newCopier(t)
	must(t, c.catchUp(t.Context()))
	first := c.last()
	*now = now.Add(23 * time.Hour)
	must(t, c.catchUp(t.Context()))
	if !c.last().Taken.Equal(first.Taken) {
		t.Error("a copy was made though the last is younger than a day")
	}
	*now = now.Add(time.Hour)
	must(t, c.catchUp(t.Context()))
	if !c.last().Taken.Equal(*now) {
		t.Error("no copy was made though the last is a day old")
	}
	*now = now.AddDate(-1, 0, 0) // the clock was put right: a copy from the future is no reason to make none for a year
	must(t, c.catchUp(t.Context()))
	if !c.last().Taken.Equal(*now) {
		t.Error("no copy was made after the clock had gone back")
	}
}

func TestNoCopyOfAPlaceThatIsNotSetUpOrWantsNone(t *testing.T) {
	c, _ := newCopier(t)
	c.keep = 0
	must(t, c.copy(t.Context()))
	schema, err := os.ReadFile("../../schema.sql")
	must(t, err)
	c.keep = 3
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), databaseFile), Schema: string(schema)})
	must(t, err)
	defer s.Close()
	c.store = s
	must(t, c.copy(t.Context()))
	if got := c.files(t); got != nil {
		t.Errorf("made %v", got)
	}
}

func TestACopyThatWouldFillTheDiskIsLeftOutAndSaysSo(t *testing.T) {
	for name, disk := range map[string]doctor.Space{"200 MiB": {Free: 190 << 20, Total: 1 << 30}, "a tenth": {Free: 9 << 30, Total: 100 << 30}} {
		c, _ := newCopier(t)
		must(t, c.copy(t.Context()))
		before := c.last()
		c.space = func(string) (doctor.Space, error) { return disk, nil }
		if err := c.copy(t.Context()); err == nil || !strings.Contains(err.Error(), "left out") {
			t.Errorf("%s: %v", name, err)
		}
		if last := c.last(); last.File != before.File || !strings.Contains(last.Trouble, "left out") {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

// TestACopyThatDoesNotRestoreIsNoticed damages a copy between its making and its rehearsal.
func TestACopyThatDoesNotRestoreIsNoticed(t *testing.T) {
	c, _ := newCopier(t)
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, os.MkdirAll(c.dir(), 0o700))
	var want seen
	must(t, c.store.BackupSeen(t.Context(), path, want.read))
	must(t, c.rehearse(t.Context(), path, want))

	fewer := seen{rows: map[string]int64{"user": 7}, place: want.place}
	if err := c.rehearse(t.Context(), path, fewer); err == nil || !strings.Contains(err.Error(), "same rows") {
		t.Errorf("a copy with other rows: %v", err)
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"a page overwritten": func(b []byte) []byte { copy(b[4096:], strings.Repeat("\xff", 4096)); return b },
		"cut off":            func(b []byte) []byte { return b[:len(b)/2] },
		"empty":              func([]byte) []byte { return nil },
		"another program's":  func(b []byte) []byte { copy(b[68:72], "NOPE"); return b },
	} {
		text, err := os.ReadFile(path)
		must(t, err)
		bad := filepath.Join(t.TempDir(), "bad.db")
		must(t, os.WriteFile(bad, spoil(text), 0o600))
		if err := c.rehearse(t.Context(), bad, want); err == nil {
			t.Errorf("%s: it restored", name)
		}
	}
	if got := c.files(t); got != nil {
		t.Errorf("the rehearsals left %v", got)
	}
}

func TestWhatACutOffCopyLeftIsSweptAway(t *testing.T) {
	c, _ := newCopier(t)
	must(t, os.MkdirAll(filepath.Join(c.dir(), rehearsals+"1"), 0o700))
	for _, name := range []string{rehearsals + "1/chatalot.db", "chatalot-20261122-0300.db.new", "chatalot-20261122-0300.db.new-wal"} {
		must(t, os.WriteFile(filepath.Join(c.dir(), name), nil, 0o600))
	}
	must(t, c.copy(t.Context()))
	if got := c.files(t); !slices.Equal(got, []string{"chatalot-20261123-0300.db", "last.json"}) {
		t.Errorf("left %v", got)
	}
}

func TestJobsRunSoonAfterTheStartAndEveryNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var ran []time.Time
		note := func(context.Context) error {
			ran = append(ran, time.Now())
			return errors.New("a failure ends nothing")
		}
		done, first := make(chan struct{}), make(chan struct{})
		began := time.Now()
		go func() {
			nightly(ctx, []Job{{Name: "test", Run: note, Start: note}}, first, time.Now, slog.New(slog.DiscardHandler))
			close(done)
		}()
		time.Sleep(time.Minute)
		close(first) // the place is set up
		time.Sleep(72 * time.Hour)
		cancel()
		<-done
		if len(ran) != 5 || ran[0].Sub(began) != settle || ran[1].Sub(began) != time.Minute {
			t.Fatalf("ran at %v", ran)
		}
		for _, at := range ran[2:] {
			if h, m, s := at.Clock(); h != nightHour || m != 0 || s != 0 {
				t.Errorf("ran at %v", at)
			}
		}
	})
}

func TestTheNextNightIsAlwaysAhead(t *testing.T) {
	for _, c := range []struct{ now, want string }{
		{"2026-11-23T02:59:59Z", "2026-11-23T03:00:00Z"}, {"2026-11-23T03:00:00Z", "2026-11-24T03:00:00Z"}, {"2026-12-31T12:00:00Z", "2027-01-01T03:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		must(t, err)
		if got := nextNight(now).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s, want %s", c.now, got, c.want)
		}
	}
}
