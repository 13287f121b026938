package auth

import (
	"context"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// provePassword checks the password of an existing account: nil when it is right, wire.BadCredentials when not.
func (a *Auth) provePassword(ctx context.Context, user store.User, password string, from wire.From) error {
	ok, err := a.hasher.verify(ctx, password, user.PasswordHash)
	if err != nil {
		return fmt.Errorf("check a password: %w", err)
	}
	if !ok {
		return badCredentials()
	}
	return nil
}

// tell says to a person, on all their devices, what happened to their account, and coarsely from where.
func tell(tx *store.Tx, user wire.UserID, what string, from wire.From, session *wire.SessionID) error {
	_, err := tx.AppendLog("session_notice", store.ToUser(user),
		wire.SessionNotice{What: what, Agent: agentName(from.Agent), Network: network(from.Address), Session: session})
	return err
}
