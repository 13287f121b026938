package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatalot/app/wire"
)

// rawAnswer sends bytes as they are and reads one answer.
func (p *testPlace) rawAnswer(text string) answer {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.url[len("http://"):])
	check(p.t, err)
	defer conn.Close()
	check(p.t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, text)
	check(p.t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(p.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(p.t, err)
	if res.Close { // ReadResponse takes the header away
		res.Header.Set("Connection", "close")
	}
	return answer{res.StatusCode, res.Header, body}
}

// exactly fails unless an answer carries every security header once, with exactly its value, and nothing is kept or set by it.
func exactly(t *testing.T, p *testPlace, name string, got answer) {
	t.Helper()
	for header, want := range securityHeaders {
		if values := got.header.Values(header); len(values) != 1 || values[0] != want {
			t.Errorf("%s: %s is %q", name, header, values)
		}
	}
	hsts := []string(nil)
	socket := "ws://"
	if strings.HasPrefix(p.origin, "https:") {
		hsts, socket = []string{"max-age=31536000; includeSubDomains"}, "wss://"
	}
	if values := got.header.Values("Strict-Transport-Security"); strings.Join(values, "|") != strings.Join(hsts, "|") {
		t.Errorf("%s: Strict-Transport-Security is %q", name, values)
	}
	_, host, _ := strings.Cut(p.origin, "://")
	policy := "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self' " + socket + host +
		"; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self'; font-src 'self'; manifest-src 'self'; frame-src 'none'; " +
		"frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types chatalot"
	if values := got.header.Values("Content-Security-Policy"); len(values) != 1 || values[0] != policy {
		t.Errorf("%s: policy %q", name, values)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Set-Cookie") != "" {
		t.Errorf("%s: Cache-Control %q, Set-Cookie %q", name, got.header.Get("Cache-Control"), got.header.Get("Set-Cookie"))
	}
}

// refused is exactly for an answer that is no success: a status, and the one shape of errors without anything from inside.
func refused(t *testing.T, p *testPlace, name string, got answer, status int) {
	t.Helper()
	exactly(t, p, name, got)
	if got.status != status || got.code() == "" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %d (want %d) %s %s", name, got.status, status, got.header.Get("Content-Type"), got.body)
	}
	for _, inside := range []string{".go", "goroutine", "sql", "net/http", "0x"} {
		if strings.Contains(string(got.body), inside) {
			t.Errorf("%s: tells of the inside: %s", name, got.body)
		}
	}
}

// Every route, failing in every way that a stranger can make it fail, on plain HTTP and behind TLS.
func TestEveryRouteFailsWithEveryHeader(t *testing.T) {
	for _, origin := range []string{"", "https://chat.example.org"} {
		p := openPlace(t, t.TempDir(), origin, builtApp())
		root := p.setUp()
		for _, r := range p.face.routes {
			name, path := r.method+" "+r.pattern, fillIn(r.pattern)
			ask := func(what, method, path string, body any, status int, edit ...func(*http.Request)) {
				t.Helper()
				refused(t, p, name+" "+what, p.call(method, path, "", body, edit...), status)
			}
			ask("at another host", r.method, path, nil, 421, func(r *http.Request) { r.Host = "evil.example" })
			ask("with a foreign method", "BREW", path, nil, 405)
			ask("with OPTIONS", "OPTIONS", path, nil, 405)
			ask("with 1 MiB and a byte", r.method, path, strings.Repeat("x", maxBody+1), 413)
			ask("with more behind it", r.method, path+"/nothing/at/all", nil, map[bool]int{true: 404, false: 405}[r.method == "GET"])
			if !r.class.bearer() {
				if r.class != socket {
					ask("from another site", r.method, path, nil, 403, header("Origin", "https://evil.example"))
				}
				ask("with 16 KiB and a byte", r.method, path, strings.Repeat("x", maxForm+1), 413)
				continue
			}
			ask("as a stranger", r.method, path, nil, 401)
			ask("with garbage for a token", r.method, path, nil, 401, header("Authorization", "Bearer garbage"))
			if r.method == "POST" || r.method == "PUT" || r.method == "PATCH" {
				got := p.call(r.method, path, root.in.AccessToken, "{}", header("Content-Type", "text/plain"))
				if got.status < 400 { // it reads no body at all
					exactly(t, p, name+" with plain text", got)
				} else {
					refused(t, p, name+" with plain text", got, got.status)
				}
			}
		}
		p.close()
	}
}

