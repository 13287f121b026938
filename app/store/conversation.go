package store

import (
	"fmt"

	"chatalot/app/wire"
)

// Members of a conversation are counted in two ways. The signed chain of a channel names its members; the server delivers only to those of
// them who are still in the community. Rows with dropped = 1 are named by the chain but get nothing any more.

func scanConvID(s scanner) (id wire.ConvID, err error) {
	err = s.Scan(fixed(id[:]))
	return id, err
}

// ConvMember is one person's row in a conversation.
type ConvMember struct {
	User    wire.UserID
	Admin   bool
	Dropped bool // left the community; only the signed chain still names them
}

// CreateConversation makes a conversation without members: ErrTaken when it is there already.
func (tx *Tx) CreateConversation(id wire.ConvID, kind string) error {
	_, err := tx.exec("INSERT INTO conversation (id, kind, created_at) VALUES (?, ?, ?)", id[:], kind, tx.now)
	return err
}

// AddConvMember makes a person a member, to whom the rows from since on are delivered.
func (tx *Tx) AddConvMember(id wire.ConvID, m ConvMember, since int64) error {
	_, err := tx.exec("INSERT INTO conversation_member (conversation_id, user_id, admin, joined_seq, read_seq) VALUES (?, ?, ?, ?, ?)",
		id[:], m.User[:], m.Admin, since, since-1)
	if err != nil {
		return fmt.Errorf("add a member: %w", err)
	}
	tx.membersChanged(m.User)
	return nil
}

// SetConvAdmin gives a member another role.
func (tx *Tx) SetConvAdmin(id wire.ConvID, user wire.UserID, admin bool) error {
	return tx.execOne("UPDATE conversation_member SET admin = ? WHERE conversation_id = ? AND user_id = ?", admin, id[:], user[:])
}

// RemoveConvMember takes a person out of the chain's members.
func (tx *Tx) RemoveConvMember(id wire.ConvID, user wire.UserID) error {
	tx.membersChanged(user)
	return tx.execOne("DELETE FROM conversation_member WHERE conversation_id = ? AND user_id = ?", id[:], user[:])
}

// DropFromChannels ends delivery to a person in every channel of a community and returns those channels.
func (tx *Tx) DropFromChannels(community wire.CommunityID, user wire.UserID) ([]wire.ConvID, error) {
	tx.membersChanged(user)
	return many(tx, scanConvID, `UPDATE conversation_member SET dropped = 1 WHERE user_id = ? AND dropped = 0
		AND conversation_id IN (SELECT conversation_id FROM channel WHERE community_id = ?) RETURNING conversation_id`, user[:], community[:])
}

func scanConvMember(s scanner) (m ConvMember, err error) {
	err = s.Scan(fixed(m.User[:]), &m.Admin, &m.Dropped)
	return m, err
}

// ConvMembers lists everyone the chain of a conversation names, those dropped included, by user id.
func (tx *Tx) ConvMembers(id wire.ConvID) ([]ConvMember, error) {
	return many(tx, scanConvMember, "SELECT user_id, admin, dropped FROM conversation_member WHERE conversation_id = ? ORDER BY user_id", id[:])
}

// ConvMember reads one person's row: ErrNotFound when the chain does not name them.
func (tx *Tx) ConvMember(id wire.ConvID, user wire.UserID) (ConvMember, error) {
	return one(tx, scanConvMember, "SELECT user_id, admin, dropped FROM conversation_member WHERE conversation_id = ? AND user_id = ?", id[:], user[:])
}

// GrowEpoch starts a conversation's next epoch and returns it.
func (tx *Tx) GrowEpoch(id wire.ConvID) (epoch int64, err error) {
	err = tx.get([]any{&epoch}, "UPDATE conversation SET epoch = epoch + 1 WHERE id = ? RETURNING epoch", id[:])
	return epoch, err
}

// GrowEpochsOf starts the next epoch of every conversation that names a person, because their device list changed, and returns them. Those
// that have dropped the person count too: the device lists of all whom the chain names are part of the members' state hash.
func (tx *Tx) GrowEpochsOf(user wire.UserID) ([]wire.ConvEpoch, error) {
	return many(tx, scanConvEpoch, `UPDATE conversation SET epoch = epoch + 1
		WHERE id IN (SELECT conversation_id FROM conversation_member WHERE user_id = ?) RETURNING id, epoch`, user[:])
}

func scanConvEpoch(s scanner) (e wire.ConvEpoch, err error) {
	err = s.Scan(fixed(e.ConversationID[:]), &e.Epoch)
	return e, err
}

// Memberships lists what a person may read now: conversations and communities with the seq from which their rows are this person's.
func (tx *Tx) Memberships(user wire.UserID) (convs map[wire.ConvID]int64, communities map[wire.CommunityID]int64, err error) {
	convs, communities = map[wire.ConvID]int64{}, map[wire.CommunityID]int64{}
	err = each(tx, func(s scanner) error {
		var id wire.ConvID
		var seq int64
		err := s.Scan(fixed(id[:]), &seq)
		convs[id] = seq
		return err
	}, "SELECT conversation_id, joined_seq FROM conversation_member WHERE user_id = ? AND dropped = 0", user[:])
	if err != nil {
		return nil, nil, err
	}
	err = each(tx, func(s scanner) error {
		var id wire.CommunityID
		var seq int64
		err := s.Scan(&id, &seq)
		communities[id] = seq
		return err
	}, "SELECT community_id, joined_seq FROM community_member WHERE user_id = ?", user[:])
	return convs, communities, err
}

