package client

import (
	"context"
	"fmt"
	"strconv"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// Load reads the snapshot and takes up every conversation in it; afterwards Sync continues from its cursor.
func (c *Client) Load(ctx context.Context) (wire.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := wire.State{}
	if err := c.Do(ctx, "GET", "/api/state", nil, &state); err != nil {
		return state, err
	}
	for _, m := range state.Manifests {
		if err := c.applyManifest(m); err != nil {
			return state, err
		}
	}
	chains := map[wire.ConvID][][]byte{}
	for _, op := range state.Ops {
		chains[op.ConversationID] = append(chains[op.ConversationID], op.Op)
	}
	for _, ch := range state.Channels {
		if err := c.takeUpChannel(ch, chains[ch.ID], ch.Epoch); err != nil {
			return state, err
		}
	}
	for _, dm := range state.DMs {
		if err := c.takeUpDM(dm); err != nil {
			return state, err
		}
	}
	c.cursor = state.Cursor
	return state, nil
}

func (c *Client) takeUpChannel(ch wire.Channel, ops [][]byte, epoch int64) error {
	if !ch.Joined {
		return nil
	}
	if _, err := c.core.LoadChannel(ch.ID, ops, uint64(epoch), uint64(epoch)); err != nil {
		return fmt.Errorf("take up channel %s: %w", ch.ID, err)
	}
	c.convs[ch.ID] = &Conversation{ID: ch.ID, Channel: &ch}
	if err := c.keep(); err != nil {
		return err
	}
	return c.heedAbsent(ch)
}

func (c *Client) takeUpDM(dm wire.DM) error {
	if err := c.core.LoadDM(dm.Peer.ID, uint64(dm.Epoch)); err != nil {
		return fmt.Errorf("take up DM %s: %w", dm.ID, err)
	}
	c.convs[dm.ID] = &Conversation{ID: dm.ID, DM: &dm}
	if err := c.keep(); err != nil {
		return err
	}
	return c.heedState(dm.Peer, wire.ConvEpoch{ConversationID: dm.ID, Epoch: dm.Epoch})
}

// Sync reads one page of the log, waiting up to wait seconds for something to come, applies it and returns the messages in it.
func (c *Client) Sync(ctx context.Context, wait int) (got []Received, more bool, err error) {
	page := wire.SyncPage{}
	path := "/api/sync?after=" + strconv.FormatInt(c.cursor, 10) + "&wait=" + strconv.Itoa(wait)
	if err := c.Do(ctx, "GET", path, nil, &page); err != nil {
		return nil, false, err
	}
	if page.Reset {
		_, err := c.Load(ctx)
		return nil, true, err
	}
	got, err = c.Apply(ctx, page.Events, page.Cursor)
	return got, page.More, err
}

// CatchUp syncs until nothing more is waiting.
func (c *Client) CatchUp(ctx context.Context) (all []Received, err error) {
	for {
		got, more, err := c.Sync(ctx, 0)
		all = append(all, got...)
		if err != nil || !more {
			return all, err
		}
	}
}

// Apply takes events from wherever they came, in order, and moves the cursor. Messages of other devices are opened and returned.
func (c *Client) Apply(ctx context.Context, events []wire.Event, cursor int64) (got []Received, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apply(ctx, events, cursor)
}

func (c *Client) apply(ctx context.Context, events []wire.Event, cursor int64) (got []Received, err error) {
	for _, e := range events {
		if e.Seq <= c.cursor {
			continue
		}
		if e.Message != nil {
			r, err := c.open(*e.Message)
			if err != nil {
				return got, err
			}
			if r != nil {
				got = append(got, *r)
			}
		} else if err := c.applyChange(ctx, e); err != nil {
			return got, fmt.Errorf("apply %s event %d: %w", e.Kind, e.Seq, err)
		}
		c.cursor = e.Seq
	}
	c.cursor = max(c.cursor, cursor)
	return got, nil
}

func (c *Client) applyChange(ctx context.Context, e wire.Event) error {
	switch {
	case e.Manifest != nil:
		return c.applyManifest(*e.Manifest)
	case e.Op != nil:
		return c.applyOp(*e.Op)
	case e.Channel != nil && e.Channel.Joined && c.convs[e.Channel.ID] == nil:
		return c.fetchChannel(ctx, *e.Channel)
	case e.Channel != nil && c.convs[e.Channel.ID] != nil && e.Channel.Joined:
		return c.heedAbsent(*e.Channel)
	case e.ChannelGone != nil && c.convs[*e.ChannelGone.ConversationID] != nil:
		return c.drop(*e.ChannelGone.ConversationID)
	case e.User != nil:
		return c.applyUser(*e.User)
	case e.DM != nil && c.convs[e.DM.ID] == nil:
		return c.fetchDM(ctx, e.DM.Peer.ID)
	}
	return nil
}

// applyUser takes the epochs that began because somebody was suspended or came back. Of channels their own event has told.
func (c *Client) applyUser(u wire.User) error {
	for _, e := range u.Epochs {
		if conv := c.convs[e.ConversationID]; conv == nil || conv.DM == nil {
			continue
		}
		if err := c.heedState(u, e); err != nil {
			return err
		}
	}
	return nil
}

// heedState stops sealing a DM to somebody who is suspended or deleted, and begins again when they are back.
func (c *Client) heedState(u wire.User, e wire.ConvEpoch) error {
	var absent []wire.UserID
	if u.State != "" {
		absent = append(absent, u.ID)
	}
	if err := c.core.Absent(e.ConversationID, absent, uint64(e.Epoch)); err != nil {
		return err
	}
	return c.keep()
}

// heedAbsent stops sealing to those whom the signed chain names and the place has dropped.
func (c *Client) heedAbsent(ch wire.Channel) error {
	c.convs[ch.ID].Channel = &ch
	known, err := c.core.Channel(ch.ID)
	if err != nil || uint64(ch.N) != known.N {
		return err // the operation that ch was read after is still to come, or has come since
	}
	present := map[wire.UserID]bool{}
	for _, m := range ch.Members {
		present[m.UserID] = true
	}
	var absent []wire.UserID
	for _, m := range known.Members {
		if !present[m.User] {
			absent = append(absent, m.User)
		}
	}
	if err := c.core.Absent(ch.ID, absent, uint64(ch.Epoch)); err != nil {
		return err
	}
	return c.keep()
}

func (c *Client) applyOp(op wire.OpRecord) error {
	if c.convs[op.ConversationID] == nil {
		return nil // its channel event takes it up, or it is one this device has left
	}
	known, err := c.core.Channel(op.ConversationID)
	if err != nil || uint64(op.N) <= known.N {
		return err
	}
	for _, m := range op.Manifests {
		if err := c.meet(m); err != nil {
			return err
		}
	}
	epoch := uint64(0)
	for _, e := range op.Epochs {
		if e.ConversationID == op.ConversationID {
			epoch = uint64(e.Epoch)
		}
	}
	if _, err := c.core.ApplyOp(op.ConversationID, op.Op, epoch); err != nil {
		return err
	}
	return c.keep()
}

func (c *Client) fetchChannel(ctx context.Context, ch wire.Channel) error {
	ops := wire.Ops{}
	if err := c.Do(ctx, "GET", "/api/channels/"+ch.ID.String()+"/ops", nil, &ops); err != nil {
		if Code(err) == wire.NotFound {
			return nil // left again meanwhile; the log will say so
		}
		return err
	}
	for _, m := range ops.Manifests {
		if err := c.applyManifest(m); err != nil {
			return err
		}
	}
	chain := make([][]byte, len(ops.Ops))
	for i, op := range ops.Ops {
		chain[i] = op.Op
	}
	return c.takeUpChannel(ch, chain, ops.Epoch)
}

func (c *Client) fetchDM(ctx context.Context, peer wire.UserID) error {
	dm := wire.DM{}
	if err := c.Do(ctx, "POST", "/api/dms", wire.NewDM{UserID: peer}, &dm); err != nil {
		return err
	}
	for _, m := range dm.Manifests {
		if err := c.applyManifest(m); err != nil {
			return err
		}
	}
	return c.takeUpDM(dm)
}

func (c *Client) drop(conv wire.ConvID) error {
	if err := c.core.DropConversation(conv); err != nil {
		return err
	}
	delete(c.convs, conv)
	return c.keep()
}

func (c *Client) open(m wire.Message) (*Received, error) {
	if c.convs[m.ConversationID] == nil || (c.signed.DeviceID != nil && m.SenderDevice == *c.signed.DeviceID) {
		return nil, nil
	}
	opened, err := c.core.Open(core.In{
		Conv: m.ConversationID, MsgID: m.MessageID, SenderUser: m.SenderUser, SenderDevice: m.SenderDevice,
		Epoch: uint64(m.Epoch), Content: m.Ciphertext, Envelope: m.Envelope,
	})
	if err != nil {
		return nil, fmt.Errorf("open message %s: %w", m.MessageID, err)
	}
	return &Received{Message: m, Opened: opened}, c.keep()
}

func epochs(in []wire.ConvEpoch) []core.ConvEpoch {
	out := make([]core.ConvEpoch, len(in))
	for i, e := range in {
		out[i] = core.ConvEpoch{Conv: e.ConversationID, Epoch: uint64(e.Epoch)}
	}
	return out
}

// SafetyNumber is the 60 digits two people compare.
func (c *Client) SafetyNumber(peer wire.UserID) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.core.SafetyNumber(signed.UserID(peer))
}
