package web

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"chatalot/app/wire"
)

// pipes is a network inside a synctest bubble, where time passes only when everybody waits.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble runs claim against a place that is set up, with a clock that jumps.
func inBubble(t *testing.T, claim func(p *testPlace, root *person)) {
	synctest.Test(t, func(t *testing.T) {
		p := serveOn(t, newPipes(), t.TempDir(), "", builtApp())
		claim(p, p.setUp())
		p.close()
	})
}

func expectClosed(t *testing.T, l *listener, code websocket.StatusCode, began time.Time, after time.Duration) {
	t.Helper()
	_, _, err := l.conn.Read(context.Background())
	if got := websocket.CloseStatus(err); got != code || time.Since(began) != after {
		t.Errorf("closed with %d after %s, want %d after %s (%v)", got, time.Since(began), code, after, err)
	}
}

// N44, to the second.
func TestASilentSocketIsClosedAfterFiveSeconds(t *testing.T) {
	inBubble(t, func(p *testPlace, root *person) {
		expectClosed(t, p.connect(), closeSilent, time.Now(), 5*time.Second)
	})
}

func TestASocketEndsThirtySecondsAfterItsToken(t *testing.T) {
	inBubble(t, func(p *testPlace, root *person) {
		began := time.Now()
		l, ready := root.listen(nil)
		end := time.UnixMilli(ready.ExpiresAt).Add(30 * time.Second)
		expectClosed(t, l, closeExpired, began, end.Sub(began)) // reading all the while, and answering pings
	})
}

func TestADeviceThatAnswersNoPingIsLetGo(t *testing.T) {
	inBubble(t, func(p *testPlace, root *person) {
		began := time.Now()
		l, _ := root.listen(nil)
		p.arrived(root)
		for p.presence(root) != wire.Offline { // l is not read, so its pings are not answered
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took < pingEvery || took > pingEvery+pongTime+time.Second {
			t.Errorf("let go after %s", took)
		}
		l.conn.CloseNow()
	})
}

func TestALongPollEndsWhenNothingCame(t *testing.T) {
	inBubble(t, func(p *testPlace, root *person) {
		state := into[wire.State](t, root.call("GET", "/api/state", nil))
		began := time.Now()
		page := into[wire.SyncPage](t, root.call("GET", "/api/sync?wait=30&after="+fmt.Sprint(state.Cursor), nil))
		if took := time.Since(began); len(page.Events) != 0 || took != 30*time.Second {
			t.Errorf("%+v after %s", page, took)
		}
	})
}

func TestALongPollEndsWhenThePlaceStops(t *testing.T) {
	inBubble(t, func(p *testPlace, root *person) {
		state := into[wire.State](t, root.call("GET", "/api/state", nil))
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			p.face.Close()
		}()
		got := root.call("GET", "/api/sync?wait=30&after="+fmt.Sprint(state.Cursor), nil)
		if took := time.Since(began); got.status != 503 || got.code() != wire.Unavailable || took != time.Second {
			t.Errorf("%d %s after %s", got.status, got.body, took)
		}
	})
}
