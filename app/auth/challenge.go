package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const (
	challengeLife = 5 * time.Minute
	maxWrongCodes = 5  // in one challenge
	maxChallenges = 10 // of one person at a time
	oneTimeBytes  = 32 // 256 random bits in the tokens of challenges and reset links
)

// oneTimeHash is what the database keeps of the token of a challenge or a reset link; false for what is no such token.
func oneTimeHash(token string) (hash [32]byte, ok bool) {
	raw, err := tokenText.DecodeString(token)
	if err != nil || len(raw) != oneTimeBytes || strings.ContainsAny(token, "\r\n") { // base64 skips line breaks
		return hash, false
	}
	return sha256.Sum256(raw), true
}

func newOneTime() (token string, hash [32]byte) {
	raw := random(oneTimeBytes)
	return tokenText.EncodeToString(raw), sha256.Sum256(raw)
}

func challengeGone() error {
	return wire.Fail(wire.ChallengeGone, "This sign-in took too long or had too many wrong codes. Begin with your password again.")
}

// entrance is a sign-in as its write found it: a session, a challenge, or a refusal that was found after something had to be written down.
type entrance struct {
	user      store.User
	session   store.Session
	hasKeys   bool
	device    [16]byte // for the device cookie
	challenge *wire.Challenge
	refused   error
}

// admitted reports whether the state of an account lets its person sign in. Whoever calls it has seen a right password, passkey, recovery key or
// link: others are not to learn of the state. begin, by which every session starts, calls it once more.
func admitted(user store.User) error {
	switch user.State {
	case wire.Active:
		return nil
	case wire.Deleted:
		return badCredentials()
	}
	return wire.Fail(wire.AccountPaused, "An admin of this place has paused your account, so you cannot sign in for now. Ask them.")
}

// admit is admitted, and writes down whom it turns away: into e, so that the entry stays.
func (e *entrance) admit(tx *store.Tx, user store.User, from wire.From) error {
	if e.refused = admitted(user); e.refused == nil {
		return nil
	}
	return tx.Audit(wire.AuditEntry{What: wire.ActSignInFailed, User: &user.ID, Detail: "the account is paused", Address: addressText(from)})
}

// arrive starts a session for somebody who has shown everything that is asked for, unless the account is paused. by is what they showed, for the audit
// log. Their other devices are told when this one is not known from before.
func (a *Auth) arrive(tx *store.Tx, user store.User, by string, transport wire.Transport, from wire.From) (e entrance, err error) {
	if err := e.admit(tx, user, from); err != nil || e.refused != nil {
		return e, err
	}
	known := false
	e.user = user
	e.device, known = a.keys.deviceOf(user, from)
	if e.session, err = a.begin(tx, user, transport, from); err != nil {
		return e, err
	}
	if e.hasKeys, err = tx.HasKeys(user.ID); err != nil {
		return e, err
	}
	if err := auditOwn(tx, wire.ActSignedIn, user.ID, e.session.Agent+", "+by, from); err != nil {
		return e, err
	}
	if known && transport == wire.ByCookie {
		return e, nil
	}
	return e, tell(tx, user.ID, "signed_in", from, &e.session.ID)
}

// newcomer is the entrance of somebody whose account is as new as the session.
func (a *Auth) newcomer(user store.User, s store.Session, from wire.From) entrance {
	user.MarksEpoch = 1 // as every account begins
	e := entrance{user: user, session: s}
	e.device, _ = a.keys.deviceOf(user, from)
	return e
}

// open makes the answer of an entrance.
func (a *Auth) open(e entrance, from wire.From) (Grant, error) {
	switch {
	case e.refused != nil:
		return Grant{}, e.refused
	case e.challenge != nil:
		return Grant{Challenge: e.challenge}, nil
	}
	g, err := a.grant(e.user, e.session, e.hasKeys)
	if err == nil {
		a.putKnown(&g, e.user, e.device, from)
	}
	return g, err
}

