package core_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire/signed"
)

// TestN24_DevicesConvergeOnOneSession lets devices of two people write to each other at once, over a server that delays, reorders, repeats and loses what
// it carries. Whatever arrives is read, once; and when the weather clears, each pair of devices is left with one session, the same on both sides.
func TestN24_DevicesConvergeOnOneSession(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { converge(t, rand.New(rand.NewPCG(seed, 24))) })
	}
}

func converge(t *testing.T, dice *rand.Rand) {
	s := newServer(t)
	p := s.people(2)
	devices := []*client{p[0], p[1], s.device(p[1])}
	syncAll(devices...)
	dm := s.dm(devices...)
	transit := map[*client][]*wireMessage{}
	read := map[*client]map[string]int{}
	for _, d := range devices {
		read[d] = map[string]int{}
	}
	said := 0
	say := func(d *client) {
		said++
		m := d.say(dm, strconv.Itoa(said))
		for _, other := range devices {
			if other != d && dice.IntN(10) > 0 { // one in ten is lost
				transit[other] = append(transit[other], m)
			}
		}
	}
	deliver := func(d *client, i int) {
		m := transit[d][i]
		if dice.IntN(5) > 0 { // one in five is delivered again later
			transit[d] = slices.Delete(transit[d], i, i+1)
		}
		out := d.open(m.in(d.Address))
		switch text := string(out.Plaintext); {
		case out.Status == core.OpenOK:
			read[d][text]++
		case out.Status != core.OpenDuplicate:
			t.Fatalf("refused: %s", out.Code)
		}
	}
	for range 60 {
		s.now += uint64(dice.IntN(minute))
		d := devices[dice.IntN(len(devices))]
		if n := len(transit[d]); n > 0 && dice.IntN(5) > 1 {
			deliver(d, dice.IntN(n))
		} else {
			say(d)
		}
	}
	for _, d := range devices {
		for len(transit[d]) > 0 {
			deliver(d, 0)
		}
		for text, times := range read[d] {
			if times != 1 {
				t.Fatalf("message %s was read %d times", text, times)
			}
		}
		d.cursor = len(s.log)
	}
	calm(t, s, dm, devices)
}

// calm lets everybody talk and time pass without any trouble, and demands one common session for each pair.
func calm(t *testing.T, s *evilServer, dm core.ConvID, devices []*client) {
	for range 3 {
		for _, d := range devices {
			d.say(dm, "calm")
			syncAll(devices...)
		}
	}
	s.now += 7*day + 1
	for i, a := range devices {
		for _, b := range devices[:i] {
			ofA, sendsA := a.Sessions(b.Address)
			ofB, sendsB := b.Sessions(a.Address)
			if sendsA != sendsB || len(ofA) != 1 || len(ofB) != 1 {
				t.Errorf("%d and %d sessions are left, the same one sends: %v", len(ofA), len(ofB), sendsA == sendsB)
			}
		}
	}
}

func TestBothBeginAtOnce(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	dm := s.dm(p...)
	one, two := p[0].say(dm, "from a"), p[1].say(dm, "from b")
	p[0].open(two.in(p[0].Address))
	p[1].open(one.in(p[1].Address))
	_, a := p[0].Sessions(p[1].Address)
	_, b := p[1].Sessions(p[0].Address)
	if a != b || a == [32]byte{} {
		t.Fatal("the two do not agree on who sends")
	}
	syncAll(p...)
	calm(t, s, dm, p)
}

