package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chatalot/app/wire"
)

// listener is a device's socket as a test sees it.
type listener struct {
	t    testing.TB
	conn *websocket.Conn
}

// patience bounds every wait of these tests; nothing is concluded from how long something took.
const patience = 60 * time.Second

func (p *testPlace) dial(edit ...func(http.Header)) (*listener, *http.Response, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h := http.Header{}
	for _, e := range edit {
		e(h)
	}
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.url, "http")+"/api/events",
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: p.net}, HTTPHeader: h, Host: strings.TrimPrefix(strings.TrimPrefix(p.origin, "https://"), "http://")})
	if err == nil {
		conn.SetReadLimit(256 << 10)
		p.t.Cleanup(func() { conn.CloseNow() })
	}
	return &listener{p.t, conn}, res, err
}

func (p *testPlace) connect() *listener {
	p.t.Helper()
	l, _, err := p.dial()
	check(p.t, err)
	return l
}

// listen connects and says who is there.
func (q *person) listen(after *int64) (*listener, wire.Frame) {
	q.place.t.Helper()
	l := q.place.connect()
	l.say(wire.AuthFrame{T: "auth", Token: q.in.AccessToken, After: after})
	return l, l.hear("ready")
}

func (l *listener) say(frame any) {
	l.t.Helper()
	text, err := json.Marshal(frame)
	check(l.t, err)
	l.write(websocket.MessageText, string(text))
}

func (l *listener) write(kind websocket.MessageType, text string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	check(l.t, l.conn.Write(ctx, kind, []byte(text)))
}

// hear reads until a frame of the kind comes.
func (l *listener) hear(kind string) (frame wire.Frame) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for frame.T != kind {
		_, text, err := l.conn.Read(ctx)
		check(l.t, err)
		frame = wire.Frame{}
		check(l.t, json.Unmarshal(text, &frame))
	}
	return frame
}

// closed reads until the socket is closed and returns the code.
func (l *listener) closed() websocket.StatusCode {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, _, err := l.conn.Read(ctx); err != nil {
			if ctx.Err() != nil {
				l.t.Fatal("the socket stayed open")
			}
			return websocket.CloseStatus(err)
		}
	}
}

// N43.
func TestOnlyTheOwnPagesMayOpenASocket(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	for origin, want := range map[string]int{
		"": 101, p.url: 101,
		"https://evil.example": 403, "null": 403, strings.Replace(p.url, "http://", "https://", 1): 403, p.url + ".evil.example": 403,
		"http://localhost": 403, p.url + "/": 403,
	} {
		_, res, _ := p.dial(func(h http.Header) {
			if origin != "" {
				h.Set("Origin", origin)
			}
		})
		if res == nil || res.StatusCode != want {
			t.Errorf("%q: %v, want %d", origin, res, want)
			continue
		}
		for name, value := range securityHeaders {
			if got := res.Header.Get(name); got != value {
				t.Errorf("%q: %s is %q", origin, name, got)
			}
		}
	}
}

func TestAPlainRequestToTheSocketIsToldSo(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	if got := p.call("GET", "/api/events", "", nil); got.status != 400 || got.code() != wire.BadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// N44 and N45 among it.
func TestSocketsThatDoNotBehaveAreClosed(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	auth := func(more string) string { return fmt.Sprintf(`{"t":"auth","token":%q%s}`, root.in.AccessToken, more) }
	for _, c := range []struct {
		name, frame string
		kind        websocket.MessageType
		want        websocket.StatusCode
	}{
		{"nothing", "", websocket.MessageText, 4408},
		{"no JSON", "hello", websocket.MessageText, 4400},
		{"another frame", `{"t":"typing","token":"x"}`, websocket.MessageText, 4400},
		{"unknown field", auth(`,"admin":true`), websocket.MessageText, 4400},
		{"negative cursor", auth(`,"after":-1`), websocket.MessageText, 4400},
		{"binary", auth(""), websocket.MessageBinary, 4400},
		{"garbage token", `{"t":"auth","token":"garbage"}`, websocket.MessageText, 4401},
		{"5 KiB", strings.Repeat(" ", 5<<10), websocket.MessageText, websocket.StatusMessageTooBig},
		{"1 MiB", strings.Repeat(" ", 1<<20), websocket.MessageText, websocket.StatusMessageTooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := p.connect()
			if c.frame != "" {
				l.conn.Write(t.Context(), c.kind, []byte(c.frame)) // the server may close while it is still under way
			}
			if got := l.closed(); got != c.want {
				t.Errorf("closed with %d, want %d", got, c.want)
			}
		})
	}
}

// handshake opens a socket by hand, for what no client library would send.
func (p *testPlace) handshake(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.url[len("http://"):])
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "GET /api/events HTTP/1.1\r\nHost: "+p.url[len("http://"):]+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	check(t, err)
	head := make([]byte, 0, 4096)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		b := make([]byte, 1)
		_, err := io.ReadFull(conn, b)
		check(t, err)
		head = append(head, b...)
	}
	return conn
}

