package browser

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"chatalot/app/apptest"
	"chatalot/app/store"
)

// guarded is what a journey about accounts prints last. Nothing of it may be found in the log, the database or a copy of it.
type guarded struct {
	Secrets []string `json:"secrets"`
	Bytes   [][]byte `json:"bytes"`
}

// guardedTravel runs a journey at localhost, where passkeys work without TLS, and searches the place for every secret that it used.
func guardedTravel(t *testing.T, name string, least int) {
	t.Helper()
	p, r := openPlace(t), guarded{}
	travel(t, p, name, &r, "CHATALOT_URL="+strings.Replace(p.URL, "127.0.0.1", "localhost", 1))
	if len(r.Secrets) < least {
		t.Fatalf("the journey named only %d secrets", len(r.Secrets))
	}
	for _, b := range r.Bytes {
		r.Secrets = append(r.Secrets, string(b))
	}
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(p.Data, "chatalot.db"), Beside: true})
	apptest.Must(t, err)
	apptest.Must(t, errors.Join(s.Backup(t.Context(), filepath.Join(p.Data, "copy.db")), s.Close()))
	p.DemandAbsent(t, r.Secrets...)
}

// Two-step codes, backup codes, trusted devices, passkeys, and the lock that guessing brings.
func TestPeopleGuardTheirAccounts(t *testing.T) { guardedTravel(t, "guard", 25) }

// News of a new device, the list of sessions, another password, a forgotten one, and recovery keys that take each other's place.
func TestPeopleGetTheirAccountsBack(t *testing.T) { guardedTravel(t, "regain", 15) }

// What an admin sees and does, and what it does to people: pausing, reset links, who may join, withdrawn invitations, the log, and accounts that end.
func TestAnAdminLooksAfterAPlace(t *testing.T) { guardedTravel(t, "keeper", 15) }
