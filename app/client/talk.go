package client

import (
	"context"
	"crypto/rand"
	"fmt"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// maxReseals bounds how often a send follows a changing membership before it gives up; each round has read every event first.
const maxReseals = 8

// Send seals plaintext for everyone in the conversation and returns the message as the place stored it.
func (c *Client) Send(ctx context.Context, conv wire.ConvID, plaintext []byte) (wire.Message, error) {
	id := wire.MsgID{}
	rand.Read(id[:])
	return c.SendAs(ctx, conv, id, plaintext)
}

// SendAs is Send under a message id chosen by the caller. What the log brings meanwhile is applied, and messages in it are lost to the
// caller: programs that also read must not send while membership changes, or must read by Apply alone.
func (c *Client) SendAs(ctx context.Context, conv wire.ConvID, id wire.MsgID, plaintext []byte) (wire.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range maxReseals {
		request, err := c.seal(ctx, conv, id, plaintext)
		if err != nil {
			return wire.Message{}, err
		}
		stored, err := c.post(ctx, conv, request)
		if Code(err) != wire.StaleEpoch && Code(err) != wire.BadEnvelopes {
			return stored, err
		}
		if err := c.readOn(ctx); err != nil {
			return wire.Message{}, err
		}
	}
	return wire.Message{}, fmt.Errorf("send: the members of %s keep changing", conv)
}

// Seal prepares a message without sending it: what the load generator posts by itself.
func (c *Client) Seal(ctx context.Context, conv wire.ConvID, plaintext []byte) (wire.NewMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := wire.MsgID{}
	rand.Read(id[:])
	return c.seal(ctx, conv, id, plaintext)
}

func (c *Client) post(ctx context.Context, conv wire.ConvID, request wire.NewMessage) (stored wire.Message, err error) {
	err = c.Do(ctx, "POST", "/api/conversations/"+conv.String()+"/messages", request, &stored)
	return stored, err
}

func (c *Client) seal(ctx context.Context, conv wire.ConvID, id wire.MsgID, plaintext []byte) (wire.NewMessage, error) {
	bundles, excluded, err := c.claim(ctx, conv)
	if err != nil {
		return wire.NewMessage{}, err
	}
	sealed, err := c.core.Seal(conv, id, plaintext, bundles, excluded)
	if err != nil {
		return wire.NewMessage{}, err
	}
	if err := c.keep(); err != nil {
		return wire.NewMessage{}, err
	}
	request := wire.NewMessage{MessageID: id, Epoch: int64(sealed.Epoch), Ciphertext: sealed.Content}
	for _, e := range sealed.Envelopes {
		request.Envelopes = append(request.Envelopes, wire.Envelope{UserID: e.User, DeviceID: e.Device, Envelope: e.Envelope})
	}
	return request, nil
}

// claim fetches the bundles the next seal needs. A device that has published nothing is left out of this message.
func (c *Client) claim(ctx context.Context, conv wire.ConvID) (bundles []core.Bundle, excluded []core.DeviceID, err error) {
	plan, err := c.core.SealPlan(conv)
	if err != nil || len(plan) == 0 {
		return nil, nil, err
	}
	request := wire.ClaimPrekeys{}
	missing := map[wire.DeviceID]bool{}
	for _, a := range plan {
		request.Devices = append(request.Devices, wire.DeviceAddress{UserID: a.User, DeviceID: a.Device})
		missing[a.Device] = true
	}
	answer := wire.Bundles{}
	if err := c.Do(ctx, "POST", "/api/prekeys/claim", request, &answer); err != nil {
		return nil, nil, err
	}
	for _, b := range answer.Bundles {
		delete(missing, b.DeviceID)
		bundles = append(bundles, core.Bundle{User: b.UserID, Device: b.DeviceID, Signed: b.Signed, OneTime: b.OneTime, KEM: b.KEM})
	}
	for d := range missing {
		excluded = append(excluded, d)
	}
	return bundles, excluded, nil
}

// readOn applies everything the log has, so that the next seal sees the newest membership.
func (c *Client) readOn(ctx context.Context) error {
	for {
		page := wire.SyncPage{}
		if err := c.Do(ctx, "GET", fmt.Sprintf("/api/sync?after=%d", c.cursor), nil, &page); err != nil {
			return err
		}
		if _, err := c.apply(ctx, page.Events, page.Cursor); err != nil || !page.More {
			return err
		}
	}
}

// CreateChannel makes a channel in a group and takes it up.
func (c *Client) CreateChannel(ctx context.Context, group wire.GroupID, name string, visibility wire.Visibility, members ...wire.UserID) (wire.Channel, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	policy := byte(signed.PolicyPrivate)
	if visibility == wire.Public {
		policy = byte(signed.PolicyPublic)
	}
	op, _, err := c.core.MakeOp(core.ConvID{}, byte(signed.OpCreate), policy, targets(members, signed.RoleMember))
	if err != nil {
		return wire.Channel{}, err
	}
	channel := wire.Channel{}
	if err := c.Do(ctx, "POST", "/api/groups/"+group.String()+"/channels", wire.NewChannel{Name: name, Op: op}, &channel); err != nil {
		return channel, err
	}
	return channel, c.fetchChannel(ctx, channel)
}

// Add makes people members of a channel.
func (c *Client) Add(ctx context.Context, channel wire.ConvID, people ...wire.UserID) error {
	return c.changeMembers(ctx, channel, signed.OpAdd, 0, targets(people, signed.RoleMember))
}

// Remove takes people out of a channel.
func (c *Client) Remove(ctx context.Context, channel wire.ConvID, people ...wire.UserID) error {
	return c.changeMembers(ctx, channel, signed.OpRemove, 0, targets(people, 0))
}

// SetRole gives people a role in a channel.
func (c *Client) SetRole(ctx context.Context, channel wire.ConvID, role signed.Role, people ...wire.UserID) error {
	return c.changeMembers(ctx, channel, signed.OpRole, 0, targets(people, role))
}

// Leave leaves a channel.
func (c *Client) Leave(ctx context.Context, channel wire.ConvID) error {
	return c.changeMembers(ctx, channel, signed.OpLeave, 0, nil)
}

func (c *Client) changeMembers(ctx context.Context, channel wire.ConvID, kind signed.OpType, policy byte, targets []core.Target) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range maxReseals {
		op, _, err := c.core.MakeOp(channel, byte(kind), policy, targets)
		if err != nil {
			return err
		}
		err = c.Do(ctx, "POST", "/api/channels/"+channel.String()+"/ops", wire.NewOp{Op: op}, nil)
		if Code(err) == wire.StaleOp {
			if err := c.readOn(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		return c.readOn(ctx)
	}
	return fmt.Errorf("change members: the operations of %s keep changing", channel)
}

// Join joins a public channel of a community one belongs to.
func (c *Client) Join(ctx context.Context, channel wire.Channel) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range maxReseals {
		err := c.tryJoin(ctx, channel)
		if Code(err) != wire.StaleOp {
			return err
		}
	}
	return fmt.Errorf("join: the operations of %s keep changing", channel.ID)
}

func (c *Client) tryJoin(ctx context.Context, channel wire.Channel) error {
	channel.Joined = true
	if err := c.fetchChannel(ctx, channel); err != nil {
		return err
	}
	op, _, err := c.core.MakeOp(channel.ID, byte(signed.OpJoin), 0, nil)
	if err != nil {
		return err
	}
	if err := c.Do(ctx, "POST", "/api/channels/"+channel.ID.String()+"/ops", wire.NewOp{Op: op}, nil); err != nil {
		return err
	}
	return c.readOn(ctx)
}

// OpenDM takes up the conversation with one person.
func (c *Client) OpenDM(ctx context.Context, peer wire.UserID) (wire.ConvID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conv := c.core.DMConversation(peer)
	if c.convs[conv] != nil {
		return conv, nil
	}
	return conv, c.fetchDM(ctx, peer)
}

// Invite makes an invitation to a community and returns it with its token.
func (c *Client) Invite(ctx context.Context, community wire.CommunityID, uses int) (wire.Invite, error) {
	invite := wire.Invite{}
	err := c.Do(ctx, "POST", "/api/invites", wire.NewInvite{CommunityID: community, Uses: uses, ExpiresIn: 3600}, &invite)
	return invite, err
}

func targets(people []wire.UserID, role signed.Role) []core.Target {
	out := make([]core.Target, len(people))
	for i, p := range people {
		out[i] = core.Target{User: p, Role: byte(role)}
	}
	return out
}
