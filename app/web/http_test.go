package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-chi/chi/v5"

	"chatalot/app/wire"
)

func TestUntilSetUpEveryOtherRouteSaysSo(t *testing.T) {
	p := newPlace(t)
	for _, r := range p.face.routes {
		got := p.call(r.method, fillIn(r.pattern), "", nil)
		if unset := got.status == http.StatusServiceUnavailable && got.code() == wire.NotSetUp; unset == (r.class == open) {
			t.Errorf("%s %s (%s): %d %s", r.method, r.pattern, r.class, got.status, got.body)
		}
	}
}

// fillIn puts a well-formed id that names nothing into a pattern.
func fillIn(pattern string) string {
	return strings.NewReplacer("{conversation}", strings.Repeat("A", 43), "{user}", zeroID, "{community}", zeroID, "{group}", zeroID,
		"{invite}", zeroID, "{session}", zeroID, "{passkey}", zeroID).Replace(pattern)
}

var zeroID = strings.Repeat("A", 22)

func TestEveryRouteOfTheRouterHasAClass(t *testing.T) {
	p := newPlace(t)
	declared := map[string]class{}
	for _, r := range p.face.routes {
		declared[r.method+" "+r.pattern] = r.class
	}
	walked := 0
	check(t, chi.Walk(p.face.router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if pattern == "/" || pattern == "/*" || method == "OPTIONS" { // preflights are TestOtherOriginsReadOnlyWhatTakesABearerToken's
			return nil
		}
		walked++
		switch declared[method+" "+pattern] {
		case open, public, user, fresh, admin, freshAdmin, socket:
		default:
			t.Errorf("%s %s has no class", method, pattern)
		}
		return nil
	}))
	if walked != len(declared) {
		t.Errorf("walked %d routes, declared are %d", walked, len(declared))
	}
}

var securityHeaders = map[string]string{
	"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "X-Xss-Protection": "1; mode=block",
	"Referrer-Policy": "strict-origin-when-cross-origin", "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
	"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	p := newPlace(t)
	p.face.router.Get("/api/panic", func(http.ResponseWriter, *http.Request) { panic("oops") })
	for _, c := range []struct {
		name   string
		status int
		got    answer
	}{
		{"file", 200, p.call("GET", "/", "", nil)},
		{"API", 200, p.call("GET", "/api/place", "", nil)},
		{"missing", 404, p.call("GET", "/api/nothing", "", nil)},
		{"method", 405, p.call("DELETE", "/api/health", "", nil)},
		{"odd method", 405, p.call("BREW", "/api/health", "", nil)},
		{"not set up", 503, p.call("GET", "/api/me", "", nil)},
		{"wrong host", 421, p.call("GET", "/", "", nil, func(r *http.Request) { r.Host = "evil.example" })},
		{"large", 413, p.call("POST", "/api/setup", "", strings.Repeat("x", maxBody+1))},
		{"media type", 415, p.call("POST", "/api/setup", "", "{}", header("Content-Type", "text/plain"))},
		{"cross-site", 403, p.call("POST", "/api/setup", "", "{}", header("Sec-Fetch-Site", "cross-site"))},
		{"panic", 500, p.call("GET", "/api/panic", "", nil)},
	} {
		if c.got.status != c.status {
			t.Errorf("%s: %d, want %d", c.name, c.got.status, c.status)
		}
		for name, want := range securityHeaders {
			if got := c.got.header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q", c.name, name, got)
			}
		}
		if csp := c.got.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self' 'wasm-unsafe-eval';") ||
			!strings.Contains(csp, "connect-src 'self' ws"+p.url[4:]+";") || strings.Contains(csp, "unsafe-inline") {
			t.Errorf("%s: policy %q", c.name, csp)
		}
		if c.status != 200 && c.got.code() == "" {
			t.Errorf("%s: not the protocol's error shape: %s", c.name, c.got.body)
		}
		if c.name != "file" && c.got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be stored", c.name)
		}
		if c.got.header.Get("Strict-Transport-Security") != "" || c.got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", c.name, c.got.header)
		}
	}
	if !strings.Contains(p.log.String(), "oops") {
		t.Error("the panic was not logged")
	}
}

