package auth

import (
	"encoding/json"
	"strings"
	"testing"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

const nextPassword = "copper meadow lantern"

func (h *house) recover(name string, proof wire.Bytes, from wire.From) (Grant, error) {
	return h.Recover(h.t.Context(), wire.RecoverRequest{Username: name, Proof: proof, Password: nextPassword, Transport: wire.ByCookie}, from)
}

// keyed is a place whose gurli has a recovery key. The grant is that of her first session.
func keyed(t *testing.T) (*house, Grant) {
	t.Helper()
	h, g := settled(t)
	h.publish(g, 0, 0)
	return h, g
}

// wrongProof is nobody's.
var wrongProof = wire.Bytes(strings.Repeat("x", proofSize))

// hasPassword fails the test unless gurli's password is the one given.
func (h *house) hasPassword(password string) {
	h.t.Helper()
	ok, err := h.hasher.verify(h.t.Context(), password, h.user("gurli").PasswordHash)
	if err != nil || !ok {
		h.t.Errorf("the password is another: %v", err)
	}
}

// ended fails the test unless every token of the grant is dead.
func (h *house) ended(g Grant) {
	h.t.Helper()
	_, _, err := h.Authenticate(g.Answer.AccessToken)
	refused(h.t, err, wire.SessionEnded)
	_, err = h.refresh(g.Answer.RefreshToken)
	refused(h.t, err, wire.SessionEnded)
}

// N41 for the sessions.
func TestTheRecoveryKeySetsANewPasswordAndEndsEverySession(t *testing.T) {
	h, g := keyed(t)
	sub := h.hub.Subscribe(h.caller(g))
	defer sub.Close()
	in, err := h.recover("Gurli", testProof, elsewhere)
	if err != nil || in.Challenge != nil || in.Cookie.Empty() || in.Known.Empty() || !in.Answer.HasKeys {
		t.Fatalf("%+v, %v", in, err)
	}
	h.caller(in)
	h.hasPassword(nextPassword)
	h.ended(g)
	if sub.Take(1).Kicked != live.CodeExpired {
		t.Error("a socket lives")
	}
	if h.count(wire.ActPasswordRecovered) != 1 || len(h.notices("password_recovered")) != 1 {
		t.Error("nobody was told")
	}
	h.reopen(testKeys(t, 1))
	h.caller(in)
	h.ended(g)
}

// T15: byte for byte, whether the name exists, has a recovery key, or the proof is wrong.
func TestAWrongRecoveryKeyAnswersLikeANameThatNobodyHas(t *testing.T) {
	h, g := keyed(t)
	h.join(h.caller(g), "arne") // has no recovery key yet
	var answers []string
	for _, name := range []string{"gurli", "arne", "nobody", "not a name"} {
		runs := h.hasher.runs.Load()
		_, err := h.recover(name, wrongProof, elsewhere)
		refused(t, err, wire.BadCredentials)
		text, _ := json.Marshal(asWire(err))
		answers = append(answers, string(text))
		if answers[0] != string(text) {
			t.Errorf("%s: %s", name, text)
		}
		if h.hasher.runs.Load() != runs+1 {
			t.Errorf("%s: other work was done", name)
		}
	}
	h.hasPassword(goodPassword)
	h.caller(g)
}

// N23.
func TestTenWrongRecoveryKeysLockThatDoorAlone(t *testing.T) {
	for _, name := range []string{"gurli", "nobody"} {
		h, _ := keyed(t)
		for range 10 {
			_, err := h.recover(name, wrongProof, elsewhere)
			refused(t, err, wire.BadCredentials)
		}
		h.reopen(testKeys(t, 1))
		_, err := h.recover(name, testProof, elsewhere)
		locked(t, err)
		if h.hasher.runs.Load() != 0 {
			t.Error("something was hashed during the lock")
		}
		if name != "gurli" {
			continue
		}
		h.hasPassword(goodPassword)
		h.mustTry("gurli", elsewhere) // the password's door is open
		if told := h.notices("locked"); len(told) != 1 {
			t.Errorf("%+v", told)
		}
		h.clock.advance(lockTime)
		if _, err := h.recover(name, testProof, elsewhere); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheRecoveryKeyOpensWhileThePasswordIsLocked(t *testing.T) {
	h, _ := keyed(t)
	h.quick()
	h.guess(10, "gurli", elsewhere)
	if _, err := h.recover("gurli", testProof, elsewhere); err != nil {
		t.Fatal(err)
	}
}

func TestARecoveredPasswordObeysTheRules(t *testing.T) {
	h, g := settled(t)
	h.publish(g, 0, 0)
	h.sql("UPDATE user SET display_name = 'Xylophonia'")
	for _, password := range []string{"short", strings.Repeat("long", 33), "password123", "gurli12345"} {
		for _, name := range []string{"gurli", "nobody"} { // whether or not the name exists
			_, err := h.Recover(t.Context(), wire.RecoverRequest{Username: name, Proof: testProof, Password: password, Transport: wire.ByBody}, elsewhere)
			if name == "gurli" || password != "gurli12345" {
				refused(t, err, wire.BadRequest)
			}
		}
	}
	own := wire.RecoverRequest{Username: "gurli", Proof: wrongProof, Password: "xylophonia1", Transport: wire.ByBody}
	_, err := h.Recover(t.Context(), own, elsewhere)
	refused(t, err, wire.BadCredentials) // her display name is told to nobody ...
	own.Proof = testProof
	_, err = h.Recover(t.Context(), own, elsewhere)
	refused(t, err, wire.BadRequest) // ... who has not the key
	_, err = h.recover("gurli", testProof[:31], elsewhere)
	refused(t, err, wire.BadRequest)
	h.hasPassword(goodPassword)
}

func TestARecoveredPasswordIsInForceWithTheSecondStep(t *testing.T) {
	h, g := keyed(t)
	secret, _ := h.guarded(g)
	own := h.trusted(secret)
	h.nextCode()
	in, err := h.recover("gurli", testProof, own) // a trusted device is asked too
	if err != nil || in.Challenge == nil {
		t.Fatalf("%+v, %v", in, err)
	}
	h.hasPassword(goodPassword)
	h.caller(g)
	_, err = h.answer(wire.ChallengeRequest{Challenge: in.Challenge.Challenge, Code: h.wrongCode(secret)}, own)
	refused(t, err, wire.BadCode)
	h.hasPassword(goodPassword)
	out, err := h.answer(wire.ChallengeRequest{Challenge: in.Challenge.Challenge, Code: h.code(secret, 0)}, own)
	if err != nil {
		t.Fatal(err)
	}
	h.caller(out)
	h.hasPassword(nextPassword)
	h.ended(g)
	user := h.user("gurli")
	h.read(func(tx *store.Tx) error {
		asks, err := h.asksTwoStep(tx, user, own)
		if !asks {
			t.Error("the device is trusted still")
		}
		return err
	})
}

func TestANewRecoveryKeyIsToldOfAndTheOldOneOpensNothing(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	if h.count(wire.ActRecoveryChanged) != 1 || len(h.notices("recovery_key_changed")) != 0 {
		t.Error("the first one is written down, and tells nobody of a change")
	}
	p.caller = h.confirmed(g)
	other := wire.Bytes(strings.Repeat("y", proofSize))
	put := func(version uint64, proof wire.Bytes) {
		t.Helper()
		p.next()
		p.manifest.VaultVersion = version
		if _, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode(), Vault: []byte("sealed"), VaultVersion: int64(version), Recovery: recoveryOf(proof)}); err != nil {
			t.Fatal(err)
		}
	}
	put(2, testProof) // a new vault under the same key
	if h.count(wire.ActRecoveryChanged) != 1 || len(h.notices("recovery_key_changed")) != 0 {
		t.Error("told of no change")
	}
	put(3, other)
	if told := h.notices("recovery_key_changed"); h.count(wire.ActRecoveryChanged) != 2 || len(told) != 1 || *told[0].Session != p.caller.Session {
		t.Errorf("%+v", told)
	}
	_, err := h.recover("gurli", testProof, elsewhere)
	refused(t, err, wire.BadCredentials)
	if _, err := h.recover("gurli", other, elsewhere); err != nil {
		t.Fatal(err)
	}
	h.grep(string(testProof), string(other))
}

func TestARecoveryHashComesWithAVaultAlone(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0)
	p.next()
	_, err := h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode(), Recovery: recoveryOf(wrongProof)})
	refused(t, err, wire.BadRequest)
	p.manifest.VaultVersion = 2
	_, err = h.PutManifest(t.Context(), p.caller, wire.PutManifest{Manifest: p.encode(), Vault: []byte("sealed"), VaultVersion: 2})
	refused(t, err, wire.BadRequest)
	if _, err := h.recover("gurli", testProof, elsewhere); err != nil {
		t.Fatal(err)
	}
}

