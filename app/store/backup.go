package store

import "context"

// Backup writes a complete, verified copy of the database to path while it is in use. The copy appears under its name only when it is
// whole and on disk; an existing file there is replaced.
func (s *Store) Backup(ctx context.Context, path string) error {
	return s.copyVerified(ctx, path)
}
