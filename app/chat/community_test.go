package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

func TestNewCommunityComesWithAGroup(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann")
	c := h.community(ann)
	state, err := h.State(t.Context(), ann.Caller)
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Groups) != 1 || state.Groups[0].Name != "General" || state.Groups[0].CommunityID != c.ID || c.Role != wire.Owner {
		t.Fatalf("got %+v", state)
	}
	if state.Cursor != h.cursor() || state.Me.User.ID != ann.User || !state.Me.HasKeys || len(state.Members) != 1 || len(state.Manifests) != 1 {
		t.Fatalf("got %+v", state)
	}
}

func TestNewcomerIsToldWhatIsThere(t *testing.T) {
	h := newHouse(t)
	ann, bob, carl := h.person("ann"), h.person("bob"), h.person("carl")
	c := h.community(ann, carl)
	h.channel(c.ID, "public", signed.PolicyPublic, ann)
	h.channel(c.ID, "private", signed.PolicyPrivate, ann)
	from := h.cursor()
	h.join(c.ID, bob)
	got := bob.events(from)
	if want := []string{"community", "group", "channel", "community_member"}; !slices.Equal(kinds(got), want) {
		t.Fatalf("got %v, want %v", kinds(got), want)
	}
	if got[0].Community.Role != wire.Member || got[2].Channel.Name != "public" || got[2].Channel.Joined || got[3].CommunityMember.User.ID != bob.User {
		t.Fatalf("got %+v", got)
	}
	if got := kinds(carl.events(from)); !slices.Equal(got, []string{"community_member"}) {
		t.Fatalf("carl got %v", got)
	}
	h.join(c.ID, bob) // again: nothing changes
	if got := carl.events(from); len(got) != 1 {
		t.Fatalf("carl got %v", kinds(got))
	}
}

func TestStateAndEventsShowEachPersonOnlyTheirOwn(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	ann.sends(ch.ID, message(ch.Epoch, "x"))
	state, err := h.State(t.Context(), carl.Caller)
	if err != nil || len(state.Channels) != 0 || len(state.Ops) != 0 || len(state.Members) != 3 {
		t.Fatalf("carl sees %+v, %v", state, err)
	}
	if got := kinds(carl.events(0)); slices.Contains(got, "message") || slices.Contains(got, "op") || slices.Contains(got, "channel") {
		t.Fatalf("carl receives %v", got)
	}
	if state, err = h.State(t.Context(), bob.Caller); err != nil || len(state.Channels) != 1 || len(state.Ops) != 1 || len(state.Channels[0].Members) != 2 {
		t.Fatalf("bob sees %+v, %v", state, err)
	}
	if len(state.Manifests) != 2 { // his own and ann's, with whom he shares the channel
		t.Fatalf("%d manifests", len(state.Manifests))
	}
}

func TestWhoLeavesTheCommunityLeavesItsChannels(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	epoch, from := h.epoch(ch.ID), h.cursor()
	if err := h.RemoveMember(t.Context(), ann.Caller, ch.CommunityID, bob.User); err != nil {
		t.Fatal(err)
	}
	if got := kinds(bob.events(from)); !slices.Equal(got, []string{"community_gone"}) {
		t.Fatalf("bob got %v", got)
	}
	got := ann.events(from)
	if !slices.Equal(kinds(got), []string{"channel", "community_member_gone"}) || len(got[0].Channel.Members) != 1 || got[0].Channel.Epoch != epoch+1 {
		t.Fatalf("ann got %+v", got)
	}
	if got := kinds(carl.events(from)); !slices.Equal(got, []string{"community_member_gone"}) {
		t.Fatalf("carl got %v", got)
	}
	ann.sends(ch.ID, message(epoch+1, "without bob"))
	if got := kinds(bob.events(from)); slices.Contains(got, "message") {
		t.Fatal("bob still receives")
	}
	_, _, err := h.Send(t.Context(), ann.Caller, ch.ID, message(epoch+1, "x", bob))
	wants(t, err, wire.BadEnvelopes)

	h.join(ch.CommunityID, bob) // coming back to the community does not bring him back into the channel
	if _, err := h.Channel(t.Context(), bob.Caller, ch.ID); err == nil {
		t.Fatal("bob is back in the channel")
	}
	ann.does(ch.ID, signed.OpRemove, targets(0, bob)) // the chain still names him until an admin signs
	ann.does(ch.ID, signed.OpAdd, targets(signed.RoleMember, bob))
	if _, err := h.Channel(t.Context(), bob.Caller, ch.ID); err != nil {
		t.Fatal(err)
	}
}

