package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"chatalot/app/wire"
)

// The bounds of what the edge may add to a request.
const (
	limiterTime        = time.Microsecond
	authenticationTime = 20 * time.Microsecond
)

// perCall is the median time of one call, from many rounds.
func perCall(b *testing.B, call func(i int)) time.Duration {
	const rounds, calls = 41, 2000
	took := make([]time.Duration, rounds)
	for round := range rounds {
		began := time.Now()
		for i := range calls {
			call(round*calls + i)
		}
		took[round] = time.Since(began) / calls
	}
	slices.Sort(took)
	return took[rounds/2]
}

// report states what was measured beside the floor of the same run, and fails when the difference is more than its bound.
func report(b *testing.B, got, floor, bound time.Duration) {
	for b.Loop() {
	}
	b.ReportMetric(0, "ns/op") // after the loop, which forgets what was reported before it
	b.ReportMetric(float64(floor.Nanoseconds()), "floor-ns")
	b.ReportMetric(float64((got - floor).Nanoseconds()), "added-ns")
	if got-floor > bound {
		b.Errorf("it adds %s to a request that takes %s, more than %s", got-floor, floor, bound)
	}
}

// nothing is an answer that nobody reads.
type nothing struct{ h http.Header }

func (n nothing) Header() http.Header         { return n.h }
func (n nothing) Write(b []byte) (int, error) { return len(b), nil }
func (n nothing) WriteHeader(int)             {}

// BenchmarkLimiter holds what the limits at the door add to a request of one of a thousand addresses under a microsecond. The floor is the same
// request without them.
func BenchmarkLimiter(b *testing.B) {
	f := &Face{now: time.Now, limits: newLimits(Rates{API: Rate{1e9, 1e9}, Auth: Rate{1e9, 1e9}, User: Rate{1e9, 1e9}, Messages: Rate{1e9, 1e9}, Upload: Rate{1e3, 1e3}}, time.Now)}
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})
	requests := make([]*http.Request, 1000)
	mark := clientAddress(Options{})
	for i := range requests {
		r := httptest.NewRequest("GET", "/api/place", nil)
		r.RemoteAddr = fmt.Sprintf("203.0.%d.%d:1", i/200, i%200)
		if i%10 == 0 {
			r.RemoteAddr = fmt.Sprintf("[2001:db8:%x::1]:1", i)
		}
		mark(http.HandlerFunc(func(_ http.ResponseWriter, marked *http.Request) { requests[i] = marked })).ServeHTTP(nil, r)
	}
	guarded := f.atDoor(guarded{open, bare, &[]limitName{apiLimit, authLimit, addressUpload}, maxForm})
	w := nothing{http.Header{}}
	floor := perCall(b, func(i int) { bare.ServeHTTP(w, requests[i%1000]) })
	got := perCall(b, func(i int) { guarded.ServeHTTP(w, requests[i%1000]) })
	report(b, got, floor, limiterTime)
}

// BenchmarkAuthentication holds what asking for a valid access token adds to a request under 20 microseconds, its person's limits among it. The
// floor is the same request on a route that anyone may ask.
func BenchmarkAuthentication(b *testing.B) {
	p := openPlace(b, b.TempDir(), "", builtApp())
	w := nothing{http.Header{}}
	request := func(token string) *http.Request {
		r := httptest.NewRequest("GET", "/api/place", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return r
	}
	root := p.setUp()
	member := p.face.member(func(http.ResponseWriter, *http.Request, wire.Caller) error { return nil }).serve
	anyone := p.face.onceSetUp(p.face.handle(func(http.ResponseWriter, *http.Request) error { return nil }))
	r := request(root.in.AccessToken)
	floor := perCall(b, func(int) { anyone.ServeHTTP(w, r) })
	got := perCall(b, func(int) { member.ServeHTTP(w, r) })
	report(b, got, floor, authenticationTime)
}
