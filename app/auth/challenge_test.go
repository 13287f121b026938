package auth

import (
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// guarded switches gurli's two-step codes on and moves on to a fresh code. It returns the app's secret and the backup codes.
func (h *house) guarded(g Grant) (secret []byte, backup []string) {
	h.t.Helper()
	begun, err := h.BeginTwoStep(h.t.Context(), h.confirmed(g))
	if err != nil {
		h.t.Fatal(err)
	}
	if secret, err = base32Text.DecodeString(begun.Secret); err != nil {
		h.t.Fatal(err)
	}
	codes, err := h.ConfirmTwoStep(h.t.Context(), h.caller(g), wire.TwoStepCode{Code: h.code(secret, 0)})
	if err != nil {
		h.t.Fatal(err)
	}
	h.nextCode()
	return secret, codes.Codes
}

// code is what the authenticator app shows off steps from now.
func (h *house) code(secret []byte, off int64) string {
	return codeFor(secret, h.clock.now().Unix()/totpPeriod+off)
}

// wrongCode is a code that the app shows nowhere near now.
func (h *house) wrongCode(secret []byte) string {
	near := map[string]bool{}
	for off := int64(-3); off <= 3; off++ {
		near[h.code(secret, off)] = true
	}
	for _, code := range []string{"000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777"} {
		if !near[code] {
			return code
		}
	}
	panic("seven codes near now are all of one digit")
}

func (h *house) nextCode() { h.clock.advance(totpPeriod * time.Second) }

// challenged signs in as far as the challenge.
func (h *house) challenged(from wire.From) string {
	h.t.Helper()
	g, err := h.try("gurli", goodPassword, from)
	if err != nil {
		h.t.Fatal(err)
	}
	if g.Challenge == nil || g.Answer.AccessToken != "" || !g.Cookie.Empty() || !g.Known.Empty() {
		h.t.Fatalf("signed in without a second step: %+v", g)
	}
	return g.Challenge.Challenge
}

func (h *house) answer(req wire.ChallengeRequest, from wire.From) (Grant, error) {
	req.Transport = wire.ByCookie
	return h.AnswerChallenge(h.t.Context(), req, from)
}

// withTwoStep is a place whose gurli has two-step codes on.
func withTwoStep(t *testing.T) (h *house, secret []byte, backup []string) {
	t.Helper()
	h, _ = settled(t)
	h.quick()
	secret, backup = h.guarded(h.start("gurli"))
	return h, secret, backup
}

func TestARightPasswordAndCodeSignIn(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	token := h.challenged(elsewhere)
	g, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: h.code(secret, 0)}, elsewhere)
	if err != nil || g.Cookie.Empty() || g.Known.Empty() {
		t.Fatalf("%+v, %v", g, err)
	}
	h.caller(g)
	_, err = h.answer(wire.ChallengeRequest{Challenge: token, Code: h.code(secret, 1)}, elsewhere)
	refused(t, err, wire.ChallengeGone)
}

// N31, and through a restart.
func TestACodeIsGoodOnce(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	code := h.code(secret, 0)
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: code}, elsewhere); err != nil {
		t.Fatal(err)
	}
	_, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: code}, elsewhere)
	refused(t, err, wire.BadCode)
	h.reopen(testKeys(t, 1))
	_, err = h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: code}, elsewhere)
	refused(t, err, wire.BadCode)
	_, err = h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, -1)}, elsewhere)
	refused(t, err, wire.BadCode) // nor one before it
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 1)}, elsewhere); err != nil {
		t.Fatal(err)
	}
}

// N32.
func TestACodeTwoStepsOffIsRefused(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	h.clock.advance(time.Hour)
	for off, good := range map[int64]bool{-2: false, 2: false} {
		_, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, off)}, elsewhere)
		if (err == nil) != good {
			t.Errorf("%+d: %v", off, err)
		}
		refused(t, err, wire.BadCode)
	}
}

// N33.
func TestACodeIsSixDigits(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	token, good := h.challenged(elsewhere), h.code(secret, 0)
	arabic := strings.Map(func(r rune) rune { return r - '0' + '\u0660' }, good)
	for _, code := range []string{" " + good, good + " ", good[:5], good + "0", arabic, "12345a", "+12345", "-12345", "1e5000", "\x00" + good[:5]} {
		_, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: code}, elsewhere)
		refused(t, err, wire.BadRequest)
	}
	for _, req := range []wire.ChallengeRequest{{Challenge: token}, {Challenge: token, Code: good, BackupCode: "ABCDE-FGHJK"}} {
		_, err := h.answer(req, elsewhere)
		refused(t, err, wire.BadRequest)
	}
	if _, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: good}, elsewhere); err != nil {
		t.Fatalf("what was no code counted: %v", err)
	}
}

