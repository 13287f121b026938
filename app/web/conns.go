package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"chatalot/app/wire"
)

// How many connections may be open (SECURITY.md T22). One person's browsers and programs need a handful each, a household behind one address some
// dozens.
const (
	maxConns     = 4096
	maxConnsEach = 256 // from one address that is no trusted proxy
)

// conns is a listener that bounds how many of its connections are open, and gives net/http's own refusals the headers and the shape of all others.
type conns struct {
	net.Listener
	face    *Face
	trusted []netip.Prefix
	most    int
	each    int

	mu    sync.Mutex
	total int
	from  map[netip.Prefix]int
}

// Listener wraps what the face is served on. Connections beyond the bounds are closed at once: only that costs nothing.
func (f *Face) Listener(l net.Listener) net.Listener {
	return &conns{Listener: l, face: f, trusted: f.trusted, most: openable(), each: maxConnsEach, from: map[netip.Prefix]int{}}
}

// openable is maxConns, or less where the system gives the process fewer files: a quarter of them is left for the database.
func openable() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil || files.Cur >= maxConns*4/3 {
		return maxConns
	}
	return int(files.Cur * 3 / 4)
}

// Accept waits for a connection within the bounds.
func (l *conns) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := l.counted(c.RemoteAddr())
		if l.enter(from) {
			return &conn{Conn: c, of: l, from: from}, nil
		}
		c.Close() // nobody is told: whoever opens so many is no browser
	}
}

// counted is the address that a connection counts against, or the zero prefix for trusted proxies and what has no address.
func (l *conns) counted(remote net.Addr) netip.Prefix {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range l.trusted {
		if p.Contains(ip) {
			return netip.Prefix{}
		}
	}
	return network(ip)
}

func (l *conns) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.most || from.IsValid() && l.from[from] >= l.each {
		return false
	}
	l.total++
	if from.IsValid() {
		l.from[from]++
	}
	return true
}

func (l *conns) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if !from.IsValid() {
		return
	}
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
}

// conn is a counted connection.
type conn struct {
	net.Conn
	of   *conns
	from netip.Prefix
	left sync.Once
}

// Close ends the connection and makes room for another.
func (c *conn) Close() error {
	c.left.Do(func() { c.of.leave(c.from) })
	return c.Conn.Close()
}

// CloseWrite says that nothing more will come. net/http needs it to get a refusal across to somebody who is still sending.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write passes on what net/http writes, except for the refusals it makes up itself.
func (c *conn) Write(b []byte) (int, error) {
	status, ok := ownRefusal(b)
	if !ok {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(c.of.face.refusal(status)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// What net/http writes by itself, past every handler, is told by its first lines: these headers in this order come from nowhere else, and no body
// of ours can hold a line break before them, being JSON or built in.
var (
	plainError   = []byte("Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
	expectFailed = []byte("HTTP/1.1 417 Expectation Failed\r\n")
)

func ownRefusal(b []byte) (status string, ok bool) {
	if len(b) < 12 || !bytes.HasPrefix(b, []byte("HTTP/1.1 ")) || b[9] < '4' {
		return "", false
	}
	line, rest, _ := bytes.Cut(b, []byte("\r\n"))
	return string(line[9:12]), bytes.HasPrefix(rest, plainError) || bytes.HasPrefix(b, expectFailed)
}

// refusal is a whole answer to a request that net/http could not read.
func (f *Face) refusal(status string) []byte {
	code, _ := strconv.Atoi(status)
	message := "That is not a request of HTTP/1.1. Send a well-formed one."
	if code == http.StatusRequestHeaderFieldsTooLarge {
		message = "The request's header is too large. Send less of it."
	}
	body, _ := json.Marshal(wire.ErrorReply{Error: wire.Fail(wire.BadRequest, message)}) // texts of ours
	h := http.Header{}
	f.secure(h, f.origin.host)
	h.Set("Connection", "close")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Date", f.now().UTC().Format(http.TimeFormat))
	var out strings.Builder
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", code, http.StatusText(code))
	h.Write(&out) // to memory
	return []byte(out.String() + "\r\n" + string(body))
}
