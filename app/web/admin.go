package web

import (
	"math"
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) overview(w http.ResponseWriter, r *http.Request, _ wire.Caller) error {
	overview, err := f.auth.Overview(r.Context())
	return f.reply(w, http.StatusOK, overview, err)
}

func (f *Face) adminUsers(w http.ResponseWriter, r *http.Request, _ wire.Caller) error {
	users, err := f.auth.AdminUsers(r.Context())
	return f.reply(w, http.StatusOK, users, err)
}

func (f *Face) changeUser(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	person, err := id[wire.UserID](r, "user")
	if err != nil {
		return err
	}
	req, err := decode[wire.AdminUserChange](w, r)
	if err != nil {
		return err
	}
	changed, err := f.auth.ChangeUser(r.Context(), who, person, req)
	return f.reply(w, http.StatusOK, changed, err)
}

func (f *Face) changePlace(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.PlaceChange](w, r)
	if err != nil {
		return err
	}
	place, err := f.auth.ChangePlace(r.Context(), who, req)
	return f.reply(w, http.StatusOK, place, err)
}

func (f *Face) adminInvites(w http.ResponseWriter, r *http.Request, _ wire.Caller) error {
	invites, err := f.auth.AdminInvites(r.Context())
	return f.reply(w, http.StatusOK, invites, err)
}

func (f *Face) withdrawInvite(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	invite, err := id[wire.InviteID](r, "invite")
	if err != nil {
		return err
	}
	return done(w, f.auth.WithdrawInvite(r.Context(), who, invite))
}

func (f *Face) audit(w http.ResponseWriter, r *http.Request, _ wire.Caller) error {
	values, err := query(r, "before", "limit", "user")
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
	var of *wire.UserID
	if values.Has("user") {
		of = new(wire.UserID)
		if of.UnmarshalText([]byte(values.Get("user"))) != nil {
			return wrong("user", "must be the id of a person")
		}
	}
	page, err := f.auth.AuditLog(r.Context(), before, of, int(limit))
	return f.reply(w, http.StatusOK, page, err)
}
