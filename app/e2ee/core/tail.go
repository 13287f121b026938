package core

import (
	"slices"

	"chatalot/app/wire/octet"
)

const (
	recentSize = 128 // messages of a conversation remembered one by one
	maxFree    = 64  // numbers given back and not yet used again
	maxRanges  = 32  // runs of a device's missing numbers remembered
)

func tailKey(conv ConvID) string { return "tail/" + conv.String() }

// tail is the newest end of a conversation: what this device sent and what it saw last. It outlives the conversation's keys, so that numbers are
// never given twice.
type tail struct {
	sent     uint64    // the highest number given to an own message
	free     []uint64  // numbers given back
	lastSeen [32]byte  // hash of the content opened last
	recent   []message // the latest messages, oldest first
}

// message is one remembered message. number is set for those this device sealed.
type message struct {
	id     MsgID
	hash   [32]byte
	number uint64
}

func (t *tail) encode() []byte {
	w := record(64 + len(t.recent)*56).U64(t.sent).Raw(t.lastSeen[:])
	appendTimes(w, t.free)
	w.U16(uint16(len(t.recent)))
	for i := range t.recent {
		w.Raw(t.recent[i].id[:]).Raw(t.recent[i].hash[:]).U64(t.recent[i].number)
	}
	return w.Bytes()
}

func readTail(r *octet.Reader) *tail {
	t := &tail{sent: r.U64()}
	r.Into(t.lastSeen[:])
	t.free = readTimes(r, maxFree)
	t.recent = make([]message, r.Count(recentSize, 56))
	for i := range t.recent {
		r.Into(t.recent[i].id[:])
		r.Into(t.recent[i].hash[:])
		t.recent[i].number = r.U64()
	}
	return t
}

func (c *Core) tail(conv ConvID) (*tail, error) {
	t, err := load(c.state, tailKey(conv), readTail)
	if t == nil && err == nil {
		t = new(tail)
	}
	return t, err
}

func (c *Core) putTail(conv ConvID, t *tail) { c.state.put(tailKey(conv), t.encode()) }

// find returns a remembered message, or nil.
func (t *tail) find(id MsgID) *message {
	if i := slices.IndexFunc(t.recent, func(m message) bool { return m.id == id }); i >= 0 {
		return &t.recent[i]
	}
	return nil
}

// knows reports whether a content is among those remembered.
func (t *tail) knows(hash [32]byte) bool {
	return slices.ContainsFunc(t.recent, func(m message) bool { return m.hash == hash })
}

func (t *tail) remember(m message) {
	t.recent = append(t.recent, m)
	t.recent = t.recent[max(0, len(t.recent)-recentSize):]
}

// number returns the number for an own message: its earlier one when it is sealed again, one given back, or the next.
func (t *tail) number(id MsgID) uint64 {
	if m := t.find(id); m != nil {
		return m.number
	}
	if len(t.free) > 0 {
		n := t.free[0]
		t.free = t.free[1:]
		return n
	}
	t.sent++
	return t.sent
}

// seal remembers an own message and its bytes.
func (t *tail) seal(id MsgID, hash [32]byte, number uint64) {
	t.recent = slices.DeleteFunc(t.recent, func(m message) bool { return m.id == id })
	t.remember(message{id, hash, number})
}

// abandon gives an own message's number back, and reports whether it was remembered.
func (t *tail) abandon(id MsgID) bool {
	m := t.find(id)
	if m == nil || m.number == 0 {
		return false
	}
	if len(t.free) < maxFree {
		t.free = append(t.free, m.number)
	}
	t.recent = slices.DeleteFunc(t.recent, func(m message) bool { return m.id == id })
	return true
}

// numbers is the record of one sending device's message numbers in one conversation: each is taken once (SPEC.md section 10).
type numbers struct {
	high    uint64     // the highest taken; 0 before the first
	missing []interval // not taken below high, ascending
}

type interval struct{ from, to uint64 }

// take accepts a number unless it was taken before. gap is how many directly below it are missed because of it. The first message of a device tells where
// its numbers stand: what was before is not missed, but is still taken when it comes.
func (s *numbers) take(n uint64) (gap uint64, ok bool) {
	if n <= s.high {
		return 0, s.fill(n)
	}
	first := s.high == 0
	if gap = n - s.high - 1; gap > 0 {
		s.missing = append(s.missing, interval{s.high + 1, n - 1})
		s.trim()
	}
	s.high = n
	if first {
		gap = 0
	}
	return gap, true
}

// fill takes a missing number out of its interval.
func (s *numbers) fill(n uint64) bool {
	i := slices.IndexFunc(s.missing, func(m interval) bool { return m.from <= n && n <= m.to })
	if i < 0 {
		return false
	}
	m := s.missing[i]
	rest := append([]interval(nil), s.missing[:i]...)
	if m.from < n {
		rest = append(rest, interval{m.from, n - 1})
	}
	if n < m.to {
		rest = append(rest, interval{n + 1, m.to})
	}
	s.missing = append(rest, s.missing[i+1:]...)
	s.trim()
	return true
}

func (s *numbers) trim() { s.missing = s.missing[max(0, len(s.missing)-maxRanges):] }

func (s *numbers) append(w *octet.Writer) {
	w.U64(s.high).U16(uint16(len(s.missing)))
	for _, m := range s.missing {
		w.U64(m.from).U64(m.to)
	}
}

func readNumbers(r *octet.Reader) (s numbers) {
	s.high = r.U64()
	s.missing = make([]interval, r.Count(maxRanges, 16))
	for i := range s.missing {
		s.missing[i] = interval{r.U64(), r.U64()}
	}
	return s
}
