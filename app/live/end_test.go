package live

import (
	"fmt"
	"testing"

	"chatalot/app/wire"
)

func TestEndingIsHeardByEveryHook(t *testing.T) {
	h := New()
	var heard []string
	for _, name := range []string{"a", "b"} {
		h.OnEnd(func(user wire.UserID, session *wire.SessionID) {
			s := "all"
			if session != nil {
				s = fmt.Sprint(session[0])
			}
			heard = append(heard, fmt.Sprint(name, user[0], s))
		})
	}
	h.KickSession(ann, wire.SessionID{7}, CodeExpired) // nobody is connected: whatever else lives with the session ends all the same
	s := connect(h, bob, inConv(0))
	h.OnEnd(func(wire.UserID, *wire.SessionID) {
		if s.Take(1).Kicked != CodeRemoved {
			t.Error("the socket has not been ended before the hook")
		}
	})
	h.KickUser(bob, CodeRemoved)
	if got, want := fmt.Sprint(heard), "[a17 b17 a2all b2all]"; got != want {
		t.Errorf("heard %s, want %s", got, want)
	}
}

func TestWhoIsEndedIsOfflineAtOnce(t *testing.T) {
	h := New()
	connect(h, ann, inConv(0))
	other := connect(h, bob, inConv(0))
	for other.Take(1).Whisper != nil {
	}
	if n := h.Online(); n != 2 {
		t.Fatalf("%d online", n)
	}
	h.KickUser(ann, CodeRemoved) // her connection is not closed yet
	if n := h.Online(); n != 1 {
		t.Errorf("%d online", n)
	}
	if w := string(other.Take(1).Whisper); w == "" {
		t.Error("nobody was told")
	}
}

func TestRowsThatAnotherProcessWroteAreReadFromTheStore(t *testing.T) {
	h := New()
	s := connect(h, ann, inConv(0))
	for s.Take(1).Whisper != nil {
	}
	h.Append([]Row{say(1)}, nil)
	if n := s.Take(1 << 20); fmt.Sprint(seqs(n.Rows)) != "[1]" {
		t.Fatal(seqs(n.Rows))
	}
	h.Append([]Row{say(3)}, nil) // 2 did not come by here
	if n := s.Take(1 << 20); !n.Behind || n.Cursor != 1 {
		t.Fatalf("got %+v", n)
	}
	s.Advance(3)
	h.Append([]Row{say(4)}, nil)
	if n := s.Take(1 << 20); fmt.Sprint(seqs(n.Rows)) != "[4]" {
		t.Fatalf("got %v, behind %v", seqs(n.Rows), n.Behind)
	}
}
