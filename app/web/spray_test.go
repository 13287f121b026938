package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"chatalot/app/wire"
)

func sprayed(t *testing.T) (*testPlace, *hands) {
	clock := &hands{at: time.Now()}
	p := openPlace(t, t.TempDir(), "", builtApp(), func(o *Options) { o.Now = clock.now })
	p.setUp()
	return p, clock
}

func guess(p *testPlace, name, address string) answer {
	return p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: name, Password: "wrong " + testPassword, Transport: wire.ByBody}, by(address))
}

// T17: after twenty different names nobody signs in from there, a right password included; elsewhere everybody does.
func TestTryingManyNamesFromOneAddressIsStopped(t *testing.T) {
	p, clock := sprayed(t)
	for i := range 20 {
		for _, name := range []string{"name%d", "NAME%d"}[i/19:] { // in other letters it is the same name
			if got := guess(p, fmt.Sprintf(name, i), "203.0.113.7"); got.status != http.StatusUnauthorized {
				t.Fatalf("name %d: %d %s", i, got.status, got.body)
			}
		}
	}
	got := guess(p, "name20", "203.0.113.7")
	if got.status != 429 || got.code() != wire.TooMany || got.header.Get("Retry-After") != "3600" {
		t.Errorf("name 21: %d %s", got.status, got.body)
	}
	right := loginByCookie
	if got := p.call("POST", "/api/auth/login", "", right, by("203.0.113.7")); got.status != 429 {
		t.Errorf("the right password from there: %d", got.status)
	}
	if got := p.call("POST", "/api/auth/login", "", right, by("203.0.113.8")); got.status != 200 {
		t.Errorf("from next door: %d %s", got.status, got.body)
	}
	clock.turn(sprayWindow)
	if got := p.call("POST", "/api/auth/login", "", right, by("203.0.113.7")); got.status != 200 {
		t.Errorf("an hour later: %d %s", got.status, got.body)
	}
}

func TestSprayingFromManyAddressesOfOneNetworkIsStopped(t *testing.T) {
	for _, c := range []struct{ from, near, far string }{
		{"203.0.113.%d", "203.0.113.200", "203.0.114.1"},
		{"2001:db8:1:%x::1", "2001:db8:1:ffff::1", "2001:db8:2::1"},
	} {
		s := newSpray(time.Now, newPlace(t).face.log)
		for i := range sprayWide {
			from := network(netip.MustParseAddr(fmt.Sprintf(c.from, i/10)))
			if err := s.blocked(from); err != nil {
				t.Fatalf("name %d: %v", i, err)
			}
			s.failed(from, fmt.Sprint("name", i))
		}
		if s.blocked(network(netip.MustParseAddr(c.near))) == nil {
			t.Errorf("%s: a fresh address of the same network goes on", c.near)
		}
		if err := s.blocked(network(netip.MustParseAddr(c.far))); err != nil {
			t.Errorf("%s: %v", c.far, err)
		}
	}
}

func TestANeighbouringIPv6NetworkHasItsOwnBudget(t *testing.T) {
	p, _ := sprayed(t)
	for i := range 21 {
		guess(p, fmt.Sprint("name", i), fmt.Sprintf("2001:db8:1:2::%x", i+1))
	}
	if got := guess(p, "root", "2001:db8:1:2:ffff::1"); got.status != 429 {
		t.Errorf("the same /64: %d", got.status)
	}
	if got := guess(p, "root", "2001:db8:1:3::1"); got.status != 401 {
		t.Errorf("another /64: %d", got.status)
	}
}

func TestSprayingFromEverywhereAlarmsOnceAnHour(t *testing.T) {
	p, clock := sprayed(t)
	spray := func(from int) {
		for i := range sprayAlarm + 50 {
			p.face.spray.failed(network(netip.AddrFrom4([4]byte{100, byte(i >> 4), byte(i), 1})), fmt.Sprint("name", from+i))
		}
	}
	alarms := func() int { return strings.Count(p.log.String(), "very many different names") }
	spray(0)
	spray(1000)
	if got := alarms(); got != 1 {
		t.Errorf("%d alarms:\n%s", got, p.log.String())
	}
	if strings.Contains(p.log.String(), "name17") || strings.Contains(p.log.String(), "100.1") {
		t.Error("the log has a name or an address")
	}
	clock.turn(sprayWindow)
	spray(2000)
	if got := alarms(); got != 2 {
		t.Errorf("%d alarms after an hour, want 2", got)
	}
	if got := p.call("POST", "/api/auth/login", "", loginByCookie, by("198.51.100.1")); got.status != 200 {
		t.Errorf("somebody far away cannot sign in: %d", got.status)
	}
}

func TestSprayingIsRememberedInBoundedSpaceAndNotForgottenForOthers(t *testing.T) {
	clock := &hands{at: time.Now()}
	s := newSpray(clock.now, newPlace(t).face.log)
	caught := network(netip.MustParseAddr("203.0.113.7"))
	for i := range sprayNarrow {
		s.failed(caught, fmt.Sprint("name", i))
	}
	before := heap()
	for i := range 4 * maxNarrow {
		s.failed(network(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})), fmt.Sprint("name", i))
	}
	if grown := heap() - before; grown > 8<<20 || len(s.narrow) > maxNarrow || len(s.wide) > maxWide || len(s.all.names) > sprayAlarm {
		t.Errorf("%d bytes for %d and %d places, %d names", grown, len(s.narrow), len(s.wide), len(s.all.names))
	}
	if s.blocked(caught) == nil {
		t.Error("whoever was caught goes free after a crowd came by")
	}
}
