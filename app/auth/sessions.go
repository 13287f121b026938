package auth

import (
	"sync"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// login is what must be known of a session at every request. Holding it in memory is what makes ending a session effective at once,
// not when its access token expires (SECURITY.md S2).
type login struct {
	user    wire.UserID
	device  *wire.DeviceID
	role    wire.PlaceRole
	epoch   int64
	fresh   int64 // until when dangerous changes are allowed, Unix ms
	expires int64 // Unix ms
}

// sessions is the table of running logins. It changes only when a write that changed the database has been committed.
type sessions struct {
	mu   sync.RWMutex
	byID map[wire.SessionID]login
}

func newSessions() *sessions { return &sessions{byID: map[wire.SessionID]login{}} }

func (t *sessions) get(id wire.SessionID) (login, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l, ok := t.byID[id]
	return l, ok
}

func (t *sessions) put(s store.Session, role wire.PlaceRole) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byID[s.ID] = loginOf(s, role)
}

func loginOf(s store.Session, role wire.PlaceRole) login {
	return login{user: s.User, device: s.Device, role: role, epoch: s.UserEpoch, fresh: s.FreshUntil, expires: s.ExpiresAt}
}

// replace makes the table what rows say, and returns the logins that are in it no more.
func (t *sessions) replace(rows []store.LiveSession) (gone map[wire.SessionID]login) {
	byID := make(map[wire.SessionID]login, len(rows))
	for _, s := range rows {
		byID[s.ID] = loginOf(s.Session, s.Role)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	gone = t.byID
	for id := range byID {
		delete(gone, id)
	}
	t.byID = byID
	return gone
}

// change applies fn to a login that is still running.
func (t *sessions) change(id wire.SessionID, fn func(*login)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.byID[id]; ok {
		fn(&l)
		t.byID[id] = l
	}
}

// drop forgets a login and returns whose it was.
func (t *sessions) drop(id wire.SessionID) (wire.UserID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.byID[id]
	delete(t.byID, id)
	return l.user, ok
}