func TestCommunityRightsFollowRank(t *testing.T) {
	h := newHouse(t)
	owner, admin, admin2, member, stranger := h.person("owner"), h.person("admin"), h.person("admin2"), h.person("member"), h.person("stranger")
	c := h.community(owner, admin, admin2, member)
	ctx := t.Context()
	for _, p := range []*someone{admin, admin2} {
		if _, err := h.SetRole(ctx, owner.Caller, c.ID, p.User, wire.RoleChange{Role: wire.Admin}); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(p *someone) error {
		_, err := h.RenameCommunity(ctx, p.Caller, c.ID, wire.Named{Name: "N"})
		return err
	}
	role := func(p, of *someone) error {
		_, err := h.SetRole(ctx, p.Caller, c.ID, of.User, wire.RoleChange{Role: wire.Member})
		return err
	}
	wants(t, rename(member), wire.Forbidden)
	wants(t, rename(stranger), wire.NotFound)
	wants(t, role(admin, admin2), wire.Forbidden)
	wants(t, role(owner, owner), wire.Conflict)
	wants(t, role(owner, stranger), wire.NotFound)
	wants(t, h.DeleteCommunity(ctx, admin.Caller, c.ID), wire.Forbidden)
	wants(t, h.DeleteCommunity(ctx, stranger.Caller, c.ID), wire.NotFound)
	wants(t, h.RemoveMember(ctx, member.Caller, c.ID, admin.User), wire.Forbidden)
	wants(t, h.RemoveMember(ctx, admin.Caller, c.ID, admin2.User), wire.Forbidden)
	wants(t, h.RemoveMember(ctx, admin.Caller, c.ID, owner.User), wire.Forbidden)
	wants(t, h.RemoveMember(ctx, owner.Caller, c.ID, owner.User), wire.Conflict)
	if err := rename(admin); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveMember(ctx, admin.Caller, c.ID, member.User); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveMember(ctx, admin2.Caller, c.ID, admin2.User); err != nil { // leaves
		t.Fatal(err)
	}
	got, err := h.Members(ctx, owner.Caller, c.ID)
	if err != nil || len(got.Members) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestSoleAdminOfAChannelHandsItOverBeforeLeaving(t *testing.T) {
	h, ann, bob, carl, _ := club(t)
	c := h.community(carl, ann, bob)
	ch := h.channel(c.ID, "mine", signed.PolicyPrivate, ann, bob)
	wants(t, h.RemoveMember(t.Context(), ann.Caller, c.ID, ann.User), wire.Conflict)
	ann.does(ch.ID, signed.OpRole, targets(signed.RoleAdmin, bob))
	if err := h.RemoveMember(t.Context(), ann.Caller, c.ID, ann.User); err != nil {
		t.Fatal(err)
	}
}

func TestDeletedCommunityLeavesNothingBehind(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	ann.sends(ch.ID, message(ch.Epoch, "x", bob))
	from := h.cursor()
	if err := h.DeleteCommunity(t.Context(), ann.Caller, ch.CommunityID); err != nil {
		t.Fatal(err)
	}
	if got := kinds(bob.events(from)); !slices.Equal(got, []string{"community_gone"}) {
		t.Fatalf("bob got %v", got)
	}
	err := h.store.Read(t.Context(), func(tx *store.Tx) error {
		return tx.Log(0, 1<<62, func(r store.Row) error {
			if r.Community != (wire.CommunityID{}) || r.Conversation != (wire.ConvID{}) {
				return fmt.Errorf("row %d %s is left", r.Seq, r.Kind)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGroupsAreKeptByAdmins(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	ctx := t.Context()
	_, err := h.CreateGroup(ctx, bob.Caller, ch.CommunityID, wire.Named{Name: "Games"})
	wants(t, err, wire.Forbidden)
	g, err := h.CreateGroup(ctx, ann.Caller, ch.CommunityID, wire.Named{Name: " Games "})
	if err != nil || g.Name != "Games" {
		t.Fatal(g, err)
	}
	if g, err = h.RenameGroup(ctx, ann.Caller, g.ID, wire.Named{Name: "Play"}); err != nil || g.Name != "Play" {
		t.Fatal(g, err)
	}
	wants(t, h.DeleteGroup(ctx, ann.Caller, ch.GroupID), wire.NotEmpty)
	wants(t, h.DeleteGroup(ctx, h.person("eve").Caller, g.ID), wire.NotFound)
	if err := h.DeleteGroup(ctx, ann.Caller, g.ID); err != nil {
		t.Fatal(err)
	}
	wants(t, h.DeleteGroup(ctx, ann.Caller, g.ID), wire.NotFound)
}

func TestChannelsHaveOneNameEachAndAdminsKeepThem(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	ctx := t.Context()
	_, err := h.CreateChannel(ctx, bob.Caller, ch.GroupID, wire.NewChannel{Name: "TALK", Op: bob.create(signed.PolicyPublic)})
	wants(t, err, wire.Conflict)
	other := h.channel(ch.CommunityID, "other", signed.PolicyPublic, bob)
	name, topic := "talk", "about it"
	_, err = h.ChangeChannel(ctx, bob.Caller, other.ID, wire.ChannelChange{Name: &name})
	wants(t, err, wire.Conflict)
	_, err = h.ChangeChannel(ctx, carl.Caller, other.ID, wire.ChannelChange{Topic: &topic})
	wants(t, err, wire.Forbidden)
	_, err = h.ChangeChannel(ctx, carl.Caller, ch.ID, wire.ChannelChange{Topic: &topic})
	wants(t, err, wire.NotFound)
	from := h.cursor()
	got, err := h.ChangeChannel(ctx, bob.Caller, other.ID, wire.ChannelChange{Topic: &topic})
	if err != nil || got.Topic != topic || got.Name != "other" || !got.Joined {
		t.Fatal(got, err)
	}
	seen := carl.events(from)
	if len(seen) != 1 || seen[0].Channel.Topic != topic || seen[0].Channel.Joined || seen[0].Channel.Members != nil {
		t.Fatalf("carl sees %+v", seen)
	}
	if seen = bob.events(from); len(seen) != 1 || !seen[0].Channel.Joined || len(seen[0].Channel.Members) != 1 {
		t.Fatalf("bob sees %+v", seen)
	}
	wants(t, h.DeleteChannel(ctx, ann.Caller, other.ID), wire.Forbidden)
	from = h.cursor()
	if err := h.DeleteChannel(ctx, bob.Caller, other.ID); err != nil {
		t.Fatal(err)
	}
	if got := kinds(carl.events(from)); !slices.Equal(got, []string{"channel_gone"}) {
		t.Fatalf("carl got %v", got)
	}
}

func TestCreatingAChannelAgainAnswersTheSame(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	in := wire.NewChannel{Name: "again", Op: ann.create(signed.PolicyPublic, bob)}
	first, err := h.CreateChannel(t.Context(), ann.Caller, ch.GroupID, in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.CreateChannel(t.Context(), ann.Caller, ch.GroupID, in)
	if err != nil || again.ID != first.ID || again.Epoch != first.Epoch {
		t.Fatal(again, err)
	}
	op, err := signed.ParseOp(in.Op)
	if err != nil || first.ID != op.Conv() {
		t.Fatal("the channel's id is not the hash of its create operation")
	}
}

func TestNamesAreOneVisibleLine(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann")
	for _, name := range []string{"", "   ", "a\nb", "a\u202eb", "\u200b", "a\x00", strings.Repeat("ä", 61), "\xff"} {
		_, err := h.CreateCommunity(t.Context(), ann.Caller, wire.Named{Name: name})
		if err == nil {
			t.Errorf("%q accepted", name)
			continue
		}
		wants(t, err, wire.BadRequest)
	}
	if _, err := h.CreateCommunity(t.Context(), ann.Caller, wire.Named{Name: strings.Repeat("ä", 60)}); err != nil {
		t.Fatal(err)
	}
}

func TestDirectConversationIsOneForTwo(t *testing.T) {
	h, ann, bob, dm := pair(t)
	again, created, err := h.OpenDM(t.Context(), bob.Caller, wire.NewDM{UserID: ann.User})
	if err != nil || created || again.ID != dm.ID || again.Peer.ID != ann.User || dm.Peer.ID != bob.User {
		t.Fatal(again, created, err)
	}
	if dm.ID != signed.DMConv(ann.User, bob.User) {
		t.Fatal("the conversation's id is not the hash of its two people")
	}
	eve := h.person("eve")
	_, _, err = h.OpenDM(t.Context(), eve.Caller, wire.NewDM{UserID: ann.User})
	wants(t, err, wire.NotFound)
	_, _, err = h.OpenDM(t.Context(), ann.Caller, wire.NewDM{UserID: wire.UserID{7}})
	wants(t, err, wire.NotFound)
	_, _, err = h.OpenDM(t.Context(), ann.Caller, wire.NewDM{UserID: ann.User})
	wants(t, err, wire.BadRequest)
}

func TestNobodyTakesAllCommunitiesOfAPlace(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.person("ann"), h.person("bob")
	for range maxOwned {
		h.community(ann)
	}
	_, err := h.CreateCommunity(t.Context(), ann.Caller, wire.Named{Name: "One more"})
	wants(t, err, wire.LimitReached)
	h.community(bob)
}

// Somebody who was suspended or deleted while their request was on its way leaves nothing behind.
func TestWhoIsOutMakesNoCommunity(t *testing.T) {
	h := newHouse(t)
	for _, state := range []wire.UserState{wire.Suspended, wire.Deleted} {
		p := h.person(string(state))
		h.write(func(tx *store.Tx) error { return tx.SetUserState(p.User, state) })
		_, err := h.CreateCommunity(t.Context(), p.Caller, wire.Named{Name: "Ghost"})
		if refusal, ok := errors.AsType[*wire.Error](err); !ok || refusal.Code != wire.SessionEnded {
			t.Errorf("%s: %v", state, err)
		}
	}
}
