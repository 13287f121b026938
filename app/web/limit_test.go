package web

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chatalot/app/wire"
)

// literal are the rates of a fresh install: the hardening page's for addresses.
var literal = Rates{API: Rate{20, 50}, Auth: Rate{5, 10}, User: Rate{40, 200}, Messages: Rate{10, 100}, Upload: Rate{4, 128}}

// hands is a clock that only moves when it is told to.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) turn(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// limitedPlace is a place at the rates of a fresh install, whose limits go by a clock of their own.
func limitedPlace(t *testing.T, edit ...func(*Options)) (*testPlace, *hands) {
	t.Helper()
	clock := &hands{at: time.Now()}
	return openPlace(t, t.TempDir(), "", builtApp(), append(edit, func(o *Options) { o.Rates, o.Now = literal, clock.now })...), clock
}

// by makes the request come from that address, by way of the proxy that the test is.
func by(address string) func(*http.Request) { return header("X-Forwarded-For", address) }

// served asks at an even pace for so long and counts the answers that were not 429.
func served(t *testing.T, clock *hands, perSecond, seconds int, ask func() answer) (ok int) {
	t.Helper()
	for range perSecond * seconds {
		if got := ask(); got.status != http.StatusTooManyRequests {
			ok++
		} else if wait, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || wait < 1 || got.code() != wire.TooMany {
			t.Fatalf("refused with Retry-After %q: %s", got.header.Get("Retry-After"), got.body)
		}
		clock.turn(time.Second / time.Duration(perSecond))
	}
	return ok
}

// The measured figures of the hardening page, to the request.
func TestTheAPITakesTwentyASecondAndFiftyAtOnce(t *testing.T) {
	p, clock := limitedPlace(t)
	got := served(t, clock, 40, 10, func() answer { return p.call("GET", "/api/health", "", nil, by("203.0.113.7")) })
	if got < 250-3 || got > 250+3 {
		t.Errorf("%d of 400 were answered, want 250 ± 3", got)
	}
}

func TestSigningInTakesFiveASecondAndTenAtOnce(t *testing.T) {
	p, clock := limitedPlace(t)
	p.setUp()
	got := served(t, clock, 20, 10, func() answer { return p.call("POST", "/api/auth/refresh", "", "{}", by("203.0.113.7")) })
	if got < 60-3 || got > 60+3 {
		t.Errorf("%d of 200 were answered, want 60 ± 3", got)
	}
}

// N24: of eleven quick sign-ins ten are looked at.
func TestTheEleventhQuickSignInIsRefused(t *testing.T) {
	p, clock := limitedPlace(t)
	p.setUp()
	clock.turn(time.Minute) // setting up drew on the limit, too
	login := loginByCookie
	login.Password = "wrong " + testPassword
	for i := range 11 {
		got := p.call("POST", "/api/auth/login", "", login)
		if want := map[bool]int{true: 401, false: 429}[i < 10]; got.status != want && !(i >= 9 && got.code() == wire.AccountLocked) {
			t.Errorf("sign-in %d: %d %s", i+1, got.status, got.body)
		}
		if i == 10 && (got.code() != wire.TooMany || got.header.Get("Retry-After") != "1" || got.header.Get("Set-Cookie") != "") {
			t.Errorf("the eleventh: %v %s", got.header, got.body)
		}
	}
	if got := p.call("POST", "/api/auth/login", "", loginByCookie, by("203.0.113.9")); got.status == 429 && got.code() == wire.TooMany {
		t.Errorf("from elsewhere: %s", got.body)
	}
}

func TestEveryRouteDrawsOnItsLimits(t *testing.T) {
	p := newPlace(t)
	for _, r := range p.face.routes {
		name := r.method + " " + r.pattern
		draws := func(l limitName) bool { return slices.Contains(*r.draws, l) }
		if !draws(apiLimit) || !draws(addressUpload) {
			t.Errorf("%s does not count by address", name)
		}
		signIn := strings.HasPrefix(r.pattern, "/api/auth/") || r.pattern == "/api/setup" || r.pattern == "/api/invites/preview"
		if draws(authLimit) != signIn {
			t.Errorf("%s draws on the limit for signing in: %v, want %v", name, !signIn, signIn)
		}
		if r.class.bearer() && (!draws(userLimit) || !draws(userUpload)) {
			t.Errorf("%s does not count by person", name)
		}
		if most := map[bool]int64{true: maxBody, false: maxForm}[r.class.bearer()]; r.body != most {
			t.Errorf("%s takes %d bytes, want %d", name, r.body, most)
		}
		for l, patterns := range map[limitName]string{
			messageLimit: "POST /api/conversations/{conversation}/messages", manifestLimit: "PUT /api/manifests, POST /api/devices",
			memberLimit:  "POST /api/channels/{conversation}/ops, POST /api/invites/accept, POST /api/dms",
			makeLimit:    "POST /api/communities, POST /api/invites, POST /api/groups/{group}/channels, POST /api/communities/{community}/groups",
			confirmLimit: "POST /api/me/confirm, POST /api/me/two-step/confirm",
		} {
			if slices.Contains(strings.Split(patterns, ", "), name) && !draws(l) {
				t.Errorf("%s does not draw on %q", name, l)
			}
		}
		for _, l := range *r.draws {
			if _, known := p.face.limits.byName[l]; !known {
				t.Errorf("%s draws on %q, which is no limit", name, l)
			}
		}
	}
}

