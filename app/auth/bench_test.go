package auth

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
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

// BenchmarkSignIn is fifty people who sign in at once, each with their own password: how many come through in a second, and how much memory it takes
// at most, of which 19 MiB are each password's that is being worked on.
func BenchmarkSignIn(b *testing.B) {
	const people = 50
	h := benchHouse(b)
	for i := range people {
		user := store.User{ID: wire.UserID(random(16)), Username: fmt.Sprintf("person%d", i), DisplayName: "x", Role: wire.PlaceMember}
		var err error
		if user.PasswordHash, err = h.hasher.hash(b.Context(), goodPassword); err != nil {
			b.Fatal(err)
		}
		if err := h.store.Write(b.Context(), func(tx *store.Tx) error { return tx.CreateUser(user) }); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	peak := watchHeap(b)
	for b.Loop() {
		var wg sync.WaitGroup
		for i := range people {
			wg.Go(func() {
				req := wire.LoginRequest{Username: fmt.Sprintf("person%d", i), Password: goodPassword, Transport: wire.ByCookie}
				if _, err := h.Login(b.Context(), req, wire.From{}); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
	most := float64(peak()) / (1 << 20)
	b.ReportMetric(float64(b.N*people)/b.Elapsed().Seconds(), "sign-ins/s")
	b.ReportMetric(most, "peak-MiB")
	if most > maxSignInMemory {
		b.Errorf("%.0f MiB: memory is not bounded", most)
	}
}

// maxSignInMemory is far more than a few passwords take, and far less than fifty, in MiB.
const maxSignInMemory = 256

// watchHeap samples how much of the heap is taken until the function it returns is called, which gives the most there was, in bytes.
func watchHeap(b *testing.B) (stop func() uint64) {
	ctx, cancel := context.WithCancel(b.Context())
	var most uint64
	var watching sync.WaitGroup
	watching.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for ctx.Err() == nil {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			time.Sleep(time.Millisecond)
		}
	})
	return func() uint64 {
		cancel()
		watching.Wait()
		return most
	}
}

// BenchmarkLockedSignIn is what refusing a guess unread costs: this is all that somebody who guesses on gets.
func BenchmarkLockedSignIn(b *testing.B) {
	h := benchHouse(b)
	door := store.Door{Kind: store.DoorPassword, Subject: h.keys.attemptSubject("nobody")}
	if err := h.store.Write(b.Context(), func(tx *store.Tx) error {
		return tx.PutAttempts(door, false, store.Attempts{Failures: maxFailures, LockedUntil: tx.Now() + lockTime.Milliseconds()})
	}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_, err := h.Login(b.Context(), wire.LoginRequest{Username: "nobody", Password: goodPassword, Transport: wire.ByBody}, wire.From{})
		refused(b, err, wire.AccountLocked)
	}
}

// BenchmarkDeviceCookie is what recognising a browser costs.
func BenchmarkDeviceCookie(b *testing.B) {
	keys, cookie := testKeys(b, 1), ""
	for i := range byte(maxKnown) {
		cookie = keys.remember(cookie, store.User{ID: wire.UserID{i + 1}}, [16]byte{i}).Reveal()
	}
	for b.Loop() {
		if _, ok := keys.knows(cookie, store.User{ID: wire.UserID{1}}); !ok {
			b.Fatal("not known")
		}
	}
}
