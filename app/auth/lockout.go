package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// Lockout is whose wrong guesses are counted together.
type Lockout string

// With LockoutDevice, the default, each device that somebody has signed in on has a counter of its own, so that strangers cannot lock its person
// out. With LockoutLiteral there is one counter for everybody.
const (
	LockoutDevice  Lockout = "device"
	LockoutLiteral Lockout = "literal"
)

// The numbers of SECURITY.md "Lockout" and T18.
const (
	maxFailures  = 10               // wrong guesses in a row that lock a door
	lockTime     = 15 * time.Minute // for so long
	maxCodesADay = 30               // wrong two-step codes at one door, until the next day (UTC)
	maxDevices   = 10               // known devices of an account with a counter of their own, at each kind of door
	day          = 24 * time.Hour

	maxUnknownDoors = 10_000   // of names that nobody has, kept at most
	attemptsKept    = 30 * day // after the last guess
)

// guess is one try at a door of an account.
type guess struct {
	door   store.Door
	user   store.User // zero when nobody has the name
	from   wire.From
	closes bool // it is the one that locks the door, unless it is right
}

// attemptSubject names an account among the attempts without its name: people type passwords there by mistake. What can be nobody's name is counted
// too, as it was typed, so that it answers like a name that nobody has.
func (k *Keys) attemptSubject(typed string) (subject [32]byte) {
	name, err := username(typed)
	kind := "name\x00"
	if err != nil {
		kind, name = "typed\x00", typed[:min(len(typed), maxTyped)]
	}
	h := hmac.New(sha256.New, k.subKey(attemptsKey))
	h.Write([]byte(kind))
	h.Write([]byte(name))
	h.Sum(subject[:0])
	return subject
}

// guessAt is a try at a door of the account with the sign-in name as it was typed. user is the zero User when nobody has it.
func (a *Auth) guessAt(kind, typed string, user store.User, from wire.From) *guess {
	g := &guess{door: store.Door{Kind: kind, Subject: a.keys.attemptSubject(typed)}, user: user, from: from}
	if device, ok := a.keys.knows(from.Known, user); ok && a.lockout != LockoutLiteral {
		g.door.Device = device
	}
	return g
}

func accountLocked(wait int64) error {
	return &wire.Error{Code: wire.AccountLocked, RetryAfter: int((wait + 999) / 1000),
		Message: "Too many wrong tries. Wait, or sign in on a device you have used before."}
}

// running is how long something that was set to end at until goes on, in ms. It is 0 unless it is shorter than it can have been from the beginning:
// when the clock jumps, 15 minutes never become a year (SECURITY.md T27).
func running(until, now int64, most time.Duration) int64 {
	if left := until - now; left > 0 && left <= most.Milliseconds() {
		return left
	}
	return 0
}

// counter reads what was counted at the door. A known device beyond the first ten that guess shares the door of the unknown ones: marks can be
// collected, by signing in over and over, and many counters are many guesses.
func (g *guess) counter(tx *store.Tx) (store.Attempts, error) {
	was, err := tx.Attempts(g.door)
	if err != nil || was != (store.Attempts{}) || g.door.Device == [16]byte{} {
		return was, err
	}
	if n, err := tx.CountDevices(g.door); err != nil || n < maxDevices {
		return was, err
	}
	g.door.Device = [16]byte{}
	return tx.Attempts(g.door)
}

// charge counts a guess before anybody looks whether it is right: what is looked at in parallel is counted all the same. It is wire.AccountLocked,
// and counts nothing, while the door is locked.
func (a *Auth) charge(tx *store.Tx, g *guess) error {
	was, err := g.counter(tx)
	if err != nil {
		return err
	}
	if wait := max(running(was.LockedUntil, tx.Now(), lockTime), pausedToday(g.door, was, tx.Now())); wait > 0 {
		return accountLocked(wait)
	}
	is := was
	if is.LockedUntil != 0 { // and over
		is.Failures, is.LockedUntil = 0, 0
	}
	if today := dayOf(tx.Now()); is.Day != today {
		is.Day, is.DayFailures = today, 0
	}
	is.Failures++
	is.DayFailures++
	if is.Failures >= maxFailures {
		is.LockedUntil, g.closes = tx.Now()+lockTime.Milliseconds(), true
	}
	if was == (store.Attempts{}) {
		if err := tx.SweepAttempts(tx.Now()-attemptsKept.Milliseconds(), maxUnknownDoors-1); err != nil {
			return err
		}
	}
	return tx.PutAttempts(g.door, g.user.ID != wire.UserID{}, is)
}

