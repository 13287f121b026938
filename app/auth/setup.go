package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const (
	setupLife  = 24 * time.Hour
	setupBytes = 32 // 256 random bits
)

// IssueSetupToken makes a fresh setup token (43 characters, good for 24 h), which takes the place of an earlier one. It works beside
// a running server. Once the place is set up it fails with wire.SetupDone.
func IssueSetupToken(ctx context.Context, s *store.Store) (Secret, error) {
	token := random(setupBytes)
	err := s.Write(ctx, func(tx *store.Tx) error {
		place, err := tx.Place()
		if err != nil {
			return err
		}
		if place.SetUp() {
			return setupDone()
		}
		return tx.SetSetupToken(sha256.Sum256(token), tx.Now()+setupLife.Milliseconds())
	})
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(tokenText.EncodeToString(token)), nil
}

func setupDone() error {
	return wire.Fail(wire.SetupDone, "This place is set up already. Sign in instead.")
}

// Setup names the place and makes its first account, an admin, with the place's first community: all of it or nothing. It needs the token
// of the console's setup link, which works once.
func (a *Auth) Setup(ctx context.Context, req wire.SetupRequest, from wire.From) (Grant, error) {
	if err := a.store.Read(ctx, func(tx *store.Tx) error { return checkSetupToken(tx, req.Token) }); err != nil {
		return Grant{}, err
	}
	placeName, err := wire.CleanName("place_name", req.PlaceName)
	if err != nil {
		return Grant{}, err
	}
	user, err := a.newUser(ctx, applicant{req.Username, req.DisplayName, req.Password, req.Transport}, wire.PlaceAdmin, nil)
	if err != nil {
		return Grant{}, err
	}
	var s store.Session
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := checkSetupToken(tx, req.Token); err != nil {
			return err
		}
		if s, err = a.enrol(tx, &user, req.Transport, from); err != nil {
			return err
		}
		if _, err := tx.CreateCommunity(placeName, user.ID); err != nil {
			return err
		}
		if err := tx.Audit(wire.AuditEntry{What: wire.ActSetUp, Actor: &user.ID, Detail: placeName, Address: addressText(from)}); err != nil {
			return err
		}
		tx.OnCommit(func() { a.setUp.Store(true); close(a.begun) })
		return tx.FinishSetup(placeName, a.registration)
	})
	if err != nil {
		return Grant{}, fmt.Errorf("set the place up: %w", err)
	}
	return a.open(a.newcomer(user, s, from), from)
}

// checkSetupToken compares in constant time: how long a wrong guess takes tells nothing about the token.
func checkSetupToken(tx *store.Tx, token string) error {
	place, err := tx.Place()
	if err != nil {
		return err
	}
	if place.SetUp() {
		return setupDone()
	}
	raw, err := tokenText.DecodeString(token)
	sum := sha256.Sum256(raw)
	fits := subtle.ConstantTimeCompare(sum[:], place.SetupHash[:]) == 1
	if err != nil || len(raw) != setupBytes || !fits || strings.ContainsAny(token, "\r\n") || place.SetupExpires <= tx.Now() {
		return wire.Fail(wire.SetupToken, `This setup link is not good any more. Run "chatalot setup" on the machine of this place for a fresh one.`)
	}
	return nil
}

// applicant is what somebody fills in to get an account.
type applicant struct {
	username, displayName, password string
	transport                       wire.Transport
}

// newUser checks what somebody filled in and does the slow work of hashing, so that the write which follows is short. free, when not nil,
// is asked between the two: it tells whether the hashing is worth it.
func (a *Auth) newUser(ctx context.Context, in applicant, role wire.PlaceRole, free func(name string) error) (user store.User, err error) {
	if err := checkTransport(in.transport); err != nil {
		return user, err
	}
	user = store.User{ID: wire.UserID(random(16)), Role: role, Epoch: 1, CreatedAt: a.now().UnixMilli()}
	if user.Username, err = username(in.username); err != nil {
		return user, err
	}
	if user.DisplayName, err = wire.CleanName("display_name", in.displayName); err != nil {
		return user, err
	}
	if err := newPassword(in.password, user.Username, user.DisplayName); err != nil {
		return user, err
	}
	if free != nil {
		if err := free(user.Username); err != nil {
			return user, err
		}
	}
	user.PasswordHash, err = a.hasher.hash(ctx, in.password)
	return user, err
}

// enrol adds the account and starts its first session.
func (a *Auth) enrol(tx *store.Tx, user *store.User, transport wire.Transport, from wire.From) (store.Session, error) {
	user.CreatedAt, user.State = tx.Now(), wire.Active
	err := tx.CreateUser(*user)
	if errors.Is(err, store.ErrTaken) {
		return store.Session{}, usernameTaken()
	}
	if err != nil {
		return store.Session{}, err
	}
	return a.begin(tx, *user, transport, from)
}

func usernameTaken() error {
	return &wire.Error{Code: wire.UsernameTaken, Field: "username", Message: "Somebody here has this sign-in name. Choose another."}
}
