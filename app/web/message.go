package web

import (
	"context"
	"math"
	"net/http"
	"time"

	"chatalot/app/wire"
)

// anyCount is the bound here for what package chat bounds with a sentence of its own.
const anyCount = 1 << 20

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
	limit, err := number(values, "limit", 0, 1, anyCount)
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

// sync is the socket for programs without one. It ends early when the place stops. The token is asked again after the waiting: what came
// meanwhile is not for a session that ended meanwhile.
func (f *Face) sync(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	values, err := query(r, "after", "limit", "wait")
	if err != nil {
		return err
	}
	after, err := number(values, "after", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", 0, 1, anyCount)
	if err != nil {
		return err
	}
	wait, err := number(values, "wait", 0, 0, anyCount)
	if err != nil {
		return err
	}
	release, err := f.sockets.hold(who.User)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.sockets.ctx, cancel)()
	page, err := f.chat.Sync(ctx, who, after, int(limit), time.Duration(wait)*time.Second)
	if _, _, ended := f.auth.Authenticate(bearer(r)); ended != nil {
		return ended
	}
	return f.reply(w, http.StatusOK, page, err)
}
