package web

import (
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) passkeyOptions(w http.ResponseWriter, r *http.Request) error {
	options, err := f.auth.PasskeyOptions()
	return f.reply(w, http.StatusOK, options, err)
}

func (f *Face) passkeyLogin(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.PasskeyLogin](w, r)
	if err != nil {
		return err
	}
	grant, err := f.auth.PasskeyLogin(r.Context(), req, f.from(r))
	return f.signIn(w, http.StatusOK, grant, err)
}

func (f *Face) newPasskeyOptions(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	options, err := f.auth.NewPasskeyOptions(r.Context(), who)
	return f.reply(w, http.StatusOK, options, err)
}

func (f *Face) addPasskey(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.NewPasskey](w, r)
	if err != nil {
		return err
	}
	passkey, err := f.auth.AddPasskey(r.Context(), who, req)
	return f.reply(w, http.StatusCreated, passkey, err)
}

func (f *Face) renamePasskey(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	passkey, err := id[wire.Bytes](r, "passkey")
	if err != nil {
		return err
	}
	req, err := decode[wire.Named](w, r)
	if err != nil {
		return err
	}
	renamed, err := f.auth.RenamePasskey(r.Context(), who, passkey, req)
	return f.reply(w, http.StatusOK, renamed, err)
}

func (f *Face) removePasskey(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	passkey, err := id[wire.Bytes](r, "passkey")
	if err != nil {
		return err
	}
	return done(w, f.auth.RemovePasskey(r.Context(), who, passkey))
}