// unchanged reads an account again, in the write that its password was checked for.
func unchanged(tx *store.Tx, was store.User) (store.User, error) {
	user, err := tx.User(was.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (user.PasswordHash != was.PasswordHash || user.Epoch != was.Epoch) {
		return user, badCredentials() // changed while the old password was being checked
	}
	return user, err
}

// firstStep goes on after a right password, as user was read: to a session, or to a challenge when the account asks for a second step and the device
// is not trusted.
func (a *Auth) firstStep(ctx context.Context, was store.User, transport wire.Transport, from wire.From) (Grant, error) {
	var e entrance
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		user, err := unchanged(tx, was)
		if err != nil {
			return err
		}
		if err := e.admit(tx, user, from); err != nil || e.refused != nil {
			return err
		}
		asks, err := a.asksTwoStep(tx, user, from)
		switch {
		case err != nil:
			return err
		case asks:
			e.challenge, err = challenge(tx, store.Challenge{User: user.ID, UserEpoch: user.Epoch, Method: store.ByPassword})
		default:
			e, err = a.arrive(tx, user, "password", transport, from)
		}
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	return a.open(e, from)
}

// asksTwoStep reports whether a right password is not enough: two-step codes are on and the device is not trusted.
func (a *Auth) asksTwoStep(tx *store.Tx, user store.User, from wire.From) (bool, error) {
	codes, err := tx.TOTP(user.ID)
	if err != nil || !codes.On() {
		return false, err
	}
	device, known := a.keys.knows(from.Known, user)
	if !known {
		return true, nil
	}
	until, err := tx.TrustedUntil(user.ID, device)
	return running(until, tx.Now(), trustedFor) == 0, err
}

// challenge keeps c under a fresh token and returns what the client gets.
func challenge(tx *store.Tx, c store.Challenge) (*wire.Challenge, error) {
	token, hash := newOneTime()
	c.TokenHash, c.ExpiresAt = hash, tx.Now()+challengeLife.Milliseconds()
	return &wire.Challenge{Challenge: token, ExpiresAt: c.ExpiresAt}, tx.CreateChallenge(c, maxChallenges)
}

// AnswerChallenge brings the second step of a sign-in. Looking at a code, using it up and starting the session are one write: of two sign-ins with one
// code one comes through. It is wire.BadCode for a wrong one, wire.ChallengeGone after five of them or five minutes, and wire.AccountLocked after
// ten in a row over several challenges.
func (a *Auth) AnswerChallenge(ctx context.Context, req wire.ChallengeRequest, from wire.From) (Grant, error) {
	if err := checkTransport(req.Transport); err != nil {
		return Grant{}, err
	}
	if req.Trust && req.Transport != wire.ByCookie {
		return Grant{}, wire.FailField("trust", "Only a browser can be trusted: it keeps the cookie by which it is known again.")
	}
	answer, err := readSecondStep(req.Code, req.BackupCode)
	if err != nil {
		return Grant{}, err
	}
	hash, ok := oneTimeHash(req.Challenge)
	if !ok {
		return Grant{}, challengeGone()
	}
	var e entrance
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		e, err = a.secondStep(tx, hash, answer, req, from)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("take a second step: %w", err)
	}
	return a.open(e, from)
}

// secondAnswer is a second step as it was typed: exactly one of the two.
type secondAnswer struct{ code, backup string }

// name is what was typed, for the audit log.
func (s secondAnswer) name() string {
	if s.backup != "" {
		return "backup code"
	}
	return "two-step code"
}

func readSecondStep(code, backup string) (answer secondAnswer, err error) {
	if (code == "") == (backup == "") {
		return answer, wire.FailField("code", "Send the code of your authenticator app, or one of your backup codes.")
	}
	if backup != "" {
		answer.backup, err = parseBackupCode(backup)
		return answer, err
	}
	return secondAnswer{code: code}, checkCode(code)
}

