package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// Me is the caller's own account.
func (a *Auth) Me(ctx context.Context, c wire.Caller) (me wire.Me, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		me, err = tx.Me(c.User, c.Device)
		return err
	})
	if err != nil {
		return me, fmt.Errorf("read an account: %w", err)
	}
	return me, nil
}

// ChangeMe changes the caller's own account and tells everybody they share a community with.
func (a *Auth) ChangeMe(ctx context.Context, c wire.Caller, req wire.MeChange) (out wire.User, err error) {
	name, err := wire.CleanName("display_name", req.DisplayName)
	if err != nil {
		return out, err
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		user, err := a.stillHere(tx, c)
		if err != nil {
			return err
		}
		user.DisplayName = name
		out = user.Wire()
		if err := tx.SetDisplayName(c.User, name); err != nil {
			return err
		}
		return tellOfUser(tx, out)
	})
	if err != nil {
		return wire.User{}, fmt.Errorf("change an account: %w", err)
	}
	return out, nil
}

func tellOfUser(tx *store.Tx, user wire.User) error {
	if _, err := tx.AppendLog("user", store.ToUser(user.ID), user); err != nil {
		return err
	}
	communities, err := tx.CommunitiesOf(user.ID)
	if err != nil {
		return err
	}
	for _, community := range communities {
		if _, err := tx.AppendLog("user", store.ToCommunity(community.ID), user); err != nil {
			return err
		}
	}
	return nil
}

// User is a person the caller shares a community or a conversation with.
func (a *Auth) User(ctx context.Context, c wire.Caller, id wire.UserID) (out wire.User, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		if err := acquainted(tx, c.User, id); err != nil {
			return err
		}
		user, err := tx.User(id)
		out = user.Wire()
		return err
	})
	return out, missing(err)
}

// acquainted is wire.Missing for people whom user shares no community and no conversation with, as for those who do not exist.
func acquainted(tx *store.Tx, user, other wire.UserID) error {
	yes, err := tx.Acquainted(user, other)
	if err == nil && !yes {
		return wire.Missing()
	}
	return err
}

// missing is the answer for a row that is not there.
func missing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return wire.Missing()
	}
	return err
}
