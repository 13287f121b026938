package auth

import (
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// BenchmarkAuthenticate is what every request pays to be known.
func BenchmarkAuthenticate(b *testing.B) {
	a := &Auth{sessions: newSessions(), now: time.Now}
	a.tokens = newAccessTokens(testKeys(b, 1), "issuer", time.Now)
	s := store.Session{ID: wire.SessionID{1}, User: wire.UserID{2}, UserEpoch: 1, ExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
	a.sessions.put(s, wire.PlaceMember)
	token, _, err := a.tokens.mint(s.User, s.ID, s.UserEpoch)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := a.Authenticate(token); err != nil {
			b.Fatal(err)
		}
	}
}
