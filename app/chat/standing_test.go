package chat

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// suspend puts somebody into a state and tells it, as auth does.
func (h *house) state(p *someone, state wire.UserState) {
	h.t.Helper()
	h.write(func(tx *store.Tx) error {
		if err := tx.SetUserState(p.User, state); err != nil {
			return err
		}
		user, err := tx.User(p.User)
		return errors.Join(err, tx.TellStanding(user))
	})
}

func TestNothingIsSealedToSomebodySuspended(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	ctx := t.Context()
	dm, _, err := h.OpenDM(ctx, ann.Caller, wire.NewDM{UserID: bob.User})
	if err != nil {
		t.Fatal(err)
	}
	epoch, dmEpoch, from := h.epoch(ch.ID), h.epoch(dm.ID), h.cursor()
	h.state(bob, wire.Suspended)

	got := ann.events(from)
	slices.SortFunc(got, func(a, b wire.Event) int { return int(a.Seq - b.Seq) })
	reached := map[wire.ConvID]int64{}
	for i, e := range got {
		switch {
		case e.Channel != nil:
			if e.Channel.Epoch != epoch+1 || len(e.Channel.Members) != 1 || e.Channel.Members[0].UserID != ann.User {
				t.Errorf("the channel is told as %+v", e.Channel)
			}
			if next := got[i+1].User; next == nil || next.Epochs[0].ConversationID != ch.ID {
				t.Errorf("after the channel comes %+v", got[i+1])
			}
		case e.User != nil:
			if e.User.ID != bob.User || e.User.State != wire.Suspended || len(e.User.Epochs) != 1 {
				t.Errorf("told: %+v", e.User)
			}
			reached[e.User.Epochs[0].ConversationID] = e.User.Epochs[0].Epoch
		default:
			t.Errorf("unexpected %s", e.Kind)
		}
	}
	if fmt.Sprint(reached) != fmt.Sprint(map[wire.ConvID]int64{ch.ID: epoch + 1, dm.ID: dmEpoch + 1}) {
		t.Errorf("epochs %v", reached)
	}
	if got := carl.events(from); len(got) != 0 { // in the community, in neither conversation
		t.Errorf("carl hears of conversations he is not in: %v", kinds(got))
	}

	_, _, err = h.Send(ctx, ann.Caller, ch.ID, message(epoch, "for all", bob))
	wants(t, err, wire.StaleEpoch)
	_, _, err = h.Send(ctx, ann.Caller, ch.ID, message(epoch+1, "for all", bob))
	wants(t, err, wire.BadEnvelopes)
	ann.sends(ch.ID, message(epoch+1, "for the others"))
	for _, e := range []int64{dmEpoch, dmEpoch + 1} {
		_, _, err = h.Send(ctx, ann.Caller, dm.ID, message(e, "for him"))
		wants(t, err, wire.Forbidden)
	}
	if again, _, err := h.OpenDM(ctx, ann.Caller, wire.NewDM{UserID: bob.User}); err != nil || again.ID != dm.ID || again.Peer.State != wire.Suspended {
		t.Errorf("the DM that is there: %+v, %v", again, err)
	}
	_, _, err = h.OpenDM(ctx, carl.Caller, wire.NewDM{UserID: bob.User})
	wants(t, err, wire.Forbidden)

	from = h.cursor()
	h.state(bob, wire.Active)
	for _, e := range ann.events(from) {
		if e.Channel != nil && (len(e.Channel.Members) != 2 || e.Channel.Epoch != epoch+2) || e.User != nil && e.User.State != "" {
			t.Errorf("coming back is told as %+v %+v", e.Channel, e.User)
		}
	}
	ann.sends(ch.ID, message(epoch+2, "welcome back", bob))
	ann.sends(dm.ID, message(dmEpoch+2, "hello", bob))
	if got := kinds(bob.events(from)); !slices.Contains(got, "message") {
		t.Errorf("bob hears %v", got)
	}
}

