package web

import (
	"context"
	"math"
	"net/http"
	"time"

	"chatalot/app/wire"
)

// The most that one page of messages or events holds.
const (
	maxMessages = 200
	maxEvents   = 500
	maxWait     = 30 // seconds a sync waits for news
)

func (f *Face) state(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	state, err := f.chat.State(r.Context(), who)
	return f.reply(w, http.StatusOK, state, err)
}

func (f *Face) send(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	req, err := decode[wire.NewMessage](w, r)
	if err != nil {
		return err
	}
	message, created, err := f.chat.Send(r.Context(), who, conversation, req)
	return f.reply(w, createdOr(created), message, err)
}

func (f *Face) messages(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	values, err := query(r, "before", "limit")
	if err != nil {
		return err
	}
	before, err := number(values, "before", 0, 1, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", 0, 1, maxMessages)
	if err != nil {
		return err
	}
	messages, err := f.chat.Messages(r.Context(), who, conversation, before, int(limit))
	return f.reply(w, http.StatusOK, messages, err)
}

func (f *Face) setRead(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	req, err := decode[wire.SetRead](w, r)
	if err != nil {
		return err
	}
	return done(w, f.chat.SetRead(r.Context(), who, conversation, req))
}

func (f *Face) typing(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	return done(w, f.chat.Typing(r.Context(), who, conversation))
}

func (f *Face) setPresence(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.SetPresence](w, r)
	if err != nil {
		return err
	}
	return done(w, f.chat.SetPresence(r.Context(), who, req))
}

// sync is the socket for programs without one. It ends early when the place stops.
func (f *Face) sync(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	values, err := query(r, "after", "limit", "wait")
	if err != nil {
		return err
	}
	after, err := number(values, "after", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", 0, 1, maxEvents)
	if err != nil {
		return err
	}
	wait, err := number(values, "wait", 0, 0, maxWait)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.sockets.ctx, cancel)()
	page, err := f.chat.Sync(ctx, who, after, int(limit), time.Duration(wait)*time.Second)
	return f.reply(w, http.StatusOK, page, err)
}