// Each limit refuses what its table line says, whoever it goes by, and the refusal is the protocol's.
func TestEveryLimitHolds(t *testing.T) {
	clock := &hands{at: time.Now()}
	l := newLimits(literal, clock.now)
	for name, one := range l.byName {
		key, size := bucketKey{1}, int64(1)
		for i := range one.rate.Burst {
			if i > 1000 {
				size = int64(one.rate.Burst - i) // what is left of so many bytes, in one
			}
			if err := l.take([]limitName{name}, one.key, key, size); err != nil {
				t.Fatalf("%s: request %d of %d: %v", name, i+1, one.rate.Burst, err)
			}
			if i > 1000 {
				break
			}
		}
		refusal, ok := l.take([]limitName{name}, one.key, key, 1).(*wire.Error)
		if !ok || refusal.Code != wire.TooMany || refusal.RetryAfter < 1 || refusal.Message == "" {
			t.Errorf("%s: beyond the burst: %+v", name, refusal)
			continue
		}
		if err := l.take([]limitName{name}, one.key, bucketKey{2}, 1); err != nil {
			t.Errorf("%s: another: %v", name, err)
		}
		clock.turn(time.Duration(refusal.RetryAfter) * time.Second)
		if err := l.take([]limitName{name}, one.key, key, 1); err != nil {
			t.Errorf("%s: after Retry-After: %v", name, err)
		}
	}
}

func TestOnePersonIsOnePersonFromEveryAddress(t *testing.T) {
	p, clock := limitedPlace(t)
	root := p.setUp()
	clock.turn(time.Hour)
	refused := 0
	for i := range 300 {
		if got := p.call("GET", "/api/me", root.in.AccessToken, nil, by(fmt.Sprintf("203.0.%d.%d", i/200, i%200))); got.code() == wire.TooMany {
			refused++
		}
	}
	if refused != 100 {
		t.Errorf("%d of 300 requests from 300 addresses were refused, want 100", refused)
	}
}

func TestWhatIsNotThereCountsAndFilesDoNot(t *testing.T) {
	p, _ := limitedPlace(t)
	for range 200 {
		if got := p.call("GET", "/assets/index-Ab12.js", "", nil, by("203.0.113.7")); got.status != 200 {
			t.Fatalf("a file: %d", got.status)
		}
	}
	statuses := map[int]int{}
	for i := range 60 {
		path, method := "/api/nothing", []string{"GET", "DELETE", "OPTIONS"}[i%3]
		if i%2 == 0 {
			path = "/api/place"
		}
		statuses[p.call(method, path, "", nil, by("203.0.113.7")).status]++
	}
	if statuses[429] != 10 {
		t.Errorf("scanning got %v", statuses)
	}
}

func TestBodiesCountByTheirBytes(t *testing.T) {
	p, clock := limitedPlace(t)
	root := p.setUp()
	clock.turn(time.Hour)
	body, passed := `{"display_name":"`+strings.Repeat("x", maxBody-19)+`"}`, 0
	for range 200 {
		got := p.call("PATCH", "/api/me", root.in.AccessToken, body, by("203.0.113.7"))
		if got.status != 429 {
			passed++
		}
		clock.turn(50 * time.Millisecond) // as fast as the number of requests allows
	}
	if want := 128 + 200/20*4; passed < want-3 || passed > want+3 {
		t.Errorf("%d MiB passed in 10 s, want %d ± 3", passed, want)
	}
}

