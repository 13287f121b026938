// Package store keeps everything in one SQLite file: the engine (open, one writer, readers, backup) and all SQL, a file per noun.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

// Options are what a store needs to know.
type Options struct {
	Path   string           // of the database file; its directory must exist. Files beside it: Path + ".lock", "-wal", "-shm", ".pre-vN"
	Schema string           // schema.sql: applied to a new database
	Beside bool             // open a database that another process may be serving: takes no lock, neither makes nor migrates one
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: discarded
	// Fatal is called once, on an I/O error or a damaged file (SECURITY.md D6): what the disk holds is unknown from then on, so the
	// process must end and recover by starting again. It must not call back into the store. Every call after it fails with ErrBroken.
	// Nil ends the process with status 74 (EX_IOERR of sysexits).
	Fatal func(error)
}

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	path   string
	now    func() time.Time
	log    *slog.Logger
	fatal  func(error)
	lock   *os.File
	writer *conn
	pool   pool

	jobs         chan *job
	closing      chan struct{}
	ended        chan struct{} // the writer has finished
	closeOnce    sync.Once
	wg           sync.WaitGroup
	broken       atomic.Bool
	committed    atomic.Pointer[func(Commit)]
	writtenPages int           // since the last checkpoint; the writer's own
	flush        chan struct{} // the writer has left enough in the WAL for a checkpoint
	looks        chan chan bool
	seenVersion  int64 // of the file, as the writer last saw it; the writer's own
}

// Open opens the database at o.Path, makes it when the place is new, and brings an older one up to date after a verified copy
// (SECURITY.md D2). The errors a person can act on are ErrInUse, ErrForeign, ErrNewer, ErrMissing and ErrDamaged.
func Open(ctx context.Context, o Options) (*Store, error) {
	processWide()
	s := newStore(o)
	if err := s.open(ctx, o); err != nil {
		s.release()
		return nil, err
	}
	s.wg.Go(s.writeLoop)
	s.wg.Go(s.checkpointLoop)
	return s, nil
}

func newStore(o Options) *Store {
	s := &Store{path: o.Path, now: o.Now, log: o.Log, fatal: o.Fatal,
		jobs: make(chan *job, maxBatch), closing: make(chan struct{}), ended: make(chan struct{}), flush: make(chan struct{}, 1), looks: make(chan chan bool)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.fatal == nil {
		s.fatal = func(error) { os.Exit(74) }
	}
	s.pool = newPool(o.Path)
	return s
}

// processWide sets the two switches of the driver that hold for the whole process and must be set before the first file is opened.
func processWide() {
	sqlite.StrictPragmas(true)
	if _, err := sqlite.OFDLocking(true); err != nil {
		return // not Linux: POSIX locks do, as long as nobody else in the process opens the file
	}
}

func (s *Store) open(ctx context.Context, o Options) error {
	if !o.Beside {
		if err := s.takeLock(); err != nil {
			return err
		}
	}
	unclean, err := s.find(ctx, o)
	if err != nil {
		return err
	}
	if s.writer, err = dial(ctx, s.path, ""); err != nil {
		return s.explain(err)
	}
	if err := s.identify(ctx, o); err != nil {
		return err
	}
	if unclean {
		if err := s.quickCheck(ctx); err != nil {
			return err
		}
	}
	if o.Beside {
		return nil
	}
	if s.seenVersion, err = s.dataVersion(); err != nil {
		return s.explain(err)
	}
	return s.mark()
}

// Close lets the queued writes finish, writes the WAL back into the file and closes it.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { close(s.closing) })
	s.wg.Wait()
	return s.release()
}

func (s *Store) release() error {
	err := s.pool.close()
	if s.writer != nil {
		err = errors.Join(err, s.writer.close())
		s.writer = nil
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

// Ping asks the database for its newest cursor: nil means that it answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.Read(ctx, func(tx *Tx) error {
		_, err := tx.Cursor()
		return err
	})
}

// OnCommitted sets the one hook that learns of every commit, in commit order, on the writer's goroutine, before the writes in it are
// acknowledged. It must return quickly and must not call the store.
func (s *Store) OnCommitted(hook func(Commit)) { s.committed.Store(&hook) }

// fail sorts a driver error: what leaves the file in doubt breaks the store and calls Fatal.
func (s *Store) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	if isFatal(err) && !s.broken.Swap(true) {
		s.log.Error("the database cannot be trusted any more; stopping", "doing", doing, "err", err)
		s.fatal(fmt.Errorf("%s: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}
