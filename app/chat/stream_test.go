package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// follow starts a person's stream and closes it with the test.
func (p *someone) follow(after *int64) *Stream {
	p.h.t.Helper()
	s, err := p.h.Follow(p.h.t.Context(), p.Caller, after)
	if err != nil {
		p.h.t.Fatal(err)
	}
	p.h.t.Cleanup(s.Close)
	return s
}

// next reads one frame; the test's deadline ends a stream that has none.
func next(t testing.TB, s *Stream) wire.Frame {
	t.Helper()
	frame, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(frame) > 256<<10 {
		t.Fatalf("frame of %d bytes", len(frame))
	}
	return decode(t, frame)
}

// until collects events up to and with a seq.
func until(t testing.TB, s *Stream, seq int64) (list []wire.Event) {
	t.Helper()
	for s.Cursor() < seq || len(list) == 0 || list[len(list)-1].Seq < seq {
		f := next(t, s)
		list = append(list, f.Events...)
		if f.T == "events" && f.Cursor != s.Cursor() {
			t.Fatalf("the frame says %d, the stream %d", f.Cursor, s.Cursor())
		}
	}
	return list
}

func TestStreamFromNowHasOnlyWhatComes(t *testing.T) {
	h, ann, bob, dm := pair(t)
	ann.sends(dm.ID, message(dm.Epoch, "before"))
	s := bob.follow(nil)
	sent := ann.sends(dm.ID, message(dm.Epoch, "after", bob))
	got := until(t, s, sent.Seq)
	if len(got) != 1 || string(got[0].Message.Ciphertext) != "after" || string(got[0].Message.Envelope) != "for "+bob.User.String() {
		t.Fatalf("got %+v", got)
	}
	_ = h
}

func TestStreamResumesWhereItEnded(t *testing.T) {
	h, ann, bob, dm := pair(t)
	var want []int64
	cursor := h.cursor()
	for i := range 300 { // more than a frame holds
		want = append(want, ann.sends(dm.ID, message(dm.Epoch, string(bytes.Repeat([]byte{'x'}, 1000+i)), bob)).Seq)
	}
	var got []int64
	for len(got) < len(want) {
		s, err := h.Follow(t.Context(), bob.Caller, &cursor)
		if err != nil {
			t.Fatal(err)
		}
		f := next(t, s)
		for _, e := range f.Events {
			got = append(got, e.Seq)
		}
		cursor = f.Cursor
		s.Close()
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %d events, want %d in order", len(got), len(want))
	}
}

// TestStreamFromMemoryAndFromTheStoreAreTheSame compares what a device that was awake received with what one reads that was away.
func TestStreamFromMemoryAndFromTheStoreAreTheSame(t *testing.T) {
	h, ann, bob, carl, ch := club(t)
	start := h.cursor()
	awake := map[*someone]*Stream{bob: bob.follow(nil), carl: carl.follow(nil)}
	for i := range 40 {
		ann.sends(ch.ID, message(h.epoch(ch.ID), fmt.Sprint(i), bob))
		switch i {
		case 10:
			ann.does(ch.ID, signed.OpAdd, targets(signed.RoleMember, carl))
		case 20:
			ann.does(ch.ID, signed.OpPolicy, nil, func(o *signed.Op) { o.Policy = signed.PolicyPublic })
		}
	}
	for p, s := range awake {
		want := p.events(start)
		got := until(t, s, want[len(want)-1].Seq)
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Fatalf("awake: %v\naway:  %v", kinds(got), kinds(want))
		}
	}
}

func TestDeviceFarBehindReadsTheStoreAndCatchesUp(t *testing.T) {
	h, ann, bob, dm := pair(t)
	s := bob.follow(nil)
	var last int64
	for range 30 { // 30 x 70 KiB is more than the tail in memory keeps
		last = ann.sends(dm.ID, message(dm.Epoch, string(make([]byte, 70<<10)), bob)).Seq
	}
	if got := until(t, s, last); len(got) != 30 {
		t.Fatalf("%d events", len(got))
	}
	sent := ann.sends(dm.ID, message(dm.Epoch, "now from memory", bob))
	if got := until(t, s, sent.Seq); len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	_ = h
}

