package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"sync"

	"chatalot/app/wire"
)

// Row is one committed row of the log, field for field what the store appended. See there for who it is for.
type Row struct {
	Seq, At      int64
	Kind         string
	Conversation wire.ConvID
	Community    wire.CommunityID
	User         wire.UserID
	Body         []byte
	Message      *wire.Message
	Envelopes    map[wire.DeviceID]wire.Bytes
}

// View is what one person may read now: each conversation and community they belong to, with the seq from which its rows are theirs.
type View struct {
	User          wire.UserID
	Conversations map[wire.ConvID]int64
	Communities   map[wire.CommunityID]int64
}

// Sees is the one rule of who receives a row of the log: its person; the present members of its conversation or community, if the row is
// not older than their joining; and when it names both, the community's members outside the conversation.
func (v *View) Sees(r *Row) bool {
	if r.User != (wire.UserID{}) {
		return r.User == v.User
	}
	convSince, inConv := v.Conversations[r.Conversation]
	if r.Community == (wire.CommunityID{}) {
		return inConv && convSince <= r.Seq
	}
	since, inCommunity := v.Communities[r.Community]
	outside := r.Conversation == wire.ConvID{} || !inConv
	return inCommunity && since <= r.Seq && outside
}

// Entry is a row with its encoding, which is made once, by the first connection that sends it.
type Entry struct {
	Row
	once       sync.Once
	frame      []byte // the whole frame with this event alone and its seq as the cursor; the next two are parts of it
	head, rest []byte // the event's JSON; a device's own envelope goes between the two
	err        error
}

// NewEntry wraps a row, for rows that come from the store instead of the tail.
func NewEntry(r Row) *Entry { return &Entry{Row: r} }

// Frame is the frame {"t":"events",…} with this event alone, its seq as the cursor, shared by every device it fits: nil when device has an
// envelope of its own in it.
func (e *Entry) Frame(device *wire.DeviceID) ([]byte, error) {
	e.once.Do(e.encode)
	if device != nil && e.Envelopes != nil {
		if _, ok := e.Envelopes[*device]; ok {
			return nil, nil
		}
	}
	return e.frame, e.err
}

// frameStart and frameEnd stand around the events of a frame; the cursor and a brace follow.
const (
	frameStart = `{"t":"events","events":[`
	frameEnd   = `],"cursor":`
)

// AppendFrame appends the frame of several events and the cursor after them, as device receives it.
func AppendFrame(b []byte, rows []*Entry, cursor int64, device *wire.DeviceID) (_ []byte, err error) {
	size := 64
	for _, e := range rows {
		size += e.Size()
	}
	b = append(slices.Grow(b, size), frameStart...)
	for i, e := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = e.AppendEvent(b, device); err != nil {
			return b, err
		}
	}
	b = append(b, frameEnd...)
	return append(strconv.AppendInt(b, cursor, 10), '}'), nil
}

// AppendEvent appends the JSON of the row's wire.Event as device receives it: with its own envelope, if there is one.
func (e *Entry) AppendEvent(b []byte, device *wire.DeviceID) ([]byte, error) {
	e.once.Do(e.encode)
	if e.err != nil {
		return b, fmt.Errorf("encode event %d: %w", e.Seq, e.err)
	}
	b = append(b, e.head...)
	if device != nil {
		if env, ok := e.Envelopes[*device]; ok {
			b = append(b, `,"envelope":"`...)
			b, _ = appendText(b, env)
			b = append(b, '"')
		}
	}
	return append(b, e.rest...), nil
}

func appendText(b []byte, v wire.Bytes) ([]byte, error) {
	text, err := v.MarshalText()
	return append(b, text...), err
}

// createdAt is the first field behind a message's envelope.
var createdAt = []byte(`,"created_at":`)

func (e *Entry) encode() {
	body := e.Body
	if e.Message != nil {
		if body, e.err = json.Marshal(e.Message); e.err != nil {
			return
		}
	}
	b := make([]byte, 0, len(frameStart)+len(body)+len(e.Kind)*2+len(frameEnd)+96)
	b = append(b, frameStart...)
	b = append(b, `{"seq":`...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = append(b, `,"kind":"`...)
	b = append(b, e.Kind...)
	b = append(b, `","at":`...)
	b = strconv.AppendInt(b, e.At, 10)
	b = append(b, `,"`...)
	b = append(b, e.Kind...)
	b = append(b, `":`...)
	b = append(b, body...)
	b = append(b, '}')
	event := b[len(frameStart):]
	b = append(b, frameEnd...)
	e.frame = append(strconv.AppendInt(b, e.Seq, 10), '}')
	e.head = event[:len(event):len(event)]
	if e.Message != nil {
		i := bytes.LastIndex(event, createdAt) // only digits follow it, so this is the field and not ciphertext
		e.head, e.rest = event[:i:i], event[i:len(event):len(event)]
	}
}

// Size is roughly what the entry keeps in memory, in bytes, with its encoding.
func (e *Entry) Size() int {
	n := 512 + len(e.Body)*2
	if e.Message != nil {
		n += len(e.Message.Ciphertext) * 3
	}
	for _, env := range e.Envelopes {
		n += len(env) + 64
	}
	return n
}

// Bounds of the tail. It serves devices that are awake; whoever is further behind reads the store.
const (
	tailRows  = 1024
	tailBytes = 4 << 20
)

// tail holds the newest rows, those with base < seq <= end, in commit order.
type tail struct {
	entries   []*Entry
	bytes     int
	base, end int64
}

// append adds the rows of one commit and returns the seq of the first; without rows, the next seq there will be. gap tells that others may stand
// before them which are not here: what it held of older ones is forgotten, so that everybody reads those from the store.
func (t *tail) append(rows []Row) (first int64, gap bool) {
	if len(rows) == 0 {
		return t.end + 1, false
	}
	if gap = rows[0].Seq != t.end+1; gap {
		t.entries, t.bytes, t.base = nil, 0, rows[0].Seq-1
	}
	for i := range rows {
		e := &Entry{Row: rows[i]}
		t.entries = append(t.entries, e)
		t.bytes += e.Size()
	}
	t.end = rows[len(rows)-1].Seq
	t.trim()
	return rows[0].Seq, gap
}

func (t *tail) trim() {
	n := 0
	for n < len(t.entries) && (len(t.entries)-n > tailRows || t.bytes > tailBytes) {
		t.bytes -= t.entries[n].Size()
		t.base = t.entries[n].Seq
		t.entries[n] = nil
		n++
	}
	t.entries = t.entries[n:]
}

// from returns the entries with seq or more; ok is false when some of them are gone already.
func (t *tail) from(seq int64) (list []*Entry, ok bool) {
	if seq <= t.base {
		return nil, false
	}
	i := sort.Search(len(t.entries), func(i int) bool { return t.entries[i].Seq >= seq })
	return t.entries[i:], true
}
