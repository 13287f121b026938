// Package client is a Chatalot client in Go on the real cryptographic core: what bots, the load generator and the tests talk through.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire"
)

// Options say where the place is and where the device keeps its state.
type Options struct {
	URL   string            // of the place, without a path: "http://localhost:8080"
	HTTP  *http.Client      // nil means http.DefaultClient
	Now   func() time.Time  // nil means time.Now
	State map[string][]byte // what Keep was given before; nil or empty for a new device. The client owns it from here on.

	// Keep makes the core's writes durable before anything that depends on them is sent. Nil keeps them in memory only.
	Keep func([]core.Write) error
}

// Client is one device of one person. Its methods may be called from several goroutines; they take turns.
type Client struct {
	opts Options
	http *http.Client
	now  func() time.Time

	mu     sync.Mutex
	core   *core.Core
	signed wire.SignedIn
	cursor int64
	convs  map[wire.ConvID]*Conversation
}

// Conversation is a channel or a DM this device takes part in.
type Conversation struct {
	ID      wire.ConvID
	Channel *wire.Channel // nil for a DM
	DM      *wire.DM      // nil for a channel
}

// Received is an opened message.
type Received struct {
	Message wire.Message
	core.Opened
}

// New returns a client that has not signed in yet.
func New(opts Options) (*Client, error) {
	c := &Client{opts: opts, http: opts.HTTP, now: opts.Now, convs: map[wire.ConvID]*Conversation{}}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	if c.now == nil {
		c.now = time.Now
	}
	state := opts.State
	if state == nil {
		state = map[string][]byte{}
	}
	device, err := core.New(core.Config{Rand: rand.Reader, Now: func() uint64 { return uint64(c.now().UnixMilli()) }}, state)
	if err != nil {
		return nil, fmt.Errorf("open the device's state: %w", err)
	}
	c.core = device
	return c, nil
}

// User is who is signed in.
func (c *Client) User() wire.User { return c.signed.User }

// Token is the access token in force.
func (c *Client) Token() string { return c.signed.AccessToken }

// Device is this client's device id, or nil before CreateKeys or Recover.
func (c *Client) Device() *wire.DeviceID { return c.signed.DeviceID }

// SignedIn is the last answer to signing in or refreshing.
func (c *Client) SignedIn() wire.SignedIn { return c.signed }

// Cursor is the place in the log up to which this device has applied everything.
func (c *Client) Cursor() int64 { return c.cursor }

// Do sends one request to the API and decodes its answer into out, which may be nil. A refusal comes back as *wire.Error.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	_, err := c.do(ctx, method, path, in, out)
	return err
}

// The place refuses what comes too fast before it looks at it, and says when to come again. The client does so by itself this often, when it is
// told to wait no longer than this.
const (
	retries  = 20
	patience = 30 // seconds
)

func (c *Client) do(ctx context.Context, method, path string, in, out any) (status int, err error) {
	var raw []byte
	if in != nil {
		if raw, err = json.Marshal(in); err != nil {
			return 0, fmt.Errorf("encode %s %s: %w", method, path, err)
		}
	}
	for range retries {
		status, err = c.once(ctx, method, path, raw, out)
		refusal, ok := errors.AsType[*wire.Error](err)
		if !ok || refusal.Code != wire.TooMany || refusal.RetryAfter < 1 || refusal.RetryAfter > patience {
			break
		}
		select {
		case <-ctx.Done():
			return status, err
		case <-time.After(time.Duration(refusal.RetryAfter) * time.Second):
		}
	}
	return status, err
}

func (c *Client) once(ctx context.Context, method, path string, raw []byte, out any) (status int, err error) {
	var body io.Reader
	if raw != nil {
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.opts.URL+path, body)
	if err != nil {
		return 0, err
	}
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.signed.AccessToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.signed.AccessToken)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close()
	return res.StatusCode, decode(res, out)
}

func decode(res *http.Response, out any) error {
	if res.StatusCode >= 400 {
		reply := wire.ErrorReply{}
		if err := json.NewDecoder(res.Body).Decode(&reply); err != nil || reply.Error == nil {
			return fmt.Errorf("%s answered %d without the protocol's error shape", res.Request.URL.Path, res.StatusCode)
		}
		return reply.Error
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("decode the answer of %s: %w", res.Request.URL.Path, err)
	}
	return nil
}

// Code returns the code of a refusal by the place, or "" for any other error or none.
func Code(err error) wire.Code {
	if refused, ok := errors.AsType[*wire.Error](err); ok {
		return refused.Code
	}
	return ""
}

// keep makes what the last core call changed durable; a failure leaves the core as it was before.
func (c *Client) keep() error {
	writes := c.core.Pending()
	if len(writes) == 0 {
		return nil
	}
	if c.opts.Keep != nil {
		if err := c.opts.Keep(writes); err != nil {
			c.core.Discard()
			return fmt.Errorf("keep the device's state: %w", err)
		}
	}
	c.core.Commit()
	return nil
}
