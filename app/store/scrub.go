package store

import "context"

// Scrub writes the WAL back into the file and empties it, so that what earlier writes removed stands in neither of them: SQLite itself overwrites
// only what is in the file (secure_delete), and the WAL keeps older pages until it is used anew. It waits for readers under way, a few seconds at
// most; when one goes on longer, the regular checkpoints do the same later.
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
	var pages, done int64
	err = c.c.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
	return busy, err
}