func TestASenderKeyIsRenewed(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	ch := s.channel(signed.PolicyPrivate, a, b)
	fresh := func() bool { return len(a.say(ch, "x").Envelopes) > 0 }
	count := func(n int) (keys int) {
		for range n {
			if fresh() {
				keys++
			}
		}
		return keys
	}
	if n := count(250); n != 3 {
		t.Errorf("%d sender keys for 250 messages", n)
	}
	s.now += 7*day - 1
	if fresh() {
		t.Error("renewed before a week was over")
	}
	s.now++
	if !fresh() || fresh() {
		t.Error("not renewed after a week, or more than once")
	}
	second := s.device(b)
	syncAll(a, b)
	if m := a.say(ch, "to both"); len(m.Envelopes) != 2 {
		t.Errorf("after a device was added %d envelopes left", len(m.Envelopes))
	}
	syncAll(a, b, second)
	second.wants("to both")
}

func TestAMessageOfAnEarlierEpochIsLateForADay(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPublic, a, b)
	syncAll(p...)
	in := func() core.In {
		sealed, err := b.seal(ch, s.id(), "on its way")
		s.must(err)
		return (&wireMessage{b, ch, core.MsgID(sealed.Content[35:51]), sealed}).in(a.Address)
	}
	first, second := in(), in()
	a.op(ch, signed.OpAdd, 0, member(carol))
	a.sync()
	s.now += day - 1
	if out := a.open(first); out.Status != core.OpenLate {
		t.Errorf("within the day: %+v", out)
	}
	s.now++
	a.refuses(second, core.RefusedForkedView)
}

func TestAStaleEpochIsSealedAgainUnderTheSameNumber(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b := p[0], p[1]
	ch := s.channel(signed.PolicyPublic, a, b)
	id := core.MsgID(s.id())
	sealed, err := a.seal(ch, id, "hello")
	s.must(err)
	b.op(ch, signed.OpLeave, 0)
	s.now++
	if a.post(ch, id, sealed) != nil {
		t.Fatal("the epoch did not move")
	}
	p[2].do(func() error {
		_, err := p[2].LoadChannel(ch, s.rooms[ch].ops, s.rooms[ch].epoch, s.rooms[ch].epoch)
		return err
	})
	p[2].op(ch, signed.OpJoin, 0)
	syncAll(a, p[2])
	sealed, err = a.seal(ch, id, "hello")
	s.must(err)
	a.post(ch, id, sealed)
	a.say(ch, "next")
	p[2].wants("hello", "next")
	if r := p[2].open(s.sent[0].in(p[2].Address)); r.Status != core.OpenDuplicate {
		t.Errorf("%+v", r)
	}
}

func TestAnAbandonedMessageIsNotMissed(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	for _, conv := range []core.ConvID{s.dm(a, b), s.channel(signed.PolicyPrivate, a, b)} {
		id := core.MsgID(s.id())
		_, err := a.seal(conv, id, "thought better of it")
		s.must(err)
		a.do(func() error { return a.Abandon(conv, id) })
		a.say(conv, "one")
		a.say(conv, "two")
		b.sync()
		for i, r := range b.read {
			if r.Status != core.OpenOK || r.Missing != 0 || r.Counter != uint64(i+1) {
				t.Errorf("%+v", r.Opened)
			}
		}
		b.read = nil
	}
}

func TestALostKeyIsAskedForAndGiven(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	ch := s.channel(signed.PolicyPrivate, a, b)
	in := a.say(ch, "without its key").in(b.Address)
	in.Envelope = nil
	if out := b.refuses(in, core.RefusedNoKey); !out.NeedKeyRequest {
		t.Fatal("it did not ask")
	}
	b.cursor = len(s.log)
	b.say(ch, `{"type":"key_request"}`)
	a.sync()
	for range 3 {
		a.do(func() error { return a.KeyRequested(ch, b.User, b.Device) })
	}
	if m := a.say(ch, "with it"); len(m.Envelopes) != 1 {
		t.Fatalf("%d envelopes", len(m.Envelopes))
	}
	b.read = nil
	b.wants("with it")
	a.do(func() error { return a.KeyRequested(ch, b.User, b.Device) })
	if m := a.say(ch, "again"); len(m.Envelopes) != 0 {
		t.Error("a second request within the hour was heeded")
	}
}

