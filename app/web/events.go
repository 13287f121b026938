package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"chatalot/app/chat"
	"chatalot/app/wire"
)

// The socket's limits, as the protocol states them.
const (
	maxClientFrame = 4 << 10
	authTime       = 5 * time.Second  // for the first frame
	pingEvery      = 30 * time.Second // also keeps proxies and phone networks from forgetting the connection
	pongTime       = 20 * time.Second
	// A device that takes longer than this for one frame, at most 256 KiB, is too slow to hold memory for; it resumes from its cursor.
	writeTime    = 45 * time.Second
	expiryLeeway = 30 * time.Second // after a token's end, so that a renewal under way is not cut off
)

// The close codes, as the protocol states them. 4403 and 4409 come from package live by way of chat.Kicked.
const (
	closeBadFrame websocket.StatusCode = 4400
	closeExpired  websocket.StatusCode = 4401
	closeSilent   websocket.StatusCode = 4408
)

// events turns the request into a socket. Origin is checked here because browsers let every site open sockets (SECURITY.md T10).
func (f *Face) events(w http.ResponseWriter, r *http.Request) error {
	if !f.origin.owns(r) && !f.listed(r) {
		return wire.Fail(wire.CrossSite, "Another website asked for this. Open this place itself and try again.")
	}
	known, ended, err := f.sockets.enter(address(r))
	if err != nil {
		return err
	}
	conn, err := websocket.Accept(&upgrade{ResponseWriter: w}, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // checked above, exactly
	if err != nil {
		ended()
		return wire.Fail(wire.BadRequest, "This address speaks WebSocket (RFC 6455) only.")
	}
	conn.SetReadLimit(maxClientFrame)
	d := &device{face: f, conn: conn, known: known}
	go func() { // the request's own goroutine, stack and buffers are gone while the socket lives
		defer ended()
		d.serve(f.sockets.ctx) // a place that began to stop meanwhile tells this socket too
	}()
	return nil
}

// upgrade keeps the library from answering a request it refuses, since errors have one shape, and gives the socket small buffers.
type upgrade struct {
	http.ResponseWriter
	refused bool
}

func (u *upgrade) WriteHeader(status int) {
	if u.refused = status != http.StatusSwitchingProtocols; !u.refused {
		u.ResponseWriter.WriteHeader(status)
	}
}

func (u *upgrade) Write(b []byte) (int, error) {
	if u.refused {
		return len(b), nil
	}
	return u.ResponseWriter.Write(b)
}

// The buffers a socket keeps while it is idle, in bytes. A renewal is the most that comes in; what goes out in one frame larger than its buffer
// takes two writes instead of one. The 4 KiB each of net/http would be most of what an idle device costs.
const (
	readBuffer  = 256
	writeBuffer = 1536
)

// Hijack hands over the connection, with what a quick client has sent since the answer went out.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, err := buffers.Reader.Peek(buffers.Reader.Buffered())
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	reader := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(readBuffer, len(early)))
	if _, err := reader.Peek(len(early)); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(conn, writeBuffer)), nil
}

// device is one connected socket. Reading is its own goroutine's work, which lives as long as the socket; writing begins once it is known.
type device struct {
	face    *Face
	conn    *websocket.Conn
	known   func()
	release func() // once it counts among its person's
	who     wire.Caller
	expires atomic.Int64 // of the token, Unix ms
}

func (d *device) serve(stopping context.Context) {
	defer d.conn.CloseNow()
	defer context.AfterFunc(stopping, func() { d.conn.Close(websocket.StatusGoingAway, "this place is stopping") })()
	ctx, cancel := context.WithCancel(stopping)
	defer cancel()
	var stream *chat.Stream
	var other sync.WaitGroup
	other.Go(func() { stream = d.begin(ctx) }) // its stack grows by what it calls, and is gone when the long waiting begins
	other.Wait()
	if d.release != nil {
		defer d.release()
	}
	if stream == nil {
		return
	}
	other.Go(func() {
		defer stream.Close()
		d.write(ctx, stream)
	})
	d.renewals()
	cancel()
	other.Wait()
}

// begin learns who is there and starts the stream of events, or ends the socket and returns nil.
func (d *device) begin(ctx context.Context) *chat.Stream {
	first, err := d.firstFrame()
	if err != nil {
		return nil
	}
	if d.release, err = d.face.sockets.hold(d.who.User); err != nil {
		d.end(websocket.StatusTryAgainLater, "this account has too many connections at once")
		return nil
	}
	stream, err := d.follow(ctx, first)
	if err != nil {
		return nil
	}
	return stream
}

// errEnded says that the socket has been closed and told why.
var errEnded = errors.New("socket ended")

func (d *device) end(code websocket.StatusCode, reason string) error {
	d.conn.Close(code, reason)
	return errEnded
}

// firstFrame learns who is there.
func (d *device) firstFrame() (frame wire.AuthFrame, err error) {
	silent := time.AfterFunc(authTime, func() { d.end(closeSilent, "no auth frame came in time") })
	defer silent.Stop()
	if frame, err = d.read(); err != nil {
		return frame, err
	}
	who, expires, err := d.face.auth.Authenticate(frame.Token)
	if err != nil {
		return frame, d.end(closeExpired, "the access token is not valid; refresh it")
	}
	if !silent.Stop() {
		return frame, errEnded
	}
	d.who = who
	d.expires.Store(expires.UnixMilli())
	d.known()
	return frame, nil
}

