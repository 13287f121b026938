package auth

import (
	"context"
	"fmt"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// retiredPair is a key that a rotation replaced, and when that came into force.
type retiredPair struct {
	*pair
	at time.Time
}

// stillGood lists the retired keys of which tokens made to last for life may still be out.
func (t *accessTokens) stillGood(life time.Duration) (list []retiredPair) {
	all := t.retired.Load()
	if all == nil {
		return nil
	}
	for _, r := range *all {
		if t.now().Before(r.at.Add(life)) {
			list = append(list, r)
		}
	}
	return list
}

// madeHere reports whether a refresh token was made for the login, with the key in force or with one that was when the token could still be made.
func (t *accessTokens) madeHere(token refreshToken, l login) bool {
	if token.madeBy(t.keys.pair, l.user, l.epoch) {
		return true
	}
	for _, r := range t.stillGood(refreshIdle) {
		if token.madeBy(r.pair, l.user, l.epoch) {
			return true
		}
	}
	return false
}

// living is what memory holds of the database, so that no request has to ask it.
type living struct {
	sessions []store.LiveSession
	retired  []retiredPair
	removed  []wire.UserID // people whose connections end as those of the removed
}

func (a *Auth) readLiving(tx *store.Tx) (l living, err error) {
	if l.sessions, err = tx.LiveSessions(); err != nil {
		return l, err
	}
	if l.removed, err = tx.Removed(); err != nil {
		return l, err
	}
	keys, err := tx.RetiredKeys()
	for _, k := range keys {
		if p := a.keys.kept(k.Fingerprint); p != nil {
			l.retired = append(l.retired, retiredPair{p, time.UnixMilli(k.At)})
		}
	}
	return l, err
}

// takeOver makes memory what l says, and ends the connections of sessions that are no more.
func (a *Auth) takeOver(l living) {
	a.tokens.retired.Store(&l.retired)
	codes := map[wire.UserID]int{}
	for _, user := range l.removed {
		codes[user] = live.CodeRemoved
	}
	for id, login := range a.sessions.replace(l.sessions) {
		code, removed := codes[login.user]
		if !removed {
			code = live.CodeExpired
		}
		a.live.KickSession(login.user, id, code)
	}
}

// Reload takes over what another process, such as a verb of the console, has changed in the database: sessions that ended lose their tokens and
// sockets, those that stay take their roles and epochs from it. It is a write that writes nothing: standing in line with the others, it can
// neither bring back a session that ends just now nor lose one that begins.
func (a *Auth) Reload(ctx context.Context) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		l, err := a.readLiving(tx)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { a.takeOver(l) })
		return nil
	})
	if err != nil {
		return fmt.Errorf("take over what another process changed: %w", err)
	}
	return nil
}
