package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"chatalot/app/auth"
	"chatalot/app/config"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// Why the console could not do something to an account.
var (
	ErrNoAccount = errors.New("no such account") // nobody has the sign-in name
	ErrPaused    = errors.New("account paused")  // it is suspended
)

// accountFailure gives what the console did to the account named so its one line.
func accountFailure(name string, err error) error {
	if errors.Is(err, auth.ErrNoAccount) {
		return failure{ErrNoAccount, fmt.Sprintf("Nobody here has the sign-in name %q. chatalot user list shows everybody.", name)}
	}
	if refusal, ok := errors.AsType[*wire.Error](err); ok && refusal.Code == wire.AccountPaused {
		return failure{ErrPaused, refusal.Message}
	}
	return err
}

// Account is somebody as the console lists them. Role and State are words of the protocol: "admin", "suspended".
type Account struct {
	Name, Role, State string
	TwoStep           bool
	Passkeys          int
	Since             time.Time
}

// Accounts lists everybody, by sign-in name, but for those who deleted their account.
func Accounts(ctx context.Context, c config.Config, log *slog.Logger) (list []Account, err error) {
	err = besides(ctx, c, log, func(s *store.Store) error {
		people, err := auth.ListAccounts(ctx, s)
		for _, a := range people {
			if a.State != wire.Deleted {
				list = append(list, Account{a.User.Username, string(a.User.Role), string(a.State), a.TwoStep, a.Passkeys, time.UnixMilli(a.CreatedAt)})
			}
		}
		return err
	})
	return list, err
}

// UnlockAccount lets somebody sign in again who was locked out.
func UnlockAccount(ctx context.Context, c config.Config, insecure bool, name string, log *slog.Logger) error {
	return besides(ctx, c, log, func(s *store.Store) error {
		keys, err := auth.OpenKeys(ctx, keyFiles(c, insecure, log), s)
		if err != nil {
			return err
		}
		return accountFailure(name, auth.UnlockAccount(ctx, s, keys, name))
	})
}

// MakeAdmin makes somebody an admin of the place; false when they are one already.
func MakeAdmin(ctx context.Context, c config.Config, name string, log *slog.Logger) (changed bool, err error) {
	err = besides(ctx, c, log, func(s *store.Store) error {
		changed, err = auth.MakeAdmin(ctx, s, name)
		return accountFailure(name, err)
	})
	return changed, err
}

// ResetLink makes a one-use link by which somebody chooses a new password. With twoStep it switches their two-step codes off as well.
func ResetLink(ctx context.Context, c config.Config, name string, twoStep bool, log *slog.Logger) (link string, err error) {
	err = besides(ctx, c, log, func(s *store.Store) error {
		token, err := auth.IssueResetLink(ctx, s, name, twoStep)
		if err != nil {
			return accountFailure(name, err)
		}
		link = lastAddress(c) + "/reset#" + token.Reveal()
		return nil
	})
	return link, err
}
