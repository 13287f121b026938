package live

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"chatalot/app/wire"
)

var (
	ann, bob = wire.UserID{1}, wire.UserID{2}
	conv     = wire.ConvID{1}
	home     = wire.CommunityID{1}
)

// connect subscribes a person with a view and brings them to the present.
func connect(h *Hub, user wire.UserID, v View) *Sub {
	device := wire.DeviceID(user)
	s := h.Subscribe(wire.Caller{User: user, Device: &device})
	v.User = user
	s.SetView(v, s.Take(0).Stale)
	s.Advance(0)
	return s
}

func inConv(since int64) View {
	return View{Conversations: map[wire.ConvID]int64{conv: since}, Communities: map[wire.CommunityID]int64{home: since}}
}

func say(seq int64) Row { return Row{Seq: seq, Kind: "group", Conversation: conv, Body: []byte(`{}`)} }

func seqs(rows []*Entry) (list []int64) {
	for _, e := range rows {
		list = append(list, e.Seq)
	}
	return list
}

func TestWhoSeesARow(t *testing.T) {
	in, out := inConv(10), View{User: ann, Communities: map[wire.CommunityID]int64{home: 10}}
	in.User = ann
	for _, c := range []struct {
		name                 string
		row                  Row
		member, outside, bob bool
	}{
		{"one's own", Row{Seq: 1, User: ann}, true, true, false},
		{"another's", Row{Seq: 99, User: wire.UserID{9}}, false, false, false},
		{"of the conversation", Row{Seq: 10, Conversation: conv}, true, false, false},
		{"of the conversation before joining", Row{Seq: 9, Conversation: conv}, false, false, false},
		{"of another conversation", Row{Seq: 99, Conversation: wire.ConvID{2}}, false, false, false},
		{"of the community", Row{Seq: 10, Community: home}, true, true, false},
		{"of the community before joining", Row{Seq: 9, Community: home}, false, false, false},
		{"of another community", Row{Seq: 99, Community: wire.CommunityID{2}}, false, false, false},
		{"for those outside the conversation", Row{Seq: 10, Community: home, Conversation: conv}, false, true, false},
		{"for those outside, before joining", Row{Seq: 9, Community: home, Conversation: conv}, false, false, false},
	} {
		stranger := View{User: bob}
		if in.Sees(&c.row) != c.member || out.Sees(&c.row) != c.outside || stranger.Sees(&c.row) != c.bob {
			t.Errorf("%s: member %v, outside %v, stranger %v", c.name, in.Sees(&c.row), out.Sees(&c.row), stranger.Sees(&c.row))
		}
	}
}

func TestOnlyThoseConcernedAreWoken(t *testing.T) {
	h := New()
	in, out := connect(h, ann, inConv(0)), connect(h, bob, View{})
	for _, s := range []*Sub{in, out} {
		for s.Take(1).Whisper != nil || len(s.bell) > 0 {
			select {
			case <-s.bell:
			default:
			}
		}
	}
	h.Append([]Row{say(1), say(2)}, nil)
	if len(in.bell) != 1 || len(out.bell) != 0 {
		t.Fatalf("bells: %d and %d", len(in.bell), len(out.bell))
	}
	if n := in.Take(1 << 20); fmt.Sprint(seqs(n.Rows)) != "[1 2]" || n.Cursor != 2 {
		t.Fatalf("got %v up to %d", seqs(n.Rows), n.Cursor)
	}
	if n := in.Take(1 << 20); n.Rows != nil || n.Stale != 0 || n.Behind {
		t.Fatalf("got %+v", n)
	}
}

func TestRowsComeInPiecesThatFit(t *testing.T) {
	h := New()
	s := connect(h, ann, inConv(0))
	h.Append([]Row{say(1), say(2), say(3)}, nil)
	var got []int64
	for range 3 {
		n := s.Take(1) // less than any row: one at a time
		got = append(got, seqs(n.Rows)...)
		if n.Cursor != got[len(got)-1] {
			t.Fatalf("cursor %d after %v", n.Cursor, got)
		}
	}
	if fmt.Sprint(got) != "[1 2 3]" {
		t.Fatal(got)
	}
}

func TestChangedMembershipIsReadBeforeAnythingElse(t *testing.T) {
	h := New()
	s := connect(h, ann, View{})
	h.Append([]Row{say(1)}, []wire.UserID{ann}) // a commit that makes ann a member and says something
	h.Append([]Row{say(2)}, nil)                // not rung for her: her view is older
	n := s.Take(1 << 20)
	if n.Stale == 0 {
		t.Fatalf("got %+v", n)
	}
	h.Append(nil, []wire.UserID{ann}) // changed again while the view was read
	s.SetView(inConv(1), n.Stale)
	again := s.Take(1 << 20)
	if again.Stale == 0 || again.Stale == n.Stale {
		t.Fatalf("got %+v", again)
	}
	s.SetView(inConv(1), again.Stale)
	if n := s.Take(1 << 20); fmt.Sprint(seqs(n.Rows)) != "[1 2]" {
		t.Fatal(seqs(n.Rows))
	}
}