// What net/http answers by itself, before any handler, looks like all other answers.
func TestEvenWhatIsNoRequestIsAnsweredWithEveryHeader(t *testing.T) {
	for _, origin := range []string{"", "https://chat.example.org"} {
		p := openPlace(t, t.TempDir(), origin, builtApp())
		_, name, _ := strings.Cut(p.origin, "://")
		host := "Host: " + name + "\r\n"
		for what, c := range map[string]struct {
			status  int
			request string
		}{
			"no HTTP":             {400, "hello\r\n\r\n"},
			"no host":             {400, "GET / HTTP/1.1\r\n\r\n"},
			"two lengths":         {400, "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
			"a crooked header":    {400, "GET / HTTP/1.1\r\n" + host + "X-A : 1\r\n\r\n"},
			"a large header":      {431, "GET / HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("a", 40<<10) + "\r\n\r\n"},
			"another encoding":    {501, "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n"},
			"another version":     {505, "GET / HTTP/3.7\r\n" + host + "\r\n"},
			"an odd expectation":  {417, "GET / HTTP/1.1\r\n" + host + "Expect: a-miracle\r\n\r\n"},
			"options of it all":   {404, "OPTIONS * HTTP/1.1\r\n" + host + "\r\n"},
			"a length and chunks": {400, "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		} {
			got := p.rawAnswer(c.request)
			refused(t, p, what, got, c.status)
			if c.status != 404 && got.header.Get("Connection") != "close" {
				t.Errorf("%s: the connection stays open", what)
			}
		}
		p.close()
	}
}

// A message may say anything, also what net/http's refusals look like.
func TestAnAnswerThatQuotesARefusalIsLeftAlone(t *testing.T) {
	for _, own := range []string{
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request",
		"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n431",
		"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n\r\n",
	} {
		if status, ok := ownRefusal([]byte(own)); !ok || status != own[9:12] {
			t.Errorf("%q is not seen", own)
		}
	}
	for _, other := range []string{
		"", "HTTP/1.1 400", "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 400 Bad Request\r\nCache-Control: no-store\r\n\r\n", `{"text":"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain`,
		`HTTP/1.1 417 Expectation Failed\r\n"}`, "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n",
	} {
		if _, ok := ownRefusal([]byte(other)); ok {
			t.Errorf("%q is replaced", other)
		}
	}
}

// bounded serves a place whose listener holds so many connections.
func bounded(t *testing.T, most, each int, trusted ...string) (*testPlace, *conns) {
	p := newPlace(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ranges, err := prefixes(trusted)
	check(t, err)
	l := p.face.Listener(inner).(*conns)
	l.most, l.each, l.trusted = most, each, ranges
	server, done := p.face.Server(), make(chan struct{})
	go func() { server.Serve(l); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	p.url = "http://" + inner.Addr().String()
	return p, l
}

// reach dials and reports whether the connection is served.
func (p *testPlace) reach(t *testing.T) (net.Conn, bool) {
	t.Helper()
	c, err := net.Dial("tcp", p.url[len("http://"):])
	check(t, err)
	t.Cleanup(func() { c.Close() })
	check(t, c.SetDeadline(time.Now().Add(patience)))
	io.WriteString(c, "GET /api/health HTTP/1.1\r\nHost: "+p.origin[len("http://"):]+"\r\n\r\n")
	_, err = http.ReadResponse(bufio.NewReader(c), nil)
	return c, err == nil
}

func TestOneAddressHoldsOnlySoManyConnections(t *testing.T) {
	p, l := bounded(t, 100, 5)
	var held []net.Conn
	for i := range 5 {
		c, ok := p.reach(t)
		if !ok {
			t.Fatalf("connection %d was refused", i+1)
		}
		held = append(held, c)
	}
	if _, ok := p.reach(t); ok {
		t.Error("a sixth connection was served")
	}
	held[0].Close()
	for { // the server hears of it a moment later
		l.mu.Lock()
		n := l.total
		l.mu.Unlock()
		if n < 5 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, ok := p.reach(t); !ok {
		t.Error("after one had ended another was refused")
	}
}

func TestATrustedProxyHoldsAsManyAsThereMayBe(t *testing.T) {
	p, _ := bounded(t, 8, 2, "127.0.0.0/8")
	for i := range 8 {
		if _, ok := p.reach(t); !ok {
			t.Fatalf("connection %d was refused", i+1)
		}
	}
	if _, ok := p.reach(t); ok {
		t.Error("a ninth connection was served")
	}
}

func TestConnectionsAreCountedByNetworkAndLeaveNothingBehind(t *testing.T) {
	l := newPlace(t).face.Listener(nil).(*conns)
	l.most, l.each, l.trusted = 1000, 2, nil
	at := func(ip string) *net.TCPAddr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 9} }
	for i, c := range []struct {
		ip string
		in bool
	}{{"2001:db8:1:2::1", true}, {"2001:db8:1:2::ffff", true}, {"2001:db8:1:2:3::1", false}, {"2001:db8:1:3::1", true}, {"203.0.113.7", true},
		{"::ffff:203.0.113.7", true}, {"203.0.113.7", false}, {"203.0.113.8", true}} {
		if got := l.enter(l.counted(at(c.ip))); got != c.in {
			t.Errorf("%d: %s let in: %v", i, c.ip, got)
		}
	}
	for _, ip := range []string{"2001:db8:1:2::1", "2001:db8:1:2::1", "2001:db8:1:3::1", "203.0.113.7", "203.0.113.7", "203.0.113.8"} {
		l.leave(l.counted(at(ip)))
	}
	if l.total != 0 || len(l.from) != 0 {
		t.Errorf("%d connections from %v are left", l.total, l.from)
	}
	if n := openable(); n < 64 || n > maxConns {
		t.Errorf("%d connections may be open", n)
	}
}

// N13, in a time that jumps: what trickles in is cut off when its window ends, and what flows is not.
func TestASlowRequestEndsWithItsWindow(t *testing.T) {
	inBubble(t, func(p *testPlace, root *person) {
		head := "POST /api/auth/login HTTP/1.1\r\nHost: " + p.url[len("http://"):] + "\r\nContent-Type: application/json\r\nContent-Length: 12000\r\n\r\n"
		for name, c := range map[string]struct {
			first string
			most  time.Duration
		}{
			"header": {"GET / HTTP/1.1\r\nX-A: ", headerTime},
			"body":   {head, 2*bodyWindow + time.Second},
		} {
			conn, err := p.net.DialContext(context.Background(), "", "")
			check(t, err)
			began := time.Now()
			ended := make(chan time.Duration, 1)
			go func() {
				io.Copy(io.Discard, conn)
				ended <- time.Since(began)
			}()
			_, err = io.WriteString(conn, c.first)
			for err == nil { // a byte every half second
				time.Sleep(500 * time.Millisecond)
				_, err = io.WriteString(conn, "x")
			}
			conn.Close()
			if took := <-ended; took > c.most+time.Second || took < headerTime {
				t.Errorf("%s: cut off after %s, want at most %s", name, took, c.most)
			}
		}
	})
}

// N14: nothing anywhere takes 111 MB, and nothing of it is read.
func TestAHugeBodyIsRefusedByItsLengthAlone(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	host := "Host: " + p.url[len("http://"):] + "\r\nContent-Type: application/json\r\nContent-Length: 116391936\r\n\r\n"
	for _, r := range p.face.routes {
		got := p.rawAnswer(r.method + " " + fillIn(r.pattern) + " HTTP/1.1\r\n" + host)
		refused(t, p, r.method+" "+r.pattern, got, 413)
		if got.code() != wire.TooLarge {
			t.Errorf("%s: %s", r.pattern, got.body)
		}
	}
}
