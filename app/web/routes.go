package web

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"chatalot/app/wire"
)

// class is who may ask for a route.
type class string

const (
	open       class = "open"        // anyone, even before the place is set up
	public     class = "public"      // anyone, once it is set up
	user       class = "user"        // the holder of a valid access token
	fresh      class = "fresh"       // the same, who has confirmed their password within the last minutes
	admin      class = "admin"       // the same, who looks after the place
	freshAdmin class = "fresh admin" // both
	socket     class = "socket"      // anyone may connect; the first frame must bring an access token
)

// route is one address, its method and what guards it. There is no way to make one without a class.
type route struct {
	method  string
	pattern string
	guarded
}

// guarded is a handler behind its class: anyone, stranger, listener, member, confirmed, keeper and confirmedKeeper are the only makers.
type guarded struct {
	class class
	serve http.Handler
}

// handler answers a request or returns why not.
type handler func(w http.ResponseWriter, r *http.Request) error

// callerHandler is a handler for somebody who has shown an access token.
type callerHandler func(w http.ResponseWriter, r *http.Request, who wire.Caller) error

// everyRoute is the whole address space of the API.
func (f *Face) everyRoute() []route {
	return []route{
		{"GET", "/api/health", f.anyone(f.health)},
		{"GET", "/api/place", f.anyone(f.place)},
		{"POST", "/api/setup", f.anyone(f.setup)},

		{"POST", "/api/invites/preview", f.stranger(f.previewInvite)},
		{"POST", "/api/auth/register", f.stranger(f.register)},
		{"POST", "/api/auth/login", f.stranger(f.login)},
		{"POST", "/api/auth/refresh", f.stranger(f.refresh)},
		{"POST", "/api/auth/logout", f.stranger(f.logout)},

		{"GET", "/api/me", f.member(f.me)},
		{"PATCH", "/api/me", f.member(f.changeMe)},
		{"PUT", "/api/me/presence", f.member(f.setPresence)},
		{"GET", "/api/users/{user}", f.member(f.user)},

		{"POST", "/api/devices", f.member(f.reserveDevice)},
		{"GET", "/api/devices", f.member(f.devices)},
		{"PUT", "/api/manifests", f.member(f.putManifest)},
		{"GET", "/api/manifests/{user}", f.member(f.manifest)},
		{"GET", "/api/vault", f.member(f.vault)},
		{"POST", "/api/prekeys", f.member(f.putPrekeys)},
		{"GET", "/api/prekeys", f.member(f.prekeyCount)},
		{"POST", "/api/prekeys/claim", f.member(f.claimPrekeys)},

		{"GET", "/api/state", f.member(f.state)},
		{"POST", "/api/communities", f.member(f.newCommunity)},
		{"PATCH", "/api/communities/{community}", f.member(f.renameCommunity)},
		{"DELETE", "/api/communities/{community}", f.member(f.deleteCommunity)},
		{"GET", "/api/communities/{community}/members", f.member(f.communityMembers)},
		{"PATCH", "/api/communities/{community}/members/{user}", f.member(f.setRole)},
		{"DELETE", "/api/communities/{community}/members/{user}", f.member(f.removeMember)},

		{"POST", "/api/communities/{community}/groups", f.member(f.newGroup)},
		{"PATCH", "/api/groups/{group}", f.member(f.renameGroup)},
		{"DELETE", "/api/groups/{group}", f.member(f.deleteGroup)},
		{"POST", "/api/groups/{group}/channels", f.member(f.newChannel)},
		{"GET", "/api/channels/{conversation}", f.member(f.channel)},
		{"PATCH", "/api/channels/{conversation}", f.member(f.changeChannel)},
		{"DELETE", "/api/channels/{conversation}", f.member(f.deleteChannel)},
		{"POST", "/api/channels/{conversation}/ops", f.member(f.appendOp)},
		{"GET", "/api/channels/{conversation}/ops", f.member(f.ops)},

		{"POST", "/api/invites", f.member(f.newInvite)},
		{"GET", "/api/invites", f.member(f.invites)},
		{"DELETE", "/api/invites/{invite}", f.member(f.revokeInvite)},
		{"POST", "/api/invites/accept", f.member(f.acceptInvite)},
		{"POST", "/api/dms", f.member(f.newDM)},

		{"POST", "/api/conversations/{conversation}/messages", f.member(f.send)},
		{"GET", "/api/conversations/{conversation}/messages", f.member(f.messages)},
		{"PUT", "/api/conversations/{conversation}/read", f.member(f.setRead)},
		{"POST", "/api/conversations/{conversation}/typing", f.member(f.typing)},
		{"GET", "/api/sync", f.member(f.sync)},
		{"GET", "/api/events", f.listener(f.events)},

		{"GET", "/api/admin/checkup", f.keeper(f.checkup)},
		{"POST", "/api/admin/checkup", f.keeper(f.newCheckup)},
	}
}