// N34.
func TestAChallengeIsNoAccessTokenAndTheOtherWayRound(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	token := h.challenged(elsewhere)
	_, _, err := h.Authenticate(token)
	refused(t, err, wire.Unauthorized)
	_, err = h.refresh(token)
	refused(t, err, wire.SessionEnded)
	g := h.start("gurli")
	for _, other := range []string{g.Answer.AccessToken, g.Answer.RefreshToken, "", token + "A", token[:42], token + "\n", token + "="} {
		_, err := h.answer(wire.ChallengeRequest{Challenge: other, Code: h.code(secret, 0)}, elsewhere)
		refused(t, err, wire.ChallengeGone)
	}
	h.grep(token)
}

// N35.
func TestFiveWrongCodesEndTheChallenge(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	token, wrong := h.challenged(elsewhere), h.wrongCode(secret)
	for _, want := range []wire.Code{wire.BadCode, wire.BadCode, wire.BadCode, wire.BadCode, wire.ChallengeGone} {
		_, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: wrong}, elsewhere)
		refused(t, err, want)
	}
	_, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: h.code(secret, 0)}, elsewhere)
	refused(t, err, wire.ChallengeGone)
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere); err != nil {
		t.Fatal("with the password again:", err)
	}
}

func TestTenWrongCodesLockTheSecondStepAndNotThePassword(t *testing.T) {
	h, secret, backup := withTwoStep(t)
	wrong := func() string { return h.wrongCode(secret) }
	for range 2 {
		token := h.challenged(elsewhere)
		for _, want := range []wire.Code{wire.BadCode, wire.BadCode, wire.BadCode, wire.BadCode, wire.ChallengeGone} {
			_, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: wrong()}, elsewhere)
			refused(t, err, want)
		}
	}
	h.reopen(testKeys(t, 1)) // it is kept
	token := h.challenged(elsewhere)
	_, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: h.code(secret, 0)}, elsewhere)
	locked(t, err)
	_, err = h.answer(wire.ChallengeRequest{Challenge: token, BackupCode: backup[0]}, elsewhere)
	locked(t, err)
	if len(h.notices("locked")) != 1 || h.count(wire.ActLockedByGuessing) != 1 || h.count(wire.ActSignInFailed) != 10 {
		t.Error("not told once")
	}
	h.clock.advance(lockTime)
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), BackupCode: backup[0]}, elsewhere); err != nil {
		t.Fatal(err)
	}
}

func TestThirtyWrongCodesADayPauseTheSecondStepForUnknownDevices(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	own := elsewhere
	g, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	own.Known = g.Known.Reveal()
	for i := range 30 {
		token := h.challenged(elsewhere)
		_, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: h.wrongCode(secret)}, elsewhere)
		refused(t, err, wire.BadCode)
		if i == 20 { // a right one in between is not counted, and takes back nothing of the day
			h.nextCode()
			if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere); err != nil {
				t.Fatal(err)
			}
		}
		if i%10 == 9 {
			h.clock.advance(lockTime)
		}
	}
	h.clock.advance(lockTime)
	_, err = h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere)
	refused(t, err, wire.AccountLocked)
	tomorrow := h.clock.now().UTC().Truncate(day).Add(day)
	if wait := time.Duration(asWire(err).RetryAfter) * time.Second; wait != tomorrow.Sub(h.clock.now()) {
		t.Errorf("wait %s", wait)
	}
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(own), Code: h.code(secret, 0)}, own); err != nil {
		t.Fatal("a known device goes on:", err)
	}
	h.clock.ms.Store(tomorrow.UnixMilli())
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere); err != nil {
		t.Fatal("the next day:", err)
	}
}