func TestAnExcludedDeviceIsMadeUpFor(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	a, b, carol := p[0], p[1], p[2]
	ch := s.channel(signed.PolicyPrivate, p...)
	plan, err := a.SealPlan(ch)
	s.must(err)
	bundles := []core.Bundle{s.claim(plan[0]), s.claim(plan[1])}
	bundles[0].Signed = nil
	bad := plan[0].Device
	_, err = a.Seal(ch, s.id(), []byte("x"), bundles, nil)
	a.fails(core.CodeBadBundle, err)
	if e := err.(*core.Error); e.Device != bad {
		t.Errorf("the error names %v", e.Device)
	}
	_, err = a.Seal(ch, s.id(), []byte("x"), nil, nil)
	a.fails(core.CodeNeedBundles, err)
	id := core.MsgID(s.id())
	var sealed core.Sealed
	a.do(func() (err error) {
		sealed, err = a.Seal(ch, id, []byte("x"), bundles, []core.DeviceID{bad})
		return err
	})
	a.post(ch, id, sealed)
	if plan, err = a.SealPlan(ch); err != nil || len(plan) != 1 || plan[0].Device != bad {
		t.Fatalf("%v, %v", plan, err)
	}
	a.say(ch, "for both")
	b.sync()
	carol.sync()
	if b.last().text != "for both" || carol.last().text != "for both" {
		t.Error("the excluded device was not made up for")
	}
}

func TestNumbersAreTakenOnce(t *testing.T) {
	var n core.Numbers
	for _, step := range []struct {
		n, gap uint64
		ok     bool
	}{{57, 0, true}, {57, 0, false}, {60, 2, true}, {58, 0, true}, {58, 0, false}, {59, 0, true}, {56, 0, true}, {56, 0, false}, {1, 0, true}, {0, 0, false}, {61, 0, true}} {
		if gap, ok := n.Take(step.n); gap != step.gap || ok != step.ok {
			t.Fatalf("number %d: gap %d, %v", step.n, gap, ok)
		}
	}
	for i := range uint64(200) {
		n.Take(100 + 2*i)
	}
	if n.Ranges() > 32 {
		t.Errorf("%d ranges are kept", n.Ranges())
	}
	if _, ok := n.Take(101); ok {
		t.Error("a number forgotten was taken")
	}
}

func TestNumbersSurviveLeavingAndReturning(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	ch := s.channel(signed.PolicyPublic, a, b)
	b.say(ch, "one")
	b.op(ch, signed.OpLeave, 0)
	a.sync()
	b.do(func() error { return b.DropConversation(ch) })
	b.do(func() error {
		_, err := b.LoadChannel(ch, s.rooms[ch].ops, s.rooms[ch].epoch, s.rooms[ch].epoch)
		return err
	})
	b.cursor = len(s.log)
	b.op(ch, signed.OpJoin, 0)
	syncAll(a, b)
	b.say(ch, "two")
	a.sync()
	if r := a.last(); r.text != "two" || r.Counter != 2 {
		t.Errorf("%+v", r)
	}
}

func TestADeviceDueForANewSessionIsReachedInTheOldOneMeanwhile(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	dm := s.dm(a, b)
	a.say(dm, "hello")
	b.wants("hello")
	b.say(dm, "hello")
	a.wants("hello")
	bad := a.say(dm, "damaged").in(b.Address)
	bad.Envelope[len(bad.Envelope)-1] ^= 1
	b.refuses(bad, core.RefusedRecipient)
	plan, err := b.SealPlan(dm)
	if err != nil || len(plan) != 1 {
		t.Fatalf("%v, %v", plan, err)
	}
	id := core.MsgID(s.id())
	var sealed core.Sealed
	b.do(func() (err error) {
		sealed, err = b.Seal(dm, id, []byte("no bundle to be had"), nil, []core.DeviceID{a.Device})
		return err
	})
	b.post(dm, id, sealed)
	a.wants("no bundle to be had")
}
