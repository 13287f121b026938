package store

import "chatalot/app/wire"

// Session is a login.
type Session struct {
	ID        wire.SessionID
	User      wire.UserID
	Device    *wire.DeviceID // nil until it has one
	UserEpoch int64          // User.Epoch when it began; it ends when that grows
	N         int64          // the newest refresh token's number
	Transport wire.Transport
	Agent     string // coarse: "Firefox on Linux"
	Network   string // coarse: "203.0.113.0/24"; empty when unknown
	// FreshUntil is until when dangerous changes are allowed; these four in Unix ms.
	FreshUntil int64
	CreatedAt  int64
	LastSeen   int64
	ExpiresAt  int64
}

const sessionColumns = "id, user_id, device_id, user_epoch, n, transport, agent, network, fresh_until, created_at, last_seen, expires_at"

func scanSession(s scanner) (v Session, err error) {
	err = s.Scan(&v.ID, fixed(v.User[:]), maybe[wire.DeviceID]{&v.Device}, &v.UserEpoch, &v.N, &v.Transport, &v.Agent, &v.Network, &v.FreshUntil, &v.CreatedAt, &v.LastSeen, &v.ExpiresAt)
	return v, err
}

// CreateSession adds a login.
func (tx *Tx) CreateSession(v Session) error {
	_, err := tx.exec("INSERT INTO session ("+sessionColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		v.ID, v.User[:], id16(v.Device), v.UserEpoch, v.N, string(v.Transport), v.Agent, v.Network, v.FreshUntil, v.CreatedAt, v.LastSeen, v.ExpiresAt)
	return err
}

// Session reads a login: ErrNotFound when it has ended.
func (tx *Tx) Session(id wire.SessionID) (Session, error) {
	return one(tx, scanSession, "SELECT "+sessionColumns+" FROM session WHERE id = ?", id)
}

// SessionsOf lists a person's logins, the one seen longest ago first.
func (tx *Tx) SessionsOf(user wire.UserID) ([]Session, error) {
	return many(tx, scanSession, "SELECT "+sessionColumns+" FROM session WHERE user_id = ? ORDER BY last_seen, created_at, id", user[:])
}

// SessionsOn lists the logins bound to a device.
func (tx *Tx) SessionsOn(device wire.DeviceID) ([]Session, error) {
	return many(tx, scanSession, "SELECT "+sessionColumns+" FROM session WHERE device_id = ?", device[:])
}

// RenewSession says that refresh token n is the newest now, and from which network it was asked for. LastSeen never goes back, whatever the clock does.
func (tx *Tx) RenewSession(id wire.SessionID, n, expires int64, network string) error {
	return tx.execOne("UPDATE session SET n = ?, last_seen = max(last_seen, ?), expires_at = ?, network = ? WHERE id = ?", n, tx.now, expires, network, id)
}

// BindSession gives a login its device.
func (tx *Tx) BindSession(id wire.SessionID, device wire.DeviceID) error {
	return tx.execOne("UPDATE session SET device_id = ? WHERE id = ?", device[:], id)
}

// EndSession removes a login, if it is there.
func (tx *Tx) EndSession(id wire.SessionID) error {
	_, err := tx.exec("DELETE FROM session WHERE id = ?", id)
	return err
}

// EndDeadSessions removes the logins that no token opens any more: those past their date and those of an earlier user epoch.
func (tx *Tx) EndDeadSessions() error {
	_, err := tx.exec("DELETE FROM session WHERE expires_at <= ? OR user_epoch <> (SELECT epoch FROM user WHERE user.id = session.user_id)", tx.now)
	return err
}

// LiveSession is what the table of running logins in memory starts from.
type LiveSession struct {
	Session
	Role wire.PlaceRole
}

// LiveSessions lists every login that lets its person in, with the role they may act in: an admin who is locked is a member until they are unlocked.
func (tx *Tx) LiveSessions() ([]LiveSession, error) {
	return many(tx, func(s scanner) (v LiveSession, err error) {
		err = s.Scan(&v.ID, fixed(v.User[:]), maybe[wire.DeviceID]{&v.Device}, &v.UserEpoch, &v.FreshUntil, &v.ExpiresAt, &v.Role)
		return v, err
	}, `SELECT s.id, s.user_id, s.device_id, s.user_epoch, s.fresh_until, s.expires_at, iif(u.state = 'active', u.role, 'member')
		FROM session s JOIN user u ON u.id = s.user_id
		WHERE s.user_epoch = u.epoch AND u.state IN ('active', 'locked')`)
}

// Removed lists the people who are suspended or deleted.
func (tx *Tx) Removed() ([]wire.UserID, error) {
	return many(tx, func(s scanner) (id wire.UserID, err error) {
		err = s.Scan(fixed(id[:]))
		return id, err
	}, "SELECT id FROM user WHERE state IN ('suspended', 'deleted')")
}
