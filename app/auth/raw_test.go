package auth

import (
	"database/sql"
	"strings"
	"testing"
)

// raw runs SQL over a connection of its own, as another program would; a query gives its number.
func raw(t *testing.T, path string) func(query string, args ...any) int64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return func(query string, args ...any) (n int64) {
		t.Helper()
		if strings.HasPrefix(query, "SELECT") {
			err = db.QueryRow(query, args...).Scan(&n)
		} else {
			_, err = db.Exec(query, args...)
		}
		if err != nil {
			t.Fatal(query, err)
		}
		return n
	}
}