// The addresses of one IPv6 customer are one; IPv4 in IPv6 is IPv4.
func TestIPv6IsCountedByItsNetwork(t *testing.T) {
	p, _ := limitedPlace(t)
	for i := range 60 {
		got := p.call("GET", "/api/health", "", nil, by(fmt.Sprintf("2001:db8:1:2:%x::%x", i, i)))
		if (got.status == 429) != (i >= 50) {
			t.Errorf("request %d of one /64: %d", i+1, got.status)
		}
		mapped := p.call("GET", "/api/health", "", nil, by([]string{"203.0.113.7", "::ffff:203.0.113.7"}[i%2]))
		if (mapped.status == 429) != (i >= 50) {
			t.Errorf("request %d of one IPv4 address: %d", i+1, mapped.status)
		}
	}
	if got := p.call("GET", "/api/health", "", nil, by("2001:db8:1:3::1")); got.status != 200 {
		t.Errorf("the next /64: %d", got.status)
	}
}

// A crowd of strangers can neither grow the table nor buy anybody a fresh bucket.
func TestTheTableIsBoundedAndNobodyIsPushedOut(t *testing.T) {
	clock := &hands{at: time.Now()}
	b := newBuckets(Rate{5, 10}, maxAddresses)
	attacker, steady := bucketKey{0xaa}, bucketKey{0xbb}
	for range 10 {
		b.take(attacker, clock.now(), 1)
	}
	b.take(steady, clock.now(), 1)
	crowd := 0
	before := heap()
	for i := range 20 * maxAddresses {
		if b.take(bucketKey{1, byte(i), byte(i >> 8), byte(i >> 16)}, clock.now(), 1) == 0 {
			crowd++
		}
	}
	grown := heap() - before
	held := 0
	for i := range b.shards {
		held += len(b.shards[i].held)
	}
	if held > maxAddresses {
		t.Errorf("%d buckets are held", held)
	}
	if grown > 4<<20 {
		t.Errorf("%d addresses cost %d bytes", 20*maxAddresses, grown)
	}
	if limit := maxAddresses + 10*len(b.shards); crowd > limit {
		t.Errorf("%d newcomers got through, at most %d can", crowd, limit)
	}
	if b.take(attacker, clock.now(), 1) == 0 {
		t.Error("whoever filled the table has a fresh bucket")
	}
	for range 9 {
		if b.take(steady, clock.now(), 1) != 0 {
			t.Error("somebody who was there before lost their bucket")
		}
	}
	clock.turn(time.Minute) // the crowd is gone: its buckets are full again, and let go of
	for i := range 200 {
		b.take(bucketKey{2, byte(i)}, clock.now(), 1)
	}
	held = 0
	for i := range b.shards {
		held += len(b.shards[i].held)
	}
	if held > 200 {
		t.Errorf("%d buckets are still held", held)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A clock that is set back gives nobody anything, and one that is set forward at most one burst.
func TestAClockThatJumpsGivesNothingAway(t *testing.T) {
	b, now := newBuckets(Rate{5, 10}, 16), time.Now()
	for range 10 {
		b.take(nobody, now, 1)
	}
	for _, ahead := range []time.Duration{-time.Hour, -365 * 24 * time.Hour, 0} {
		if b.take(nobody, now.Add(ahead), 1) == 0 {
			t.Errorf("%s gave a token", ahead)
		}
	}
	passed := 0
	for range 100 {
		if b.take(nobody, now.Add(365*24*time.Hour), 1) == 0 {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("a year ahead %d passed, want the burst of 10", passed)
	}
}

func TestASocketThatRenewsWithoutEndIsClosed(t *testing.T) {
	p, _ := limitedPlace(t)
	root := p.setUp()
	l, _ := root.listen(nil)
	for range 10 {
		l.say(wire.AuthFrame{T: "auth", Token: root.in.AccessToken})
		l.hear("ready")
	}
	l.say(wire.AuthFrame{T: "auth", Token: root.in.AccessToken})
	if got := l.closed(); got != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d", got)
	}
}

// Opening the app is a handful of requests, so a family behind one address opens it at the same moment.
func TestAHouseholdOpensTheAppAtOnce(t *testing.T) {
	p, clock := limitedPlace(t)
	root := p.setUp()
	clock.turn(time.Hour)
	for person := range 5 {
		for _, path := range []string{"/api/place", "/api/me", "/api/state", "/api/devices", "/api/prekeys", "/api/vault", "/api/sync?after=0", "/api/invites"} {
			if got := p.call("GET", path, root.in.AccessToken, nil, by("203.0.113.7")); got.status == 429 {
				t.Errorf("person %d, %s: %s", person, path, got.body)
			}
		}
	}
}
