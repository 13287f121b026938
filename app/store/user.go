package store

import (
	"fmt"
	"log/slog"

	"chatalot/app/wire"
)

// User is a person's account. It formats as its id alone: the password hash stays out of logs.
type User struct {
	ID           wire.UserID
	Username     string
	DisplayName  string
	PasswordHash string // secret: Argon2id in PHC form
	PasswordAt   int64  // when it was last changed, Unix ms
	Role         wire.PlaceRole
	State        wire.UserState
	Epoch        int64 // grows to end every session of this person at once
	MarksEpoch   int64 // grows to make every device cookie of this person worthless at once
	CreatedAt    int64 // Unix ms
}

// String keeps the password hash out of formatted text.
func (u User) String() string { return "user " + u.ID.String() }

// Format keeps the password hash out of every verb, those that no text has included.
func (u User) Format(f fmt.State, _ rune) { f.Write([]byte(u.String())) }

// LogValue keeps the password hash out of logs.
func (u User) LogValue() slog.Value { return slog.StringValue(u.String()) }

// Wire is the person as others see them.
func (u User) Wire() wire.User {
	seen := wire.User{ID: u.ID, Username: u.Username, DisplayName: u.DisplayName, Role: u.Role}
	if u.State == wire.Suspended || u.State == wire.Deleted {
		seen.State = u.State
	}
	return seen
}

const userColumns = "id, username, display_name, password_hash, password_at, role, state, epoch, marks_epoch, created_at"

func scanUser(s scanner) (u User, err error) {
	err = s.Scan(fixed(u.ID[:]), &u.Username, &u.DisplayName, &u.PasswordHash, &u.PasswordAt, &u.Role, &u.State, &u.Epoch, &u.MarksEpoch, &u.CreatedAt)
	return u, err
}

// CreateUser adds an active account with epoch 1, whose password is new: ErrTaken when the sign-in name is somebody's.
func (tx *Tx) CreateUser(u User) error {
	_, err := tx.exec("INSERT INTO user (id, username, display_name, password_hash, password_at, role, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		u.ID[:], u.Username, u.DisplayName, u.PasswordHash, u.CreatedAt, string(u.Role), u.CreatedAt)
	return err
}

// User reads an account: ErrNotFound when there is none.
func (tx *Tx) User(id wire.UserID) (User, error) {
	return one(tx, scanUser, "SELECT "+userColumns+" FROM user WHERE id = ?", id[:])
}

// Me reads an account as its owner sees it on a device, nil while the login has none.
func (tx *Tx) Me(id wire.UserID, device *wire.DeviceID) (wire.Me, error) {
	user, err := tx.User(id)
	if err != nil {
		return wire.Me{}, err
	}
	me := wire.Me{User: user.Wire(), DeviceID: device}
	if me.HasKeys, err = tx.HasKeys(id); err != nil {
		return me, err
	}
	me.VaultVersion, err = tx.VaultVersion(id)
	return me, err
}

// UserByUsername reads the account of a sign-in name in its stored form: ErrNotFound when there is none.
func (tx *Tx) UserByUsername(username string) (User, error) {
	return one(tx, scanUser, "SELECT "+userColumns+" FROM user WHERE username = ?", username)
}

// SetDisplayName renames a person: ErrNotFound when there is no such account any more.
func (tx *Tx) SetDisplayName(id wire.UserID, name string) error {
	return tx.execOne("UPDATE user SET display_name = ? WHERE id = ? AND state <> 'deleted'", name, id[:])
}

// Acquainted reports whether two people may know of each other: they are the same, or share a community or a conversation.
func (tx *Tx) Acquainted(a, b wire.UserID) (bool, error) {
	if a == b {
		return true, nil
	}
	var yes bool
	err := tx.get([]any{&yes}, `SELECT
		EXISTS (SELECT 1 FROM community_member x JOIN community_member y USING (community_id) WHERE x.user_id = ?1 AND y.user_id = ?2)
		OR EXISTS (SELECT 1 FROM conversation_member x JOIN conversation_member y USING (conversation_id)
			WHERE x.user_id = ?1 AND y.user_id = ?2 AND x.dropped = 0 AND y.dropped = 0)`, a[:], b[:])
	return yes, err
}
