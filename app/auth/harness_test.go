package auth

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// benchHouse is a place for benchmarks, with its own clock standing still.
func benchHouse(b *testing.B) *house { return newHouseOf(b, wire.InviteOnly) }

// sql changes the database behind everybody's back.
func (h *house) sql(query string, args ...any) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.dir, "chatalot.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		h.t.Fatal(err)
	}
}

// doors counts the rows of login_attempts.
func (h *house) doors() (n int) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.dir, "chatalot.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT count(*) FROM login_attempts").Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// user reads an account, whatever its state.
func (h *house) user(name string) (user store.User) {
	h.t.Helper()
	h.read(func(tx *store.Tx) (err error) {
		user, err = tx.UserByUsername(name)
		return err
	})
	return user
}

// attempts is what was counted at the password of a name, from unknown devices.
func (h *house) attempts(name string) (a store.Attempts) {
	h.t.Helper()
	h.read(func(tx *store.Tx) (err error) {
		a, err = tx.Attempts(store.Door{Kind: store.DoorPassword, Subject: h.keys.attemptSubject(name)})
		return err
	})
	return a
}

// mustTry signs in with the right password as a browser.
func (h *house) mustTry(name string, from wire.From) Grant {
	h.t.Helper()
	g, err := h.try(name, goodPassword, from)
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

// signIn starts a session without asking for anything.
func (h *house) signIn(ctx context.Context, user store.User, transport wire.Transport, from wire.From) (Grant, error) {
	var e entrance
	err := h.store.Write(ctx, func(tx *store.Tx) (err error) {
		e, err = h.arrive(tx, user, "nothing", transport, from)
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	return h.Auth.open(e, from)
}

// confirmed is the caller after POST /api/me/confirm.
func (h *house) confirmed(g Grant) wire.Caller {
	h.t.Helper()
	c := h.caller(g)
	until := h.clock.now().UnixMilli() + 5*60*1000
	h.sql("UPDATE session SET fresh_until = ? WHERE id = ?", until, c.Session[:])
	h.sessions.change(c.Session, func(l *login) { l.fresh = until })
	return h.caller(g)
}
