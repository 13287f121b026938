package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// Bounds of one step of a stream. A frame stays far below the protocol's 256 KiB unless a single event is that large; one read of the store
// passes at most pageRows log rows, so that a reader never holds its snapshot for long.
const (
	frameBytes = 64 << 10
	pageRows   = 4096
)

// Stream is one device's events, in order, from a cursor on. One goroutine uses it; while it waits it costs a few hundred bytes.
type Stream struct {
	chat   *Chat
	who    wire.Caller
	sub    *live.Sub
	cursor int64
	behind bool // the rows after cursor are read from the store
	reset  bool // the device's cursor is not one of this log
	buf    []byte
}

// Follow starts a device's stream: everything after *after, or from now on when after is nil. It ends an older stream of the same device.
// Whoever checked the caller's token before must check it once more after Follow has returned: only from then on is a session that ends
// made to end the stream as well.
func (c *Chat) Follow(ctx context.Context, who wire.Caller, after *int64) (*Stream, error) {
	return c.follow(ctx, who, after, c.live.Subscribe(who))
}

func (c *Chat) follow(ctx context.Context, who wire.Caller, after *int64, sub *live.Sub) (*Stream, error) {
	s := &Stream{chat: c, who: who, sub: sub}
	newest, err := read(ctx, c, (*store.Tx).Cursor)
	if err != nil {
		s.Close()
		return nil, err
	}
	s.cursor = newest
	switch {
	case after == nil:
		sub.Advance(newest)
	case *after > newest || *after < 0: // a database put back from a backup is shorter than what its devices remember
		s.reset = true
		sub.Advance(newest)
	default:
		s.cursor, s.behind = *after, true
	}
	return s, nil
}

// Cursor is the seq up to which the device has everything.
func (s *Stream) Cursor() int64 { return s.cursor }

// Close ends the stream. Every stream is closed.
func (s *Stream) Close() { s.sub.Close() }

// Next waits until there is something for the device and returns it as one frame, the JSON of a wire.Frame: events, a whisper or "reset". It
// is valid until the next call. It fails with Kicked, with ctx's error, or because the store failed.
func (s *Stream) Next(ctx context.Context) ([]byte, error) {
	if s.reset {
		s.reset = false
		return json.Marshal(wire.Frame{T: "reset"})
	}
	for {
		frame, err := s.step(ctx)
		if err != nil || frame != nil {
			return frame, err
		}
	}
}

// step does one thing: a page from the store, news from the hub, or waiting for the bell.
func (s *Stream) step(ctx context.Context) ([]byte, error) {
	rows, whisper, err := s.take(ctx)
	switch {
	case err != nil || whisper != nil:
		return whisper, err
	case len(rows) > 0:
		return s.frame(rows)
	case s.behind:
		return nil, nil
	}
	s.buf = nil
	return nil, s.sub.Wait(ctx)
}

// take returns rows or a whisper if there is either now. It returns neither, without waiting, also after a page with nothing in it.
func (s *Stream) take(ctx context.Context) (rows []*live.Entry, whisper []byte, err error) {
	for {
		n := s.sub.Take(frameBytes)
		switch {
		case n.Kicked != 0:
			return nil, nil, Kicked{n.Kicked}
		case n.Stale != 0:
			if err := s.renew(ctx, n.Stale); err != nil {
				return nil, nil, err
			}
		case n.Whisper != nil:
			return nil, n.Whisper, nil
		case s.behind || n.Behind:
			rows, err := s.page(ctx)
			return rows, nil, err
		default:
			s.cursor = n.Cursor
			return n.Rows, nil, nil
		}
	}
}

func (s *Stream) renew(ctx context.Context, gen uint64) error {
	v, err := read(ctx, s.chat, func(tx *store.Tx) (live.View, error) { return view(tx, s.who.User) })
	if err != nil {
		return err
	}
	s.sub.SetView(v, gen)
	return nil
}

// errFull ends the reading of a page that has enough.
var errPageFull = errors.New("page full")

// page reads the next rows from the store. The device has caught up when it reaches what was the end of the log.
func (s *Stream) page(ctx context.Context) (rows []*live.Entry, err error) {
	err = s.chat.store.Read(ctx, func(tx *store.Tx) error {
		newest, err := tx.Cursor()
		if err != nil {
			return err
		}
		found, cursor, err := s.chat.visible(tx, s.who, s.cursor, min(newest, s.cursor+pageRows))
		if err == nil {
			rows, s.cursor, s.behind = found, cursor, cursor < newest
		}
		return err
	})
	if err == nil && !s.behind {
		s.sub.Advance(s.cursor)
	}
	return rows, err
}

