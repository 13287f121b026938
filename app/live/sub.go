package live

import (
	"context"
	"encoding/json"
	"slices"

	"chatalot/app/wire"
)

// maxWhispers is how many whispers wait for a slow device; the oldest are dropped, for a whisper is only worth something now.
const maxWhispers = 64

// Sub is one connected device: a socket or a program waiting for news. One goroutine uses it at a time; it costs no goroutine of its own.
type Sub struct {
	hub    *Hub
	person *person
	caller wire.Caller
	bell   chan struct{}

	// Guarded by hub.mu:
	cursor   int64 // everything up to here has been taken
	next     int64 // the first row that may concern this device; 0: none
	whispers [][]byte
	away     bool
	kicked   int

	quiet bool // a program asking now and then: replaces nobody and says nothing of presence
}

// News is what Take found. Exactly one of the fields is meaningful, tried in this order; when none is, there is nothing.
type News struct {
	Kicked  int      // a close code: end the connection
	Stale   uint64   // not 0: load the person's View and give it to SetView with this number
	Behind  bool     // the rows after Cursor are not in memory: read the store, then Advance
	Whisper []byte   // a wire.Frame in JSON
	Rows    []*Entry // rows for this person, in order; nothing for them lies between these up to Cursor
	Cursor  int64
}

// Subscribe connects a device. It receives nothing before its first SetView and Advance. An older connection of the same device (of the
// same session, while it has none) is ended with CodeReplaced.
func (h *Hub) Subscribe(caller wire.Caller) *Sub { return h.subscribe(caller, false) }

// Glance is Subscribe for a single look: it replaces no connection and does not count as presence.
func (h *Hub) Glance(caller wire.Caller) *Sub { return h.subscribe(caller, true) }

func (h *Hub) subscribe(caller wire.Caller, quiet bool) *Sub {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.people[caller.User]
	if p == nil {
		p = &person{id: caller.User, view: View{User: caller.User}, gen: 1, presence: wire.Offline}
		h.people[caller.User] = p
	}
	s := &Sub{hub: h, person: p, caller: caller, bell: make(chan struct{}, 1), quiet: quiet}
	for _, old := range p.subs {
		if !quiet && !old.quiet && old.sameDevice(caller) {
			old.kicked = CodeReplaced
			old.wake()
		}
	}
	p.subs = append(p.subs, s)
	return s
}

// Close disconnects the device.
func (s *Sub) Close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	p := s.person
	i := slices.Index(p.subs, s)
	if i < 0 {
		return
	}
	p.subs = slices.Delete(p.subs, i, i+1)
	h.tellPresence(p)
	if len(p.subs) == 0 {
		h.setView(p, View{})
		delete(h.people, p.id)
	}
}

// Wait returns when the device may have news, or with ctx's error.
func (s *Sub) Wait(ctx context.Context) error {
	select {
	case <-s.bell:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Sub) wake() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// Take returns the next news, at most about maxBytes of rows.
func (s *Sub) Take(maxBytes int) News {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	p := s.person
	switch {
	case s.kicked != 0:
		return News{Kicked: s.kicked, Cursor: s.cursor}
	case p.loaded != p.gen:
		return News{Stale: p.gen, Cursor: s.cursor}
	case len(s.whispers) > 0:
		w := s.whispers[0]
		if s.whispers = s.whispers[1:]; len(s.whispers) == 0 {
			s.whispers = nil
		}
		return News{Whisper: w, Cursor: s.cursor}
	}
	return s.takeRows(maxBytes)
}

func (s *Sub) takeRows(maxBytes int) News {
	t := &s.hub.tail
	if s.next == 0 || s.next > t.end {
		s.next = 0
		return News{Cursor: s.cursor}
	}
	entries, ok := t.from(max(s.next, s.cursor+1))
	if !ok {
		return News{Behind: true, Cursor: s.cursor}
	}
	var list []*Entry
	for _, e := range entries {
		if s.person.view.Sees(&e.Row) {
			if maxBytes -= e.Size(); maxBytes < 0 && len(list) > 0 {
				s.next = e.Seq
				return News{Rows: list, Cursor: s.cursor}
			}
			list = append(list, e)
		}
		s.cursor = e.Seq
	}
	s.cursor, s.next = max(s.cursor, t.end), 0
	return News{Rows: list, Cursor: s.cursor}
}

// SetView gives the person's view as it was read after Take had answered Stale with gen. A view that has meanwhile become stale again
// is asked for again.
func (s *Sub) SetView(v View, gen uint64) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if gen < s.person.loaded {
		return
	}
	s.person.loaded = gen
	if slices.Contains(s.person.subs, s) {
		h.setView(s.person, v)
		h.tellPresence(s.person)
	}
}

// Advance says that the device has everything up to cursor, which was the end of the log at some time since it subscribed.
func (s *Sub) Advance(cursor int64) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.cursor, s.next = cursor, cursor+1
}

func (s *Sub) isDevice(id wire.DeviceID) bool {
	return s.caller.Device != nil && *s.caller.Device == id
}

func (s *Sub) sameDevice(c wire.Caller) bool {
	if c.Device != nil {
		return s.isDevice(*c.Device)
	}
	return s.caller.Device == nil && s.caller.Session == c.Session
}

// Whisper sends f once to everyone connected who is in the conversation, but for one person, and for those whose memberships are changing just
// now: they may not be in it any more.
func (h *Hub) Whisper(conv wire.ConvID, except wire.UserID, f wire.Frame) {
	frame, err := json.Marshal(f)
	if err != nil {
		return // a frame of our own making always encodes
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.inConv[conv] {
		if p.id != except && p.loaded == p.gen {
			p.hear(frame)
		}
	}
}

// WhisperDevice sends f once to one device, if it is connected.
func (h *Hub) WhisperDevice(user wire.UserID, device wire.DeviceID, f wire.Frame) {
	frame, err := json.Marshal(f)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.people[user]; p != nil {
		for _, s := range p.subs {
			if s.isDevice(device) {
				s.hear(frame)
			}
		}
	}
}

func (p *person) hear(frame []byte) {
	for _, s := range p.subs {
		s.hear(frame)
	}
}

func (s *Sub) hear(frame []byte) {
	if s.quiet {
		return
	}
	if len(s.whispers) >= maxWhispers {
		s.whispers = s.whispers[1:]
	}
	s.whispers = append(s.whispers, frame)
	s.wake()
}
