// Package chat decides who may do what with communities, groups, channels, members, direct messages and messages, and hands each device
// the events that are its own.
package chat

import (
	"log/slog"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
)

// Options are what chat stands on.
type Options struct {
	Store   *store.Store
	Live    *live.Hub
	Version string           // of this program, for State
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: discarded
}

// Chat holds the rules. Its methods are named after the routes of the protocol (app/wire/README.md), may be called from any goroutine,
// and fail with a *wire.Error for whatever the caller can act on.
type Chat struct {
	store   *store.Store
	live    *live.Hub
	version string
	now     func() time.Time
	log     *slog.Logger
}

// Kicked is the error of Stream.Next when the connection must end; Code is the close code for the socket.
type Kicked struct{ Code int }

// Error says what happened.
func (k Kicked) Error() string { return "the connection was ended" }

// New returns the rules over a store and lets the hub hear of every commit.
func New(o Options) *Chat {
	c := &Chat{store: o.Store, live: o.Live, version: o.Version, now: o.Now, log: o.Log}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	o.Store.OnCommitted(c.committed)
	return c
}

// committed passes what a commit changed to the connected devices.
func (c *Chat) committed(commit store.Commit) {
	rows := make([]live.Row, len(commit.Rows))
	for i, r := range commit.Rows {
		rows[i] = live.Row(r)
	}
	c.live.Append(rows, commit.Members)
}
