package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// Register makes an account and, with an invite, joins its community. In an open place somebody who comes without one joins the first
// community: there would be nobody to talk to otherwise. Whether a sign-in name is taken is told only to those who may register.
func (a *Auth) Register(ctx context.Context, req wire.RegisterRequest, from wire.From) (Grant, error) {
	var hash *[32]byte
	if req.Invite != "" {
		h, err := inviteHash(req.Invite)
		if err != nil {
			return Grant{}, err
		}
		hash = &h
	}
	if err := a.store.Read(ctx, func(tx *store.Tx) error { return mayRegister(tx, hash) }); err != nil {
		return Grant{}, err
	}
	user, err := a.newUser(ctx, applicant{req.Username, req.DisplayName, req.Password, req.Transport}, wire.PlaceMember, func(name string) error {
		return a.store.Read(ctx, func(tx *store.Tx) error { return usernameFree(tx, name) })
	})
	if err != nil {
		return Grant{}, err
	}
	var s store.Session
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := mayRegister(tx, hash); err != nil {
			return err
		}
		if s, err = a.enrol(tx, &user, req.Transport, from); err != nil {
			return err
		}
		return enter(tx, user.ID, hash)
	})
	if err != nil {
		return Grant{}, fmt.Errorf("register: %w", err)
	}
	return a.open(a.newcomer(user, s, from), from)
}

// mayRegister looks whether the place takes new people, and this one: hash is that of the invite they brought, or nil.
func mayRegister(tx *store.Tx, hash *[32]byte) error {
	place, err := tx.Place()
	if err != nil {
		return err
	}
	switch {
	case place.Registration == wire.Closed:
		return wire.Fail(wire.RegistrationClosed, "This place takes no new people just now. Ask whoever runs it.")
	case place.Registration == wire.InviteOnly && hash == nil:
		return wire.Fail(wire.InviteRequired, "This place is by invitation only. Ask somebody who is here for one.")
	case hash == nil:
		return nil
	}
	_, err = tx.OpenInvite(*hash)
	return asInviteGone(err)
}

func asInviteGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return inviteGone()
	}
	return err
}

func usernameFree(tx *store.Tx, name string) error {
	_, err := tx.UserByUsername(name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return usernameTaken()
}

// enter puts a new person into the community of their invite, or the first one.
func enter(tx *store.Tx, user wire.UserID, hash *[32]byte) error {
	if hash == nil {
		first, err := tx.FirstCommunity()
		if errors.Is(err, store.ErrNotFound) {
			return nil // its owner deleted it
		}
		if err != nil {
			return err
		}
		_, err = tx.JoinCommunity(first, user, wire.Member)
		return err
	}
	invite, err := tx.UseInvite(*hash)
	if err != nil {
		return asInviteGone(err)
	}
	_, err = tx.JoinCommunity(invite.CommunityID, user, wire.Member)
	return err
}
