package chat

import (
	"bytes"
	"context"
	"errors"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/group"
	"chatalot/app/wire/signed"
)

// badOp refuses an operation with a reason that is a clause.
func badOp(why error) error {
	return wire.Fail(wire.BadOp, "The membership change was refused: "+why.Error()+".")
}

// parseOp reads an operation that the caller's own device signed; the signature itself is verified in the transaction.
func (c *Chat) parseOp(who wire.Caller, raw []byte) (*signed.Op, error) {
	op, err := signed.ParseOp(raw)
	if err != nil {
		return nil, badOp(err)
	}
	if who.Device == nil || op.Actor != who.User || op.Device != *who.Device {
		return nil, badOp(errors.New("it must be signed by the device that sends it"))
	}
	if op.Created > uint64(c.now().Add(wire.MaxAhead).UnixMilli()) {
		return nil, badOp(errors.New("the clock of this device is ahead of the place's. Set it, then try again"))
	}
	return op, nil
}

// verifyOp checks the signature against the actor's newest device list, on which the device must be in use.
func verifyOp(tx *store.Tx, op *signed.Op) error {
	stored, err := tx.Manifest(op.Actor)
	if errors.Is(err, store.ErrNotFound) {
		return badOp(errors.New("this account has published no device list yet"))
	}
	if err != nil {
		return err
	}
	m, err := signed.ParseManifest(stored.Manifest)
	if err != nil {
		return err
	}
	if !m.Active(op.Device) {
		return badOp(signed.ErrRemoved)
	}
	if err := op.Verify(m); err != nil {
		return badOp(err)
	}
	return nil
}

// AppendOp gives a signed membership operation its place in the channel's chain, if it follows the newest one. Sending the newest one again
// answers the same.
func (c *Chat) AppendOp(ctx context.Context, who wire.Caller, id wire.ConvID, in wire.NewOp) (wire.OpRecord, error) {
	op, err := c.parseOp(who, in.Op)
	if err != nil {
		return wire.OpRecord{}, err
	}
	if op.Type == signed.OpCreate || op.Group != id {
		return wire.OpRecord{}, badOp(errors.New("it belongs to another channel"))
	}
	return write(ctx, c, func(tx *store.Tx) (wire.OpRecord, error) {
		if known, err := tx.Op(id, int64(op.N)); err == nil && bytes.Equal(known.Op, in.Op) {
			return again(tx, who, known, op.Type)
		}
		if err := Can(tx, who, AppendOp, Object{Conversation: id}); err != nil {
			return wire.OpRecord{}, err
		}
		return appendOp(tx, id, op, in.Op)
	})
}

// again answers an operation that was sent before, with the channel's epoch for those who may see it. Who has left a private channel may not
// any more, and learns only that the leaving was taken.
func again(tx *store.Tx, who wire.Caller, r wire.OpRecord, typ signed.OpType) (wire.OpRecord, error) {
	if err := Can(tx, who, SeeChannel, Object{Conversation: r.ConversationID}); err != nil {
		if _, refused := errors.AsType[*wire.Error](err); refused && typ == signed.OpLeave {
			return r, nil
		}
		return wire.OpRecord{}, err
	}
	ops, err := tx.Ops(r.ConversationID, r.N)
	r.Epochs = []wire.ConvEpoch{{ConversationID: r.ConversationID, Epoch: ops.Epoch}}
	return r, err
}

func appendOp(tx *store.Tx, id wire.ConvID, op *signed.Op, raw []byte) (r wire.OpRecord, err error) {
	head, err := tx.Chain(id)
	if err != nil {
		return r, orGone(err)
	}
	if err := verifyOp(tx, op); err != nil {
		return r, err
	}
	members, err := tx.ConvMembers(id)
	if err != nil {
		return r, err
	}
	before := membership(id, head, members)
	next, err := before.Apply(op)
	if err == group.ErrChain {
		return r, wire.Fail(wire.StaleOp, "Somebody else changed the members first. Read the newest changes and try again.")
	}
	if err != nil {
		return r, badOp(err)
	}
	community, _, err := tx.CommunityOfChannel(id)
	if err != nil {
		return r, err
	}
	if err := newcomersBelong(tx, community, op); err != nil {
		return r, err
	}
	step := opStep{tx: tx, id: id, community: community, op: op, before: before, next: next}
	return step.take(raw)
}

// membership is what a channel's chain says so far, those whom the server has dropped included.
func membership(id wire.ConvID, head store.ChannelChain, members []store.ConvMember) group.State {
	s := group.State{Conv: id, N: uint64(head.N), Head: head.Head, Policy: signed.PolicyPrivate}
	if head.Visibility == wire.Public {
		s.Policy = signed.PolicyPublic
	}
	for _, m := range members {
		role := signed.RoleMember
		if m.Admin {
			role = signed.RoleAdmin
		}
		s.Members = append(s.Members, group.Member{User: m.User, Role: role})
	}
	return s
}