func (a *Auth) secondStep(tx *store.Tx, hash [32]byte, answer secondAnswer, req wire.ChallengeRequest, from wire.From) (e entrance, err error) {
	c, user, err := openChallenge(tx, hash)
	if err != nil {
		return e, err
	}
	var link store.ResetLink
	if c.Method == store.ByReset { // before the code: one that is looked at is counted or used up
		if link, _, err = openReset(tx, c.ResetHash); err != nil {
			return e, err
		}
	}
	if err := e.admit(tx, user, from); err != nil || e.refused != nil {
		return e, err
	}
	right, err := a.tryCode(tx, user, answer, from)
	if err != nil {
		return e, err
	}
	if !right {
		e.refused = badCode()
		if c.Failures+1 >= maxWrongCodes {
			e.refused = wire.Fail(wire.ChallengeGone, "Too many wrong codes. Begin again with your password.")
			return e, tx.DropChallenge(hash)
		}
		return e, tx.FailChallenge(hash)
	}
	if err := tx.DropChallenge(hash); err != nil {
		return e, err
	}
	switch c.Method { // what the first step had put off until now
	case store.ByRecovery:
		err = a.recovered(tx, &user, c.PasswordHash, from)
	case store.ByReset:
		err = a.resetBy(tx, &user, link, c.PasswordHash, from)
	}
	if err != nil {
		return e, err
	}
	if e, err = a.arrive(tx, user, c.Method+" and "+answer.name(), req.Transport, from); err != nil || e.refused != nil {
		return e, err
	}
	if c.Method == store.ByRecovery {
		if _, err := a.makeFresh(tx, e.session.ID); err != nil {
			return e, err
		}
	}
	if req.Trust {
		err = tx.TrustDevice(user.ID, e.device, tx.Now()+trustedFor.Milliseconds())
	}
	return e, err
}

// openChallenge reads the challenge of a token, and whose it is. It is wire.ChallengeGone when it has expired, or when something ended every token
// of its person meanwhile.
func openChallenge(tx *store.Tx, hash [32]byte) (c store.Challenge, user store.User, err error) {
	c, err = tx.Challenge(hash)
	if errors.Is(err, store.ErrNotFound) {
		return c, user, challengeGone()
	}
	if err != nil {
		return c, user, err
	}
	user, err = tx.User(c.User)
	if err == nil && (running(c.ExpiresAt, tx.Now(), challengeLife) == 0 || c.UserEpoch != user.Epoch) {
		return c, user, challengeGone()
	}
	return c, user, err
}

// tryCode is one guess at the second step of an account that asks for one: charged, looked at and, when right, used up.
func (a *Auth) tryCode(tx *store.Tx, user store.User, answer secondAnswer, from wire.From) (right bool, err error) {
	g := a.guessAt(store.DoorTwoStep, user.Username, user, from)
	if err := a.charge(tx, g); err != nil {
		return false, err
	}
	if answer.backup != "" {
		right, err = a.spendBackup(tx, user, answer.backup, from)
	} else {
		right, err = a.spendCode(tx, user, answer.code)
	}
	switch {
	case err != nil:
		return false, err
	case right:
		return true, a.passed(tx, g)
	}
	return false, a.failed(tx, g)
}

func (a *Auth) spendCode(tx *store.Tx, user store.User, code string) (bool, error) {
	codes, err := tx.TOTP(user.ID)
	if err != nil || codes.Sealed == nil {
		return false, err
	}
	secret, err := a.keys.openSecret(user.ID, codes.Sealed)
	if err != nil {
		return false, err
	}
	step, right, err := stepOf(secret, code, tx.Now(), codes.LastStep)
	if err != nil || !right {
		return false, err
	}
	return true, tx.SpendTOTP(user.ID, step)
}

func (a *Auth) spendBackup(tx *store.Tx, user store.User, code string, from wire.From) (bool, error) {
	err := tx.SpendBackupCode(user.ID, a.keys.backupMAC(user.ID, code))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	left, err := tx.CountBackupCodes(user.ID)
	if err != nil {
		return false, err
	}
	return true, auditOwn(tx, wire.ActBackupCodeUsed, user.ID, fmt.Sprintf("%d left", left), from)
}
