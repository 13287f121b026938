package store

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"chatalot/app/wire"
)

// adminUsers never reads a secret column: what an admin's list does not select, it cannot tell. When somebody was last there is told to the hour.
const adminUsers = `SELECT u.id, u.username, u.display_name, u.role,` + seenState + `, u.state, u.created_at,
	(SELECT count(*) FROM device d WHERE d.user_id = u.id AND d.active = 1),
	(SELECT count(*) FROM session s WHERE s.user_id = u.id AND s.user_epoch = u.epoch AND s.expires_at > ?1),
	(SELECT coalesce(max(s.last_seen), 0) FROM session s WHERE s.user_id = u.id AND s.user_epoch = u.epoch AND s.expires_at > ?1),
	EXISTS (SELECT 1 FROM totp t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL),
	(SELECT count(*) FROM passkey k WHERE k.user_id = u.id),
	EXISTS (SELECT 1 FROM manifest m WHERE m.user_id = u.id) FROM user u `

func scanAdminUser(s scanner) (a wire.AdminUser, err error) {
	err = s.Scan(fixed(a.User.ID[:]), &a.User.Username, &a.User.DisplayName, &a.User.Role, &a.User.State, &a.State, &a.CreatedAt,
		&a.Devices, &a.Sessions, &a.LastSeen, &a.TwoStep, &a.Passkeys, &a.HasKeys)
	a.LastSeen = toHour(a.LastSeen)
	return a, err
}

// AdminUsers lists everybody by sign-in name. Until when guessing has locked them is auth's to know.
func (tx *Tx) AdminUsers() ([]wire.AdminUser, error) {
	return many(tx, scanAdminUser, adminUsers+"ORDER BY u.username", tx.now)
}

// AdminUser reads one of them: ErrNotFound when there is no such account.
func (tx *Tx) AdminUser(id wire.UserID) (wire.AdminUser, error) {
	return one(tx, scanAdminUser, adminUsers+"WHERE u.id = ?2", tx.now, id[:])
}

// CountPeople counts the accounts that are not deleted.
func (tx *Tx) CountPeople() (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM user WHERE state <> 'deleted'")
	return n, err
}

// AllInvites lists every invitation of the place, the newest first, those used up or expired included.
func (tx *Tx) AllInvites() ([]wire.AdminInvite, error) {
	return many(tx, func(s scanner) (a wire.AdminInvite, err error) {
		v := &a.Invite
		err = s.Scan(&v.ID, &v.CommunityID, fixed(v.CreatedBy[:]), &v.Role, &v.Uses, &v.Used, &v.CreatedAt, &v.ExpiresAt, &a.CommunityName, &a.InviterName)
		return a, err
	}, `SELECT i.id, i.community_id, i.created_by, i.role, i.uses, i.used, i.created_at, i.expires_at, c.name, u.display_name
		FROM invite i JOIN community c ON c.id = i.community_id JOIN user u ON u.id = i.created_by ORDER BY i.created_at DESC, i.id`)
}

// SetRegistration changes who may make an account from now on.
func (tx *Tx) SetRegistration(mode wire.Registration) error {
	return tx.execOne("UPDATE place SET registration = ? WHERE id = 1", string(mode))
}

// Disk is what the database takes up and what room there is where it stands, in bytes.
type Disk struct {
	Database int64 // with its write-ahead log
	Free     int64 // for the user who runs the place
	Total    int64
}

// Disk measures it now.
func (s *Store) Disk() (d Disk, err error) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(s.path + suffix)
		if suffix != "" && os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return d, fmt.Errorf("measure the database: %w", err)
		}
		d.Database += info.Size()
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(s.path), &fs); err != nil {
		return d, fmt.Errorf("measure the disk: %w", err)
	}
	d.Free, d.Total = int64(fs.Bavail)*int64(fs.Bsize), int64(fs.Blocks)*int64(fs.Bsize)
	return d, nil
}
