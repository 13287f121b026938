package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"chatalot/app/wire"
)

// origin is the place's own address and the hosts it answers to.
type origin struct {
	scheme string
	host   string
	hosts  []string // host and, for plain HTTP on this machine, its other names: one types 127.0.0.1 where another types localhost
}

func newOrigin(own *url.URL) origin {
	o := origin{scheme: own.Scheme, host: own.Host, hosts: []string{own.Host}}
	if own.Scheme == "http" {
		for _, name := range []string{"localhost", "127.0.0.1", "[::1]"} {
			o.hosts = append(o.hosts, strings.TrimSuffix(name+":"+own.Port(), ":"))
		}
	}
	return o
}

func (o origin) secure() bool { return o.scheme == "https" }

func (o origin) answers(host string) bool {
	for _, own := range o.hosts {
		if strings.EqualFold(own, host) {
			return true
		}
	}
	return false
}

// owns reports whether the request was sent by the place's own pages, or by no page at all. The answer is exact:
// http.CrossOriginProtection alone lets http://host through on https://host, and every GET, sockets among them (SECURITY.md S4).
func (o origin) owns(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	return len(values) == 1 && values[0] == o.scheme+"://"+strings.ToLower(r.Host)
}

// headers puts the security headers on every answer there is, before anything else can answer (SECURITY.md decisions 4 and 7).
func (f *Face) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.secure(w.Header(), r.Host)
		next.ServeHTTP(w, r)
	})
}

// secure sets the headers that every answer carries, for a page reached as host.
func (f *Face) secure(h http.Header, host string) {
	h.Set("Content-Security-Policy", f.origin.policy(host))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-XSS-Protection", "1; mode=block")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), geolocation=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // files say otherwise
	if f.origin.secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// policy is the Content-Security-Policy for a page reached as host. There is no inline code in the web app, so none is allowed.
func (o origin) policy(host string) string {
	if !o.answers(host) {
		host = o.host
	}
	socket := "ws://"
	if o.secure() {
		socket = "wss://"
	}
	return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self' " + socket + strings.ToLower(host) +
		"; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self'; font-src 'self'; manifest-src 'self'; frame-src 'none'; " +
		"frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; " +
		"trusted-types chatalot"
}

// recorder remembers the status for the log, and whether an answer has begun.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController and the socket reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observe logs each request without ids, names or addresses, and turns a panic into an answer.
func (f *Face) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec, began := &recorder{ResponseWriter: w}, f.now()
		defer func() {
			fault := recover()
			if fault == http.ErrAbortHandler {
				panic(fault)
			}
			if fault != nil {
				f.log.Error("panic", "route", chi.RouteContext(r.Context()).RoutePattern(), "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
				f.answerPanic(rec, r)
			}
			f.log.Debug("request", "method", knownMethod(r.Method), "route", chi.RouteContext(r.Context()).RoutePattern(),
				"status", rec.status, "ms", f.now().Sub(began).Milliseconds())
		}()
		next.ServeHTTP(rec, r)
	})
}

func (f *Face) answerPanic(rec *recorder, r *http.Request) {
	if rec.status != 0 {
		panic(http.ErrAbortHandler) // the answer has begun: only cutting it off can tell that it is not whole
	}
	f.fail(rec, r, wire.Fail(wire.Internal, internalMessage))
}

// gate refuses what no route should ever see.
func (f *Face) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.mayPass(w, r); err != nil {
			w.Header().Set("Connection", "close") // whatever is left of the request is not read
			f.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (f *Face) mayPass(w http.ResponseWriter, r *http.Request) error {
	switch {
	case !f.origin.answers(r.Host):
		return errMisdirected
	case knownMethod(r.Method) == "other":
		return wire.Fail(wire.MethodNotAllowed, "No address here takes that method.")
	case len(r.TransferEncoding) > 0: // two lengths in one request are how requests are smuggled past a proxy
		return wire.Fail(wire.BadRequest, "Send the body with a Content-Length.")
	case r.ContentLength > maxBody:
		return tooLarge(maxBody)
	case r.ContentLength > 0: // also for routes that never read it
		err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWindow))
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return fmt.Errorf("bound the body's time: %w", err)
		}
	}
	return nil
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// crossSite refuses requests that another site's page made (SECURITY.md S4). It stands before every route that reads or sets a cookie.
func (f *Face) crossSite(next http.Handler) http.Handler {
	var protection http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f.origin.owns(r) || protection.Check(r) != nil {
			f.fail(w, r, wire.Fail(wire.CrossSite, "Another website asked for this. Open this place itself and try again."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// quiet takes what net/http says about single connections down to debug: it holds addresses, and strangers cause it at will.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	return q.Handler.Handle(ctx, slog.NewRecord(r.Time, slog.LevelDebug, "connection refused or broken", 0))
}
