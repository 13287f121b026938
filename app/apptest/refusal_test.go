package apptest_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// N60 of SECURITY.md: each reason not to start has an exit status of its own and one clear line.
func TestEveryReasonNotToStartHasItsOwnStatusAndOneLine(t *testing.T) {
	used, other := usedPlace(t), usedPlace(t)
	secret := func(data, name string) string { return filepath.Join(data, "secrets", name) }
	write := func(name, text string) func(string) error {
		return func(data string) error { return os.WriteFile(filepath.Join(data, name), []byte(text), 0o600) }
	}
	mode := func(name string, mode os.FileMode) func(string) error {
		return func(data string) error { return os.Chmod(filepath.Join(data, name), mode) }
	}
	remove := func(name string) func(string) error {
		return func(data string) error { return os.Remove(filepath.Join(data, name)) }
	}
	borrow := func(name string) func(string) error {
		return func(data string) error {
			text, err := os.ReadFile(secret(other, name))
			return errors.Join(err, os.WriteFile(secret(data, name), text, 0o600))
		}
	}
	change := func(query string) func(string) error {
		return func(data string) error {
			db, err := sql.Open("sqlite", filepath.Join(data, "chatalot.db"))
			if err != nil {
				return err
			}
			_, err = db.Exec(query)
			return errors.Join(err, db.Close())
		}
	}
	nothing := func(string) error { return nil }
	for _, c := range []struct {
		name   string
		spoil  func(data string) error
		status int
		says   string
		args   []string // DATA stands for the data directory
		env    string
	}{
		{name: "no TOTP key", spoil: remove("secrets/totp.key"), status: 83, says: "put it back from your backup"},
		{name: "malformed TOTP key", spoil: write("secrets/totp.key", "secret\n"), status: 84, says: "64 hex digits"},
		{name: "wrong TOTP key", spoil: borrow("totp.key"), status: 85, says: "not the key this place has used"},
		{name: "readable TOTP key", spoil: mode("secrets/totp.key", 0o640), status: 77, says: "chmod 0600"},
		{name: "readable private key", spoil: mode("secrets/jwt_private.pem", 0o644), status: 77, says: "chmod 0600"},
		{name: "no private key", spoil: remove("secrets/jwt_private.pem"), status: 80, says: "put it back from your backup"},
		{name: "malformed private key", spoil: write("secrets/jwt_private.pem", "x"), status: 81, says: "PEM block"},
		{name: "keys that are no pair", spoil: borrow("jwt_public.pem"), status: 82, says: "does not belong"},
		{name: "readable settings", spoil: func(data string) error {
			return errors.Join(write("place.toml", "")(data), mode("place.toml", 0o644)(data))
		},
			status: 86, says: "chmod 0600", args: []string{"--config", "DATA/place.toml"}},
		{name: "wrong settings", spoil: write("place.toml", "colour = 1\n"), status: 78, says: "no such key", args: []string{"--config", "DATA/place.toml"}},
		{name: "newer schema", spoil: change("PRAGMA user_version = 9999"), status: 76, says: "newer chatalot"},
		{name: "foreign application id", spoil: change("PRAGMA application_id = 1"), status: 65, says: "another program"},
		{name: "empty database", spoil: write("chatalot.db", ""), status: 70, says: "Put a backup in its place"},
		{name: "lost database", spoil: remove("chatalot.db"), status: 66, says: "Put a backup in its place"},
		{name: "clock before the build", spoil: nothing, status: 87, says: "Wait for the network time", env: childBuilt + "=" + time.Now().Add(48*time.Hour).Format(time.RFC3339)},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			must(t, os.CopyFS(data, os.DirFS(used)))
			must(t, filepath.WalkDir(data, closeToOthers))
			must(t, c.spoil(data))
			cmd := command(append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, c.args...)...)
			for i := range cmd.Args {
				cmd.Args[i] = strings.Replace(cmd.Args[i], "DATA", data, 1)
			}
			if c.env != "" {
				cmd.Env = append(cmd.Env, c.env)
			}
			demandRefusal(t, run(t, cmd), c.status, c.says)
		})
	}
	t.Run("second instance", func(t *testing.T) {
		first := serve(t, command("serve", "--data", used, "--listen", "127.0.0.1:0"))
		demandRefusal(t, run(t, command("serve", "--data", used, "--listen", "127.0.0.1:0")), 75, "already running")
		first.stop(t)
	})
}

// closeToOthers gives a copy the modes that the place itself gives.
func closeToOthers(path string, d os.DirEntry, err error) error {
	if err == nil && d.IsDir() {
		return os.Chmod(path, 0o700)
	}
	return errors.Join(err, os.Chmod(path, 0o600))
}

func demandRefusal(t *testing.T, got ran, status int, says string) {
	t.Helper()
	if got.status != status || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.HasSuffix(got.err, "\n") || !strings.Contains(got.err, says) {
		t.Errorf("status %d, want %d; it says %q %q, want one line with %q", got.status, status, got.err, got.out, says)
	}
}

func TestInsistingOnInsecurePermissionsStartsWithAWarningForEach(t *testing.T) {
	data := usedPlace(t)
	settings := filepath.Join(data, "place.toml")
	must(t, os.WriteFile(settings, nil, 0o600))
	for _, path := range []string{settings, filepath.Join(data, "secrets/jwt_private.pem"), filepath.Join(data, "secrets/totp.key")} {
		must(t, os.Chmod(path, 0o644))
	}
	cmd := command("serve", "--data", data, "--listen", "127.0.0.1:0", "--config", settings, "--insecure-perms")
	var log strings.Builder
	cmd.Stderr = &log
	serve(t, cmd).stop(t)
	if n := strings.Count(log.String(), "level=WARN"); n != 3 {
		t.Errorf("%d warnings: %s", n, log.String())
	}
}

func TestKeysGivenAsCredentialsServe(t *testing.T) {
	data, credentials := usedPlace(t), t.TempDir()
	for _, name := range []string{"jwt_private.pem", "jwt_public.pem", "totp.key"} {
		must(t, os.Rename(filepath.Join(data, "secrets", name), filepath.Join(credentials, name)))
	}
	cmd := command("serve", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Env = append(cmd.Env, "CREDENTIALS_DIRECTORY="+credentials)
	serve(t, cmd).stop(t)
	if made, err := os.ReadDir(filepath.Join(data, "secrets")); err != nil || len(made) != 0 {
		t.Errorf("keys were made beside those that were given: %v %v", made, err)
	}
}
