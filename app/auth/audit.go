package auth

import (
	"chatalot/app/store"
	"chatalot/app/wire"
)

// addressText is an address for the audit log.
func addressText(from wire.From) string {
	if !from.Address.IsValid() {
		return ""
	}
	return from.Address.Unmap().String()
}

// tell says to a person, on all their devices, what happened to their account, and coarsely from where.
func tell(tx *store.Tx, user wire.UserID, what string, from wire.From, session *wire.SessionID) error {
	_, err := tx.AppendLog("session_notice", store.ToUser(user),
		wire.SessionNotice{What: what, Agent: agentName(from.Agent), Network: network(from.Address), Session: session})
	return err
}

// auditOwn writes down what somebody did to their own account.
func auditOwn(tx *store.Tx, what wire.Act, user wire.UserID, detail string, from wire.From) error {
	return tx.Audit(wire.AuditEntry{What: what, Actor: &user, User: &user, Detail: detail, Address: addressText(from)})
}

// auditBy writes down what an admin, or whoever runs a community, did.
func auditBy(tx *store.Tx, c wire.Caller, what wire.Act, to *wire.UserID, detail string) error {
	return tx.Audit(wire.AuditEntry{What: what, Actor: &c.User, User: to, Detail: detail, Address: addressText(c.From)})
}
