package store

import "chatalot/app/wire"

// Security reads how a person's account is guarded, as one of their sessions sees it: ErrNotFound when that has ended.
func (tx *Tx) Security(user wire.UserID, session wire.SessionID) (s wire.Security, err error) {
	err = tx.get([]any{&s.PasswordAt, &s.State, &s.FreshUntil, &s.TwoStep, &s.BackupCodes}, `SELECT u.password_at, u.state, s.fresh_until,
		EXISTS (SELECT 1 FROM totp WHERE user_id = u.id AND confirmed_at IS NOT NULL), (SELECT count(*) FROM backup_code WHERE user_id = u.id)
		FROM user u JOIN session s ON s.user_id = u.id WHERE u.id = ? AND s.id = ?`, user[:], session)
	if err != nil {
		return s, err
	}
	passkeys, err := tx.PasskeysOf(user)
	s.Passkeys = make([]wire.Passkey, len(passkeys))
	for i, p := range passkeys {
		s.Passkeys[i] = p.Wire()
	}
	return s, err
}

// ConfirmSession allows a session dangerous changes until until, Unix ms: ErrNotFound when it has ended. An earlier confirmation gives way, for a clock
// that was wrong may have dated it years ahead.
func (tx *Tx) ConfirmSession(id wire.SessionID, until int64) error {
	return tx.execOne("UPDATE session SET fresh_until = ? WHERE id = ?", until, id)
}

func scanSignedIn(s scanner) (v wire.Session, err error) {
	err = s.Scan(&v.ID, &v.Agent, &v.Network, &v.Device, &v.HasKeys, &v.Current, &v.CreatedAt, &v.LastSeen, &v.ExpiresAt)
	return v, err
}

// SignedIn lists where a person is signed in, the session seen last first. current is the one that asks.
func (tx *Tx) SignedIn(user wire.UserID, current wire.SessionID) ([]wire.Session, error) {
	return many(tx, scanSignedIn, `SELECT s.id, s.agent, s.network, coalesce(d.name, ''), coalesce(d.active, 0), s.id = ?, s.created_at, s.last_seen, s.expires_at
		FROM session s JOIN user u ON u.id = s.user_id AND u.epoch = s.user_epoch LEFT JOIN device d ON d.id = s.device_id
		WHERE s.user_id = ? AND s.expires_at > ? ORDER BY s.last_seen DESC, s.created_at DESC, s.id`, current, user[:], tx.now)
}
