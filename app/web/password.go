package web

import (
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) recover(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.RecoverRequest](w, r)
	if err != nil {
		return err
	}
	if err := f.mayTry(r); err != nil {
		return err
	}
	grant, err := f.auth.Recover(r.Context(), req, f.from(r))
	f.tried(r, req.Username, err)
	return f.signIn(w, http.StatusOK, grant, err)
}

func (f *Face) previewReset(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.ResetToken](w, r)
	if err != nil {
		return err
	}
	preview, err := f.auth.PreviewReset(r.Context(), req)
	return f.reply(w, http.StatusOK, preview, err)
}

func (f *Face) reset(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.ResetRequest](w, r)
	if err != nil {
		return err
	}
	grant, err := f.auth.Reset(r.Context(), req, f.from(r))
	return f.signIn(w, http.StatusOK, grant, err)
}

func (f *Face) newResetLink(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	id, err := id[wire.UserID](r, "user")
	if err != nil {
		return err
	}
	req, err := decode[wire.NewResetLink](w, r)
	if err != nil {
		return err
	}
	link, err := f.auth.NewResetLink(r.Context(), who, id, req)
	return f.reply(w, http.StatusCreated, link, err)
}

func (f *Face) changePassword(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.PasswordChange](w, r)
	if err != nil {
		return err
	}
	grant, err := f.auth.ChangePassword(r.Context(), who, req)
	return f.signIn(w, http.StatusOK, grant, err)
}
