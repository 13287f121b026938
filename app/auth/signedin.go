package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// Sessions lists where the caller is signed in (SECURITY.md S6).
func (a *Auth) Sessions(ctx context.Context, c wire.Caller) (out wire.Sessions, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		out.Sessions, err = tx.SignedIn(c.User, c.Session)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("list sessions: %w", err)
	}
	return out, nil
}

// EndSession signs the caller out of one of their sessions: its tokens and sockets end at once. Somebody else's is wire.NotFound.
func (a *Auth) EndSession(ctx context.Context, c wire.Caller, id wire.SessionID) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		s, err := tx.Session(id)
		if err != nil {
			return missing(err)
		}
		if s.User != c.User {
			return wire.Missing()
		}
		return errors.Join(a.end(tx, id), auditOwn(tx, wire.ActSessionEnded, c.User, s.Agent, c.From))
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// EndOtherSessions signs the caller out everywhere else. No device is trusted or known any more.
func (a *Auth) EndOtherSessions(ctx context.Context, c wire.Caller) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		return errors.Join(a.endOthers(tx, c), tx.DropTrust(c.User))
	})
	if err != nil {
		return fmt.Errorf("end the other sessions: %w", err)
	}
	return nil
}

func (a *Auth) endOthers(tx *store.Tx, c wire.Caller) error {
	list, err := tx.SessionsOf(c.User)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.ID == c.Session {
			continue
		}
		if err := errors.Join(a.end(tx, s.ID), auditOwn(tx, wire.ActSessionEnded, c.User, s.Agent, c.From)); err != nil {
			return err
		}
	}
	return nil
}
