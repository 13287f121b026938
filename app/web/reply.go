package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"chatalot/app/wire"
)

const internalMessage = "Something broke here. Try again; if it stays, the log of this place says what."

// errMisdirected answers requests for a host this place does not serve (421, RFC 9110 section 15.5.20).
var errMisdirected = errors.New("misdirected")

// reply writes an answer as JSON, or the error instead.
func (f *Face) reply(w http.ResponseWriter, status int, answer any, err error) error {
	if err != nil {
		return err
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // nobody is left to tell when this fails
	return nil
}

// done answers 204, or the error instead.
func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// fail is the one place where an error becomes an answer. What a person can act on travels; everything else is logged here, once.
func (f *Face) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, refusal := 0, (*wire.Error)(nil)
	switch known, ok := errors.AsType[*wire.Error](err); {
	case ok:
		status, refusal = known.Status(), known
	case errors.Is(err, errMisdirected):
		status, refusal = http.StatusMisdirectedRequest, wire.Fail(wire.BadRequest, "This place has another address. Open it by its own name.")
	case gone(err):
		status, refusal = http.StatusServiceUnavailable, wire.Fail(wire.Unavailable, "This took too long. Try again in a moment.")
	default:
		f.log.Error("request failed", "method", r.Method, "route", chi.RouteContext(r.Context()).RoutePattern(), "err", err)
		status, refusal = http.StatusInternalServerError, wire.Fail(wire.Internal, internalMessage)
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if refusal.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(refusal.RetryAfter))
	}
	f.reply(w, status, wire.ErrorReply{Error: refusal}, nil)
}

func (f *Face) notFound(w http.ResponseWriter, r *http.Request) { f.fail(w, r, wire.Missing()) }

func (f *Face) wrongMethod(w http.ResponseWriter, r *http.Request) {
	f.fail(w, r, wire.Fail(wire.MethodNotAllowed, "This address does not take that method."))
}

// gone reports whether err only says that the client or the server has left.
func gone(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
