package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"chatalot/app/doctor"
	"chatalot/app/store"
)

// copier makes the nightly copies of the database, each verified and restored once as a rehearsal. They lie on the same disk and hold no keys: they
// help against damage and mistakes, not against the loss of the machine.
type copier struct {
	store  *store.Store
	data   string // the place's data directory
	schema string // schema.sql
	keep   int    // how many copies stay; 0: none are made
	now    func() time.Time
	space  func(path string) (doctor.Space, error)
	log    *slog.Logger
}

const (
	copyPrefix  = "chatalot-"
	copySuffix  = ".db"
	copyLayout  = "20060102-1504" // local time
	rehearsals  = "rehearsal-"    // directories that a rehearsal works in
	copyEvery   = 24 * time.Hour
	spaceKept   = 200 << 20 // bytes that a copy must leave free, and a tenth of the disk
	spaceKeptIn = 10
)

func (c *copier) dir() string { return filepath.Join(c.data, doctor.CopiesDir) }

// catchUp makes a copy when the newest is older than a day: the place may have been off at night.
func (c *copier) catchUp(ctx context.Context) error {
	if last := c.last(); c.now().Sub(last.Taken) < copyEvery && !c.now().Before(last.Taken) {
		return nil
	}
	return c.copy(ctx)
}

// copy makes a copy, rehearses its restoration and writes down how it went. A place that is not set up yet has nothing to lose.
func (c *copier) copy(ctx context.Context) error {
	if c.keep == 0 {
		return nil
	}
	if set, err := c.isSetUp(ctx); err != nil || !set {
		return err
	}
	last := c.last()
	last.At, last.Trouble = c.now(), ""
	err := c.tryCopy(ctx, &last)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		last.Trouble = sentence(err)
	}
	return errors.Join(err, c.write(last))
}

// sentence is an error as a sentence of a finding.
func sentence(err error) string {
	text := strings.TrimSuffix(err.Error(), ".")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func (c *copier) isSetUp(ctx context.Context) (set bool, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		place, err := tx.Place()
		set = place.SetUp()
		return err
	})
	return set, err
}

func (c *copier) tryCopy(ctx context.Context, last *doctor.CopyRecord) error {
	if err := os.MkdirAll(c.dir(), 0o700); err != nil {
		return fmt.Errorf("make the directory of the copies: %w", err)
	}
	if err := c.sweep(); err != nil {
		return err
	}
	if err := c.room(); err != nil {
		return err
	}
	taken := c.now()
	name := copyPrefix + taken.Local().Format(copyLayout) + copySuffix
	path := filepath.Join(c.dir(), name)
	var before seen
	if err := c.store.BackupSeen(ctx, path, before.read); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	if err := c.rehearse(ctx, path, before); err != nil {
		os.Remove(path) // a copy that does not restore must not push out one that does
		return fmt.Errorf("the copy did not restore and was deleted: %w", err)
	}
	size, sum, err := digest(path)
	if err != nil {
		return fmt.Errorf("read the copy: %w", err)
	}
	last.File, last.Taken, last.Bytes, last.SHA256, last.Rows, last.Restored = name, taken, size, sum, before.total(), c.now()
	c.log.Info("a copy of the database was made, restored and checked", "bytes", size)
	return c.prune()
}

// room refuses a copy that would leave the disk nearly full; the rehearsal needs as much again for a while.
func (c *copier) room() error {
	disk, err := c.space(c.data)
	if err != nil {
		return fmt.Errorf("look at the disk: %w", err)
	}
	info, err := os.Stat(filepath.Join(c.data, databaseFile))
	if err != nil {
		return err
	}
	if left := disk.Free - 2*info.Size(); left < spaceKept || left*spaceKeptIn < disk.Total {
		return errors.New("the copy was left out, because it would leave less than 200 MiB or less than a tenth of the disk free")
	}
	return nil
}

// seen is what is compared between the database and its copy.
type seen struct {
	rows map[string]int64
	// place has the key fingerprint and whether a two-step key was used: a copy that lost either would refuse to start or lock people out.
	place store.Place
	totp  bool
}

func (s *seen) read(tx *store.Tx) (err error) {
	if s.rows, err = tx.RowCounts(); err != nil {
		return err
	}
	health, err := tx.Health()
	s.place, s.totp = health.Place, health.TOTPUsed
	return err
}

func (s *seen) total() (n int64) {
	for _, rows := range s.rows {
		n += rows
	}
	return n
}

// rehearse restores the copy into a directory of its own, as an operator would, opens it with the code that opens a place, and compares.
func (c *copier) rehearse(ctx context.Context, path string, want seen) error {
	dir, err := os.MkdirTemp(c.dir(), rehearsals+"*") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	restored := filepath.Join(dir, databaseFile)
	if err := copyFile(restored, path); err != nil {
		return fmt.Errorf("restore it: %w", err)
	}
	s, err := store.Open(ctx, store.Options{Path: restored, Schema: c.schema, Now: c.now, Fatal: func(error) {}}) // damage to a copy is no reason to end the place
	if err != nil {
		return err
	}
	var got seen
	err = s.Read(ctx, func(tx *store.Tx) error {
		if err := tx.IntegrityCheck(); err != nil {
			return err
		}
		return got.read(tx)
	})
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	if !maps.Equal(got.rows, want.rows) || !reflect.DeepEqual(got.place, want.place) || got.totp != want.totp {
		return errors.New("it does not hold the same rows as the database")
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func digest(path string) (size int64, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// sweep removes what a copy that was cut off has left.
func (c *copier) sweep() error {
	entries, err := os.ReadDir(c.dir())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), rehearsals) || strings.HasPrefix(e.Name(), copyPrefix) && !strings.HasSuffix(e.Name(), copySuffix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(c.dir(), e.Name())))
		}
	}
	return err
}

// prune deletes all but the newest copies; their names sort by time.
func age(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (c *copier) prune() error {
	names, err := filepath.Glob(filepath.Join(c.dir(), copyPrefix+"*"+copySuffix))
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b string) int { return age(a).Compare(age(b)) }) // not by name: a clock that ran ahead once would win for good
	for _, old := range names[:max(0, len(names)-c.keep)] {
		err = errors.Join(err, os.Remove(old))
	}
	return err
}

// last is what was written down of the copies; the zero value when there is nothing, or nothing that can be read.
func (c *copier) last() (last doctor.CopyRecord) {
	text, err := os.ReadFile(filepath.Join(c.dir(), doctor.RecordFile))
	if err != nil {
		return last
	}
	if json.Unmarshal(text, &last) != nil {
		return doctor.CopyRecord{}
	}
	return last
}

func (c *copier) write(last doctor.CopyRecord) error {
	text, err := json.MarshalIndent(last, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir(), 0o700); err != nil {
		return err
	}
	path := filepath.Join(c.dir(), doctor.RecordFile)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
