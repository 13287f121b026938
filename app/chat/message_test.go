package chat

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

func sortTargets(list []signed.Target) {
	slices.SortFunc(list, func(a, b signed.Target) int { return bytes.Compare(a.User[:], b.User[:]) })
}

// pair is two people who share a community, and their direct conversation.
func pair(t testing.TB) (h *house, ann, bob *someone, dm wire.DM) {
	t.Helper()
	h = newHouse(t)
	ann, bob = h.person("ann"), h.person("bob")
	h.community(ann, bob)
	dm, _, err := h.OpenDM(t.Context(), ann.Caller, wire.NewDM{UserID: bob.User})
	if err != nil {
		t.Fatal(err)
	}
	return h, ann, bob, dm
}

func TestMessageReachesBothWithTheirOwnEnvelopeOnly(t *testing.T) {
	h, ann, bob, dm := pair(t)
	from := h.cursor()
	sent := ann.sends(dm.ID, message(dm.Epoch, "hello", bob))
	for p, want := range map[*someone]string{ann: "", bob: "for " + bob.User.String()} {
		got := p.events(from)
		if len(got) != 1 || got[0].Kind != "message" {
			t.Fatalf("got %v", kinds(got))
		}
		m := got[0].Message
		if m.Seq != sent.Seq || string(m.Ciphertext) != "hello" || string(m.Envelope) != want || m.SenderUser != ann.User {
			t.Fatalf("got %+v", m)
		}
	}
}

func TestSameMessageAgainAnswersWhatWasStored(t *testing.T) {
	h, ann, bob, dm := pair(t)
	m := message(dm.Epoch, "once", bob)
	first, created, err := h.Send(t.Context(), ann.Caller, dm.ID, m)
	if err != nil || !created {
		t.Fatal(err, created)
	}
	h.write(func(tx *store.Tx) error { _, err := tx.GrowEpoch(dm.ID); return err }) // the answer was lost, then the epoch grew
	again, created, err := h.Send(t.Context(), ann.Caller, dm.ID, m)
	if err != nil || created || again.Seq != first.Seq || again.CreatedAt != first.CreatedAt || !bytes.Equal(again.Ciphertext, first.Ciphertext) {
		t.Fatalf("got %+v, %v, %v", again, created, err)
	}
	if got := bob.events(0); slices.Index(kinds(got), "message") != len(got)-1 {
		t.Fatalf("delivered %v", kinds(got))
	}
}

func TestSameIDWithOtherBytesIsRefused(t *testing.T) {
	h, ann, bob, dm := pair(t)
	m := message(dm.Epoch, "one", bob)
	ann.sends(dm.ID, m)
	changes := map[string]func(*wire.NewMessage){
		"ciphertext": func(m *wire.NewMessage) { m.Ciphertext = []byte("two") },
		"envelope": func(m *wire.NewMessage) {
			m.Envelopes = []wire.Envelope{{UserID: bob.User, DeviceID: *bob.Device, Envelope: []byte("x")}}
		},
		"none": func(m *wire.NewMessage) { m.Envelopes = nil },
	}
	for name, change := range changes {
		other := m
		change(&other)
		if _, _, err := h.Send(t.Context(), ann.Caller, dm.ID, other); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			wants(t, err, wire.MessageIDTaken)
		}
	}
	_, _, err := h.Send(t.Context(), bob.Caller, dm.ID, m)
	wants(t, err, wire.MessageIDTaken)
}

func TestMessageOfAnotherEpochIsRefused(t *testing.T) {
	h, ann, bob, dm := pair(t)
	for _, epoch := range []int64{dm.Epoch - 1, dm.Epoch + 1, 0, -1} {
		_, _, err := h.Send(t.Context(), ann.Caller, dm.ID, message(epoch, "x", bob))
		wants(t, err, wire.StaleEpoch)
	}
}

func TestEnvelopesGoToActiveDevicesOfMembersOnly(t *testing.T) {
	h, ann, bob, dm := pair(t)
	eve := h.person("eve")
	reserved := wire.NewID[wire.DeviceID]()
	h.write(func(tx *store.Tx) error { _, err := tx.CreateDevice(reserved, bob.User, "not yet"); return err })
	for name, e := range map[string]wire.Envelope{
		"stranger":         {UserID: eve.User, DeviceID: *eve.Device},
		"wrong owner":      {UserID: ann.User, DeviceID: *bob.Device},
		"reserved device":  {UserID: bob.User, DeviceID: reserved},
		"device of nobody": {UserID: bob.User, DeviceID: wire.NewID[wire.DeviceID]()},
	} {
		m := message(dm.Epoch, name)
		e.Envelope = []byte("x")
		m.Envelopes = []wire.Envelope{e}
		_, _, err := h.Send(t.Context(), ann.Caller, dm.ID, m)
		wants(t, err, wire.BadEnvelopes)
	}
	m := message(dm.Epoch, "twice", bob, bob)
	_, _, err := h.Send(t.Context(), ann.Caller, dm.ID, m)
	wants(t, err, wire.BadRequest)
}

func TestMessagesHaveBounds(t *testing.T) {
	h, ann, bob, dm := pair(t)
	big := message(dm.Epoch, strings.Repeat("x", maxCiphertext), bob)
	ann.sends(dm.ID, big)
	for want, m := range map[wire.Code]wire.NewMessage{
		wire.TooLarge:   message(dm.Epoch, strings.Repeat("x", maxCiphertext+1)),
		wire.BadRequest: message(dm.Epoch, ""),
	} {
		_, _, err := h.Send(t.Context(), ann.Caller, dm.ID, m)
		wants(t, err, want)
	}
	m := message(dm.Epoch, "x", bob)
	m.Envelopes[0].Envelope = make([]byte, maxEnvelope+1)
	_, _, err := h.Send(t.Context(), ann.Caller, dm.ID, m)
	wants(t, err, wire.BadRequest)
	m.MessageID, m.Envelopes = wire.MsgID{}, nil
	_, _, err = h.Send(t.Context(), ann.Caller, dm.ID, m)
	wants(t, err, wire.BadRequest)
}