// ManifestsFor lists the newest device list of everyone with whom a person is in a conversation, of all whose operations its chain holds, and
// their own.
func (tx *Tx) ManifestsFor(user wire.UserID) ([]wire.Manifest, error) {
	return many(tx, scanManifest, `WITH mine AS (SELECT conversation_id FROM conversation_member WHERE user_id = ?1 AND dropped = 0)
		SELECT user_id, version, body FROM manifest WHERE user_id = ?1
		OR user_id IN (SELECT user_id FROM conversation_member JOIN mine USING (conversation_id))
		OR user_id IN (SELECT actor FROM op JOIN mine USING (conversation_id))`, user[:])
}

// ManifestsOf lists the newest device list of everyone a conversation names now, and of all whose operations its chain holds.
func (tx *Tx) ManifestsOf(id wire.ConvID) ([]wire.Manifest, error) {
	return many(tx, scanManifest, `SELECT user_id, version, body FROM manifest
		WHERE user_id IN (SELECT user_id FROM conversation_member WHERE conversation_id = ?1)
		OR user_id IN (SELECT actor FROM op WHERE conversation_id = ?1)`, id[:])
}

func scanDM(s scanner) (d wire.DM, err error) {
	err = s.Scan(fixed(d.ID[:]), &d.Epoch, &d.CreatedAt, &d.ReadSeq, fixed(d.Peer.ID[:]), &d.Peer.Username, &d.Peer.DisplayName, &d.Peer.Role, &d.Peer.State)
	if d.Peer.State != wire.Suspended && d.Peer.State != wire.Deleted {
		d.Peer.State = "" // active to others; locked is told to admins only
	}
	return d, err
}

const selectDM = `SELECT c.id, c.epoch, c.created_at, m.read_seq, u.id, u.username, u.display_name, u.role, u.state FROM conversation_member m
	JOIN conversation c ON c.id = m.conversation_id AND c.kind = 'dm'
	JOIN conversation_member o ON o.conversation_id = m.conversation_id AND o.user_id <> m.user_id
	JOIN user u ON u.id = o.user_id WHERE m.user_id = ? `

// DM reads a direct conversation as reader sees it: ErrNotFound when it is not theirs or not there.
func (tx *Tx) DM(id wire.ConvID, reader wire.UserID) (wire.DM, error) {
	return one(tx, scanDM, selectDM+"AND m.conversation_id = ?", reader[:], id[:])
}

// DMsOf lists a person's direct conversations, oldest first.
func (tx *Tx) DMsOf(reader wire.UserID) ([]wire.DM, error) {
	return many(tx, scanDM, selectDM+"ORDER BY c.created_at, c.id", reader[:])
}

// SetRead moves a person's marker forward. moved is false when it stood there or further already; told is the log row that told the old one.
func (tx *Tx) SetRead(id wire.ConvID, user wire.UserID, seq int64) (told int64, moved bool, err error) {
	err = tx.get([]any{&told}, `UPDATE conversation_member SET read_seq = ?3 WHERE conversation_id = ?1 AND user_id = ?2 AND read_seq < ?3
		RETURNING read_log`, id[:], user[:], seq)
	if err == ErrNotFound {
		return 0, false, nil
	}
	return told, err == nil, err
}

// SetReadLog notes which log row tells a marker, in place of the row told before, which goes: a log of all markers would soon outweigh
// the messages.
func (tx *Tx) SetReadLog(id wire.ConvID, user wire.UserID, told, row int64) error {
	if _, err := tx.exec("DELETE FROM log WHERE seq = ? AND kind = 'read'", told); err != nil {
		return err
	}
	return tx.execOne("UPDATE conversation_member SET read_log = ? WHERE conversation_id = ? AND user_id = ?", row, id[:], user[:])
}

// NewestIn is the seq of a conversation's newest message, 0 when it has none.
func (tx *Tx) NewestIn(id wire.ConvID) (seq int64, err error) {
	err = tx.get([]any{&seq}, "SELECT coalesce(max(seq), 0) FROM message WHERE conversation_id = ?", id[:])
	return seq, err
}

// DropConversation removes a conversation with its channel, operations, members, messages, and all the log told of it.
func (tx *Tx) DropConversation(id wire.ConvID) error {
	members, err := tx.ConvMembers(id)
	if err != nil {
		return err
	}
	for _, m := range members {
		tx.membersChanged(m.User)
	}
	for _, q := range []string{
		"DELETE FROM log WHERE seq IN (SELECT seq FROM message WHERE conversation_id = ?)",
		"DELETE FROM log WHERE conversation_id = ? AND body IS NOT NULL",
		"DELETE FROM channel WHERE conversation_id = ?",
	} {
		if _, err := tx.exec(q, id[:]); err != nil {
			return err
		}
	}
	return tx.execOne("DELETE FROM conversation WHERE id = ?", id[:])
}