func TestTailIsBoundedAndSaysWhatItLost(t *testing.T) {
	h := New()
	behind, never := connect(h, ann, inConv(0)), connect(h, bob, View{})
	for _, s := range []*Sub{behind, never} { // both hear who is there and have no more news
		for s.Take(1).Whisper != nil {
		}
	}
	big := make([]byte, 100<<10)
	for seq := int64(1); seq <= 200; seq++ {
		r := say(seq)
		r.Body = big
		h.Append([]Row{r}, nil)
	}
	if h.tail.bytes > tailBytes || len(h.tail.entries) > tailRows {
		t.Fatalf("%d bytes in %d rows", h.tail.bytes, len(h.tail.entries))
	}
	if n := behind.Take(1 << 20); !n.Behind || n.Cursor != 0 {
		t.Fatalf("got %+v", n)
	}
	if n := never.Take(1 << 20); n.Behind {
		t.Fatal("a device that nothing concerned must read the store")
	}
	behind.Advance(200)
	for seq := int64(201); seq <= 201+2*tailRows; seq++ {
		h.Append([]Row{say(seq)}, nil)
	}
	if len(h.tail.entries) > tailRows || !behind.Take(1<<20).Behind {
		t.Fatalf("%d rows", len(h.tail.entries))
	}
}

func TestSlowDeviceKeepsTheNewestWhispers(t *testing.T) {
	h := New()
	s := connect(h, ann, inConv(0))
	for s.Take(1).Whisper != nil {
	}
	for i := range 3 * maxWhispers {
		h.Whisper(conv, bob, wire.Frame{T: "typing", ExpiresAt: int64(i + 1)})
	}
	var f wire.Frame
	n := 0
	for w := s.Take(1).Whisper; w != nil; w = s.Take(1).Whisper {
		if err := json.Unmarshal(w, &f); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != maxWhispers || f.ExpiresAt != 3*maxWhispers {
		t.Fatalf("%d whispers, the last %d", n, f.ExpiresAt)
	}
	h.WhisperDevice(ann, wire.DeviceID(ann), wire.Frame{T: "keys_low"})
	h.WhisperDevice(ann, wire.DeviceID{99}, wire.Frame{T: "typing"})
	if w := s.Take(1).Whisper; w == nil || s.Take(1).Whisper != nil {
		t.Fatal("a whisper for one device went astray")
	}
}

func TestNothingIsLeftOfThoseWhoWent(t *testing.T) {
	h := New()
	s := connect(h, ann, inConv(0))
	other := connect(h, bob, inConv(0))
	s.Close()
	s.Close()
	other.Close()
	if len(h.people)+len(h.inConv)+len(h.inCommunity) != 0 {
		t.Fatalf("left: %v %v %v", h.people, h.inConv, h.inCommunity)
	}
}

func TestComingAndGoingWhileOthersTalk(t *testing.T) {
	h := New()
	ctx, cancel := context.WithCancel(t.Context())
	var talk, listen sync.WaitGroup
	talk.Go(func() {
		for seq := int64(1); ctx.Err() == nil; seq++ {
			h.Append([]Row{say(seq)}, []wire.UserID{{byte(seq)}})
			h.Whisper(conv, ann, wire.Frame{T: "typing"})
		}
	})
	for i := range 8 {
		listen.Go(func() {
			for range 200 {
				s := connect(h, wire.UserID{byte(i + 1)}, inConv(0))
				last := int64(0)
				for range 5 {
					n := s.Take(1 << 20)
					if n.Stale != 0 {
						s.SetView(inConv(0), n.Stale)
					}
					for _, e := range n.Rows {
						if e.Seq <= last {
							t.Errorf("row %d after %d", e.Seq, last)
						}
						last = e.Seq
					}
					if n.Behind {
						s.Advance(n.Cursor + 1)
					}
				}
				s.Close()
			}
		})
	}
	listen.Wait()
	cancel()
	talk.Wait()
}

// BenchmarkIdleDevice reports what a connected device that hears nothing keeps in memory here, in ten conversations.
func BenchmarkIdleDevice(b *testing.B) {
	h := New()
	v := View{Conversations: map[wire.ConvID]int64{}, Communities: map[wire.CommunityID]int64{home: 1}}
	for i := range 10 {
		v.Conversations[wire.ConvID{byte(i)}] = 1
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	subs := make([]*Sub, 0, b.N)
	for i := range b.N {
		own := View{Conversations: map[wire.ConvID]int64{}, Communities: map[wire.CommunityID]int64{home: 1}}
		for id := range v.Conversations {
			own.Conversations[id] = 1
		}
		subs = append(subs, connect(h, wire.UserID{byte(i), byte(i >> 8), byte(i >> 16)}, own))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "B/device")
	runtime.KeepAlive(subs)
}

// Whether somebody may still hear of a conversation is unknown from the commit that changed it until their view has been read again.
func TestNothingIsWhisperedWhileMembershipChanges(t *testing.T) {
	h := New()
	s := connect(h, ann, inConv(0))
	for s.Take(1).Whisper != nil {
	}
	h.Append(nil, []wire.UserID{ann})
	h.Whisper(conv, bob, wire.Frame{T: "typing"})
	gen := s.Take(1).Stale
	if gen == 0 {
		t.Fatal("the view counts as fresh")
	}
	s.SetView(View{User: ann}, gen)
	if w := s.Take(1).Whisper; w != nil {
		t.Fatalf("heard %s", w)
	}
}