// visible lists the rows with after < seq <= until that the caller receives, as far as they fit into one frame, and up to where it came.
func (c *Chat) visible(tx *store.Tx, who wire.Caller, after, until int64) (rows []*live.Entry, cursor int64, err error) {
	v, err := view(tx, who.User)
	if err != nil {
		return nil, after, err
	}
	cursor, room := after, frameBytes
	err = tx.Log(after, until, func(stored store.Row) error {
		r := live.Row(stored)
		if !v.Sees(&r) {
			cursor = r.Seq
			return nil
		}
		there, err := fill(tx, &r, who.Device)
		if err != nil {
			return err
		}
		e := live.NewEntry(r)
		if room -= e.Size(); room < 0 && len(rows) > 0 {
			return errPageFull
		}
		cursor = r.Seq
		if there {
			rows = append(rows, e)
		}
		return nil
	})
	if errors.Is(err, errPageFull) {
		return rows, cursor, nil
	}
	return rows, max(cursor, until), err
}

// fill reads the message of a message row, with the device's own envelope. It reports false when the message is gone.
func fill(tx *store.Tx, r *live.Row, device *wire.DeviceID) (bool, error) {
	if r.Kind != "message" {
		return true, nil
	}
	m, err := tx.Message(r.Seq, device)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if m.Envelope != nil {
		r.Envelopes = map[wire.DeviceID]wire.Bytes{*device: m.Envelope}
		m.Envelope = nil
	}
	r.Message = &m
	return true, nil
}

// frame encodes rows as {"t":"events",…}. One new event for everybody, the usual case, is encoded once for all of them.
func (s *Stream) frame(rows []*live.Entry) (_ []byte, err error) {
	if len(rows) == 1 && rows[0].Seq == s.cursor {
		if frame, err := rows[0].Frame(s.who.Device); frame != nil || err != nil {
			return frame, err
		}
	}
	s.buf, err = live.AppendFrame(s.buf[:0], rows, s.cursor, s.who.Device)
	return s.buf, err
}

// Bounds of a page of events for programs without a socket.
const (
	defaultEvents = 100
	maxEvents     = 500
	maxWait       = 30 * time.Second
)

// Sync is the stream for programs without a socket: the events after a cursor. When there are none it waits up to wait (at most 30 s) for some.
// limit 0 means 100; at most 500.
func (c *Chat) Sync(ctx context.Context, who wire.Caller, after int64, limit int, wait time.Duration) (p wire.SyncPage, err error) {
	if limit == 0 {
		limit = defaultEvents
	}
	if limit < 1 || limit > maxEvents {
		return p, wire.FailField("limit", fmt.Sprintf("A page has 1 to %d events.", maxEvents))
	}
	if wait < 0 || wait > maxWait {
		return p, wire.FailField("wait", "Waiting takes 0 to 30 seconds.")
	}
	s, err := c.follow(ctx, who, &after, c.live.Glance(who))
	if err != nil {
		return p, err
	}
	defer s.Close()
	if s.reset {
		return wire.SyncPage{Events: []wire.Event{}, Cursor: s.cursor, Reset: true}, nil
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return s.collect(ctx, waiting, limit)
}

// collect waits on waiting for the first rows and returns up to limit events.
func (s *Stream) collect(ctx, waiting context.Context, limit int) (p wire.SyncPage, err error) {
	p = wire.SyncPage{Events: []wire.Event{}, Cursor: s.cursor}
	for {
		rows, _, err := s.take(ctx)
		if err != nil {
			return p, err
		}
		p.Cursor = s.cursor
		if len(rows) > limit {
			rows, p.More, p.Cursor = rows[:limit], true, rows[limit-1].Seq
		}
		if len(rows) > 0 {
			p.More = p.More || s.behind
			return p, s.decode(rows, &p)
		}
		if s.behind {
			continue
		}
		if err := s.sub.Wait(waiting); err != nil {
			return p, ctx.Err() // nil when only the waiting is over
		}
	}
}

// decode turns rows into events by way of the very bytes a socket would carry.
func (s *Stream) decode(rows []*live.Entry, p *wire.SyncPage) error {
	for _, r := range rows {
		b, err := r.AppendEvent(nil, s.who.Device)
		if err != nil {
			return err
		}
		var e wire.Event
		if err := json.Unmarshal(b, &e); err != nil {
			return fmt.Errorf("decode event %d: %w", r.Seq, err)
		}
		p.Events = append(p.Events, e)
	}
	return nil
}
