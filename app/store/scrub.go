package store

import "context"

// scrubTime is far shorter than the writer itself waits for its lock.
const scrubTime = "PRAGMA busy_timeout = 1000" // ms

// Scrub writes the WAL back into the file and empties it, so that what earlier writes removed stands in neither of them: SQLite itself overwrites
// only what is in the file (secure_delete), and the WAL keeps older pages until it is used anew. Writes wait meanwhile, so it gives readers under way
// scrubTime to end; when one goes on longer, the WAL is overwritten in the course of time.
func (s *Store) Scrub(ctx context.Context) {
	busy, err := s.truncateWAL(ctx)
	switch {
	case err != nil && isFatal(err):
		s.fail("empty the write-ahead log", err)
	case err != nil || busy:
		s.log.Info("the write-ahead log is in use and is emptied later", "err", err)
	}
}

func (s *Store) truncateWAL(ctx context.Context) (busy bool, err error) {
	c, err := dial(ctx, s.path, "")
	if err != nil {
		return false, err
	}
	defer c.close()
	if err := c.script(ctx, scrubTime); err != nil {
		return false, err
	}
	var pages, done int64
	err = c.c.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
	return busy, err
}
