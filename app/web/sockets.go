package web

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"chatalot/app/wire"
)

// How many sockets may be open that have not said who they are (SECURITY.md T21).
const (
	maxUnknownEach = 10 // from one address
	maxUnknown     = 200
)

// maxStreams is how many sockets and waiting syncs one person may have. Their twenty sessions leave room for connections that are about to end.
const maxStreams = 64

// sockets owns every open socket: it counts those that are unknown and those of each person, and ends all when the place stops.
type sockets struct {
	ctx  context.Context // ends with closeAll
	stop context.CancelFunc
	wg   sync.WaitGroup

	writeTime time.Duration // for one frame; tests cannot wait as long as slow people may

	mu      sync.Mutex
	unknown map[netip.Prefix]int
	total   int // of unknown
	streams map[wire.UserID]int
}

func newSockets() *sockets {
	ctx, stop := context.WithCancel(context.Background())
	return &sockets{ctx: ctx, stop: stop, writeTime: writeTime, unknown: map[netip.Prefix]int{}, streams: map[wire.UserID]int{}}
}

// enter counts a new socket, which closeAll then waits for until ended is called, once. It counts as unknown until known is called, which may
// happen more than once.
func (s *sockets) enter(from netip.Prefix) (known, ended func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, nil, wire.Fail(wire.Unavailable, "This place is stopping. Try again in a moment.")
	}
	if s.total >= maxUnknown || s.unknown[from] >= maxUnknownEach {
		return nil, nil, &wire.Error{Code: wire.TooMany, Message: "Too many connections at once. Try again in a few seconds.", RetryAfter: int(authTime.Seconds())}
	}
	s.total++
	s.unknown[from]++
	s.wg.Add(1)
	known = sync.OnceFunc(func() { s.leave(from) })
	return known, func() { known(); s.wg.Done() }, nil
}

func (s *sockets) leave(from netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.unknown[from]--; s.unknown[from] == 0 {
		delete(s.unknown, from)
	}
}

// hold counts one more stream of events for a person until release is called, once.
func (s *sockets) hold(user wire.UserID) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams[user] >= maxStreams {
		return nil, &wire.Error{Code: wire.TooMany, Message: "This account has too many connections at once. Close some and try again.", RetryAfter: int(writeTime.Seconds())}
	}
	s.streams[user]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.streams[user]--; s.streams[user] == 0 {
			delete(s.streams, user)
		}
	}, nil
}

func (s *sockets) closeAll() {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.wg.Wait()
}
