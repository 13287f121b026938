package store

import "chatalot/app/wire"

// an invitation opens its community only while its maker may make such a one: it dies with their right to.
const (
	inviteColumns = "id, community_id, created_by, role, uses, used, created_at, expires_at"
	inviteOpens   = `token_hash = ? AND used < uses AND expires_at > ? AND EXISTS (SELECT 1 FROM community_member m
		JOIN user u ON u.id = m.user_id WHERE m.community_id = invite.community_id AND m.user_id = invite.created_by
		AND u.state IN ('active', 'locked') AND (m.role = 'owner' OR m.role = 'admin' AND invite.role = 'member'))`
)

func scanInvite(s scanner) (v wire.Invite, err error) {
	err = s.Scan(&v.ID, &v.CommunityID, fixed(v.CreatedBy[:]), &v.Role, &v.Uses, &v.Used, &v.CreatedAt, &v.ExpiresAt)
	return v, err
}

// CreateInvite adds an invitation; hash is that of its token, which is stored nowhere.
func (tx *Tx) CreateInvite(v wire.Invite, hash [32]byte) error {
	_, err := tx.exec("INSERT INTO invite (token_hash, "+inviteColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		hash[:], v.ID, v.CommunityID, v.CreatedBy[:], string(v.Role), v.Uses, v.Used, v.CreatedAt, v.ExpiresAt)
	return err
}

// Invite reads an invitation: ErrNotFound when there is none.
func (tx *Tx) Invite(id wire.InviteID) (wire.Invite, error) {
	return one(tx, scanInvite, "SELECT "+inviteColumns+" FROM invite WHERE id = ?", id)
}

// OpenInvite reads the invitation that a token opens: ErrNotFound when it is unknown, used up or expired.
func (tx *Tx) OpenInvite(hash [32]byte) (wire.Invite, error) {
	return one(tx, scanInvite, "SELECT "+inviteColumns+" FROM invite WHERE "+inviteOpens, hash[:], tx.now)
}

// UseInvite counts one use of the invitation that a token opens, in the same step as looking whether one is left: ErrNotFound when not.
func (tx *Tx) UseInvite(hash [32]byte) (wire.Invite, error) {
	return one(tx, scanInvite, "UPDATE invite SET used = used + 1 WHERE "+inviteOpens+" RETURNING "+inviteColumns, hash[:], tx.now)
}

// InvitesRunBy lists the invitations to the communities that a person runs, newest first, those used up or expired included.
func (tx *Tx) InvitesRunBy(user wire.UserID) ([]wire.Invite, error) {
	return many(tx, scanInvite, "SELECT "+inviteColumns+` FROM invite WHERE community_id IN
		(SELECT community_id FROM community_member WHERE user_id = ? AND role IN ('owner', 'admin')) ORDER BY created_at DESC, id`, user[:])
}

// CountInvites counts the invitations to a community.
func (tx *Tx) CountInvites(community wire.CommunityID) (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM invite WHERE community_id = ?", community)
	return n, err
}

// DropSpentInvites removes a community's invitations that ended before before (Unix ms), or were used up when made before it.
func (tx *Tx) DropSpentInvites(community wire.CommunityID, before int64) error {
	_, err := tx.exec("DELETE FROM invite WHERE community_id = ? AND (expires_at < ?2 OR used >= uses AND created_at < ?2)", community, before)
	return err
}

// DropInvite removes an invitation: its token opens nothing from then on.
func (tx *Tx) DropInvite(id wire.InviteID) error {
	return tx.execOne("DELETE FROM invite WHERE id = ?", id)
}
