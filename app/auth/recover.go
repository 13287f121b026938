package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// proofSize is the length of a recovery proof in bytes (SPEC.md section 6).
const proofSize = 32

func badRecovery() error {
	return wire.Fail(wire.BadCredentials, "This sign-in name and recovery key do not belong together. Check both and try again.")
}

// Recover sets a new password by the recovery key, which has a counter of wrong guesses of its own. The answers are those of Login, and as for Login the
// work is the same for names that nobody has: the new password is hashed before anybody looks at the proof. An account with two-step codes answers a
// challenge, and the password comes in force with its second step, whatever device is trusted.
func (a *Auth) Recover(ctx context.Context, req wire.RecoverRequest, from wire.From) (Grant, error) {
	if err := checkTransport(req.Transport); err != nil {
		return Grant{}, err
	}
	if len(req.Proof) != proofSize {
		return Grant{}, wire.FailField("proof", "A recovery proof has 32 bytes, made from the recovery key.")
	}
	typed, _ := username(req.Username) // empty for what can be nobody's: the password may then hold anything
	if err := newPassword(req.Password, typed); err != nil {
		return Grant{}, err
	}
	user, err := a.knownUser(ctx, req.Username)
	if err != nil {
		return Grant{}, err
	}
	g := a.guessAt(store.DoorRecovery, req.Username, user, from)
	if err := a.store.Write(ctx, func(tx *store.Tx) error { return a.charge(tx, g) }); err != nil {
		return Grant{}, err
	}
	hash, err := a.hasher.hash(ctx, req.Password)
	if err != nil {
		return Grant{}, errors.Join(err, a.settle(ctx, g, false))
	}
	var e entrance
	err = a.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { // see settle
		e, err = a.recoverWith(tx, g, req, hash)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("recover an account: %w", err)
	}
	return a.open(e, from)
}

func (a *Auth) recoverWith(tx *store.Tx, g *guess, req wire.RecoverRequest, hash string) (e entrance, err error) {
	right, err := rightProof(tx, g.user.ID, req.Proof)
	if err != nil {
		return e, err
	}
	if !right {
		e.refused = badRecovery()
		return e, a.failed(tx, g)
	}
	if err := a.passed(tx, g); err != nil {
		return e, err
	}
	user, err := tx.User(g.user.ID)
	if err != nil {
		return e, err
	}
	if err := e.admit(tx, user, g.from); err != nil || e.refused != nil {
		return e, err
	}
	if e.refused = newPassword(req.Password, user.Username, user.DisplayName); e.refused != nil {
		return e, nil
	}
	codes, err := tx.TOTP(user.ID)
	if err != nil {
		return e, err
	}
	if codes.On() {
		e.challenge, err = challenge(tx, store.Challenge{User: user.ID, UserEpoch: user.Epoch, Method: store.ByRecovery, PasswordHash: hash})
		return e, err
	}
	if err := a.recovered(tx, &user, hash, g.from); err != nil {
		return e, err
	}
	if e, err = a.arrive(tx, user, "recovery key", req.Transport, g.from); err != nil || e.refused != nil {
		return e, err
	}
	_, err = a.makeFresh(tx, e.session.ID)
	return e, err
}

// rightProof compares in constant time, and for an account without a recovery key with nothing that anybody has.
func rightProof(tx *store.Tx, user wire.UserID, proof []byte) (bool, error) {
	want, err := tx.RecoveryHash(user)
	known := err == nil
	if errors.Is(err, store.ErrNotFound) {
		want, err = [32]byte(random(32)), nil
	}
	got := sha256.Sum256(proof)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && known, err
}

// recovered puts the new password of a recovery in force.
func (a *Auth) recovered(tx *store.Tx, user *store.User, hash string, from wire.From) error {
	if err := a.putPassword(tx, user, hash, nil); err != nil {
		return err
	}
	return errors.Join(auditOwn(tx, wire.ActPasswordRecovered, user.ID, "", from), tell(tx, user.ID, "password_recovered", from, nil))
}