// rekey replaces the vault by one under another recovery key, as the session of p is.
func (p *person) rekey(proof wire.Bytes) error {
	p.h.t.Helper()
	p.next()
	p.manifest.VaultVersion++
	_, err := p.h.PutManifest(p.h.t.Context(), p.caller, wire.PutManifest{Manifest: p.encode(), Vault: []byte("another"), VaultVersion: int64(p.manifest.VaultVersion), Recovery: recoveryOf(proof)})
	return err
}

func TestAnOpenSessionAloneDoesNotReplaceTheRecoveryKey(t *testing.T) {
	h, g := settled(t)
	p := h.publish(g, 0, 0) // the first one needs no confirmation
	refused(t, p.rekey(wrongProof), wire.ConfirmFirst)
	_, err := h.recover("gurli", wrongProof, elsewhere)
	refused(t, err, wire.BadCredentials)
	if v, err := h.Vault(t.Context(), p.caller); err != nil || string(v.Vault) != "sealed" {
		t.Fatalf("%+v, %v", v, err)
	}
}

func TestARecoveryChangesItsKeyWithoutAnotherConfirmation(t *testing.T) {
	for _, twoStep := range []bool{false, true} {
		h, g := settled(t)
		p := h.publish(g, 0, 0)
		var secret []byte
		if twoStep {
			secret, _ = h.guarded(g)
			h.nextCode()
		}
		in, err := h.recover("gurli", testProof, elsewhere)
		if err == nil && twoStep {
			in, err = h.answer(wire.ChallengeRequest{Challenge: in.Challenge.Challenge, Code: h.code(secret, 0)}, elsewhere)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.caller(in).Fresh {
			t.Fatal("not confirmed")
		}
		if _, err := h.ReserveDevice(t.Context(), h.caller(in), wire.NewDevice{Name: "Firefox on Linux", ID: p.caller.Device}); err != nil {
			t.Fatal(err)
		}
		p.caller = h.caller(in)
		if err := p.rekey(wrongProof); err != nil {
			t.Fatal(err)
		}
		h.clock.advance(freshLife)
		p.caller = h.caller(in)
		refused(t, p.rekey(testProof), wire.ConfirmFirst)
	}
}

func TestNoOtherSignInCountsAsConfirmed(t *testing.T) {
	h, g := settled(t)
	if h.caller(g).Fresh || h.caller(h.start("gurli")).Fresh || h.caller(h.join(h.caller(g), "arne")).Fresh {
		t.Error("confirmed")
	}
	in, err := h.reset(h.link(g.Answer.User.ID, false), elsewhere)
	if err != nil || h.caller(in).Fresh {
		t.Errorf("a reset link confirms: %v", err)
	}
}

// Whoever was in the account may have added one.
func TestPasskeysEndWithARecoveryAndAResetAlone(t *testing.T) {
	for name, again := range map[string]func(*house, Grant) error{
		"recovery": func(h *house, g Grant) error { _, err := h.recover("gurli", testProof, elsewhere); return err },
		"reset": func(h *house, g Grant) error {
			_, err := h.reset(h.link(g.Answer.User.ID, false), elsewhere)
			return err
		},
		"change": func(h *house, g Grant) error {
			_, err := h.ChangePassword(t.Context(), h.confirmed(g), wire.PasswordChange{Password: nextPassword})
			return err
		},
	} {
		h, g := keyed(t)
		h.join(h.caller(g), "arne")
		h.write(func(tx *store.Tx) error {
			for i, name := range []string{"gurli", "gurli", "arne"} {
				if _, err := tx.CreatePasskey(store.Passkey{ID: []byte{byte(i)}, User: h.user(name).ID, Name: "Key", Credential: "{}"}); err != nil {
					return err
				}
			}
			return nil
		})
		if err := again(h, g); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, told := 0, 1
		if name == "change" {
			want, told = 2, 0
		}
		h.read(func(tx *store.Tx) error {
			own, err := tx.PasskeysOf(g.Answer.User.ID)
			if err != nil || len(own) != want {
				t.Errorf("%s: %d passkeys, %v", name, len(own), err)
			}
			if _, err := tx.Passkey([]byte{2}); err != nil {
				t.Errorf("%s: somebody else's: %v", name, err)
			}
			return nil
		})
		if h.count(wire.ActPasskeyRemoved) != told || len(h.notices("passkey_removed")) != told {
			t.Errorf("%s: told of %d", name, len(h.notices("passkey_removed")))
		}
	}
}

func TestTwoStepCodesThatWereBegunEndWithThePassword(t *testing.T) {
	h, _ := settled(t)
	thief, owner := h.start("gurli"), h.start("gurli")
	begun, err := h.BeginTwoStep(t.Context(), h.confirmed(thief))
	if err != nil {
		t.Fatal(err)
	}
	held := h.caller(thief) // its token was looked at; the code is on its way
	if _, err := h.ChangePassword(t.Context(), h.confirmed(owner), wire.PasswordChange{Password: nextPassword}); err != nil {
		t.Fatal(err)
	}
	secret, _ := base32Text.DecodeString(begun.Secret)
	if _, err := h.ConfirmTwoStep(t.Context(), held, wire.TwoStepCode{Code: h.code(secret, 0)}); err == nil {
		t.Error("codes of somebody who is out of the account are asked for")
	}
	h.read(func(tx *store.Tx) error {
		codes, err := tx.TOTP(owner.Answer.User.ID)
		if codes.Sealed != nil {
			t.Error("the secret is there still")
		}
		return err
	})
}
