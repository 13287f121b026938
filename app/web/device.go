package web

import (
	"net/http"

	"chatalot/app/wire"
)

func (f *Face) reserveDevice(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.NewDevice](w, r)
	if err != nil {
		return err
	}
	device, err := f.auth.ReserveDevice(r.Context(), who, req)
	return f.reply(w, http.StatusCreated, device, err)
}

func (f *Face) devices(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	devices, err := f.auth.Devices(r.Context(), who)
	return f.reply(w, http.StatusOK, devices, err)
}

func (f *Face) putManifest(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.PutManifest](w, r)
	if err != nil {
		return err
	}
	manifest, err := f.auth.PutManifest(r.Context(), who, req)
	return f.reply(w, http.StatusOK, manifest, err)
}

func (f *Face) manifest(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	of, err := id[wire.UserID](r, "user")
	if err != nil {
		return err
	}
	manifest, err := f.auth.Manifest(r.Context(), who, of)
	return f.reply(w, http.StatusOK, manifest, err)
}

func (f *Face) vault(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	vault, err := f.auth.Vault(r.Context(), who)
	return f.reply(w, http.StatusOK, vault, err)
}

func (f *Face) putPrekeys(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.PutPrekeys](w, r)
	if err != nil {
		return err
	}
	count, err := f.auth.PutPrekeys(r.Context(), who, req)
	return f.reply(w, http.StatusOK, count, err)
}

func (f *Face) prekeyCount(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	count, err := f.auth.PrekeyCount(r.Context(), who)
	return f.reply(w, http.StatusOK, count, err)
}

func (f *Face) claimPrekeys(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
	req, err := decode[wire.ClaimPrekeys](w, r)
	if err != nil {
		return err
	}
	bundles, err := f.auth.ClaimPrekeys(r.Context(), who, req)
	return f.reply(w, http.StatusOK, bundles, err)
}
