package web

import (
	"hash/maphash"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"chatalot/app/wire"
)

// Rate is how often something may happen: so many times a second for as long as one likes, and Burst times at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Rates are the limits that an operator may set (config.example.toml says what for). Every other one is fixed in limitTable.
type Rates struct {
	API      Rate // requests from one address
	Auth     Rate // requests to the routes of signing in from one address
	User     Rate // requests of one person
	Messages Rate // messages of one person
	Upload   Rate // MiB that one person, and one address, may send
}

// limitName names a line of the table; routes draw on limits by name.
type limitName string

const (
	apiLimit      limitName = "api"
	authLimit     limitName = "auth"
	addressUpload limitName = "upload from an address"
	userLimit     limitName = "user"
	userUpload    limitName = "upload of a user"
	messageLimit  limitName = "messages"
	manifestLimit limitName = "manifests"
	memberLimit   limitName = "memberships"
	makeLimit     limitName = "making"
	confirmLimit  limitName = "confirmations"
	renewLimit    limitName = "renewals"
)

// limitKey is who shares one bucket of a limit.
type limitKey string

const (
	byAddress limitKey = "address" // an IPv4 address or an IPv6 /64, asked before anything else
	byUser    limitKey = "user"    // asked once the access token is known to be valid
	byToken   limitKey = "token"   // a session: what comes up its socket
)

// limit is one line of the table.
type limit struct {
	key   limitKey
	bytes bool // counts what bodies hold, not requests
	rate  Rate
	most  int // buckets at once, which bounds the memory
	says  string
}

// How many addresses and people are counted apart. Everybody beyond shares a bucket; see shard.
const (
	maxAddresses = 8192
	maxUsers     = 2048
)

// limitTable is every limit there is on how much may be asked. What may be open at once is bounded in sockets and conns, what an account or a
// place may hold in auth and chat.
func limitTable(r Rates) map[limitName]limit {
	upload := Rate{r.Upload.PerSecond * (1 << 20), r.Upload.Burst << 20}
	return map[limitName]limit{
		apiLimit:      {byAddress, false, r.API, maxAddresses, "Too much was asked from this network at once. Wait a moment and try again."},
		authLimit:     {byAddress, false, r.Auth, maxAddresses, "Too many tries from this network at once. Wait a moment and try again."},
		addressUpload: {byAddress, true, upload, maxAddresses, "Too much was sent from this network at once. Wait a moment and try again."},
		userLimit:     {byUser, false, r.User, maxUsers, "Too much was asked by this account at once. Wait a moment and try again."},
		userUpload:    {byUser, true, upload, maxUsers, "Too much was sent by this account at once. Wait a moment and try again."},
		messageLimit:  {byUser, false, r.Messages, maxUsers, "That is a lot of messages at once. Wait a moment and try again."},
		manifestLimit: {byUser, false, Rate{0.2, 20}, maxUsers, "Devices were changed very often just now. Wait a moment and try again."},
		memberLimit:   {byUser, false, Rate{2, 100}, maxUsers, "Memberships were changed very often just now. Wait a moment and try again."},
		makeLimit:     {byUser, false, Rate{0.5, 40}, maxUsers, "That is a lot of new things at once. Wait a moment and try again."},
		confirmLimit:  {byUser, false, Rate{0.2, 10}, maxUsers, "Too many confirmations at once. Wait a moment and try again."},
		renewLimit:    {byToken, false, Rate{0.2, 10}, maxUsers, "This connection was renewed very often just now."},
	}
}

// limits counts what is asked against the table.
type limits struct {
	now     func() time.Time
	byName  map[limitName]limit
	buckets map[limitName]*buckets
}

func newLimits(rates Rates, now func() time.Time) *limits {
	l := &limits{now: now, byName: limitTable(rates), buckets: map[limitName]*buckets{}}
	for name, one := range l.byName {
		l.buckets[name] = newBuckets(one.rate, one.most)
	}
	return l
}