func TestMemberAddedWhileConnectedReceivesFromThenOn(t *testing.T) {
	h, ann, _, carl, ch := club(t)
	s := carl.follow(nil)
	ann.sends(ch.ID, message(ch.Epoch, "before"))
	ann.does(ch.ID, signed.OpAdd, targets(signed.RoleMember, carl))
	sent := ann.sends(ch.ID, message(h.epoch(ch.ID), "after"))
	if got := kinds(until(t, s, sent.Seq)); !slices.Equal(got, []string{"channel", "op", "message"}) {
		t.Fatalf("got %v", got)
	}
	ann.does(ch.ID, signed.OpRemove, targets(0, carl))
	ann.sends(ch.ID, message(h.epoch(ch.ID), "secret"))
	dm, _, err := h.OpenDM(t.Context(), ann.Caller, wire.NewDM{UserID: carl.User})
	if err != nil {
		t.Fatal(err)
	}
	sent = ann.sends(dm.ID, message(dm.Epoch, "end", carl))
	if got := kinds(until(t, s, sent.Seq)); !slices.Equal(got, []string{"channel_gone", "dm", "message"}) {
		t.Fatalf("got %v", got)
	}
}

func TestCursorFromTheFutureIsReset(t *testing.T) {
	h, ann, bob, dm := pair(t)
	for _, after := range []int64{h.cursor() + 1, -1} {
		s := bob.follow(&after)
		if f := next(t, s); f.T != "reset" {
			t.Fatalf("got %+v", f)
		}
		sent := ann.sends(dm.ID, message(dm.Epoch, "x", bob))
		if got := until(t, s, sent.Seq); len(got) != 1 {
			t.Fatalf("got %v", kinds(got))
		}
		page, err := h.Sync(t.Context(), bob.Caller, after+100, 0, 0)
		if after > 0 && (err != nil || !page.Reset || page.Cursor != h.cursor()) {
			t.Fatalf("got %+v, %v", page, err)
		}
	}
}

func TestTypingIsWhisperedToTheOthers(t *testing.T) {
	h, ann, bob, dm := pair(t)
	a, b := ann.follow(nil), bob.follow(nil)
	for range 2 { // each hears of the other's coming
		drain(t, a)
		drain(t, b)
	}
	if err := h.Typing(t.Context(), ann.Caller, dm.ID); err != nil {
		t.Fatal(err)
	}
	if f := next(t, b); f.T != "typing" || f.Typing.UserID != ann.User || f.Typing.ConversationID != dm.ID {
		t.Fatalf("got %+v", f)
	}
	if f := drain(t, a); len(f) != 0 {
		t.Fatalf("ann hears %+v", f)
	}
	if h.cursor() != b.Cursor() {
		t.Fatal("a whisper was stored")
	}
}

// drain takes what is there now, without waiting.
func drain(t testing.TB, s *Stream) (list []wire.Frame) {
	t.Helper()
	for {
		rows, whisper, err := s.take(t.Context())
		switch {
		case err != nil:
			t.Fatal(err)
		case whisper != nil:
			list = append(list, decode(t, whisper))
		case len(rows) > 0:
			frame, err := s.frame(rows)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, decode(t, frame))
		case !s.behind:
			return list
		}
	}
}

func TestPresenceFollowsTheDevices(t *testing.T) {
	h, ann, bob, _ := pair(t)
	a := ann.follow(nil)
	drain(t, a)
	says := func(want wire.Presence) {
		t.Helper()
		f := drain(t, a)
		if len(f) != 1 || f[0].Presence == nil || f[0].Presence.UserID != bob.User || f[0].Presence.Presence != want {
			t.Fatalf("got %+v, want %s", f, want)
		}
	}
	b, err := h.Follow(t.Context(), bob.Caller, nil)
	if err != nil {
		t.Fatal(err)
	}
	drain(t, b)
	says(wire.Online)
	if err := h.SetPresence(t.Context(), bob.Caller, wire.SetPresence{Presence: wire.Away}); err != nil {
		t.Fatal(err)
	}
	says(wire.Away)
	state, err := h.State(t.Context(), ann.Caller)
	if err != nil || len(state.Presence) != 2 {
		t.Fatal(state.Presence, err)
	}
	bob.events(0) // a glance is no presence
	b.Close()
	says(wire.Offline)
	wants(t, h.SetPresence(t.Context(), bob.Caller, wire.SetPresence{Presence: wire.Offline}), wire.BadRequest)
}

func TestKickEndsTheRightStreams(t *testing.T) {
	h, ann, bob, _ := pair(t)
	other := *bob
	phone := wire.NewID[wire.DeviceID]()
	other.Device, other.Session = &phone, wire.NewID[wire.SessionID]()
	a, b1, b2 := ann.follow(nil), bob.follow(nil), other.follow(nil)
	ended := func(s *Stream, code int) {
		t.Helper()
		_, err := s.Next(t.Context())
		if k, ok := errors.AsType[Kicked](err); !ok || k.Code != code {
			t.Fatalf("got %v, want %d", err, code)
		}
	}
	h.hub.KickSession(bob.User, bob.Session, live.CodeExpired)
	ended(b1, live.CodeExpired)
	b3 := other.follow(nil)
	ended(b2, live.CodeReplaced)
	h.hub.KickDevice(bob.User, phone, live.CodeExpired)
	ended(b3, live.CodeExpired)
	h.hub.KickUser(ann.User, live.CodeRemoved)
	ended(a, live.CodeRemoved)
}

func TestSyncWaitsForNewsAndGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ann, bob, dm := pair(t)
		from, began := h.cursor(), time.Now()
		page, err := h.Sync(t.Context(), bob.Caller, from, 0, 20*time.Second)
		if err != nil || len(page.Events) != 0 || page.Cursor != from || time.Since(began) != 20*time.Second {
			t.Fatalf("got %+v, %v after %v", page, err, time.Since(began))
		}
		go func() {
			time.Sleep(3 * time.Second)
			ann.sends(dm.ID, message(dm.Epoch, "x", bob))
		}()
		began = time.Now()
		page, err = h.Sync(t.Context(), bob.Caller, from, 0, 20*time.Second)
		if err != nil || len(page.Events) != 1 || time.Since(began) != 3*time.Second {
			t.Fatalf("got %+v, %v after %v", page, err, time.Since(began))
		}
		_, err = h.Sync(t.Context(), bob.Caller, from, 0, 31*time.Second)
		wants(t, err, wire.BadRequest)
	})
}

func TestSyncPagesLeaveNothingOut(t *testing.T) {
	h, ann, bob, dm := pair(t)
	from := h.cursor()
	for range 25 {
		ann.sends(dm.ID, message(dm.Epoch, "x", bob))
	}
	var got []int64
	for more := true; more; {
		page, err := h.Sync(t.Context(), bob.Caller, from, 10, 0)
		if err != nil || len(page.Events) > 10 {
			t.Fatal(len(page.Events), err)
		}
		for _, e := range page.Events {
			got = append(got, e.Seq)
		}
		from, more = page.Cursor, page.More
	}
	if len(got) != 25 || from != h.cursor() || !slices.IsSorted(got) {
		t.Fatalf("got %v up to %d", got, from)
	}
}

func TestStreamEndsWithItsContext(t *testing.T) {
	h, ann, _, _ := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := h.Follow(ctx, ann.Caller, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestSpliceIsTheEncodingOfTheEvent holds the hand-made splice to encoding/json.
func TestSpliceIsTheEncodingOfTheEvent(t *testing.T) {
	device := wire.DeviceID{3}
	m := &wire.Message{Seq: 7, ConversationID: wire.ConvID{1}, Epoch: 2, Ciphertext: []byte(`,"created_at":`), CreatedAt: 9}
	for _, env := range []wire.Bytes{nil, []byte("sealed")} {
		r := live.Row{Seq: 7, At: 9, Kind: "message", Message: m}
		want := *m
		if env != nil {
			r.Envelopes, want.Envelope = map[wire.DeviceID]wire.Bytes{device: env}, env
		}
		got, err := live.NewEntry(r).AppendEvent(nil, &device)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(wire.Event{Seq: 7, Kind: "message", At: 9, Message: &want})
		if !bytes.Equal(got, b) {
			t.Fatalf("%s\nis not\n%s", got, b)
		}
		if plain, _ := live.NewEntry(r).AppendEvent(nil, nil); bytes.Contains(plain, []byte("envelope")) {
			t.Fatalf("a device without keys gets %s", plain)
		}
	}
	body, _ := json.Marshal(wire.Gone{UserID: &wire.UserID{5}})
	got, err := live.NewEntry(live.Row{Seq: 1, At: 2, Kind: "group_gone", Body: body}).AppendEvent(nil, &device)
	b, _ := json.Marshal(wire.Event{Seq: 1, Kind: "group_gone", At: 2, GroupGone: &wire.Gone{UserID: &wire.UserID{5}}})
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%s\nis not\n%s", got, b)
	}
}

func TestPlaceIsOpenedAgainAsItWas(t *testing.T) {
	dir := t.TempDir()
	var user wire.UserID
	t.Run("first", func(t *testing.T) {
		h := openHouse(t, dir)
		ann, bob := h.person("ann"), h.person("bob")
		h.community(ann, bob)
		dm, _, err := h.OpenDM(t.Context(), ann.Caller, wire.NewDM{UserID: bob.User})
		if err != nil {
			t.Fatal(err)
		}
		ann.sends(dm.ID, message(dm.Epoch, "x", bob))
		user = ann.User
	})
	h := openHouse(t, dir)
	page, err := h.Sync(t.Context(), wire.Caller{User: user}, 0, 0, 0)
	if err != nil || !slices.Contains(kinds(page.Events), "message") {
		t.Fatal(kinds(page.Events), err)
	}
	if err := h.store.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Place(); return err }); err != nil {
		t.Fatal(err)
	}
}