func TestSomebodySuspendedCanDoAndReadNothing(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	from := h.cursor()
	h.state(bob, wire.Suspended)
	ctx := t.Context()
	ann.sends(ch.ID, message(h.epoch(ch.ID), "x"))
	_, _, sent := h.Send(ctx, bob.Caller, ch.ID, message(h.epoch(ch.ID), "x"))
	wants(t, sent, wire.NotFound)
	_, read := h.Messages(ctx, bob.Caller, ch.ID, 0, 0)
	_, ops := h.Ops(ctx, bob.Caller, ch.ID, -1)
	_, op := h.AppendOp(ctx, bob.Caller, ch.ID, wire.NewOp{Op: bob.op(ch.ID, signed.OpLeave, nil)})
	_, _, dm := h.OpenDM(ctx, bob.Caller, wire.NewDM{UserID: ann.User})
	for i, err := range []error{read, ops, op, dm, h.Typing(ctx, bob.Caller, ch.ID), h.RemoveMember(ctx, bob.Caller, ch.CommunityID, bob.User)} {
		if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != wire.SessionEnded {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, e := range bob.events(from) {
		if e.Message != nil || e.Channel != nil {
			t.Errorf("he hears %s", e.Kind)
		}
	}
}

func TestNobodyIsAddedWhomNothingReaches(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	for _, state := range []wire.UserState{wire.Suspended, wire.Deleted} {
		h.state(carl, state)
		_, err := h.AppendOp(t.Context(), ann.Caller, ch.ID, wire.NewOp{Op: ann.op(ch.ID, signed.OpAdd, targets(signed.RoleMember, carl))})
		wants(t, err, wire.BadOp)
		_, err = h.CreateChannel(t.Context(), ann.Caller, h.group(ch.CommunityID), wire.NewChannel{Name: string(state), Op: ann.create(signed.PolicyPrivate, carl)})
		wants(t, err, wire.BadOp)
	}
	h.state(carl, wire.Locked)
	ann.does(ch.ID, signed.OpAdd, targets(signed.RoleMember, carl))
	h.state(bob, wire.Suspended)
	ann.does(ch.ID, signed.OpRemove, targets(0, bob)) // who is in can still be taken out
}

func TestWhoIsSuspendedShowsInStateAndLists(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	if _, _, err := h.OpenDM(t.Context(), ann.Caller, wire.NewDM{UserID: bob.User}); err != nil {
		t.Fatal(err)
	}
	see := func() (member, peer wire.UserState, inChannel bool) {
		state, err := h.State(t.Context(), ann.Caller)
		list, err2 := h.Members(t.Context(), ann.Caller, ch.CommunityID)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		for i, m := range state.Members {
			if m.User.State != list.Members[i].User.State {
				t.Errorf("the state says %+v, the list %+v", m, list.Members[i])
			}
			if m.User.ID == bob.User {
				member = m.User.State
			}
		}
		for _, c := range state.Channels {
			inChannel = inChannel || slices.ContainsFunc(c.Members, func(m wire.ChannelMember) bool { return m.UserID == bob.User })
		}
		return member, state.DMs[0].Peer.State, inChannel
	}
	for state, want := range map[wire.UserState]wire.UserState{wire.Active: "", wire.Locked: "", wire.Suspended: wire.Suspended, wire.Deleted: wire.Deleted} {
		h.state(bob, state)
		if member, peer, in := see(); member != want || peer != want || in != (want == "") {
			t.Errorf("%s: member %q, peer %q, in the channel %v", state, member, peer, in)
		}
	}
}

// Whoever is suspended may come back to a channel that the others have left meanwhile.
func TestAChannelOutlivesTheSuspensionOfWhoIsLeft(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	ann.does(ch.ID, signed.OpRole, targets(signed.RoleAdmin, bob))
	h.state(bob, wire.Suspended)
	ann.does(ch.ID, signed.OpLeave, nil)
	h.state(bob, wire.Active)
	if _, err := h.Channel(t.Context(), bob.Caller, ch.ID); err != nil {
		t.Fatal(err)
	}
	from := h.cursor()
	h.state(bob, wire.Suspended)
	h.write(func(tx *store.Tx) error {
		c, err := tx.ChannelAt(ch.ID, false)
		return errors.Join(err, dropChannel(tx, c))
	})
	h.state(bob, wire.Active)
	if got := kinds(bob.events(from)); !slices.Contains(got, "channel_gone") {
		t.Errorf("back again he hears %v", got)
	}
}
