package web

import (
	"net/http"
	"time"

	"chatalot/app/chat"
	"chatalot/app/wire"
)

func (f *Face) confirm(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.Confirmation](w, r)
	if err != nil {
		return err
	}
	confirmed, err := f.auth.Confirm(r.Context(), who, req)
	return f.reply(w, http.StatusOK, confirmed, err)
}

func (f *Face) security(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	security, err := f.auth.Security(r.Context(), who)
	return f.reply(w, http.StatusOK, security, err)
}

func (f *Face) sessions(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	sessions, err := f.auth.Sessions(r.Context(), who)
	return f.reply(w, http.StatusOK, sessions, err)
}

func (f *Face) endSession(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	session, err := id[wire.SessionID](r, "session")
	if err != nil {
		return err
	}
	return done(w, f.auth.EndSession(r.Context(), who, session))
}

func (f *Face) endOtherSessions(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	return done(w, f.auth.EndOtherSessions(r.Context(), who))
}

func (f *Face) deleteMe(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	if err := f.auth.DeleteMe(r.Context(), who, chat.Depart); err != nil {
		return err
	}
	f.setCookie(w, refreshCookie, "", time.Unix(0, 0))
	return done(w, nil)
}