// T18: two sign-ins with one code.
func TestOfTwoSignInsWithOneCodeOneComesThrough(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	for range 5 {
		h.nextCode()
		code, tokens := h.code(secret, 0), []string{h.challenged(elsewhere), h.challenged(elsewhere)}
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, token := range tokens {
			wg.Go(func() { _, errs[i] = h.answer(wire.ChallengeRequest{Challenge: token, Code: code}, elsewhere) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("%v and %v", errs[0], errs[1])
		}
		for _, err := range errs {
			if err != nil {
				refused(t, err, wire.BadCode)
			}
		}
	}
}

func TestAChallengeLastsFiveMinutes(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	g, err := h.try("gurli", goodPassword, elsewhere)
	if err != nil || g.Challenge.ExpiresAt != h.clock.now().Add(5*time.Minute).UnixMilli() {
		t.Fatal(g.Challenge, err)
	}
	h.clock.advance(5*time.Minute - time.Millisecond)
	late := h.challenged(elsewhere)
	if _, err := h.answer(wire.ChallengeRequest{Challenge: g.Challenge.Challenge, Code: h.code(secret, 0)}, elsewhere); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(5 * time.Minute)
	_, err = h.answer(wire.ChallengeRequest{Challenge: late, Code: h.code(secret, 0)}, elsewhere)
	refused(t, err, wire.ChallengeGone)
	back := h.challenged(elsewhere)
	h.clock.advance(-365 * day)
	_, err = h.answer(wire.ChallengeRequest{Challenge: back, Code: h.code(secret, 0)}, elsewhere)
	refused(t, err, wire.ChallengeGone) // T27: five minutes never become a year
}

func TestAtMostTenChallengesAwaitOnePerson(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	first := h.challenged(elsewhere)
	for range maxChallenges {
		h.clock.advance(time.Millisecond)
		h.challenged(elsewhere)
	}
	_, err := h.answer(wire.ChallengeRequest{Challenge: first, Code: h.code(secret, 0)}, elsewhere)
	refused(t, err, wire.ChallengeGone)
}

// N37.
func TestABackupCodeIsGoodOnce(t *testing.T) {
	h, _, backup := withTwoStep(t)
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), BackupCode: strings.ToLower(backup[3])}, elsewhere); err != nil {
		t.Fatal(err)
	}
	_, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), BackupCode: backup[3]}, elsewhere)
	refused(t, err, wire.BadCode)
	for _, e := range h.acts() {
		if e.What == wire.ActBackupCodeUsed && e.Detail != "9 left" {
			t.Errorf("%+v", e)
		}
	}
	if h.count(wire.ActBackupCodeUsed) != 1 {
		t.Error("not written down once")
	}
	again, err := h.NewBackupCodes(t.Context(), h.confirmed(h.start("gurli")))
	if err != nil || len(again.Codes) != 10 {
		t.Fatal(err)
	}
	_, err = h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), BackupCode: backup[0]}, elsewhere)
	refused(t, err, wire.BadCode) // the old ones ended
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), BackupCode: again.Codes[0]}, elsewhere); err != nil {
		t.Fatal(err)
	}
	h.grep(append(again.Codes, strings.ReplaceAll(again.Codes[1], "-", ""))...)
}

func TestATrustedDeviceBringsNoCodeForThirtyDays(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	_, err := h.AnswerChallenge(t.Context(), wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0), Trust: true, Transport: wire.ByBody}, elsewhere)
	refused(t, err, wire.BadRequest) // a program has no cookie to be known by
	own := h.trusted(secret)
	if g := h.mustTry("gurli", own); g.Challenge != nil {
		t.Fatal("asked all the same")
	}
	_, err = h.try("gurli", wrongPassword, own)
	refused(t, err, wire.BadCredentials)
	h.challenged(elsewhere) // others are asked
	h.clock.advance(30*day - time.Minute)
	if g := h.mustTry("gurli", own); g.Challenge != nil {
		t.Error("asked before the 30 days are over")
	}
	h.clock.advance(time.Minute)
	h.challenged(own)
}

// trusted signs in with a code on a device that need not bring one again.
func (h *house) trusted(secret []byte) wire.From {
	h.t.Helper()
	h.nextCode()
	g, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0), Trust: true}, elsewhere)
	if err != nil {
		h.t.Fatal(err)
	}
	own := elsewhere
	own.Known = g.Known.Reveal()
	return own
}

func TestChangesOfPasswordAndSecondStepEndTrustAndChallenges(t *testing.T) {
	for name, change := range map[string]func(h *house, secret []byte) error{
		"password": func(h *house, secret []byte) error {
			_, err := h.ChangePassword(h.t.Context(), h.confirmed(h.start("gurli")), wire.PasswordChange{Password: "copper meadow lantern"})
			return err
		},
		"switched off and on": func(h *house, secret []byte) error {
			if err := h.EndTwoStep(h.t.Context(), h.confirmed(h.start("gurli"))); err != nil {
				return err
			}
			copy(secret, first(h.guarded(h.start("gurli"))))
			return nil
		},
	} {
		h, secret, _ := withTwoStep(t)
		own, open := h.trusted(secret), h.challenged(elsewhere)
		if err := change(h, secret); err != nil {
			t.Fatal(name, err)
		}
		h.nextCode()
		_, err := h.answer(wire.ChallengeRequest{Challenge: open, Code: h.code(secret, 0)}, elsewhere)
		refused(t, err, wire.ChallengeGone)
		var asks bool
		h.write(func(tx *store.Tx) error {
			asks, err = h.asksTwoStep(tx, h.user("gurli"), own)
			return err
		})
		if !asks {
			t.Errorf("%s: the device is trusted still", name)
		}
	}
}