func (d *device) read() (frame wire.AuthFrame, err error) {
	kind, text, err := d.conn.Read(context.Background()) // ends with the connection
	if err != nil {
		if websocket.CloseStatus(err) == -1 {
			d.conn.Close(websocket.StatusProtocolError, "") // does nothing when the connection is gone
		}
		return frame, err
	}
	if kind != websocket.MessageText || unmarshal(text, &frame) != nil || frame.T != "auth" || frame.After != nil && *frame.After < 0 {
		return frame, d.end(closeBadFrame, `only {"t":"auth","token":…} is understood`)
	}
	return frame, nil
}

// follow begins the stream of events. The token is asked again afterwards: a session that ended meanwhile would not be told.
func (d *device) follow(ctx context.Context, first wire.AuthFrame) (*chat.Stream, error) {
	stream, err := d.face.chat.Follow(ctx, d.who, first.After)
	if err != nil {
		return nil, d.broken("follow the log", err)
	}
	if _, _, err = d.face.auth.Authenticate(first.Token); err != nil {
		err = d.end(closeExpired, "the session has ended; sign in again")
	} else {
		err = d.welcome(ctx, stream.Cursor())
	}
	if err != nil {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// welcome is the first ready: where the stream begins and who is there.
func (d *device) welcome(ctx context.Context, cursor int64) error {
	present, err := d.face.chat.Present(ctx, d.who)
	if err != nil {
		return d.broken("read who is there", err)
	}
	return d.ready(wire.Frame{Cursor: cursor, Present: present})
}

func (d *device) ready(f wire.Frame) error {
	f.T, f.UserID, f.DeviceID, f.ExpiresAt = "ready", &d.who.User, d.who.Device, d.expires.Load()
	frame, err := json.Marshal(f)
	if err != nil {
		return d.broken("encode a frame", err)
	}
	return d.send(frame)
}

// send writes one frame. A device that does not take it in time is dropped: the connection is full, so the close frame may not arrive.
func (d *device) send(frame []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), d.face.sockets.writeTime)
	defer cancel()
	if err := d.conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return d.end(websocket.StatusTryAgainLater, "too slow; resume from the cursor")
	}
	return nil
}

func (d *device) broken(doing string, err error) error {
	if refusal, ok := errors.AsType[*wire.Error](err); ok {
		return d.end(closeBadFrame, refusal.Message)
	}
	if !gone(err) {
		d.face.log.Error("socket failed", "doing", doing, "err", err)
	}
	return d.end(websocket.StatusTryAgainLater, "something broke; resume from the cursor")
}

// renewals reads until the socket ends. All that may come is a fresh token of the same session.
func (d *device) renewals() {
	for {
		frame, err := d.read()
		if err != nil {
			return
		}
		who, expires, err := d.face.auth.Authenticate(frame.Token)
		switch {
		case frame.After != nil:
			d.end(closeBadFrame, "after belongs to the first frame")
			return
		case d.face.limits.take([]limitName{renewLimit}, byToken, bucketKey(d.who.Session), 0) != nil:
			d.end(websocket.StatusTryAgainLater, "renewed far too often; resume from the cursor")
			return
		case err != nil || who.User != d.who.User || who.Session != d.who.Session:
			d.end(closeExpired, "the access token is not valid; refresh it")
			return
		case !sameDevice(who.Device, d.who.Device): // the session has got its device since: envelopes must be chosen anew
			d.end(websocket.StatusTryAgainLater, "this session has a device now; resume from the cursor")
			return
		}
		d.expires.Store(expires.UnixMilli())
		if d.ready(wire.Frame{}) != nil {
			return
		}
	}
}

func sameDevice(a, b *wire.DeviceID) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// write sends the device its events until something ends it, then ends the socket.
func (d *device) write(ctx context.Context, stream *chat.Stream) {
	pingAt := d.face.now().Add(pingEvery)
	for {
		end := time.UnixMilli(d.expires.Load()).Add(expiryLeeway)
		now := d.face.now()
		if !now.Before(end) {
			d.end(closeExpired, "the access token has expired; refresh it")
			return
		}
		if !now.Before(pingAt) {
			if d.ping(ctx) != nil {
				return
			}
			pingAt = now.Add(pingEvery)
		}
		if d.next(ctx, stream, min(end.Sub(now), pingAt.Sub(now))) != nil {
			return
		}
	}
}

// next sends the next frame, if one comes within wait.
func (d *device) next(ctx context.Context, stream *chat.Stream, wait time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	frame, err := stream.Next(waiting)
	switch kicked, ok := errors.AsType[chat.Kicked](err); {
	case err == nil:
		return d.send(frame)
	case ok:
		return d.end(websocket.StatusCode(kicked.Code), strings.ToLower(kicked.Error()))
	case ctx.Err() != nil:
		return errEnded
	case waiting.Err() != nil:
		return nil
	default:
		return d.broken("read the log", err)
	}
}

func (d *device) ping(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, pongTime)
	defer cancel()
	err := d.conn.Ping(waiting)
	if err != nil && ctx.Err() == nil {
		d.conn.CloseNow() // nobody is there to be told
	}
	return err
}
