package web

import (
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) me(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	me, err := f.auth.Me(r.Context(), who)
	return f.reply(w, http.StatusOK, me, err)
}

func (f *Face) changeMe(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.MeChange](w, r)
	if err != nil {
		return err
	}
	user, err := f.auth.ChangeMe(r.Context(), who, req)
	return f.reply(w, http.StatusOK, user, err)
}

func (f *Face) user(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	id, err := id[wire.UserID](r, "user")
	if err != nil {
		return err
	}
	user, err := f.auth.User(r.Context(), who, id)
	return f.reply(w, http.StatusOK, user, err)
}

func (f *Face) previewInvite(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.InviteToken](w, r)
	if err != nil {
		return err
	}
	preview, err := f.auth.PreviewInvite(r.Context(), req)
	return f.reply(w, http.StatusOK, preview, err)
}

func (f *Face) newInvite(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.NewInvite](w, r)
	if err != nil {
		return err
	}
	invite, err := f.auth.NewInvite(r.Context(), who, req)
	return f.reply(w, http.StatusCreated, invite, err)
}

func (f *Face) invites(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	invites, err := f.auth.Invites(r.Context(), who)
	return f.reply(w, http.StatusOK, invites, err)
}

func (f *Face) revokeInvite(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	id, err := id[wire.InviteID](r, "invite")
	if err != nil {
		return err
	}
	return done(w, f.auth.RevokeInvite(r.Context(), who, id))
}

func (f *Face) acceptInvite(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.InviteToken](w, r)
	if err != nil {
		return err
	}
	community, err := f.auth.AcceptInvite(r.Context(), who, req)
	return f.reply(w, http.StatusOK, community, err)
}
