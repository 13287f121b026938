package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/group"
	"chatalot/app/wire/signed"
)

// CreateChannel makes a channel from its signed create operation; the operation's hash is its id, so sending it again answers the same.
func (c *Chat) CreateChannel(ctx context.Context, who wire.Caller, group wire.GroupID, in wire.NewChannel) (wire.Channel, error) {
	name, topic, err := channelText(in.Name, in.Topic)
	if err != nil {
		return wire.Channel{}, err
	}
	op, err := c.parseOp(who, in.Op)
	if err != nil {
		return wire.Channel{}, err
	}
	if op.Type != signed.OpCreate {
		return wire.Channel{}, badOp(errors.New("a channel begins with a create operation"))
	}
	return write(ctx, c, func(tx *store.Tx) (wire.Channel, error) {
		if known, err := tx.Op(op.Conv(), 0); err == nil && bytes.Equal(known.Op, in.Op) {
			return seeChannel(tx, who, op.Conv())
		}
		g, err := roomForChannel(tx, who, group)
		if err != nil {
			return wire.Channel{}, err
		}
		if err := verifyOp(tx, op); err != nil {
			return wire.Channel{}, err
		}
		if err := newcomersBelong(tx, g.CommunityID, op); err != nil {
			return wire.Channel{}, err
		}
		if err := createChannel(tx, g, name, topic, op, in.Op); err != nil {
			return wire.Channel{}, err
		}
		return tx.Channel(op.Conv(), who.User)
	})
}

func channelText(name, topic string) (string, string, error) {
	name, err := wire.CleanName("name", name)
	if err != nil {
		return "", "", err
	}
	topic, err = wire.CleanTopic("topic", topic)
	return name, topic, err
}

// roomForChannel reads a group in which the caller may make one more channel.
func roomForChannel(tx *store.Tx, who wire.Caller, group wire.GroupID) (wire.Group, error) {
	g, err := tx.Group(group)
	if err != nil {
		return g, orGone(err)
	}
	if err := Can(tx, who, CreateChannel, Object{Community: g.CommunityID}); err != nil {
		return g, err
	}
	n, err := tx.CountChannels(g.CommunityID)
	if err == nil && n >= maxChannels {
		err = wire.Fail(wire.LimitReached, fmt.Sprintf("A community holds at most %d channels. Delete one first.", maxChannels))
	}
	return g, err
}

func createChannel(tx *store.Tx, g wire.Group, name, topic string, op *signed.Op, raw []byte) error {
	id := op.Conv()
	if err := tx.CreateConversation(id, "channel"); err != nil {
		return fmt.Errorf("create channel: %w", err)
	}
	first, err := group.Create(op)
	if err != nil {
		return badOp(err)
	}
	empty := opStep{tx: tx, id: id, community: g.CommunityID, op: op, next: first}
	if err := tx.CreateChannel(id, g, name, topic, empty.chain()); err != nil {
		return nameTaken(err)
	}
	if _, _, err := empty.setMembers(); err != nil {
		return err
	}
	ch, err := tx.ChannelAt(id, false)
	if err != nil {
		return err
	}
	if err := tellChannel(tx, ch); err != nil {
		return err
	}
	r := wire.OpRecord{ConversationID: id, Op: raw, Epochs: []wire.ConvEpoch{{ConversationID: id, Epoch: ch.Epoch}}}
	seq, err := tx.AppendLog("op", store.ToConversation(id), r)
	if err != nil {
		return err
	}
	return tx.AppendOp(id, 0, op.Actor, raw, seq)
}

func nameTaken(err error) error {
	if errors.Is(err, store.ErrTaken) {
		return &wire.Error{Code: wire.Conflict, Field: "name", Message: "This community has a channel of that name already. Choose another name."}
	}
	return err
}

// tellChannel shows a channel as it is now to its members, and as they may see it to the others of its community when it is public.
func tellChannel(tx *store.Tx, ch wire.Channel) error {
	if _, err := tx.AppendLog("channel", store.ToConversation(ch.ID), ch); err != nil {
		return err
	}
	if ch.Visibility != wire.Public {
		return nil
	}
	outside, err := tx.ChannelAt(ch.ID, true)
	if err != nil {
		return err
	}
	_, err = tx.AppendLog("channel", store.ToOutsiders(ch.CommunityID, ch.ID), outside)
	return err
}

// Channel reads a channel as the caller may see it.
func (c *Chat) Channel(ctx context.Context, who wire.Caller, id wire.ConvID) (wire.Channel, error) {
	return read(ctx, c, func(tx *store.Tx) (wire.Channel, error) { return seeChannel(tx, who, id) })
}

func seeChannel(tx *store.Tx, who wire.Caller, id wire.ConvID) (wire.Channel, error) {
	if err := Can(tx, who, SeeChannel, Object{Conversation: id}); err != nil {
		return wire.Channel{}, err
	}
	return tx.Channel(id, who.User)
}

// ChangeChannel sets a channel's name or topic; what is absent stays.
func (c *Chat) ChangeChannel(ctx context.Context, who wire.Caller, id wire.ConvID, in wire.ChannelChange) (wire.Channel, error) {
	return write(ctx, c, func(tx *store.Tx) (wire.Channel, error) {
		if err := Can(tx, who, ManageChannel, Object{Conversation: id}); err != nil {
			return wire.Channel{}, err
		}
		ch, err := tx.ChannelAt(id, false)
		if err != nil {
			return ch, err
		}
		if in.Name != nil {
			ch.Name = *in.Name
		}
		if in.Topic != nil {
			ch.Topic = *in.Topic
		}
		if ch.Name, ch.Topic, err = channelText(ch.Name, ch.Topic); err != nil {
			return ch, err
		}
		if err := tx.ChangeChannel(id, ch.Name, ch.Topic); err != nil {
			return ch, nameTaken(err)
		}
		if err := tellChannel(tx, ch); err != nil {
			return ch, err
		}
		return tx.Channel(id, who.User)
	})
}

// DeleteChannel removes a channel with its messages.
func (c *Chat) DeleteChannel(ctx context.Context, who wire.Caller, id wire.ConvID) error {
	return c.store.Write(ctx, func(tx *store.Tx) error {
		if err := Can(tx, who, ManageChannel, Object{Conversation: id}); err != nil {
			return err
		}
		ch, err := tx.ChannelAt(id, false)
		if err != nil {
			return err
		}
		return dropChannel(tx, ch)
	})
}

// dropDeserted ends a channel that everyone has left: nobody could ever be its admin.
func dropDeserted(tx *store.Tx, id wire.ConvID) (gone bool, err error) {
	if gone, err = tx.Deserted(id); err != nil || !gone {
		return false, err
	}
	ch, err := tx.ChannelAt(id, false)
	if err != nil {
		return false, err
	}
	return true, dropChannel(tx, ch)
}

// dropChannel removes a channel and tells those who could see it, suspended people too: they may come back.
func dropChannel(tx *store.Tx, ch wire.Channel) error {
	members, err := tx.ConvMembers(ch.ID)
	if err != nil {
		return err
	}
	if err := tx.DropConversation(ch.ID); err != nil {
		return err
	}
	gone := wire.Gone{ConversationID: &ch.ID}
	if ch.Visibility == wire.Public {
		return tellGone(tx, "channel_gone", store.ToCommunity(ch.CommunityID), gone)
	}
	for _, m := range members {
		if m.Dropped {
			continue
		}
		if err := tellGone(tx, "channel_gone", store.ToUser(m.User), gone); err != nil {
			return err
		}
	}
	return nil
}
