// Package live wakes connected devices: bells that say which of them have news, the newest log rows already encoded, whispers that are
// never stored, who is present, and the ending of connections that lost their right. It keeps nothing on disk and asks no database.
package live

import (
	"slices"
	"sync"

	"chatalot/app/wire"
)

// Close codes of the socket, RFC 6455 section 7.4.2 private range.
const (
	CodeExpired  = 4401 // the session ended
	CodeRemoved  = 4403 // the person was removed from the place
	CodeReplaced = 4409 // the same device connected again
)

// Hub is the meeting place of all connected devices. Its methods may be called from any goroutine and never block.
type Hub struct {
	mu          sync.Mutex
	tail        tail
	people      map[wire.UserID]*person
	inConv      map[wire.ConvID][]*person
	inCommunity map[wire.CommunityID][]*person
	onEnd       []func(wire.UserID, *wire.SessionID)
}

// New returns a hub with nobody connected.
func New() *Hub {
	return &Hub{people: map[wire.UserID]*person{}, inConv: map[wire.ConvID][]*person{}, inCommunity: map[wire.CommunityID][]*person{}}
}

// person is somebody with at least one connected device.
type person struct {
	id       wire.UserID
	view     View
	gen      uint64 // grows when the view is out of date
	loaded   uint64 // the gen that view belongs to
	subs     []*Sub
	presence wire.Presence // as last told to others
}

// Append takes the rows of one commit and the people whose memberships it changed, in commit order, and rings for whom it concerns.
func (h *Hub) Append(rows []Row, members []wire.UserID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, gap := h.tail.append(rows)
	if gap {
		h.rewind()
	}
	for _, id := range members {
		if p := h.people[id]; p != nil {
			p.gen++
			p.ring(first)
		}
	}
	for i := range rows {
		h.ringFor(&rows[i])
	}
}

// rewind has everybody look again from where they stand: another process, the console's, wrote rows that did not come by here.
func (h *Hub) rewind() {
	for _, p := range h.people {
		for _, s := range p.subs {
			s.next = s.cursor + 1
			s.wake()
		}
	}
}

// ringFor wakes everybody whose view may contain r. Views only decide who is woken here; what they are sent is decided when they read.
func (h *Hub) ringFor(r *Row) {
	switch {
	case r.User != wire.UserID{}:
		if p := h.people[r.User]; p != nil {
			p.ring(r.Seq)
		}
	case r.Community != wire.CommunityID{}:
		ringAll(h.inCommunity[r.Community], r.Seq)
	default:
		ringAll(h.inConv[r.Conversation], r.Seq)
	}
}

func ringAll(people []*person, seq int64) {
	for _, p := range people {
		p.ring(seq)
	}
}

func (p *person) ring(seq int64) {
	for _, s := range p.subs {
		if s.next == 0 && seq > s.cursor {
			s.next = seq
		}
		s.wake()
	}
}

// setView replaces a person's view and moves them in the two indexes.
func (h *Hub) setView(p *person, v View) {
	for id := range p.view.Conversations {
		if _, stays := v.Conversations[id]; !stays {
			drop(h.inConv, id, p)
		}
	}
	for id := range v.Conversations {
		if _, had := p.view.Conversations[id]; !had {
			h.inConv[id] = append(h.inConv[id], p)
		}
	}
	for id := range p.view.Communities {
		if _, stays := v.Communities[id]; !stays {
			drop(h.inCommunity, id, p)
		}
	}
	for id := range v.Communities {
		if _, had := p.view.Communities[id]; !had {
			h.inCommunity[id] = append(h.inCommunity[id], p)
		}
	}
	p.view = v
}

func drop[K comparable](index map[K][]*person, id K, p *person) {
	list := index[id]
	if i := slices.Index(list, p); i >= 0 {
		list[i] = list[len(list)-1]
		list[len(list)-1] = nil
		index[id] = list[:len(list)-1]
	}
	if len(index[id]) == 0 {
		delete(index, id)
	}
}

// OnEnd has f called whenever somebody's right to be here ends, once that is on disk: for session nil all sessions of the person at once
// (suspended, deleted), else that one (signed out, ended from elsewhere, a copied token, a removed device, one session too many). It is the one
// hook for whatever lives as long as a session does, such as relay allocations; sockets and waiting syncs end by it too, before f is called.
// f runs on the goroutine that commits: it must be quick, and call neither the store nor this hub. Register before anybody connects. A session
// that nobody renews runs out in silence, 30 days after its last token did.
func (h *Hub) OnEnd(f func(user wire.UserID, session *wire.SessionID)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onEnd = append(h.onEnd, f)
}

// KickUser ends every connection of a person with the close code, and tells OnEnd.
func (h *Hub) KickUser(user wire.UserID, code int) {
	h.kick(user, code, func(*Sub) bool { return true })
	h.ended(user, nil)
}

// KickSession ends the connections of one login session of a person, and tells OnEnd.
func (h *Hub) KickSession(user wire.UserID, session wire.SessionID, code int) {
	h.kick(user, code, func(s *Sub) bool { return s.caller.Session == session })
	h.ended(user, &session)
}

func (h *Hub) ended(user wire.UserID, session *wire.SessionID) {
	h.mu.Lock()
	hooks := h.onEnd
	h.mu.Unlock()
	for _, f := range hooks {
		f(user, session)
	}
}

// KickDevice ends the connections of one device of a person. Its sessions are ended one by one besides.
func (h *Hub) KickDevice(user wire.UserID, device wire.DeviceID, code int) {
	h.kick(user, code, func(s *Sub) bool { return s.isDevice(device) })
}

func (h *Hub) kick(user wire.UserID, code int, which func(*Sub) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.people[user]
	if p == nil {
		return
	}
	for _, s := range p.subs {
		if which(s) {
			s.kicked = code
			s.wake()
		}
	}
	h.tellPresence(p)
}
