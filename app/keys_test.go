package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeysExplainsItself(t *testing.T) {
	for _, args := range [][]string{{"keys", "help"}, {"keys", "--help"}, {"keys", "rotate", "--help"}, {"keys", "revoke-all", "-h"}} {
		if status, out, errs := run(t, args...); status != 0 || out != keysUsage || errs != "" {
			t.Errorf("%v: %d %q %q", args, status, out, errs)
		}
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"keys"}, exitUsage, "rotate, revoke-all or help"},
		{[]string{"keys", "forge"}, exitUsage, `"forge"`},
		{[]string{"keys", "rotate", "now"}, exitUsage, `"now"`},
		{[]string{"keys", "revoke-all", "--port", "1"}, exitUsage, "port"},
		{[]string{"keys", "rotate", "--data", t.TempDir()}, exitMissing, "chatalot serve"},
		{[]string{"keys", "revoke-all", "--data", t.TempDir()}, exitMissing, "chatalot serve"},
	} {
		status, out, errs := run(t, c.args...)
		if status != c.status || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 || out != "" {
			t.Errorf("%v: status %d, want %d; said %q %q, want …%s…", c.args, status, c.status, errs, out, c.says)
		}
	}
}

func TestKeysOfAStoppedPlaceRotateAndRevokeToo(t *testing.T) {
	dir := t.TempDir()
	_, _, stop := startPlace(t, dir)
	stop()
	file := filepath.Join(dir, "secrets/jwt_private.pem")
	before, err := os.ReadFile(file)
	check(t, err)
	if status, out, errs := run(t, "keys", "rotate", "--data", dir); status != 0 || !strings.Contains(out, "Start the place again") || errs != "" {
		t.Fatalf("%d %q %q", status, out, errs)
	}
	after, err := os.ReadFile(file)
	check(t, err)
	if kept, err := os.ReadFile(filepath.Join(dir, "secrets/jwt_previous.pem")); err != nil || string(kept) != string(before) || string(after) == string(before) {
		t.Fatalf("the key before was not kept: %v", err)
	}
	if status, out, errs := run(t, "keys", "revoke-all", "--data", dir); status != 0 || !strings.Contains(out, "0 sessions") || errs != "" {
		t.Fatalf("%d %q %q", status, out, errs)
	}
	if status, _, errs := run(t, "keys", "rotate", "--data", dir); status != exitNotRotated || !strings.Contains(errs, "start the place again first") {
		t.Fatalf("%d %q", status, errs)
	}
	check(t, os.Chmod(file, 0o644))
	if status, _, errs := run(t, "keys", "rotate", "--data", dir); status != exitKeys || !strings.Contains(errs, "chmod 0600") {
		t.Fatalf("%d %q", status, errs)
	}
}

func TestSettingsThatOthersMayReadAreRefusedByEveryVerb(t *testing.T) {
	file := filepath.Join(t.TempDir(), "place.toml")
	check(t, os.WriteFile(file, []byte("data = \"nowhere\"\n"), 0o600))
	for _, verb := range [][]string{{"serve"}, {"setup"}, {"keys", "rotate"}, {"keys", "revoke-all"}} {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o606} {
			check(t, os.Chmod(file, mode))
			if status, _, errs := run(t, append(verb, "--config", file)...); status != exitExposed || !strings.Contains(errs, "chmod 0600") {
				t.Errorf("%v %v: %d %q", verb, mode, status, errs)
			}
		}
	}
	if status, _, errs := run(t, "setup", "--config", file, "--insecure-perms"); status != exitMissing {
		t.Errorf("insisted on: %d %q", status, errs)
	}
}

func TestNoTwoRefusalsShareAStatus(t *testing.T) {
	seen := map[int]bool{}
	for _, status := range []int{exitUnexpected, exitUsage, exitForeign, exitMissing, exitListen, exitDamaged, exitData, 74, exitInUse, exitNewer, exitKeys,
		exitConfig, exitSetUp, exitKeyMissing, exitKeyMalformed, exitKeyMismatch, exitTOTPMissing, exitTOTPMalformed, exitTOTPWrong, exitExposed, exitClock,
		exitNotRotated} {
		if seen[status] {
			t.Errorf("%d twice", status)
		}
		seen[status] = true
	}
}