func (f *Face) newRouter(trusted []string) *chi.Mux {
	mux := chi.NewRouter()
	mux.Use(f.headers, f.observe, f.gate)
	if len(trusted) > 0 {
		mux.Use(middleware.ClientIPFromXFF(trusted...))
	} else {
		mux.Use(middleware.ClientIPFromRemoteAddr)
	}
	mux.NotFound(f.notFound)
	mux.MethodNotAllowed(f.wrongMethod)
	for _, r := range f.routes {
		mux.Method(r.method, r.pattern, r.serve)
	}
	for _, pattern := range []string{"/", "/*"} {
		mux.Method("GET", pattern, f.handle(f.file))
		mux.Method("HEAD", pattern, f.handle(f.file))
	}
	return mux
}

// anyone guards a route that answers before the place is set up, and asks nobody who they are.
func (f *Face) anyone(h handler) guarded { return guarded{open, f.crossSite(f.handle(h))} }

// stranger guards a route for people who are not signed in.
func (f *Face) stranger(h handler) guarded {
	return guarded{public, f.crossSite(f.onceSetUp(f.handle(h)))}
}

// listener guards the socket, which asks who one is in its first frame.
func (f *Face) listener(h handler) guarded { return guarded{socket, f.onceSetUp(f.handle(h))} }

// member guards a route for people who are signed in. It takes no cookie, so no other site can use it (SECURITY.md S4).
func (f *Face) member(h callerHandler) guarded {
	return guarded{user, f.onceSetUp(f.handle(func(w http.ResponseWriter, r *http.Request) error {
		who, err := f.caller(r)
		if err != nil {
			return err
		}
		return h(w, r, who)
	}))}
}

// confirmed guards a route for dangerous changes: it takes a session whose person has shown their password or passkey within the last minutes.
func (f *Face) confirmed(h callerHandler) guarded {
	return guarded{fresh, f.member(onceConfirmed(h)).serve}
}

// keeper guards a route for the place's admins. That it exists is no secret: it answers members 403.
func (f *Face) keeper(h callerHandler) guarded {
	return guarded{admin, f.member(onlyAdmins(h)).serve}
}

// confirmedKeeper guards a dangerous change that only the place's admins may make.
func (f *Face) confirmedKeeper(h callerHandler) guarded {
	return guarded{freshAdmin, f.member(onlyAdmins(onceConfirmed(h))).serve}
}

func onceConfirmed(h callerHandler) callerHandler {
	return func(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
		if !who.Fresh {
			return wire.Fail(wire.ConfirmFirst, "Show that it is you: enter your password again, then try once more.")
		}
		return h(w, r, who)
	}
}

func onlyAdmins(h callerHandler) callerHandler {
	return func(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
		if who.Role != wire.PlaceAdmin {
			return wire.Fail(wire.Forbidden, "Only the admins of this place may do that. Ask one of them.")
		}
		return h(w, r, who)
	}
}

// caller is who holds the request's access token, and where they ask from.
func (f *Face) caller(r *http.Request) (wire.Caller, error) {
	who, _, err := f.auth.Authenticate(bearer(r))
	who.From = f.from(r)
	return who, err
}

// from is where the request came from.
func (f *Face) from(r *http.Request) wire.From {
	return wire.From{Address: middleware.GetClientIPAddr(r.Context()), Agent: r.UserAgent()}
}

func (f *Face) onceSetUp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f.auth.IsSetUp() {
			f.fail(w, r, wire.Fail(wire.NotSetUp, "This place is not set up yet. Its operator opens the setup link that the console shows."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (f *Face) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			f.fail(w, r, err)
		}
	})
}

// bearer is the access token of the request, or empty.
func bearer(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}
