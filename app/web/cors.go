package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"chatalot/app/wire"
)

// CORS is which pages of other origins may call the place. Only routes that take a bearer token listen to it: what a cookie opens, no other origin
// ever reads (SECURITY.md decision 3).
type CORS struct {
	Any     bool     // every origin may call, without credentials; the socket keeps to the list
	Origins []string // exact origins besides the place's own and the desktop's, "https://tools.example.org"
}

// desktopOrigins are what a desktop client built with Tauri says it is, on every system.
var desktopOrigins = []string{"tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"}

// preflightAge is how many seconds a browser may keep the answer to a preflight; longer than two hours none does.
const preflightAge = "7200"

// allow is the value of Access-Control-Allow-Origin for a request, or empty: then the browser keeps the answer from whoever asked.
func (f *Face) allow(r *http.Request) string {
	if f.cors.Any {
		return "*"
	}
	if values := r.Header.Values("Origin"); len(values) == 1 && (f.origin.owns(r) || f.listed(r)) {
		return values[0]
	}
	return ""
}

// listed reports whether the one Origin of the request is on the allow-list, letter by letter.
func (f *Face) listed(r *http.Request) bool {
	values := r.Header.Values("Origin")
	return len(values) == 1 && (slices.Contains(desktopOrigins, values[0]) || slices.Contains(f.cors.Origins, values[0]))
}

// bearer reports whether routes of the class take an access token and nothing else, so that no browser adds to a request what its page lacks.
func (c class) bearer() bool { return slices.Contains([]class{user, fresh, admin, freshAdmin}, c) }

// crossOrigin lets the pages that may call the place read what it answers, refusals too.
func (f *Face) crossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin") // whoever asked: what a cache keeps for one origin is not for another
		if origin := f.allow(r); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "Retry-After")
		}
		next.ServeHTTP(w, r)
	})
}

// preflight answers a browser that asks whether a page may use a method somewhere, and refuses every other OPTIONS.
func (f *Face) preflight(w http.ResponseWriter, r *http.Request) error {
	h, allowed := w.Header(), f.bearerMethods(r.URL.Path)
	if len(allowed) > 0 {
		h.Add("Vary", "Origin")
		h.Set("Allow", strings.Join(allowed, ", "))
	}
	if r.Header.Get("Origin") == "" || !slices.Contains(allowed, r.Header.Get("Access-Control-Request-Method")) {
		return wire.Fail(wire.MethodNotAllowed, "This address does not take that method.")
	}
	origin := f.allow(r)
	if origin == "" {
		return wire.Fail(wire.CrossSite, "Another website asked for this. Open this place itself and try again.")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", strings.Join(allowed, ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", preflightAge)
	return done(w, nil)
}

// bearerMethods lists the methods at a path whose routes take a bearer token.
func (f *Face) bearerMethods(path string) (methods []string) {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		at := chi.NewRouteContext()
		if f.router.Match(at, method, path) && f.classes[method+" "+at.RoutePattern()].bearer() {
			methods = append(methods, method)
		}
	}
	return methods
}
