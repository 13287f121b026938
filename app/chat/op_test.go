package chat

import (
	"slices"
	"sync"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// club is a community of three with a private channel of two.
func club(t testing.TB) (h *house, ann, bob, carl *someone, ch wire.Channel) {
	t.Helper()
	h = newHouse(t)
	ann, bob, carl = h.person("ann"), h.person("bob"), h.person("carl")
	c := h.community(ann, bob, carl)
	return h, ann, bob, carl, h.channel(c.ID, "talk", signed.PolicyPrivate, ann, bob)
}

func TestOfManyOperationsAtOnceExactlyOneWins(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	ann.does(ch.ID, signed.OpRole, targets(signed.RoleAdmin, bob))
	var ops [][]byte
	for range 16 {
		d := h.person("d" + wire.NewID[wire.UserID]().String())
		h.join(ch.CommunityID, d)
		ops = append(ops, ann.op(ch.ID, signed.OpAdd, targets(signed.RoleMember, d)))
	}
	won := make(chan wire.OpRecord, len(ops))
	var wg sync.WaitGroup
	for _, op := range ops {
		wg.Go(func() {
			r, err := h.AppendOp(t.Context(), ann.Caller, ch.ID, wire.NewOp{Op: op})
			if err == nil {
				won <- r
				return
			}
			wants(t, err, wire.StaleOp)
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d operations won", len(won))
	}
	list, err := h.Ops(t.Context(), bob.Caller, ch.ID, -1)
	if r := <-won; err != nil || len(list.Ops) != 3 || r.N != 2 || list.Epoch != r.Epochs[0].Epoch {
		t.Fatalf("got %+v, %v", list, err)
	}
}

func TestOperationSentAgainAnswersTheSame(t *testing.T) {
	h, ann, _, carl, ch := club(t)
	op := ann.op(ch.ID, signed.OpAdd, targets(signed.RoleMember, carl))
	first, err := h.AppendOp(t.Context(), ann.Caller, ch.ID, wire.NewOp{Op: op})
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.AppendOp(t.Context(), ann.Caller, ch.ID, wire.NewOp{Op: op})
	if err != nil || again.N != first.N || again.Epochs[0] != first.Epochs[0] {
		t.Fatalf("got %+v, %v", again, err)
	}
	leave := carl.op(ch.ID, signed.OpLeave, nil)
	for range 2 {
		if _, err := h.AppendOp(t.Context(), carl.Caller, ch.ID, wire.NewOp{Op: leave}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForgedOperationsAreRefused(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	stranger := *ann
	stranger.key = newKey() // signs in ann's name with another key
	add := targets(signed.RoleMember, carl)
	past := time.Now().Add(time.Hour).UnixMilli()
	for name, c := range map[string]struct {
		as *someone
		op []byte
	}{
		"signed by a key that is not the device's": {ann, stranger.op(ch.ID, signed.OpAdd, add)},
		"signed by another member":                 {bob, ann.op(ch.ID, signed.OpAdd, add)},
		"of another channel":                       {ann, ann.op(ch.ID, signed.OpAdd, add, func(o *signed.Op) { o.Group = wire.ConvID{1} })},
		"dated in the future":                      {ann, ann.op(ch.ID, signed.OpAdd, add, func(o *signed.Op) { o.Created = uint64(past) })},
		"cut short":                                {ann, ann.op(ch.ID, signed.OpAdd, add)[:40]},
		"a second create":                          {ann, ann.create(signed.PolicyPrivate)},
	} {
		_, err := h.AppendOp(t.Context(), c.as.Caller, ch.ID, wire.NewOp{Op: c.op})
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wants(t, err, wire.BadOp)
	}
	_, err := h.AppendOp(t.Context(), ann.Caller, ch.ID, wire.NewOp{Op: ann.op(ch.ID, signed.OpAdd, add, func(o *signed.Op) { o.PrevHash[0] ^= 1 })})
	wants(t, err, wire.StaleOp)
	h.write(func(tx *store.Tx) error { // ann's device is removed from her list
		ann.manifest.Devices[0].Removed, ann.manifest.Version, ann.manifest.PrevHash = 2, 2, [32]byte{1}
		extra := ann.manifest.Devices[0]
		extra.ID, extra.Removed = wire.NewID[wire.DeviceID](), 0
		extra.Ed25519, extra.X25519 = signed.PublicEd25519(newKey()), signed.X25519Key{9, 9}
		ann.manifest.Devices = append(ann.manifest.Devices, extra)
		slices.SortFunc(ann.manifest.Devices, func(a, b signed.Device) int { return slices.Compare(a.ID[:], b.ID[:]) })
		if err := ann.manifest.Sign(ann.ssk); err != nil {
			return err
		}
		return tx.PutManifest(wire.Manifest{UserID: ann.User, Version: 2, Manifest: ann.manifest.Encode()})
	})
	_, err = h.AppendOp(t.Context(), ann.Caller, ch.ID, wire.NewOp{Op: ann.op(ch.ID, signed.OpAdd, add)})
	wants(t, err, wire.BadOp)
}

func TestMembershipRulesOfAChannel(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	outsider := h.person("out")
	refused := func(p *someone, typ signed.OpType, list []signed.Target, code wire.Code) {
		t.Helper()
		_, err := h.AppendOp(t.Context(), p.Caller, ch.ID, wire.NewOp{Op: p.op(ch.ID, typ, list)})
		wants(t, err, code)
	}
	refused(bob, signed.OpAdd, targets(signed.RoleMember, carl), wire.BadOp)     // not an admin
	refused(ann, signed.OpAdd, targets(signed.RoleMember, outsider), wire.BadOp) // not of the community
	refused(ann, signed.OpAdd, targets(signed.RoleMember, bob), wire.BadOp)      // in already
	refused(ann, signed.OpRemove, targets(0, carl), wire.BadOp)                  // not in
	refused(ann, signed.OpLeave, nil, wire.BadOp)                                // the last admin
	refused(ann, signed.OpRole, targets(signed.RoleMember, ann), wire.BadOp)     // would leave no admin
	refused(carl, signed.OpJoin, nil, wire.NotFound)                             // private: carl cannot even see it
	refused(outsider, signed.OpJoin, nil, wire.NotFound)                         //
	ann.does(ch.ID, signed.OpPolicy, nil, func(o *signed.Op) { o.Policy = signed.PolicyPublic })
	refused(outsider, signed.OpJoin, nil, wire.NotFound) // public is public to the community
	carl.does(ch.ID, signed.OpJoin, nil)
	ann.does(ch.ID, signed.OpRole, targets(signed.RoleAdmin, carl))
	ann.does(ch.ID, signed.OpLeave, nil)
	got, err := h.Channel(t.Context(), bob.Caller, ch.ID)
	if err != nil || len(got.Members) != 2 || got.Visibility != wire.Public || got.N != 4 || got.Epoch != ch.Epoch+4 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if seen, err := h.Channel(t.Context(), ann.Caller, ch.ID); err != nil || seen.Joined || len(seen.Members) != 0 {
		t.Fatalf("ann, who left, sees %+v, %v", seen, err)
	}
}

func TestEverybodySeesTheirSideOfAMembershipChange(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	dora := h.person("dora")
	h.join(ch.CommunityID, dora)
	want := func(p *someone, from int64, kind ...string) []wire.Event {
		t.Helper()
		got := p.events(from)
		if !slices.Equal(kinds(got), kind) {
			t.Fatalf("got %v, want %v", kinds(got), kind)
		}
		return got
	}
	from := h.cursor()
	r := ann.does(ch.ID, signed.OpAdd, targets(signed.RoleMember, carl))
	got := want(carl, from, "channel", "op") // the channel first: its operations are read, then this one is known
	if c := got[0].Channel; !c.Joined || len(c.Members) != 3 || c.N != r.N || c.Epoch != r.Epochs[0].Epoch {
		t.Fatalf("carl sees %+v", c)
	}
	want(bob, from, "op")
	want(dora, from)

	from = h.cursor()
	ann.does(ch.ID, signed.OpRemove, targets(0, carl))
	want(carl, from, "channel_gone")
	want(bob, from, "op")

	from = h.cursor()
	ann.does(ch.ID, signed.OpPolicy, nil, func(o *signed.Op) { o.Policy = signed.PolicyPublic })
	got = want(dora, from, "channel")
	if c := got[0].Channel; c.Joined || len(c.Members) != 0 || c.Visibility != wire.Public {
		t.Fatalf("dora sees %+v", c)
	}
	want(bob, from, "op", "channel")

	from = h.cursor()
	ann.does(ch.ID, signed.OpPolicy, nil, func(o *signed.Op) { o.Policy = signed.PolicyPrivate })
	want(dora, from, "channel_gone")
	want(bob, from, "op", "channel")
}

func TestFormerMemberReceivesNothingAndCannotSend(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	bob.sends(ch.ID, message(ch.Epoch, "x"))
	ann.does(ch.ID, signed.OpRemove, targets(0, bob))
	from := h.cursor()
	ann.sends(ch.ID, message(h.epoch(ch.ID), "secret"))
	if got := bob.events(from); len(got) != 0 {
		t.Fatalf("bob received %v", kinds(got))
	}
	if got := bob.events(0); slices.Contains(kinds(got), "message") {
		t.Fatal("bob still reads what he once received")
	}
	_, _, err := h.Send(t.Context(), bob.Caller, ch.ID, message(h.epoch(ch.ID), "x"))
	wants(t, err, wire.NotFound)
	_, err = h.Messages(t.Context(), bob.Caller, ch.ID, 0, 0)
	wants(t, err, wire.NotFound)
	_, err = h.Ops(t.Context(), bob.Caller, ch.ID, -1)
	wants(t, err, wire.NotFound)
	m := message(h.epoch(ch.ID), "x", bob)
	_, _, err = h.Send(t.Context(), ann.Caller, ch.ID, m)
	wants(t, err, wire.BadEnvelopes)
}

func TestChannelEndsWhenItsLastMemberLeaves(t *testing.T) {
	h, ann, bob, _, ch := club(t)
	ann.does(ch.ID, signed.OpRemove, targets(0, bob))
	from := h.cursor()
	ann.does(ch.ID, signed.OpLeave, nil)
	if got := kinds(ann.events(from)); !slices.Equal(got, []string{"channel_gone"}) {
		t.Fatalf("ann sees %v", got)
	}
	_, err := h.Channel(t.Context(), ann.Caller, ch.ID)
	wants(t, err, wire.NotFound)
}

// Sending an operation again is no way back to a channel that one may not see any more.
func TestFormerMemberLearnsNothingBySendingOldOperationsAgain(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	create := wire.NewChannel{Name: "secret", Op: bob.create(signed.PolicyPrivate, ann)}
	own, err := h.CreateChannel(t.Context(), bob.Caller, ch.GroupID, create)
	if err != nil {
		t.Fatal(err)
	}
	old := bob.op(own.ID, signed.OpAdd, targets(signed.RoleAdmin, carl))
	if _, err := h.AppendOp(t.Context(), bob.Caller, own.ID, wire.NewOp{Op: old}); err != nil {
		t.Fatal(err)
	}
	leave := bob.op(own.ID, signed.OpLeave, nil)
	if _, err := h.AppendOp(t.Context(), bob.Caller, own.ID, wire.NewOp{Op: leave}); err != nil {
		t.Fatal(err)
	}
	_, err = h.CreateChannel(t.Context(), bob.Caller, ch.GroupID, create)
	wants(t, err, wire.NotFound)
	_, err = h.AppendOp(t.Context(), bob.Caller, own.ID, wire.NewOp{Op: old})
	wants(t, err, wire.NotFound)
	if again, err := h.AppendOp(t.Context(), bob.Caller, own.ID, wire.NewOp{Op: leave}); err != nil || again.Epochs != nil {
		t.Fatalf("%+v, %v", again, err)
	}
}