// N47.
func TestAnUnmaskedFrameIsAProtocolError(t *testing.T) {
	p := newPlace(t)
	p.setUp()
	conn := p.handshake(t)
	_, err := conn.Write([]byte{0x81, 2, 'h', 'i'})
	check(t, err)
	got := make([]byte, 4)
	if _, err := io.ReadFull(conn, got); err != nil || got[0] != 0x88 || int(got[2])<<8|int(got[3]) != 1002 {
		t.Errorf("got % x, %v", got, err)
	}
}

// N46.
func TestUnknownSocketsAreCounted(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	var waiting []*listener
	for range maxUnknownEach {
		waiting = append(waiting, p.connect())
	}
	_, res, err := p.dial()
	if err == nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Fatalf("one too many: %v %v", res, err)
	}
	if _, res, err := p.dial(func(h http.Header) { h.Set("X-Forwarded-For", "203.0.113.7") }); err != nil {
		t.Errorf("another address behind the proxy: %v %v", res, err)
	}
	waiting[0].say(wire.AuthFrame{T: "auth", Token: root.in.AccessToken})
	waiting[0].hear("ready")
	if _, res, err := p.dial(); err != nil {
		t.Errorf("after one has said who it is: %v %v", res, err)
	}
}

func TestASocketBringsWhatIsNewAndResumes(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	l, ready := root.listen(nil)
	if *ready.UserID != root.in.User.ID || ready.ExpiresAt != root.in.ExpiresAt {
		t.Errorf("ready: %+v", ready)
	}
	made := into[wire.Community](t, root.call("POST", "/api/communities", wire.Named{Name: "Club"}))
	saw := func(l *listener) (cursor int64) {
		for {
			frame := l.hear("events")
			for _, e := range frame.Events {
				if e.Kind == "community" && e.Community.ID == made.ID {
					return frame.Cursor
				}
			}
		}
	}
	cursor := saw(l)
	l.conn.CloseNow()
	again, _ := root.listen(&ready.Cursor)
	if got := saw(again); got != cursor {
		t.Errorf("resumed to %d, was %d", got, cursor)
	}
	page := into[wire.SyncPage](t, root.call("GET", fmt.Sprintf("/api/sync?after=%d", ready.Cursor), nil))
	if page.Cursor != cursor || len(page.Events) == 0 || page.More {
		t.Errorf("sync: %+v", page)
	}
}

func TestSyncWaitsForNews(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	_, ready := root.listen(nil)
	page := make(chan answer, 1)
	go func() { page <- root.call("GET", fmt.Sprintf("/api/sync?after=%d&wait=30", ready.Cursor), nil) }()
	into[wire.Community](t, root.call("POST", "/api/communities", wire.Named{Name: "Club"}))
	if got := into[wire.SyncPage](t, <-page); len(got.Events) == 0 {
		t.Errorf("got %+v", got)
	}
}

func TestATokenIsRenewedInPlace(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	l, first := root.listen(nil)
	p.ahead.Store(int64(10 * time.Minute))
	root.renew()
	l.say(wire.AuthFrame{T: "auth", Token: root.in.AccessToken})
	if again := l.hear("ready"); again.ExpiresAt <= first.ExpiresAt {
		t.Errorf("expires %d, was %d", again.ExpiresAt, first.ExpiresAt)
	}
	p.ahead.Store(int64(20 * time.Minute)) // the first token is dead by now
	root.renew()
	into[wire.Community](t, root.call("POST", "/api/communities", wire.Named{Name: "Club"}))
	l.hear("events")

	p.ahead.Store(int64(60 * time.Minute))
	root.renew()
	into[wire.Community](t, root.call("POST", "/api/communities", wire.Named{Name: "Choir"}))
	if got := l.closed(); got != 4401 {
		t.Errorf("after the token's end: closed with %d", got)
	}
}

func TestASocketIsRenewedByItsOwnSessionOnly(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	state := into[wire.State](t, root.call("GET", "/api/state", nil))
	ann := p.join("ann", root, state.Communities[0].ID)
	for name, frame := range map[string]wire.AuthFrame{
		"another person":                     {T: "auth", Token: ann.in.AccessToken},
		"another session of the same person": {T: "auth", Token: root.again().in.AccessToken},
		"garbage":                            {T: "auth", Token: "garbage"},
	} {
		l, _ := root.listen(nil)
		l.say(frame)
		if got := l.closed(); got != 4401 {
			t.Errorf("%s: closed with %d", name, got)
		}
	}
	l, _ := root.listen(nil)
	zero := int64(0)
	l.say(wire.AuthFrame{T: "auth", Token: root.in.AccessToken, After: &zero})
	if got := l.closed(); got != 4400 {
		t.Errorf("a cursor while renewing: closed with %d", got)
	}
}

func TestSigningOutEndsTheSocketAtOnce(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	l, _ := root.listen(nil)
	if got := root.call("POST", "/api/auth/logout", nil); got.status != 204 {
		t.Fatalf("logout: %d %s", got.status, got.body)
	}
	if got := l.closed(); got != 4401 {
		t.Errorf("closed with %d", got)
	}
}

