package live

import (
	"encoding/json"

	"chatalot/app/wire"
)

// presenceAudience is how many connected people a change of presence is whispered to at most. A crowd coming back after a restart would
// otherwise send the square of its size; beyond it presence is read with the state.
const presenceAudience = 200

// SetPresence says whether the person is at the caller's device (online) or only connected (away).
func (h *Hub) SetPresence(caller wire.Caller, away bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.people[caller.User]
	if p == nil {
		return
	}
	for _, s := range p.subs {
		if s.sameDevice(caller) || s.caller.Session == caller.Session {
			s.away = away
		}
	}
	h.tellPresence(p)
}

// Present lists who of those with whom user shares a community is connected, themselves included.
func (h *Hub) Present(v View) []wire.PresenceChange {
	h.mu.Lock()
	defer h.mu.Unlock()
	list, seen := []wire.PresenceChange{}, map[*person]bool{}
	for id := range v.Communities {
		for _, p := range h.inCommunity[id] {
			if is := p.present(); !seen[p] && is != wire.Offline {
				seen[p] = true
				list = append(list, wire.PresenceChange{UserID: p.id, Presence: is})
			}
		}
	}
	return list
}

// Online counts the people who are there, away or not.
func (h *Hub) Online() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.people {
		if p.present() != wire.Offline {
			n++
		}
	}
	return n
}

// present is online while any device is, away while devices are only connected.
func (p *person) present() wire.Presence {
	is := wire.Offline
	for _, s := range p.subs {
		switch {
		case s.quiet, s.kicked != 0:
		case s.away:
			is = wire.Away
		default:
			return wire.Online
		}
	}
	return is
}

// tellPresence whispers a person's presence to those who share a community with them, if it changed.
func (h *Hub) tellPresence(p *person) {
	now := p.present()
	if now == p.presence {
		return
	}
	p.presence = now
	frame, err := json.Marshal(wire.Frame{T: "presence", Presence: &wire.PresenceChange{UserID: p.id, Presence: now}})
	if err != nil {
		return
	}
	seen := map[*person]bool{p: true}
	for id := range p.view.Communities {
		for _, other := range h.inCommunity[id] {
			if !seen[other] && len(seen) <= presenceAudience {
				seen[other] = true
				other.hear(frame)
			}
		}
	}
}
