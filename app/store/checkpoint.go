package store

import (
	"context"
	"time"
)

const (
	checkpointPages = 1000 // 4 MiB of WAL
	checkpointEvery = 5 * time.Minute
	walAlarm        = 64 << 20 // bytes; a reader that never ends keeps the WAL from being reused
)

// countPages rings for a checkpoint when the writer has written enough.
func (s *Store) countPages() {
	n, err := s.writer.pagesWritten()
	if err != nil {
		return // a wrong count only moves a checkpoint
	}
	if s.writtenPages += n; s.writtenPages < checkpointPages {
		return
	}
	s.writtenPages = 0
	select {
	case s.flush <- struct{}{}:
	default:
	}
}

// checkpointLoop copies the WAL back into the file on a connection of its own: done inside a commit it would make everybody wait
// for the flash memory. PASSIVE never waits for readers or the writer.
func (s *Store) checkpointLoop() {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.flush:
		case <-tick.C:
		}
		if err := s.checkpoint(); err != nil && !s.broken.Load() {
			s.fail("checkpoint", err)
		}
	}
}

func (s *Store) checkpoint() error {
	c, err := dial(context.Background(), s.path, "")
	if err != nil {
		return err
	}
	defer c.close()
	var busy, pages, done int64
	row := c.c.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
	if err := row.Scan(&busy, &pages, &done); err != nil {
		return err
	}
	if size := pages * pageSize; size > walAlarm {
		s.log.Error("the write-ahead log is growing: something reads without end", "bytes", size, "pages_left", pages-done)
	}
	return nil
}

const pageSize = 4096 // SQLite's default, which the schema does not change
