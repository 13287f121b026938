package store

import (
	"fmt"

	"chatalot/app/wire"
)

// ChannelChain is the state of a channel's signed operations.
type ChannelChain struct {
	Visibility wire.Visibility // the policy in force
	N          int64           // of the newest operation
	Head       [32]byte        // its hash
}

const selectChannel = `SELECT c.conversation_id, c.community_id, c.group_id, c.name, c.topic, c.visibility, v.epoch, c.n, v.created_at,
	m.user_id IS NOT NULL, coalesce(m.read_seq, 0) FROM channel c JOIN conversation v ON v.id = c.conversation_id
	LEFT JOIN conversation_member m ON m.conversation_id = c.conversation_id AND m.user_id = ? AND m.dropped = 0 `

func scanChannel(s scanner) (c wire.Channel, err error) {
	err = s.Scan(fixed(c.ID[:]), &c.CommunityID, &c.GroupID, &c.Name, &c.Topic, &c.Visibility, &c.Epoch, &c.N, &c.CreatedAt, &c.Joined, &c.ReadSeq)
	return c, err
}

// CreateChannel makes the channel of an existing conversation: ErrTaken when the community has one of that name.
func (tx *Tx) CreateChannel(id wire.ConvID, g wire.Group, name, topic string, chain ChannelChain) error {
	_, err := tx.exec("INSERT INTO channel (conversation_id, group_id, community_id, name, topic, visibility, n, head) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		id[:], g.ID[:], g.CommunityID[:], name, topic, string(chain.Visibility), chain.N, chain.Head[:])
	return err
}

// Channel reads a channel as reader would see it, with its members when they are one. Whether they may is the caller's to know.
func (tx *Tx) Channel(id wire.ConvID, reader wire.UserID) (wire.Channel, error) {
	c, err := one(tx, scanChannel, selectChannel+"WHERE c.conversation_id = ?", reader[:], id[:])
	if err != nil || !c.Joined {
		return c, err
	}
	c.Members, err = tx.channelMembers(id)
	return c, err
}

// ChannelAt reads a channel as the members, or with outside as those who are not, see it in an event for all of them: without anybody's
// own read marker.
func (tx *Tx) ChannelAt(id wire.ConvID, outside bool) (wire.Channel, error) {
	c, err := one(tx, scanChannel, selectChannel+"WHERE c.conversation_id = ?", []byte{}, id[:])
	if err != nil || outside {
		return c, err
	}
	c.Joined = true
	c.Members, err = tx.channelMembers(id)
	return c, err
}

func (tx *Tx) channelMembers(id wire.ConvID) ([]wire.ChannelMember, error) {
	return many(tx, scanChannelMember, "SELECT user_id, admin FROM conversation_member m WHERE conversation_id = ? AND"+takesPart+"ORDER BY user_id", id[:])
}

func scanChannelMember(s scanner) (m wire.ChannelMember, err error) {
	err = s.Scan(fixed(m.UserID[:]), &m.Admin)
	return m, err
}

// PublicChannels lists a community's public channels as somebody sees them who has joined none.
func (tx *Tx) PublicChannels(community wire.CommunityID) ([]wire.Channel, error) {
	return many(tx, scanChannel, selectChannel+"WHERE c.community_id = ? AND c.visibility = 'public' ORDER BY v.created_at, v.id", []byte{}, community[:])
}

// ChannelsFor lists every channel a person may see, oldest first, with the members of those they are in.
func (tx *Tx) ChannelsFor(reader wire.UserID) ([]wire.Channel, error) {
	list, err := many(tx, scanChannel, selectChannel+`WHERE c.community_id IN (SELECT community_id FROM community_member WHERE user_id = ?1)
		AND (c.visibility = 'public' OR m.user_id IS NOT NULL) ORDER BY v.created_at, v.id`, reader[:])
	if err != nil {
		return nil, err
	}
	members, err := tx.membersByChannel(reader)
	for i := range list {
		list[i].Members = members[list[i].ID]
	}
	return list, err
}

func (tx *Tx) membersByChannel(reader wire.UserID) (map[wire.ConvID][]wire.ChannelMember, error) {
	all := map[wire.ConvID][]wire.ChannelMember{}
	err := each(tx, func(s scanner) error {
		var id wire.ConvID
		var m wire.ChannelMember
		err := s.Scan(fixed(id[:]), fixed(m.UserID[:]), &m.Admin)
		all[id] = append(all[id], m)
		return err
	}, `SELECT m.conversation_id, m.user_id, m.admin FROM conversation_member own JOIN channel USING (conversation_id)
		JOIN conversation_member m USING (conversation_id) WHERE own.user_id = ? AND own.dropped = 0 AND`+takesPart+`
		ORDER BY m.conversation_id, m.user_id`, reader[:])
	return all, err
}

// CommunityOfChannel reads to which community a channel belongs and whether it is public: ErrNotFound when there is no such channel.
func (tx *Tx) CommunityOfChannel(id wire.ConvID) (community wire.CommunityID, public bool, err error) {
	err = tx.get([]any{&community, &public}, "SELECT community_id, visibility = 'public' FROM channel WHERE conversation_id = ?", id[:])
	return community, public, err
}

// CountChannels counts the channels of a community.
func (tx *Tx) CountChannels(community wire.CommunityID) (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM channel WHERE community_id = ?", community[:])
	return n, err
}

// ChangeChannel sets a channel's name and topic: ErrTaken when the community has another one of that name.
func (tx *Tx) ChangeChannel(id wire.ConvID, name, topic string) error {
	return tx.execOne("UPDATE channel SET name = ?, topic = ? WHERE conversation_id = ?", name, topic, id[:])
}

// Chain reads the state of a channel's operations.
func (tx *Tx) Chain(id wire.ConvID) (c ChannelChain, err error) {
	err = tx.get([]any{&c.Visibility, &c.N, fixed(c.Head[:])}, "SELECT visibility, n, head FROM channel WHERE conversation_id = ?", id[:])
	return c, err
}

// SetChain moves a channel to the state after its next operation. The step from N-1 is part of the condition: ErrNotFound otherwise.
func (tx *Tx) SetChain(id wire.ConvID, c ChannelChain) error {
	err := tx.execOne("UPDATE channel SET visibility = ?, n = ?, head = ? WHERE conversation_id = ? AND n = ? - 1",
		string(c.Visibility), c.N, c.Head[:], id[:], c.N)
	if err != nil {
		return fmt.Errorf("move a channel to its next operation: %w", err)
	}
	return nil
}

// SoleAdminOf names a channel of the community whose chain has this person as its only admin beside other members; "" when there is none.
func (tx *Tx) SoleAdminOf(community wire.CommunityID, user wire.UserID) (name string, err error) {
	err = tx.get([]any{&name}, `SELECT c.name FROM channel c JOIN conversation_member m USING (conversation_id)
		WHERE c.community_id = ?1 AND m.user_id = ?2 AND m.admin = 1
		AND NOT EXISTS (SELECT 1 FROM conversation_member o WHERE o.conversation_id = m.conversation_id AND o.user_id <> ?2 AND o.admin = 1)
		AND EXISTS (SELECT 1 FROM conversation_member o WHERE o.conversation_id = m.conversation_id AND o.user_id <> ?2) LIMIT 1`, community[:], user[:])
	if err == ErrNotFound {
		return "", nil
	}
	return name, err
}
