package web

import (
	"net/http"

	"chatalot/app/wire"
)

// checkup answers the newest examination of the place.
func (f *Face) checkup(w http.ResponseWriter, r *http.Request, _ wire.Caller) error {
	up, err := f.examine(r.Context(), false)
	return f.reply(w, http.StatusOK, up, err)
}

// newCheckup has the place examined anew. One examination goes on at a time: who asks meanwhile gets its result.
func (f *Face) newCheckup(w http.ResponseWriter, r *http.Request, _ wire.Caller) error {
	up, err := f.examine(r.Context(), true)
	return f.reply(w, http.StatusOK, up, err)
}
