package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const wrongPassword = "birch lane 42 kettlf"

var elsewhere = wire.From{Address: netip.MustParseAddr("203.0.113.7"), Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}

// try signs in with a password, as a browser that shows the cookies in from.
func (h *house) try(name, password string, from wire.From) (Grant, error) {
	return h.Login(h.t.Context(), wire.LoginRequest{Username: name, Password: password, Transport: wire.ByCookie}, from)
}

// guess types n wrong passwords and fails the test unless each is answered as one.
func (h *house) guess(n int, name string, from wire.From) {
	h.t.Helper()
	for range n {
		_, err := h.try(name, wrongPassword, from)
		refused(h.t, err, wire.BadCredentials)
	}
}

// quick makes passwords cost nothing, for tests that type many.
func (h *house) quick() {
	h.t.Helper()
	salt := random(argonSalt)
	derive := func(password string) string {
		sum, err := h.hasher.derive(context.Background(), password, salt, 8, 1, 1)
		if err != nil {
			h.t.Fatal(err)
		}
		return strings.Replace(encodeHash(salt, sum), "m=19456,t=2", "m=8,t=1", 1)
	}
	h.hasher.dummy = derive("what nobody types")
	user, err := h.knownUser(h.t.Context(), "gurli")
	if err != nil || (user.ID == wire.UserID{}) {
		h.t.Fatal(err)
	}
	h.write(func(tx *store.Tx) error { return tx.SetPassword(user.ID, derive(goodPassword)) })
}

// locked fails the test unless err is a lock of at most 15 minutes, and returns its seconds.
func locked(t *testing.T, err error) int {
	t.Helper()
	refused(t, err, wire.AccountLocked)
	wait := asWire(err).RetryAfter
	if wait < 1 || wait > 900 || asWire(err).Status() != 429 {
		t.Fatalf("%+v", asWire(err))
	}
	return wait
}

