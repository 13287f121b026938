package chat

import (
	"context"
	"errors"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// OpenDM opens the one conversation of two people. created tells whether it is new. One with somebody who has deleted their account is still
// there to be read, but none begins.
func (c *Chat) OpenDM(ctx context.Context, who wire.Caller, in wire.NewDM) (dm wire.DM, created bool, err error) {
	id := signed.DMConv(who.User, in.UserID)
	dm, err = write(ctx, c, func(tx *store.Tx) (wire.DM, error) {
		if err := Can(tx, who, OpenDM, Object{User: in.UserID}); err != nil {
			return wire.DM{}, err
		}
		dm, err := tx.DM(id, who.User)
		if errors.Is(err, store.ErrNotFound) {
			if err := mayMeet(tx, in.UserID); err != nil {
				return dm, err
			}
			created = true
			dm, err = openDM(tx, id, who.User, in.UserID)
		}
		if err == nil {
			dm.Manifests, err = tx.ManifestsOf(id)
		}
		return dm, err
	})
	return dm, created && err == nil, err
}

// mayMeet refuses to begin a conversation with somebody whom nothing reaches. One that is there already stays readable.
func mayMeet(tx *store.Tx, user wire.UserID) error {
	state, err := tx.UserState(user)
	if err == nil && !store.TakesPart(state) {
		return outOfReach(state)
	}
	return err
}

// outOfReach says why somebody gets nothing.
func outOfReach(state wire.UserState) error {
	if state == wire.Deleted {
		return wire.Fail(wire.Forbidden, "This person has deleted their account, so nobody would read it. What was written before stays yours to read.")
	}
	return wire.Fail(wire.Forbidden, "An admin of this place has suspended this person's account, so nothing can be sent to them for now.")
}

func openDM(tx *store.Tx, id wire.ConvID, a, b wire.UserID) (wire.DM, error) {
	newest, err := tx.Cursor()
	if err != nil {
		return wire.DM{}, err
	}
	err = tx.CreateConversation(id, "dm")
	for _, user := range []wire.UserID{a, b} {
		if err == nil {
			err = tx.AddConvMember(id, store.ConvMember{User: user}, newest+1)
		}
	}
	for _, user := range []wire.UserID{b, a} {
		if err == nil {
			err = tellDM(tx, id, user)
		}
	}
	if err != nil {
		return wire.DM{}, err
	}
	return tx.DM(id, a)
}

func tellDM(tx *store.Tx, id wire.ConvID, user wire.UserID) error {
	dm, err := tx.DM(id, user)
	if err != nil {
		return err
	}
	_, err = tx.AppendLog("dm", store.ToUser(user), dm)
	return err
}

// SetRead moves the caller's own marker forward; moving it back does nothing. Only their own devices are told.
func (c *Chat) SetRead(ctx context.Context, who wire.Caller, id wire.ConvID, in wire.SetRead) error {
	return c.store.Write(ctx, func(tx *store.Tx) error {
		if err := Can(tx, who, ReadConversation, Object{Conversation: id}); err != nil {
			return err
		}
		newest, err := tx.NewestIn(id)
		if err != nil {
			return err
		}
		if in.Seq < 0 || in.Seq > newest {
			return wire.FailField("seq", "There is no such message in this conversation yet.")
		}
		told, moved, err := tx.SetRead(id, who.User, in.Seq)
		if err != nil || !moved {
			return err
		}
		row, err := tx.AppendLog("read", store.ToUser(who.User), wire.ReadMark{ConversationID: id, Seq: in.Seq})
		if err != nil {
			return err
		}
		return tx.SetReadLog(id, who.User, told, row)
	})
}

// Typing whispers to the others of a conversation that the caller is writing.
func (c *Chat) Typing(ctx context.Context, who wire.Caller, id wire.ConvID) error {
	err := c.store.Read(ctx, func(tx *store.Tx) error { return Can(tx, who, SendMessage, Object{Conversation: id}) })
	if err != nil {
		return err
	}
	c.live.Whisper(id, who.User, wire.Frame{T: "typing", Typing: &wire.Typing{ConversationID: id, UserID: who.User}})
	return nil
}

// SetPresence says whether the person is at this device.
func (c *Chat) SetPresence(_ context.Context, who wire.Caller, in wire.SetPresence) error {
	if in.Presence != wire.Online && in.Presence != wire.Away {
		return wire.FailField("presence", `A presence is "online" or "away".`)
	}
	c.live.SetPresence(who, in.Presence == wire.Away)
	return nil
}

// view reads what a person may receive now.
func view(tx *store.Tx, user wire.UserID) (live.View, error) {
	convs, communities, err := tx.Memberships(user)
	return live.View{User: user, Conversations: convs, Communities: communities}, err
}
