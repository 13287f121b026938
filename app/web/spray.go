package web

import (
	"errors"
	"hash/maphash"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"chatalot/app/wire"
)

// One password tried on many names never meets the lock of any single account, so the names that fail are counted where they come from
// (SECURITY.md T17). A person who mistypes fails with one or two names, a whole household with a handful.
const (
	sprayWindow = time.Hour
	sprayNarrow = 20  // failing names from an IPv4 address or an IPv6 /64
	sprayWide   = 100 // from an IPv4 /24 or an IPv6 /48
	sprayAlarm  = 300 // from anywhere: the operator is told
	maxNarrow   = 4096
	maxWide     = 1024
)

// spray remembers which names failed to sign in from where within the last hour, as hashes under a key of this run.
type spray struct {
	now  func() time.Time
	log  *slog.Logger
	seed maphash.Seed

	mu      sync.Mutex
	narrow  map[netip.Prefix]*failures
	wide    map[netip.Prefix]*failures
	all     failures
	alarmed time.Time // zero: never
}

// failures is the names that failed in one place, at most as many as its budget has.
type failures struct {
	names  map[uint64]time.Time // the newest failure of each
	newest time.Time
}

func newSpray(now func() time.Time, log *slog.Logger) *spray {
	return &spray{now: now, log: log, seed: maphash.MakeSeed(), narrow: map[netip.Prefix]*failures{}, wide: map[netip.Prefix]*failures{},
		all: failures{names: map[uint64]time.Time{}}}
}

// blocked returns a wire.Error while so many names have failed from the address, or from its surroundings, that nobody signs in from there.
// It is asked before a password is looked at, so that a right one is not told apart.
func (s *spray) blocked(from netip.Prefix) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	wait := max(s.narrow[from].spent(now, sprayNarrow), s.wide[surroundings(from)].spent(now, sprayWide))
	if wait <= 0 {
		return nil
	}
	return &wire.Error{Code: wire.TooMany, RetryAfter: wholeSeconds(wait),
		Message: "Too many different names failed to sign in from this network. Wait, or sign in from another network."}
}

// failed counts a sign-in that was refused. Names are counted once, however they are written.
func (s *spray) failed(from netip.Prefix, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, sum := s.now(), maphash.String(s.seed, strings.ToLower(strings.TrimSpace(name)))
	recordOf(s.narrow, from, maxNarrow, now).add(sum, now, sprayNarrow)
	recordOf(s.wide, surroundings(from), maxWide, now).add(sum, now, sprayWide)
	s.all.add(sum, now, sprayAlarm)
	if s.all.spent(now, sprayAlarm) > 0 && (s.alarmed.IsZero() || now.Sub(s.alarmed) >= sprayWindow) {
		s.alarmed = now
		s.log.Warn("very many different names fail to sign in: somebody may be trying out passwords", "names", len(s.all.names), "within", sprayWindow)
	}
}

// surroundings is the IPv4 /24 or the IPv6 /48 around an address.
func surroundings(from netip.Prefix) netip.Prefix {
	if !from.IsValid() {
		return from
	}
	bits := 24
	if from.Addr().Is6() {
		bits = 48
	}
	wide, _ := from.Addr().Prefix(bits)
	return wide
}

// recordOf finds or makes the record of a place. When there are too many, those go that say nothing any more, or else the one that says least: whoever
// spent a budget does not get it back by making others spend theirs.
func recordOf(all map[netip.Prefix]*failures, from netip.Prefix, most int, now time.Time) *failures {
	if one := all[from]; one != nil {
		return one
	}
	if len(all) >= most {
		var least netip.Prefix
		for p, one := range all {
			if now.Sub(one.newest) >= sprayWindow {
				delete(all, p)
			} else if other := all[least]; other == nil || len(one.names) < len(other.names) {
				least = p
			}
		}
		if len(all) >= most {
			delete(all, least)
		}
	}
	one := &failures{names: map[uint64]time.Time{}}
	all[from] = one
	return one
}

func (f *failures) add(sum uint64, now time.Time, most int) {
	f.newest = now
	if _, known := f.names[sum]; !known && len(f.names) >= most {
		for name, at := range f.names {
			if now.Sub(at) >= sprayWindow {
				delete(f.names, name)
			}
		}
		if len(f.names) >= most {
			return // it is spent already
		}
	}
	f.names[sum] = now
}

// spent returns how long it takes until a name of the budget is free again, or 0 while there is one.
func (f *failures) spent(now time.Time, most int) time.Duration {
	if f == nil || len(f.names) < most {
		return 0
	}
	fresh, oldest := 0, now
	for _, at := range f.names {
		if now.Sub(at) < sprayWindow {
			fresh++
			if at.Before(oldest) {
				oldest = at
			}
		}
	}
	if fresh < most {
		return 0
	}
	return sprayWindow - now.Sub(oldest)
}

// mayTry asks, before a name and a secret are looked at, whether anybody may still sign in from where the request comes from.
func (f *Face) mayTry(r *http.Request) error { return f.spray.blocked(address(r)) }

// tried counts the outcome of a try to sign in as name.
func (f *Face) tried(r *http.Request, name string, err error) {
	refusal, ok := errors.AsType[*wire.Error](err)
	if ok && (refusal.Code == wire.BadCredentials || refusal.Code == wire.AccountLocked) {
		f.spray.failed(address(r), name)
	}
}
