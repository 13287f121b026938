package store

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// old leaves a database of an older version in a fresh directory, with a row in it.
func old(t *testing.T, version int) (dir, path string) {
	t.Helper()
	schema, err := os.ReadFile(fmt.Sprintf("testdata/schema-%d.sql", version))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	path = filepath.Join(dir, "chatalot.db")
	raw(t, path, string(schema), fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", version),
		"UPDATE place SET name = 'kept'")
	return dir, path
}

// shape is everything SQLite knows of a schema, one line an object, white space and comments aside.
func shape(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT m.type || ' ' || m.name || ' ' || CASE WHEN m.type = 'table' THEN '' ELSE coalesce(m.sql, '') END || coalesce((SELECT group_concat(i.name || ' ' || i.type || ' ' || i."notnull" || ' ' ||
		coalesce(i.dflt_value, '') || ' ' || i.pk, ', ') FROM pragma_table_info(m.name) i), '') FROM sqlite_schema m WHERE m.name NOT LIKE 'sqlite_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

// TestEveryOldVersionComesToTheSchema: old schema + migrations = schema.sql. Until the first release, a change of schema.sql is copied to
// testdata/schema-1.sql; from then on it is a migration.
func TestEveryOldVersionComesToTheSchema(t *testing.T) {
	_, fresh := made(t)
	want := shape(t, fresh)
	for v := 1; v <= Version(); v++ {
		dir, path := old(t, v)
		s, err := Open(t.Context(), options(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := shape(t, path); !slices.Equal(got, want) {
			t.Errorf("version %d becomes\n%s\nnot\n%s", v, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// migrated opens an old database with the given steps in place of the program's own.
func migrated(t *testing.T, dir string, version int, steps []string) (*Store, error) {
	t.Helper()
	s := newStore(options(t, dir))
	t.Cleanup(func() { s.release() })
	var err error
	if s.writer, err = dial(t.Context(), s.path, ""); err != nil {
		t.Fatal(err)
	}
	return s, s.migrate(t.Context(), version, steps)
}

func TestMigrationKeepsACopyOfTheOldDatabase(t *testing.T) {
	dir, path := old(t, 1)
	s, err := migrated(t, dir, 1, []string{"ALTER TABLE place ADD COLUMN motto TEXT; UPDATE place SET motto = name || '!';", "CREATE TABLE extra (x INTEGER) STRICT;"})
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := s.writer.number(t.Context(), "PRAGMA user_version"); v != 3 {
		t.Fatalf("version %d", v)
	}
	if m, err := s.writer.text(t.Context(), "SELECT motto FROM place"); err != nil || m != "kept!" {
		t.Fatal(m, err)
	}
	c, err := dial(t.Context(), path+".pre-v3", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if v, _ := c.number(t.Context(), "PRAGMA user_version"); v != 1 {
		t.Fatalf("the copy has version %d", v)
	}
	if name, err := c.text(t.Context(), "SELECT name FROM place"); err != nil || name != "kept" {
		t.Fatal(name, err)
	}
}

func TestFailedMigrationLeavesTheLastWholeVersion(t *testing.T) {
	for name, bad := range map[string]string{
		"broken SQL": "CREATE TABLE half (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);",
		"orphans":    "INSERT INTO vault (user_id, version, sealed) VALUES (randomblob(16), 1, x'00');",
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := old(t, 1)
			s, err := migrated(t, dir, 1, []string{"CREATE TABLE first (x INTEGER) STRICT;", bad})
			if err == nil {
				t.Fatal("migrated")
			}
			if v, _ := s.writer.number(t.Context(), "PRAGMA user_version"); v != 2 {
				t.Fatalf("version %d", v)
			}
			if n, _ := s.writer.number(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"); n != 0 {
				t.Fatal("half a step is there")
			}
			if _, err := os.Stat(path + ".pre-v3"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestMigrationDoesNotStartWithoutItsCopy(t *testing.T) {
	dir, path := old(t, 1)
	if err := os.Mkdir(path+".pre-v2", 0o700); err != nil { // the copy cannot get its name
		t.Fatal(err)
	}
	os.WriteFile(path+".pre-v2/x", nil, 0o600)
	s, err := migrated(t, dir, 1, []string{"CREATE TABLE first (x INTEGER) STRICT;"})
	if err == nil {
		t.Fatal("migrated without a copy")
	}
	if v, _ := s.writer.number(t.Context(), "PRAGMA user_version"); v != 1 {
		t.Fatalf("version %d", v)
	}
}

func TestDamagedDatabaseIsNotMigrated(t *testing.T) {
	dir, _ := old(t, 1)
	s := newStore(options(t, dir))
	if err := s.copyVerified(t.Context(), filepath.Join(dir, "none", "copy"), nil); err == nil || errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}