// acts are the audit entries, the oldest first.
func (h *house) acts() (list []wire.AuditEntry) {
	h.t.Helper()
	h.read(func(tx *store.Tx) (err error) {
		list, err = tx.AuditBefore(0, nil, 10_000)
		return err
	})
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// count is how many audit entries tell of an act.
func (h *house) count(what wire.Act) (n int) {
	h.t.Helper()
	for _, e := range h.acts() {
		if e.What == what {
			n++
		}
	}
	return n
}

// notices are the session notices of one kind.
func (h *house) notices(what string) (list []wire.SessionNotice) {
	h.t.Helper()
	for _, row := range h.log("session_notice") {
		var n wire.SessionNotice
		if err := json.Unmarshal(row.Body, &n); err != nil {
			h.t.Fatal(err)
		}
		if n.What == what {
			list = append(list, n)
		}
	}
	return list
}

// N17, N18, and N19 for a name that nobody has.
func TestTenWrongPasswordsLockTheAccountForAQuarterOfAnHour(t *testing.T) {
	for _, name := range []string{"gurli", "nobody", "not a name"} {
		t.Run(name, func(t *testing.T) {
			h, _ := settled(t)
			h.quick()
			h.guess(10, name, elsewhere)
			runs := h.hasher.runs.Load()
			_, err := h.try(name, goodPassword, elsewhere)
			if wait := locked(t, err); wait != 900 {
				t.Errorf("wait %d s", wait)
			}
			h.reopen(testKeys(t, 1)) // and a restart changes nothing
			h.clock.advance(time.Minute)
			_, err = h.try(name, goodPassword, elsewhere)
			if wait := locked(t, err); wait != 840 {
				t.Errorf("after the restart: wait %d s", wait)
			}
			if h.hasher.runs.Load() != 0 || runs == 0 {
				t.Error("a password was looked at during the lock")
			}
			h.clock.advance(lockTime - time.Minute)
			_, err = h.try(name, goodPassword, elsewhere)
			if name == "gurli" && err != nil {
				t.Fatalf("after the lock: %v", err)
			}
			if name != "gurli" {
				refused(t, err, wire.BadCredentials)
			}
		})
	}
}

// N16 and N19: at every point of the way the answers are the same, byte for byte.
func TestALockTellsNothingOfWhetherTheNameExists(t *testing.T) {
	answers := map[string][]string{}
	for _, name := range []string{"gurli", "nobody", "\u0430dmin", strings.Repeat("x", 1000)} {
		h, _ := settled(t)
		h.quick()
		for range 12 {
			_, err := h.try(name, wrongPassword, elsewhere)
			text, fault := json.Marshal(asWire(err))
			if fault != nil || asWire(err).Code == "" {
				t.Fatal(err)
			}
			answers[name] = append(answers[name], string(text))
		}
	}
	for name, got := range answers {
		if strings.Join(got, "\n") != strings.Join(answers["gurli"], "\n") {
			t.Errorf("%.20q is told apart:\n%s\nand\n%s", name, got, answers["gurli"])
		}
	}
}

// N21.
func TestTryingDuringALockNeitherCountsNorLengthensIt(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	h.guess(10, "gurli", elsewhere)
	for range 14 {
		h.clock.advance(time.Minute)
		_, err := h.try("gurli", wrongPassword, elsewhere)
		locked(t, err)
	}
	h.clock.advance(time.Minute)
	h.guess(9, "gurli", elsewhere) // the counter began at 0 again
	if _, err := h.try("gurli", goodPassword, elsewhere); err != nil {
		t.Fatal(err)
	}
	if n := h.count(wire.ActSignInFailed); n != 19 {
		t.Errorf("%d failures were written down", n)
	}
}

// N22.
func TestARightPasswordForgetsTheWrongOnes(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	for range 3 {
		h.guess(9, "gurli", elsewhere)
		if _, err := h.try("gurli", goodPassword, elsewhere); err != nil {
			t.Fatal(err)
		}
	}
	if h.count(wire.ActLockedByGuessing) != 0 || len(h.notices("locked")) != 0 {
		t.Error("somebody was told of a lock")
	}
}

// N20, T16: what is tried in parallel is charged before it is looked at.
func TestOfAHundredWrongPasswordsAtOnceTenAreLookedAt(t *testing.T) {
	for _, name := range []string{"gurli", "nobody"} {
		h, g := settled(t)
		before := h.hasher.runs.Load()
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[wire.Code]int{}
		for range 100 {
			wg.Go(func() {
				_, err := h.try(name, wrongPassword, elsewhere)
				mu.Lock()
				defer mu.Unlock()
				codes[asWire(err).Code]++
			})
		}
		wg.Wait()
		if runs := h.hasher.runs.Load() - before; runs > 10 || codes[wire.BadCredentials] != 10 || codes[wire.AccountLocked] != 90 {
			t.Errorf("%s: %d passwords were looked at; answers %v", name, runs, codes)
		}
		wantLocks := 0
		if name == "gurli" {
			wantLocks = 1
		}
		if n := h.count(wire.ActLockedByGuessing); n != wantLocks || len(h.notices("locked")) != wantLocks {
			t.Errorf("%s: %d locks were written down", name, n)
		}
		h.caller(g) // a lock never touches a session
		if _, err := h.refresh(g.Answer.RefreshToken); err != nil {
			t.Error("nor its renewal:", err)
		}
	}
}

func TestThePersonAndTheAuditLogAreToldOfALock(t *testing.T) {
	h, g := settled(t)
	h.quick()
	h.guess(10, "gurli", elsewhere)
	told := h.notices("locked")
	if len(told) != 1 || told[0].Agent != "Firefox on Linux" || told[0].Network != "203.0.113.0/24" {
		t.Errorf("notices %+v", told)
	}
	var failed, lock []wire.AuditEntry
	for _, e := range h.acts() {
		switch e.What {
		case wire.ActSignInFailed:
			failed = append(failed, e)
		case wire.ActLockedByGuessing:
			lock = append(lock, e)
		}
	}
	if len(failed) != 10 || len(lock) != 1 {
		t.Fatalf("%d failures, %d locks", len(failed), len(lock))
	}
	if e := lock[0]; e.Actor != nil || *e.User != g.Answer.User.ID || e.UserName != "gurli" || e.Detail != "password" || e.Address != "203.0.113.7" {
		t.Errorf("%+v", e)
	}
	h.guess(10, "nobody", elsewhere)
	if n := h.count(wire.ActSignInFailed); n != 10 {
		t.Error("guesses at a name that nobody has were written down: typed passwords would stand there")
	}
}

// T16: strangers cannot lock somebody out of a device they have signed in on.
func TestAStrangerLocksOnlyUnknownDevices(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	own := elsewhere
	own.Known = h.mustTry("gurli", elsewhere).Known.Reveal()
	h.guess(10, "gurli", wire.From{})
	_, err := h.try("gurli", goodPassword, wire.From{})
	locked(t, err)
	if _, err := h.try("gurli", goodPassword, own); err != nil {
		t.Fatalf("her own device: %v", err)
	}
	_, err = h.try("gurli", goodPassword, wire.From{}) // her success on it opens nothing to strangers
	locked(t, err)

	h.guess(10, "gurli", own)
	_, err = h.try("gurli", goodPassword, own)
	locked(t, err)
	other := own
	other.Known = h.keys.remember("", h.user("gurli"), [16]byte{7}).Reveal()
	if _, err := h.try("gurli", goodPassword, other); err != nil {
		t.Fatalf("another device of hers: %v", err)
	}
}

func TestLiteralLockoutKnowsNoDevices(t *testing.T) {
	h, _ := settled(t)
	h.lock = LockoutLiteral
	h.reopen(testKeys(t, 1))
	h.quick()
	own := wire.From{Known: h.mustTry("gurli", elsewhere).Known.Reveal()}
	h.guess(10, "gurli", wire.From{})
	_, err := h.try("gurli", goodPassword, own)
	locked(t, err)
}

func TestAnothersDeviceCookieIsNoneOfOnesOwn(t *testing.T) {
	h, g := settled(t)
	h.join(h.caller(g), "arne")
	h.quick()
	from := wire.From{Known: h.keys.remember("", h.user("arne"), [16]byte{1}).Reveal()}
	h.guess(10, "gurli", wire.From{})
	_, err := h.try("gurli", goodPassword, from)
	locked(t, err)
}

// T27: 15 minutes never become a year.
func TestAJumpingClockEndsALockRatherThanLengthenIt(t *testing.T) {
	for _, jump := range []time.Duration{-365 * day, -56 * 365 * day, 365 * day, -time.Minute - 16*time.Minute} {
		h, _ := settled(t)
		h.quick()
		h.guess(10, "gurli", elsewhere)
		h.clock.advance(jump)
		if _, err := h.try("gurli", goodPassword, elsewhere); err != nil {
			t.Errorf("%s: %v", jump, err)
		}
	}
}

func TestHangingUpEarlyHidesNoGuess(t *testing.T) {
	h, _ := settled(t)
	for range maxHashing {
		h.hasher.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := h.Login(ctx, wire.LoginRequest{Username: "gurli", Password: wrongPassword, Transport: wire.ByBody}, elsewhere)
		done <- err
	}()
	for h.attempts("gurli").Failures == 0 {
		time.Sleep(time.Millisecond) // the charge comes first; nothing is measured by this
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if h.attempts("gurli").Failures != 1 || h.count(wire.ActSignInFailed) != 1 {
		t.Error("the guess was forgotten")
	}
}

func TestAnAdminsUnlockingOpensEveryDoor(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	h.guess(10, "gurli", elsewhere)
	h.read(func(tx *store.Tx) error {
		until, err := h.LockedUntil(tx, "gurli")
		if until != h.clock.now().Add(lockTime).UnixMilli() {
			t.Errorf("locked until %d", until)
		}
		return err
	})
	h.write(func(tx *store.Tx) error { return h.Unlock(tx, "gurli") })
	if _, err := h.try("gurli", goodPassword, elsewhere); err != nil {
		t.Fatal(err)
	}
	h.read(func(tx *store.Tx) error {
		until, err := h.LockedUntil(tx, "gurli")
		if until != 0 {
			t.Errorf("locked until %d", until)
		}
		return err
	})
}

func TestNamesThatNobodyHasTakeBoundedRoomAndPushNobodyOut(t *testing.T) {
	h, _ := settled(t)
	gurli := h.user("gurli")
	charge := func(tx *store.Tx, name string, user store.User) error {
		return h.charge(tx, h.guessAt(store.DoorPassword, name, user, wire.From{}))
	}
	h.write(func(tx *store.Tx) error { return charge(tx, "gurli", gurli) })
	h.clock.advance(time.Second)
	h.write(func(tx *store.Tx) error {
		for i := range maxUnknownDoors {
			d := store.Door{Kind: store.DoorPassword, Subject: [32]byte{1, byte(i), byte(i >> 8)}}
			if err := tx.PutAttempts(d, false, store.Attempts{Failures: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	h.clock.advance(time.Second)
	h.write(func(tx *store.Tx) error { return charge(tx, "nobody", store.User{}) })
	if n := h.doors(); n != maxUnknownDoors+1 {
		t.Errorf("%d rows", n)
	}
	if h.attempts("gurli").Failures != 1 || h.attempts("nobody").Failures != 1 {
		t.Error("the wrong rows were dropped")
	}
	h.clock.advance(attemptsKept + time.Second)
	h.write(func(tx *store.Tx) error { return charge(tx, "another", store.User{}) })
	if n := h.doors(); n != 1 {
		t.Errorf("%d rows after a month", n)
	}
}

func TestTheAttemptsHoldNoName(t *testing.T) {
	h, _ := settled(t)
	typed := "My-Canary-Password-Typed-As-A-Name"
	for range 2 {
		_, err := h.try(typed, wrongPassword, elsewhere)
		refused(t, err, wire.BadCredentials)
	}
	h.grep(typed, strings.ToLower(typed))
	if testKeys(t, 2).attemptSubject("gurli") == h.keys.attemptSubject("gurli") || h.keys.attemptSubject("GURLI") != h.keys.attemptSubject("gurli") {
		t.Error("the subject is not that of the normalised name under the key")
	}
}

func TestAPausedAccountIsToldOnlyToWhoeverKnowsThePassword(t *testing.T) {
	h, g := settled(t)
	h.quick()
	for _, state := range []wire.UserState{wire.Locked, wire.Suspended, wire.Deleted} {
		h.sql("UPDATE user SET state = ? WHERE username = 'gurli'", string(state))
		before := h.count(wire.ActSignInFailed)
		_, err := h.try("gurli", wrongPassword, elsewhere)
		refused(t, err, wire.BadCredentials)
		failures := h.count(wire.ActSignInFailed)
		if told := failures > before; told == (state == wire.Deleted) {
			t.Errorf("%s: the wrong password was written down: %v", state, told)
		}
		_, err = h.try("gurli", goodPassword, elsewhere)
		if state == wire.Deleted { // like a name that nobody has
			refused(t, err, wire.BadCredentials)
			continue
		}
		refused(t, err, wire.AccountPaused)
		if h.count(wire.ActSignInFailed) != failures+1 {
			t.Errorf("%s: not written down", state)
		}
		user := h.user("gurli")
		_, err = h.signIn(t.Context(), user, wire.ByBody, wire.From{}) // by a passkey, say
		refused(t, err, wire.AccountPaused)
	}
	h.sql("UPDATE user SET state = 'active'")
	if _, err := h.try("gurli", goodPassword, elsewhere); err != nil {
		t.Fatal(err)
	}
	h.caller(g)
}

func TestProvingAPasswordElsewhereSharesTheCounter(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	user := h.user("gurli")
	for range 9 {
		refused(t, h.provePassword(t.Context(), user, wrongPassword, elsewhere), wire.BadCredentials)
	}
	h.guess(1, "gurli", elsewhere)
	locked(t, h.provePassword(t.Context(), user, goodPassword, elsewhere))
	h.clock.advance(lockTime)
	if err := h.provePassword(t.Context(), user, goodPassword, elsewhere); err != nil {
		t.Fatal(err)
	}
}
