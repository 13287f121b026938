package store

import (
	"context"
	"time"
)

// lookEvery is how often the writer is asked whether another process has written: what the console does beside a running place takes effect
// within about this time.
const lookEvery = time.Second

// OnForeign has hook called, on a goroutine of the store's own, after another process has committed a write, at the latest a second later:
// what memory holds of the database is out of date then. Commits since Open count. The hook may use the store; Close waits for it.
// To be called once, before Close.
func (s *Store) OnForeign(hook func()) { s.wg.Go(func() { s.watchForeign(hook) }) }

func (s *Store) watchForeign(hook func()) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.closing:
			return
		}
		if s.foreignCommits() {
			hook()
		}
	}
}

// foreignCommits asks the writer between two of its batches, for only on its own connection are its own commits not foreign.
func (s *Store) foreignCommits() bool {
	answer := make(chan bool, 1)
	select {
	case s.looks <- answer:
		return <-answer
	case <-s.closing:
		return false
	}
}

// look compares the counter of https://www.sqlite.org/pragma.html#pragma_data_version: it reads no page and takes no lock that a writer waits for.
func (s *Store) look() bool {
	if s.broken.Load() {
		return false
	}
	version, err := s.dataVersion()
	if err != nil {
		s.fail("look for writes of others", err)
		return false
	}
	changed := version != s.seenVersion
	s.seenVersion = version
	return changed
}

func (s *Store) dataVersion() (version int64, err error) {
	st, err := s.writer.prepare("PRAGMA data_version")
	if err == nil {
		err = st.QueryRowContext(context.Background()).Scan(&version)
	}
	return version, err
}