// take draws on those of the named limits that go by this key: one request with size bytes of body. What is refused costs nothing of the limit
// that refused it.
func (l *limits) take(names []limitName, by limitKey, key bucketKey, size int64) error {
	now := l.now()
	for _, name := range names {
		one := l.byName[name]
		n := int64(1)
		if one.bytes {
			n = size
		}
		if one.key != by || n <= 0 {
			continue
		}
		if wait := l.buckets[name].take(key, now, n); wait > 0 {
			return &wire.Error{Code: wire.TooMany, Message: one.says, RetryAfter: wholeSeconds(wait)}
		}
	}
	return nil
}

// wholeSeconds rounds up as Retry-After wants it (RFC 9110 section 10.2.3), to one at least.
func wholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// atDoor stands before everything a route does: the limits that go by address, and the size of the body.
func (f *Face) atDoor(g guarded) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.limits.take(*g.draws, byAddress, addressKey(address(r)), r.ContentLength); err != nil {
			f.fail(w, r, err)
			return
		}
		if r.ContentLength > g.body {
			w.Header().Set("Connection", "close") // what is left of it is not read
			f.fail(w, r, tooLarge(g.body))
			return
		}
		g.serve.ServeHTTP(w, r)
	})
}

// bucketKey is who a bucket belongs to.
type bucketKey [16]byte

// nobody is everybody whose address a trusted proxy left out.
var nobody = bucketKey{0: 0xff, 15: 0xff}

func addressKey(p netip.Prefix) bucketKey {
	if !p.IsValid() {
		return nobody
	}
	return p.Addr().As16()
}

// buckets holds the token buckets of one limit, spread over shards so that requests seldom wait for each other.
type buckets struct {
	seed   maphash.Seed
	shards [16]shard
}

// shard bounds its buckets. A bucket that has filled up again is no different from a new one, so only such are let go of. While there is none,
// newcomers share one bucket: pushing others out, to come back with a fresh bucket, is not for sale.
type shard struct {
	mu     sync.Mutex
	rate   rate.Limit
	burst  int
	most   int
	held   map[bucketKey]*rate.Limiter
	shared *rate.Limiter
	swept  time.Time
}

func newBuckets(r Rate, most int) *buckets {
	b := &buckets{seed: maphash.MakeSeed()}
	for i := range b.shards {
		limit := rate.Limit(r.PerSecond)
		b.shards[i] = shard{rate: limit, burst: r.Burst, most: most / len(b.shards), held: map[bucketKey]*rate.Limiter{}, shared: rate.NewLimiter(limit, r.Burst)}
	}
	return b
}

// take draws n from the bucket of key and returns 0, or else how long it takes until n is there. More than a whole bucket counts as a whole one.
func (b *buckets) take(key bucketKey, now time.Time, n int64) (wait time.Duration) {
	s := &b.shards[maphash.Bytes(b.seed, key[:])%uint64(len(b.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket, whole := s.bucket(key, now), int(min(n, int64(s.burst)))
	if bucket.AllowN(now, whole) {
		return 0
	}
	lacking := float64(whole) - bucket.TokensAt(now)
	return max(1, time.Duration(lacking/float64(s.rate)*float64(time.Second)))
}

func (s *shard) bucket(key bucketKey, now time.Time) *rate.Limiter {
	if bucket := s.held[key]; bucket != nil {
		return bucket
	}
	s.sweep(now)
	if len(s.held) >= s.most {
		return s.shared
	}
	bucket := rate.NewLimiter(s.rate, s.burst)
	s.held[key] = bucket
	return bucket
}

// sweep lets go of full buckets, no more often than one fills up: a crowd of newcomers cannot make every request pay for it.
func (s *shard) sweep(now time.Time) {
	filling := time.Duration(float64(s.burst) / float64(s.rate) * float64(time.Second))
	if now.Sub(s.swept) < max(time.Second, min(filling, time.Minute)) {
		return
	}
	s.swept = now
	for key, bucket := range s.held {
		if bucket.TokensAt(now) >= float64(s.burst) {
			delete(s.held, key)
		}
	}
}