func first(secret []byte, _ []string) []byte { return secret }

func TestAnAccountPausedBetweenTheStepsStaysOut(t *testing.T) {
	h, g := keyed(t)
	secret, _ := h.guarded(g)
	in, err := h.recover("gurli", testProof, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{h.challenged(elsewhere), in.Challenge.Challenge} {
		h.sql("UPDATE user SET state = 'suspended'")
		_, err = h.answer(wire.ChallengeRequest{Challenge: token, Code: h.code(secret, 0)}, elsewhere)
		refused(t, err, wire.AccountPaused)
		h.sql("UPDATE user SET state = 'active'")
	}
	h.hasPassword(goodPassword) // nothing came in force either
	if _, err := h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere); err != nil {
		t.Fatal("the code was used up:", err)
	}
}

func TestWhateverEndsEveryTokenEndsAChallenge(t *testing.T) {
	h, secret, _ := withTwoStep(t)
	token := h.challenged(elsewhere)
	h.sql("UPDATE user SET epoch = epoch + 1")
	_, err := h.answer(wire.ChallengeRequest{Challenge: token, Code: h.code(secret, 0)}, elsewhere)
	refused(t, err, wire.ChallengeGone)
}

func TestTwoStepCodesAreAskedForOnceConfirmed(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	g := h.start("gurli")
	c := h.confirmed(g)
	_, err := h.ConfirmTwoStep(t.Context(), c, wire.TwoStepCode{Code: "123456"})
	refused(t, err, wire.TwoStepOff)
	_, err = h.NewBackupCodes(t.Context(), c)
	refused(t, err, wire.TwoStepOff)
	old, err := h.BeginTwoStep(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	begun, err := h.BeginTwoStep(t.Context(), c) // anew: the first secret is void
	if err != nil || begun.Secret == old.Secret || !strings.Contains(begun.URL, begun.Secret) || !strings.Contains(begun.URL, "issuer=Birch%20Lane") {
		t.Fatal(begun.URL, err)
	}
	if in := h.mustTry("gurli", elsewhere); in.Challenge != nil {
		t.Error("asked before it was confirmed")
	}
	stale, _ := base32Text.DecodeString(old.Secret)
	secret, _ := base32Text.DecodeString(begun.Secret)
	_, err = h.ConfirmTwoStep(t.Context(), c, wire.TwoStepCode{Code: h.code(stale, 0)})
	refused(t, err, wire.BadCode)
	codes, err := h.ConfirmTwoStep(t.Context(), c, wire.TwoStepCode{Code: h.code(secret, 0)})
	if err != nil || len(codes.Codes) != 10 {
		t.Fatal(err)
	}
	_, err = h.answer(wire.ChallengeRequest{Challenge: h.challenged(elsewhere), Code: h.code(secret, 0)}, elsewhere)
	refused(t, err, wire.BadCode) // the confirming code was used
	_, err = h.BeginTwoStep(t.Context(), c)
	refused(t, err, wire.TwoStepOn)
	_, err = h.ConfirmTwoStep(t.Context(), c, wire.TwoStepCode{Code: h.code(secret, 1)})
	refused(t, err, wire.TwoStepOn)
	if told := h.notices("two_step_on"); len(told) != 1 || *told[0].Session != c.Session || h.count(wire.ActTwoStepOn) != 1 {
		t.Errorf("%+v", told)
	}
	h.grep(begun.Secret, string(secret))
	for range 2 { // the second time nothing is left to switch off, and nobody is told
		if err := h.EndTwoStep(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if in := h.mustTry("gurli", elsewhere); in.Challenge != nil || len(h.notices("two_step_off")) != 1 || h.count(wire.ActTwoStepOff) != 1 {
		t.Error("asked after it was switched off, or not told once")
	}
	h.caller(g)
}

func TestWhoeverTookOverASessionDoesNotGuessTheirWayToBackupCodes(t *testing.T) {
	h, _ := settled(t)
	h.quick()
	c := h.confirmed(h.start("gurli"))
	begun, err := h.BeginTwoStep(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := base32Text.DecodeString(begun.Secret)
	for range 10 {
		_, err := h.ConfirmTwoStep(t.Context(), c, wire.TwoStepCode{Code: h.wrongCode(secret)})
		refused(t, err, wire.BadCode)
	}
	_, err = h.ConfirmTwoStep(t.Context(), c, wire.TwoStepCode{Code: h.code(secret, 0)})
	locked(t, err)
}
