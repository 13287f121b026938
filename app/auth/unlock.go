package auth

import (
	"chatalot/app/store"
	"chatalot/app/wire"
)

// Unlock forgets the wrong guesses at every door of a sign-in name, in a write of the caller's, who also says so in the audit log.
func (k *Keys) Unlock(tx *store.Tx, username string) error { return nil }

// Unlock forgets the wrong guesses at every door of a sign-in name, as Keys.Unlock does.
func (a *Auth) Unlock(tx *store.Tx, username string) error { return a.keys.Unlock(tx, username) }

// LockedUntil is until when wrong passwords keep unknown devices out of an account, Unix ms; 0 when they do not.
func (a *Auth) LockedUntil(tx *store.Tx, username string) (int64, error) { return 0, nil }

// addressText is an address for the audit log.
func addressText(from wire.From) string {
	if !from.Address.IsValid() {
		return ""
	}
	return from.Address.Unmap().String()
}

// auditOwn writes down what somebody did to their own account.
func auditOwn(tx *store.Tx, what wire.Act, user wire.UserID, detail string, from wire.From) error {
	return tx.Audit(wire.AuditEntry{What: what, Actor: &user, User: &user, Detail: detail, Address: addressText(from)})
}
