package web

import (
	"math"
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) newChannel(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	group, err := id[wire.GroupID](r, "group")
	if err != nil {
		return err
	}
	req, err := decode[wire.NewChannel](w, r)
	if err != nil {
		return err
	}
	channel, err := f.chat.CreateChannel(r.Context(), who, group, req)
	return f.reply(w, http.StatusCreated, channel, err)
}

func (f *Face) channel(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	channel, err := f.chat.Channel(r.Context(), who, conversation)
	return f.reply(w, http.StatusOK, channel, err)
}

func (f *Face) changeChannel(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	req, err := decode[wire.ChannelChange](w, r)
	if err != nil {
		return err
	}
	channel, err := f.chat.ChangeChannel(r.Context(), who, conversation, req)
	return f.reply(w, http.StatusOK, channel, err)
}

func (f *Face) deleteChannel(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	return done(w, f.chat.DeleteChannel(r.Context(), who, conversation))
}

func (f *Face) appendOp(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	req, err := decode[wire.NewOp](w, r)
	if err != nil {
		return err
	}
	op, err := f.chat.AppendOp(r.Context(), who, conversation, req)
	return f.reply(w, http.StatusCreated, op, err)
}

func (f *Face) ops(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	conversation, err := id[wire.ConvID](r, "conversation")
	if err != nil {
		return err
	}
	values, err := query(r, "after")
	if err != nil {
		return err
	}
	after, err := number(values, "after", -1, -1, math.MaxInt64)
	if err != nil {
		return err
	}
	ops, err := f.chat.Ops(r.Context(), who, conversation, after)
	return f.reply(w, http.StatusOK, ops, err)
}

func (f *Face) newDM(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.NewDM](w, r)
	if err != nil {
		return err
	}
	dm, created, err := f.chat.OpenDM(r.Context(), who, req)
	return f.reply(w, createdOr(created), dm, err)
}

// createdOr is 201 for what was not there before, 200 for what was.
func createdOr(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}