func TestStrangerFindsNoConversation(t *testing.T) {
	h, ann, bob, dm := pair(t)
	ann.sends(dm.ID, message(dm.Epoch, "x", bob))
	eve := h.person("eve")
	h.join(h.community(ann).ID, eve)
	_, _, err := h.Send(t.Context(), eve.Caller, dm.ID, message(dm.Epoch, "x"))
	wants(t, err, wire.NotFound)
	_, err = h.Messages(t.Context(), eve.Caller, dm.ID, 0, 0)
	wants(t, err, wire.NotFound)
	wants(t, h.SetRead(t.Context(), eve.Caller, dm.ID, wire.SetRead{Seq: 1}), wire.NotFound)
	wants(t, h.Typing(t.Context(), eve.Caller, dm.ID), wire.NotFound)
	_, _, err = h.Send(t.Context(), ann.Caller, wire.ConvID{1}, message(1, "x"))
	wants(t, err, wire.NotFound)
}

func TestDeviceThatIsNotOnTheListCannotSend(t *testing.T) {
	h, ann, bob, dm := pair(t)
	h.write(func(tx *store.Tx) error { return tx.SetDevice(*ann.Device, false, ann.manifest.Devices[0].Ed25519) })
	_, _, err := h.Send(t.Context(), ann.Caller, dm.ID, message(dm.Epoch, "x", bob))
	wants(t, err, wire.Forbidden)
	none := ann.Caller
	none.Device = nil
	_, _, err = h.Send(t.Context(), none, dm.ID, message(dm.Epoch, "x", bob))
	wants(t, err, wire.Forbidden)
}

func TestMessagesBeforeStopsWhereTheReaderJoined(t *testing.T) {
	h, ann, bob, _ := pair(t)
	carl := h.person("carl")
	c := h.community(ann, bob, carl)
	ch := h.channel(c.ID, "talk", signed.PolicyPublic, ann, bob)
	for range 3 {
		ann.sends(ch.ID, message(ch.Epoch, "before"))
	}
	carl.does(ch.ID, signed.OpJoin, nil)
	var after []int64
	for range 5 {
		after = append(after, ann.sends(ch.ID, message(h.epoch(ch.ID), "after")).Seq)
	}
	page, err := h.Messages(t.Context(), carl.Caller, ch.ID, 0, 3)
	if err != nil || len(page.Messages) != 3 || page.Messages[0].Seq != after[2] || page.Messages[2].Seq != after[4] {
		t.Fatalf("got %+v, %v", page, err)
	}
	page, err = h.Messages(t.Context(), carl.Caller, ch.ID, page.Messages[0].Seq, 50)
	if err != nil || len(page.Messages) != 2 || page.Messages[0].Seq != after[0] {
		t.Fatalf("got %+v, %v", page, err)
	}
	if page, _ = h.Messages(t.Context(), bob.Caller, ch.ID, 0, 100); len(page.Messages) != 8 {
		t.Fatalf("bob reads %d", len(page.Messages))
	}
	_, err = h.Messages(t.Context(), bob.Caller, ch.ID, 0, 101)
	wants(t, err, wire.BadRequest)
}

func TestReadMarkOnlyMovesForwardAndOnlyOneselfIsTold(t *testing.T) {
	h, ann, bob, dm := pair(t)
	first := ann.sends(dm.ID, message(dm.Epoch, "1", bob))
	second := ann.sends(dm.ID, message(dm.Epoch, "2", bob))
	from := h.cursor()
	mark := func(seq int64) {
		t.Helper()
		if err := h.SetRead(t.Context(), bob.Caller, dm.ID, wire.SetRead{Seq: seq}); err != nil {
			t.Fatal(err)
		}
	}
	mark(first.Seq)
	mark(second.Seq)
	mark(first.Seq)
	got := bob.events(from)
	if len(got) != 1 || got[0].Read == nil || got[0].Read.Seq != second.Seq { // the older row was replaced
		t.Fatalf("got %+v", got)
	}
	if got := ann.events(from); len(got) != 0 {
		t.Fatalf("ann was told %v", kinds(got))
	}
	state, err := h.State(t.Context(), bob.Caller)
	if err != nil || state.DMs[0].ReadSeq != second.Seq {
		t.Fatalf("state %+v, %v", state.DMs, err)
	}
	wants(t, h.SetRead(t.Context(), bob.Caller, dm.ID, wire.SetRead{Seq: second.Seq + 100}), wire.BadRequest)
}

func TestManySendersLoseAndDoubleNothing(t *testing.T) {
	h, ann, bob, dm := pair(t)
	var wg sync.WaitGroup
	for _, p := range []*someone{ann, bob} {
		for range 8 {
			wg.Go(func() {
				for range 20 {
					m := message(dm.Epoch, "x")
					for range 2 { // each twice, as after a lost answer
						if _, _, err := h.Send(t.Context(), p.Caller, dm.ID, m); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	}
	wg.Wait()
	count, last := 0, int64(0)
	for _, e := range bob.events(0) {
		if e.Seq <= last {
			t.Fatalf("seq %d after %d", e.Seq, last)
		}
		last = e.Seq
		if e.Kind == "message" {
			count++
		}
	}
	if count != 320 {
		t.Fatalf("%d messages, want 320", count)
	}
}