func TestBehindTLSBrowsersAreHeldToIt(t *testing.T) {
	p := openPlace(t, t.TempDir(), "https://chat.example.org", builtApp())
	got := p.call("GET", "/", "", nil)
	if got.header.Get("Strict-Transport-Security") != "max-age=31536000; includeSubDomains" ||
		!strings.Contains(got.header.Get("Content-Security-Policy"), "connect-src 'self' wss://chat.example.org;") {
		t.Errorf("got %v", got.header)
	}
}

// N4: names that this place does not have.
func TestOnlyItsOwnHostsAreServed(t *testing.T) {
	p := newPlace(t)
	port := p.url[strings.LastIndex(p.url, ":"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST" + port: 200, "[::1]" + port: 200,
		"evil.example": 421, "evil.example" + port: 421, "localhost.evil.example" + port: 421, "localhost": 421, "127.0.0.1:1": 421,
	} {
		if got := p.call("GET", "/api/health", "", nil, func(r *http.Request) { r.Host = host }); got.status != want {
			t.Errorf("%s: %d, want %d", host, got.status, want)
		}
	}
	public := openPlace(t, t.TempDir(), "https://chat.example.org", builtApp())
	for host, want := range map[string]int{"chat.example.org": 200, "CHAT.example.org": 200, "localhost" + port: 421, "example.org": 421, "chat.example.org.": 421} {
		if got := public.call("GET", "/api/health", "", nil, func(r *http.Request) { r.Host = host }); got.status != want {
			t.Errorf("%s: %d, want %d", host, got.status, want)
		}
	}
}

// raw sends bytes as they are and returns the status line of the answer, or "" when the connection was just closed.
func (p *testPlace) raw(text string) string {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.url[len("http://"):])
	check(p.t, err)
	defer conn.Close()
	check(p.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, text)
	check(p.t, err)
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

// N4 to N12 and N14: what no client of good will sends.
func TestCrookedRequestsAreRefused(t *testing.T) {
	p := newPlace(t)
	host := "Host: " + p.url[len("http://"):] + "\r\n"
	for _, c := range []struct{ name, request, status string }{
		{"absolute form of another host", "GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n", "421"},
		{"two lengths", "POST /api/setup HTTP/1.1\r\n" + host + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		{"length and chunks", "POST /api/setup HTTP/1.1\r\n" + host + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{"unknown encoding", "POST /api/setup HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", "501"},
		{"space before the colon", "GET / HTTP/1.1\r\n" + host + "X-A : 1\r\n\r\n", "400"},
		{"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", "400"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
		{"40 KB of header", "GET / HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", "431"},
		{"TRACE", "TRACE / HTTP/1.1\r\n" + host + "\r\n", "405"},
		{"CONNECT", "CONNECT " + p.url[len("http://"):] + " HTTP/1.1\r\n" + host + "\r\n", "405"},
		{"lower-case method", "get / HTTP/1.1\r\n" + host + "\r\n", "405"},
		{"dots", "GET /..%2f..%2fetc/passwd HTTP/1.1\r\n" + host + "\r\n", "404"},
		{"plain dots", "GET /assets/../index.html HTTP/1.1\r\n" + host + "\r\n", "404"},
		{"two slashes", "GET //evil.example/ HTTP/1.1\r\n" + host + "\r\n", "404"},
		{"111 MB", "POST /nothing HTTP/1.1\r\n" + host + "Content-Length: 116391936\r\n\r\n", "413"},
	} {
		if got := p.raw(c.request); !strings.HasPrefix(got, "HTTP/1.1 "+c.status) {
			t.Errorf("%s: %q, want %s", c.name, got, c.status)
		}
	}
}

// N13, with real connections: each is closed by the server.
func TestSlowClientsAreCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the limits are")
	}
	p := newPlace(t)
	host := "Host: " + p.url[len("http://"):] + "\r\n"
	for name, request := range map[string]string{
		"header":            "GET / HTTP/1.1\r\n" + host,
		"body":              "POST /api/setup HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"body nobody reads": "POST /api/nothing HTTP/1.1\r\n" + host + "Content-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", p.url[len("http://"):])
			check(t, err)
			defer conn.Close()
			check(t, conn.SetDeadline(time.Now().Add(30*time.Second))) // generous: what counts is that the server ends it
			_, err = io.WriteString(conn, request)
			check(t, err)
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("the server did not close: %v", err)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	p := newPlace(t)
	br := header("Accept-Encoding", "gzip, br;q=0.9")
	shell := p.call("GET", "/", "", nil)
	for _, path := range []string{"/setup", "/join", "/login", "/reset", "/c/" + strings.Repeat("A", 43)} {
		if got := p.call("GET", path, "", nil); string(got.body) != string(shell.body) || got.header.Get("ETag") != shell.header.Get("ETag") || got.status != 200 {
			t.Errorf("%s is not the shell: %d %s", path, got.status, got.body)
		}
	}
	for _, c := range []struct {
		path, media, cache, body string
		edit                     func(*http.Request)
	}{
		{"/", "text/html; charset=utf-8", "no-cache", "(br)index", br},
		{"/assets/index-Ab12.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "(br)js", br},
		{"/assets/index-Ab12.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "console.log(1)", header("Accept-Encoding", "br;q=0, gzip")},
		{"/assets/core-Cd34.wasm", "application/wasm", "public, max-age=31536000, immutable", "\x00asm", br},
	} {
		got := p.call("GET", c.path, "", nil, c.edit)
		if got.status != 200 || string(got.body) != c.body || got.header.Get("Content-Type") != c.media || got.header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: %d %v %q", c.path, got.status, got.header, got.body)
		}
		if compressed := strings.HasPrefix(c.body, "(br)"); compressed != (got.header.Get("Content-Encoding") == "br") {
			t.Errorf("%s: encoding %q", c.path, got.header.Get("Content-Encoding"))
		}
		again := p.call("GET", c.path, "", nil, c.edit, header("If-None-Match", got.header.Get("ETag")))
		if again.status != http.StatusNotModified || len(again.body) != 0 {
			t.Errorf("%s asked again: %d", c.path, again.status)
		}
		for name, value := range map[string]string{"Range": "bytes=9999-", "If-Match": `"x"`} {
			if whole := p.call("GET", c.path, "", nil, c.edit, header(name, value)); whole.status != 200 || string(whole.body) != c.body {
				t.Errorf("%s with %s: %d %q", c.path, name, whole.status, whole.body)
			}
		}
		head := p.call("HEAD", c.path, "", nil, c.edit)
		if head.status != 200 || head.header.Get("Content-Length") != fmt.Sprint(len(c.body)) {
			t.Errorf("HEAD %s: %d %v", c.path, head.status, head.header)
		}
	}
	for _, path := range []string{"/index.html", "/.keep", "/assets/", "/assets", "/assets/index-Ab12.js.br", "/favicon.ico", "/c", "/setup/", "/etc/passwd"} {
		if got := p.call("GET", path, "", nil); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := p.call("POST", "/", "", "{}"); got.status != 405 {
		t.Errorf("POST /: %d", got.status)
	}
}

func TestWithoutABuiltAppThePageSaysHowToBuildIt(t *testing.T) {
	p := openPlace(t, t.TempDir(), "", fstest.MapFS{".keep": &fstest.MapFile{}})
	if got := p.call("GET", "/", "", nil); got.status != 503 || !strings.Contains(string(got.body), "make build") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