func dayOf(now int64) int64 { return now / day.Milliseconds() }

// pausedToday is how long, in ms, two-step codes are still refused at a door after too many wrong ones of one day: guessing goes on over many locks
// otherwise.
func pausedToday(d store.Door, was store.Attempts, now int64) int64 {
	if d.Kind != store.DoorTwoStep || was.DayFailures < maxCodesADay || was.Day != dayOf(now) {
		return 0
	}
	return (was.Day+1)*day.Milliseconds() - now
}

// passed takes a charge back: the guess was right.
func (a *Auth) passed(tx *store.Tx, g *guess) error {
	if g.door.Kind != store.DoorTwoStep {
		return tx.DropAttempts(g.door)
	}
	is, err := tx.Attempts(g.door)
	if err != nil {
		return err
	}
	is.Failures, is.LockedUntil = 0, 0
	if is.DayFailures = max(0, is.DayFailures-1); is.DayFailures == 0 {
		return tx.DropAttempts(g.door)
	}
	return tx.PutAttempts(g.door, true, is)
}

// failed leaves the charge and tells of it. For a name that nobody has it does the same work, and tells nobody.
func (a *Auth) failed(tx *store.Tx, g *guess) error {
	if (g.user.ID == wire.UserID{}) {
		return tx.TouchAttempts(g.door)
	}
	if err := tx.Audit(wire.AuditEntry{What: wire.ActSignInFailed, User: &g.user.ID, Detail: doorNames[g.door.Kind], Address: addressText(g.from)}); err != nil || !g.closes {
		return err
	}
	is, err := tx.Attempts(g.door)
	if err != nil || running(is.LockedUntil, tx.Now(), lockTime) == 0 {
		return err // somebody who had it right was faster
	}
	if err := tx.Audit(wire.AuditEntry{What: wire.ActLockedByGuessing, User: &g.user.ID, Detail: doorNames[g.door.Kind], Address: addressText(g.from)}); err != nil {
		return err
	}
	return tell(tx, g.user.ID, "locked", g.from, nil)
}

var doorNames = map[string]string{store.DoorPassword: "password", store.DoorRecovery: "recovery key", store.DoorTwoStep: "two-step code"}

// settle writes how a charged guess came out. It does so even when whoever guessed has gone: hanging up early must not hide a guess.
func (a *Auth) settle(ctx context.Context, g *guess, right bool) error {
	return a.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if right {
			return a.passed(tx, g)
		}
		return a.failed(tx, g)
	})
}

// provePassword checks the password of an existing account: nil when it is right, wire.BadCredentials when not, wire.AccountLocked, without looking
// at it, after too many wrong ones. It is the one way to check a password, so that every place where one can be typed shares the counters.
func (a *Auth) provePassword(ctx context.Context, user store.User, password string, from wire.From) error {
	return a.prove(ctx, a.guessAt(store.DoorPassword, user.Username, user, from), password)
}

func (a *Auth) prove(ctx context.Context, g *guess, password string) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error { return a.charge(tx, g) })
	if err != nil {
		return err
	}
	right, err := a.hasher.verify(ctx, password, g.user.PasswordHash)
	if end := a.settle(ctx, g, right); end != nil && err == nil {
		err = end
	}
	switch {
	case err != nil:
		return fmt.Errorf("check a password: %w", err)
	case !right:
		return badCredentials()
	}
	return nil
}

// Unlock forgets the wrong guesses at every door of a sign-in name, in a write of the caller's, who also says so in the audit log.
func (k *Keys) Unlock(tx *store.Tx, username string) error {
	return tx.ForgetAttempts(k.attemptSubject(username))
}

// Unlock forgets the wrong guesses at every door of a sign-in name, as Keys.Unlock does.
func (a *Auth) Unlock(tx *store.Tx, username string) error { return a.keys.Unlock(tx, username) }

// LockedUntil is until when wrong passwords keep unknown devices out of an account, Unix ms; 0 when they do not.
func (a *Auth) LockedUntil(tx *store.Tx, username string) (int64, error) {
	is, err := tx.Attempts(store.Door{Kind: store.DoorPassword, Subject: a.keys.attemptSubject(username)})
	if err != nil || running(is.LockedUntil, tx.Now(), lockTime) == 0 {
		return 0, err
	}
	return is.LockedUntil, nil
}