func TestTheSameDeviceConnectingAgainReplacesItself(t *testing.T) {
	p := newPlace(t)
	root := p.setUp().withDevice()
	old, ready := root.listen(nil)
	if ready.DeviceID == nil || *ready.DeviceID != root.device {
		t.Errorf("ready: %+v", ready)
	}
	root.listen(nil)
	if got := old.closed(); got != 4409 {
		t.Errorf("closed with %d", got)
	}
}

func TestASocketWhoseSessionGetsADeviceConnectsAgain(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	l, _ := root.listen(nil)
	root.withDevice()
	l.say(wire.AuthFrame{T: "auth", Token: root.in.AccessToken})
	if got := l.closed(); got != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d", got)
	}
}

func TestStoppingThePlaceTellsEverySocket(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	known, _ := root.listen(nil)
	unknown := p.connect()
	stopped := make(chan struct{})
	go func() { p.close(); close(stopped) }()
	for name, l := range map[string]*listener{"known": known, "unknown": unknown} {
		if got := l.closed(); got != websocket.StatusGoingAway {
			t.Errorf("%s: closed with %d", name, got)
		}
	}
	<-stopped
}

// TestADeviceThatNeverReadsIsDropped fills the connection of a device that has stopped reading and waits for the server to let go of it.
func TestADeviceThatNeverReadsIsDropped(t *testing.T) {
	p := newPlace(t)
	p.face.sockets.writeTime = time.Second
	root := p.setUp().withDevice()
	ann := p.join("ann", root, into[wire.State](t, root.call("GET", "/api/state", nil)).Communities[0].ID).withDevice()
	dm := into[wire.DM](t, ann.call("POST", "/api/dms", wire.NewDM{UserID: root.in.User.ID}))
	conn := p.handshake(t)
	check(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	auth, err := json.Marshal(wire.AuthFrame{T: "auth", Token: root.in.AccessToken})
	check(t, err)
	frame := append([]byte{0x81, 0x80 | 126, byte(len(auth) >> 8), byte(len(auth)), 0, 0, 0, 0}, auth...) // masked with zeros
	_, err = conn.Write(frame)
	check(t, err)
	_, err = io.ReadFull(conn, make([]byte, 2)) // the beginning of "ready"; nothing is read after it
	check(t, err)
	p.arrived(root)
	for i := 0; p.presence(root) != wire.Offline; i++ {
		message := wire.NewMessage{MessageID: wire.MsgID{byte(i), byte(i >> 8), 1}, Epoch: dm.Epoch, Ciphertext: make([]byte, 60<<10)}
		into[wire.Message](t, ann.call("POST", "/api/conversations/"+dm.ID.String()+"/messages", message))
	}
}

// arrived waits until a device of q that was told "ready" is shown to others.
func (p *testPlace) arrived(q *person) {
	for p.presence(q) == wire.Offline {
		runtime.Gosched()
	}
}

func (p *testPlace) presence(q *person) wire.Presence {
	state := into[wire.State](p.t, q.call("GET", "/api/state", nil))
	for _, c := range state.Presence {
		if c.UserID == q.in.User.ID {
			return c.Presence
		}
	}
	return wire.Offline
}

func TestOnePersonHasAtMostSoManyStreams(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	var releases []func()
	for range maxStreams {
		release, err := p.face.sockets.hold(root.in.User.ID)
		check(t, err)
		releases = append(releases, release)
	}
	if got := root.call("GET", "/api/sync", nil); got.code() != wire.TooMany || got.header.Get("Retry-After") == "" {
		t.Errorf("a sync too many: %d %s", got.status, got.body)
	}
	l := p.connect()
	l.say(wire.AuthFrame{T: "auth", Token: root.in.AccessToken})
	if code := l.closed(); code != websocket.StatusTryAgainLater {
		t.Errorf("a socket too many: %d", code)
	}
	for _, release := range releases {
		release()
	}
	into[wire.SyncPage](t, root.call("GET", "/api/sync", nil))
	l, _ = root.listen(nil)
	l.conn.CloseNow()
}

func TestSigningOutEndsAWaitingSync(t *testing.T) {
	p := newPlace(t)
	root := p.setUp()
	page := into[wire.SyncPage](t, root.call("GET", "/api/sync?limit=500", nil))
	got := make(chan answer, 1)
	go func() { got <- root.call("GET", fmt.Sprintf("/api/sync?after=%d&wait=30", page.Cursor), nil) }()
	p.waits(root)
	if out := root.call("POST", "/api/auth/logout", nil); out.status != 204 {
		t.Fatalf("%d %s", out.status, out.body)
	}
	if a := <-got; a.status != 401 || a.code() != wire.SessionEnded {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if strings.Contains(p.log.String(), "request failed") {
		t.Error("it was logged as a failure")
	}
}

// waits returns once the person has a stream.
func (p *testPlace) waits(q *person) {
	p.t.Helper()
	for began := time.Now(); ; runtime.Gosched() {
		p.face.sockets.mu.Lock()
		n := p.face.sockets.streams[q.in.User.ID]
		p.face.sockets.mu.Unlock()
		if n > 0 {
			return
		}
		if time.Since(began) > patience {
			p.t.Fatal("no stream came")
		}
	}
}
