package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// T14: who a request is counted against, by where it came from and what it says.
func TestTheClientsAddressIsOnlyWhatATrustedProxySays(t *testing.T) {
	proxies := []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8"}
	xff := func(values ...string) http.Header { return http.Header{"X-Forwarded-For": values} }
	cf := func(values ...string) http.Header { return http.Header{"Cf-Connecting-Ip": values} }
	for _, c := range []struct {
		name    string
		trusted []string
		header  string // configured
		peer    string
		sent    http.Header
		want    string // "" when unknown
	}{
		{"a stranger's own word", proxies, forwardedFor, "198.51.100.9:1", xff("1.2.3.4"), "198.51.100.9"},
		{"a stranger's own word over IPv6", proxies, forwardedFor, "[2001:db8::9]:1", xff("1.2.3.4"), "2001:db8::9"},
		{"one behind the proxy", proxies, forwardedFor, "127.0.0.1:1", xff("9.9.9.9"), "9.9.9.9"},
		{"the last of a list", proxies, forwardedFor, "127.0.0.1:1", xff("1.2.3.4, 9.9.9.9"), "9.9.9.9"},
		{"past a second proxy", proxies, forwardedFor, "127.0.0.1:1", xff("1.2.3.4, 9.9.9.9, 10.1.2.3"), "9.9.9.9"},
		{"two header lines", proxies, forwardedFor, "127.0.0.1:1", xff("1.2.3.4", "9.9.9.9"), "9.9.9.9"},
		{"two header lines and a proxy", proxies, forwardedFor, "127.0.0.1:1", xff("1.2.3.4, 9.9.9.9", "10.1.2.3"), "9.9.9.9"},
		{"IPv6", proxies, forwardedFor, "[::1]:1", xff("2001:db8::5"), "2001:db8::5"},
		{"IPv4 in IPv6", proxies, forwardedFor, "127.0.0.1:1", xff("::ffff:9.9.9.9"), "9.9.9.9"},
		{"a proxy as IPv4 in IPv6", proxies, forwardedFor, "[::ffff:127.0.0.1]:1", xff("9.9.9.9"), "9.9.9.9"},
		{"a proxy disguised in the list", proxies, forwardedFor, "127.0.0.1:1", xff("9.9.9.9, ::ffff:10.1.2.3"), "9.9.9.9"},
		{"a zone", proxies, forwardedFor, "127.0.0.1:1", xff("fe80::1%eth0"), "fe80::1"},
		{"garbage", proxies, forwardedFor, "127.0.0.1:1", xff("garbage"), ""},
		{"garbage to the right", proxies, forwardedFor, "127.0.0.1:1", xff("9.9.9.9, unknown"), ""},
		{"garbage to the left", proxies, forwardedFor, "127.0.0.1:1", xff("garbage, 9.9.9.9"), "9.9.9.9"},
		{"a port", proxies, forwardedFor, "127.0.0.1:1", xff("9.9.9.9:1234"), ""},
		{"nothing said", proxies, forwardedFor, "127.0.0.1:1", nil, "127.0.0.1"},
		{"only proxies", proxies, forwardedFor, "127.0.0.1:1", xff("10.0.0.1, 127.0.0.1"), ""},
		{"the header that is not configured", proxies, forwardedFor, "127.0.0.1:1", cf("9.9.9.9"), "127.0.0.1"},
		{"real-ip is nobody's word", proxies, forwardedFor, "127.0.0.1:1", http.Header{"X-Real-Ip": {"9.9.9.9"}, "True-Client-Ip": {"9.9.9.9"}, "Forwarded": {"for=9.9.9.9"}}, "127.0.0.1"},

		{"Cloudflare's word", proxies, cloudflare, "127.0.0.1:1", cf("9.9.9.9"), "9.9.9.9"},
		{"Cloudflare's word from a stranger", proxies, cloudflare, "198.51.100.9:1", cf("9.9.9.9"), "198.51.100.9"},
		{"Cloudflare's word twice", proxies, cloudflare, "127.0.0.1:1", cf("1.2.3.4", "9.9.9.9"), "9.9.9.9"},
		{"Cloudflare's garbage", proxies, cloudflare, "127.0.0.1:1", cf("9.9.9.9, 1.2.3.4"), ""},
		{"XFF where Cloudflare is configured", proxies, cloudflare, "127.0.0.1:1", xff("9.9.9.9"), "127.0.0.1"},

		{"nobody is trusted", nil, forwardedFor, "127.0.0.1:1", xff("9.9.9.9"), "127.0.0.1"},
		{"nobody is trusted, Cloudflare", nil, cloudflare, "127.0.0.1:1", cf("9.9.9.9"), "127.0.0.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header = c.peer, c.sent
		if r.Header == nil {
			r.Header = http.Header{}
		}
		var got netip.Prefix
		clientAddress(Options{TrustedProxies: c.trusted, IPHeader: c.header})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = address(r) })).ServeHTTP(httptest.NewRecorder(), r)
		want := netip.Prefix{}
		if c.want != "" {
			want = network(netip.MustParseAddr(c.want))
		}
		if got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
	}
}

// Whoever is no proxy gains nothing by making up a new address for every request.
func TestRotatingTheHeaderFromElsewhereIsStillLimited(t *testing.T) {
	p, _ := limitedPlace(t, func(o *Options) { o.TrustedProxies = []string{"10.0.0.0/8"} })
	refused := 0
	for i := range 60 {
		if p.call("GET", "/api/health", "", nil, by(netip.AddrFrom4([4]byte{9, 9, 9, byte(i)}).String())).status == 429 {
			refused++
		}
	}
	if refused != 10 {
		t.Errorf("%d of 60 were refused, want 10", refused)
	}
}

func TestWhoeverTheProxyDoesNotNameSharesOneBucket(t *testing.T) {
	p, _ := limitedPlace(t)
	refused := 0
	for i := range 60 {
		if p.call("GET", "/api/health", "", nil, by([]string{"garbage", "unknown", "9.9.9.9, _hidden"}[i%3])).status == 429 {
			refused++
		}
	}
	if refused != 10 {
		t.Errorf("%d of 60 were refused, want 10", refused)
	}
	if got := p.call("GET", "/api/health", "", nil, by("9.9.9.9")); got.status != 200 {
		t.Errorf("somebody with an address: %d", got.status)
	}
}
