// Package auth knows who you are: accounts, passwords, login sessions and their tokens, devices with their signed lists and
// prekeys, and the invitations by which people come in.
//
// It decides who somebody is and what belongs to them. What people may do to conversations is for package chat.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// Options are what Auth works with. All fields are needed.
type Options struct {
	Store        *store.Store
	Live         *live.Hub
	Keys         *Keys
	Registration wire.Registration // the mode a new place begins with, used once: when it is set up
	Lockout      Lockout           // whose wrong guesses are counted together
	Version      string            // of the program, told to clients
	AuditDays    int               // how long audit entries are kept; at least 1
	Admin        string            // a sign-in name in its stored form: whose account is made an admin at start; may be empty
	Origin       string            // the place's own address in a browser, as in an Origin header: passkeys are made for it alone
	Now          func() time.Time
	Log          *slog.Logger
}

// Auth answers who somebody is. Its methods may be called at the same time. Failures that a person can act on are *wire.Error.
type Auth struct {
	store        *store.Store
	live         *live.Hub
	keys         *Keys
	registration wire.Registration
	lockout      Lockout
	version      string
	now          func() time.Time
	log          *slog.Logger
	auditDays    int
	reserved     string // see Options.Admin
	started      int64  // Unix ms

	hasher   *hasher
	tokens   *accessTokens
	sessions *sessions
	passkeys *passkeys
	setUp    atomic.Bool
	begun    chan struct{} // closed with the first account
}

// New loads the sessions into memory. When keys are not those the database knows, every session ends: that is how replacing the
// key files by hand signs everybody out.
func New(ctx context.Context, o Options) (*Auth, error) {
	a := &Auth{store: o.Store, live: o.Live, keys: o.Keys, registration: o.Registration, lockout: o.Lockout, version: o.Version, now: o.Now, log: o.Log,
		auditDays: o.AuditDays, reserved: o.Admin, started: o.Now().UnixMilli(), hasher: newHasher(), sessions: newSessions(), begun: make(chan struct{})}
	var err error
	if a.passkeys, err = newPasskeys(o.Origin); err != nil {
		return nil, err
	}
	place, err := a.openPlace(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the place: %w", err)
	}
	a.setUp.Store(place.SetUp())
	a.tokens = newAccessTokens(o.Keys, tokenText.EncodeToString(place.Instance[:]), o.Now)
	var l living
	err = o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		l, err = a.readLiving(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the sessions: %w", err)
	}
	a.takeOver(l)
	return a, a.appoint(ctx)
}

// openPlace reads the place's row and ends the sessions that no token of these keys opens.
func (a *Auth) openPlace(ctx context.Context) (place store.Place, err error) {
	var ended int64
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if place, err = tx.Place(); err != nil {
			return err
		}
		if ended, err = a.adoptKeys(tx, place); err != nil {
			return err
		}
		return errors.Join(a.adoptTOTPKey(tx, place), tx.EndDeadSessions())
	})
	if err == nil && ended > 0 {
		a.log.Warn("the access-token key is another one than before: everybody has to sign in again", "sessions", ended)
	}
	return place, err
}

// Begun is closed when the first account of a new place is made. For one that is set up already it never is.
func (a *Auth) Begun() <-chan struct{} { return a.begun }

// IsSetUp reports whether the first account exists. Until then nothing but the setup routes may answer.
func (a *Auth) IsSetUp() bool { return a.setUp.Load() }

// Place is what a stranger may know.
func (a *Auth) Place(ctx context.Context) (wire.Place, error) {
	var place store.Place
	err := a.store.Read(ctx, func(tx *store.Tx) (err error) {
		place, err = tx.Place()
		return err
	})
	if err != nil {
		return wire.Place{}, fmt.Errorf("read the place: %w", err)
	}
	return place.Wire(a.version), nil
}