// newcomersBelong refuses to add people from outside the community, and people whom nothing reaches.
func newcomersBelong(tx *store.Tx, community wire.CommunityID, op *signed.Op) error {
	if op.Type != signed.OpAdd && op.Type != signed.OpCreate {
		return nil
	}
	for _, t := range op.Targets {
		switch role, err := roleIn(tx, community, t.User); {
		case err != nil:
			return err
		case role == "":
			return badOp(errors.New("everybody in a channel must be a member of its community. Invite them first"))
		}
		if state, err := tx.UserState(t.User); err != nil {
			return err
		} else if !store.TakesPart(state) {
			return badOp(errors.New("somebody in it has an account that is suspended or deleted. Leave them out"))
		}
	}
	return nil
}

// opStep is one accepted operation on its way into the tables and the log.
type opStep struct {
	tx           *store.Tx
	id           wire.ConvID
	community    wire.CommunityID
	op           *signed.Op
	before, next group.State
}

func (s opStep) take(raw []byte) (r wire.OpRecord, err error) {
	joined, left, err := s.setMembers()
	if err != nil {
		return r, err
	}
	if err := s.tx.SetChain(s.id, s.chain()); err != nil {
		return r, err
	}
	epoch, err := s.tx.GrowEpoch(s.id)
	if err != nil {
		return r, err
	}
	r = wire.OpRecord{ConversationID: s.id, N: int64(s.op.N), Op: raw, Epochs: []wire.ConvEpoch{{ConversationID: s.id, Epoch: epoch}}}
	for _, user := range joined {
		if err := s.tellOwn(user); err != nil {
			return r, err
		}
	}
	told := r
	if told.Manifests, err = s.tx.ManifestsOfPeople(append(joined, s.op.Actor)); err != nil {
		return r, err
	}
	seq, err := s.tx.AppendLog("op", store.ToConversation(s.id), told)
	if err != nil {
		return r, err
	}
	if err := s.tx.AppendOp(s.id, r.N, s.op.Actor, raw, seq); err != nil {
		return r, err
	}
	for _, user := range left {
		if err := s.tellOwn(user); err != nil {
			return r, err
		}
	}
	return r, s.settle()
}

func (s opStep) chain() store.ChannelChain {
	v := wire.Private
	if s.next.Policy == signed.PolicyPublic {
		v = wire.Public
	}
	return store.ChannelChain{Visibility: v, N: int64(s.next.N), Head: s.next.Head}
}

// setMembers makes the member rows what the chain says, and returns who came and who went. Newcomers read from the next log row on.
func (s opStep) setMembers() (joined, left []wire.UserID, err error) {
	newest, err := s.tx.Cursor()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range s.next.Members {
		admin := m.Role == signed.RoleAdmin
		switch s.before.RoleOf(m.User) {
		case m.Role:
		case 0:
			joined = append(joined, m.User)
			err = s.tx.AddConvMember(s.id, store.ConvMember{User: m.User, Admin: admin}, newest+1)
		default:
			err = s.tx.SetConvAdmin(s.id, m.User, admin)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for _, m := range s.before.Members {
		if s.next.RoleOf(m.User) != 0 {
			continue
		}
		left = append(left, m.User)
		if err := s.tx.RemoveConvMember(s.id, m.User); err != nil {
			return nil, nil, err
		}
	}
	return joined, left, nil
}

// tellOwn shows a person whose place in the channel has changed what they see of it now.
func (s opStep) tellOwn(user wire.UserID) error {
	role, err := roleIn(s.tx, s.community, user)
	if err != nil {
		return err
	}
	ch, err := s.tx.Channel(s.id, user)
	if err != nil {
		return err
	}
	if role == "" || (!ch.Joined && ch.Visibility != wire.Public) {
		return tellGone(s.tx, "channel_gone", store.ToUser(user), wire.Gone{ConversationID: &s.id})
	}
	_, err = s.tx.AppendLog("channel", store.ToUser(user), ch)
	return err
}

// settle tells a change of policy to everyone it concerns, and ends a channel that nobody is in any more.
func (s opStep) settle() error {
	if gone, err := dropDeserted(s.tx, s.id); gone || err != nil || s.before.Policy == s.next.Policy {
		return err
	}
	ch, err := s.tx.ChannelAt(s.id, false)
	if err != nil {
		return err
	}
	if err := tellChannel(s.tx, ch); err != nil || s.next.Policy == signed.PolicyPublic {
		return err
	}
	return tellGone(s.tx, "channel_gone", store.ToOutsiders(s.community, s.id), wire.Gone{ConversationID: &s.id})
}

// Ops lists a channel's operations with n > after (-1: all) and the conversation's epoch.
func (c *Chat) Ops(ctx context.Context, who wire.Caller, id wire.ConvID, after int64) (wire.Ops, error) {
	return read(ctx, c, func(tx *store.Tx) (wire.Ops, error) {
		if err := Can(tx, who, SeeChannel, Object{Conversation: id}); err != nil {
			return wire.Ops{}, err
		}
		return tx.Ops(id, after)
	})
}
