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

// guarded is a handler behind its class: anyone, stranger, listener, member, confirmed, keeper and confirmedKeeper are the only makers. Each maker
// knows the limits that all its routes draw on; drawing adds those of one route.
type guarded struct {
	class class
	serve http.Handler
	draws *[]limitName // shared with serve
	body  int64        // the largest body, in bytes
}

// drawing makes the route draw on further limits.
func (g guarded) drawing(more ...limitName) guarded {
	*g.draws = append(*g.draws, more...)
	return g
}

// as puts the same handler into another class.
func (g guarded) as(c class) guarded {
	g.class = c
	return g
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
		{"POST", "/api/setup", f.anyone(f.setup).drawing(authLimit)},

		{"POST", "/api/invites/preview", f.stranger(f.previewInvite)},
		{"POST", "/api/auth/register", f.stranger(f.register)},
		{"POST", "/api/auth/login", f.stranger(f.login)},
		{"POST", "/api/auth/challenge", f.stranger(f.answerChallenge)},
		{"POST", "/api/auth/recover", f.stranger(f.recover)},
		{"POST", "/api/auth/reset/preview", f.stranger(f.previewReset)},
		{"POST", "/api/auth/reset", f.stranger(f.reset)},
		{"POST", "/api/auth/refresh", f.stranger(f.refresh)},
		{"POST", "/api/auth/logout", f.stranger(f.logout)},
		{"POST", "/api/auth/passkey/options", f.stranger(f.passkeyOptions)},
		{"POST", "/api/auth/passkey", f.stranger(f.passkeyLogin)},

		{"GET", "/api/me", f.member(f.me)},
		{"PATCH", "/api/me", f.member(f.changeMe)},
		{"DELETE", "/api/me", f.confirmed(f.deleteMe)},
		{"PUT", "/api/me/presence", f.member(f.setPresence)},
		{"PUT", "/api/me/password", f.confirmed(f.changePassword)},
		{"POST", "/api/me/two-step", f.confirmed(f.beginTwoStep)},
		{"POST", "/api/me/two-step/confirm", f.member(f.confirmTwoStep).drawing(confirmLimit)},
		{"DELETE", "/api/me/two-step", f.confirmed(f.endTwoStep)},
		{"POST", "/api/me/backup-codes", f.confirmed(f.newBackupCodes)},
		{"GET", "/api/users/{user}", f.member(f.user)},

		{"POST", "/api/me/confirm", f.member(f.confirm).drawing(confirmLimit)},
		{"GET", "/api/me/security", f.member(f.security)},
		{"POST", "/api/me/passkeys/options", f.confirmed(f.newPasskeyOptions)},
		{"POST", "/api/me/passkeys", f.confirmed(f.addPasskey)},
		{"PATCH", "/api/me/passkeys/{passkey}", f.member(f.renamePasskey)},
		{"DELETE", "/api/me/passkeys/{passkey}", f.confirmed(f.removePasskey)},
		{"GET", "/api/sessions", f.member(f.sessions)},
		{"DELETE", "/api/sessions/{session}", f.confirmed(f.endSession)},
		{"DELETE", "/api/sessions", f.confirmed(f.endOtherSessions)},

		{"POST", "/api/devices", f.member(f.reserveDevice).drawing(manifestLimit)},
		{"GET", "/api/devices", f.member(f.devices)},
		{"PUT", "/api/manifests", f.member(f.putManifest).drawing(manifestLimit)},
		{"GET", "/api/manifests/{user}", f.member(f.manifest)},
		{"GET", "/api/vault", f.member(f.vault)},
		{"POST", "/api/prekeys", f.member(f.putPrekeys)},
		{"GET", "/api/prekeys", f.member(f.prekeyCount)},
		{"POST", "/api/prekeys/claim", f.member(f.claimPrekeys)},

		{"GET", "/api/admin/overview", f.keeper(f.overview)},
		{"GET", "/api/admin/checkup", f.keeper(f.checkup)},
		{"POST", "/api/admin/checkup", f.keeper(f.newCheckup)},
		{"GET", "/api/admin/users", f.keeper(f.adminUsers)},
		{"PATCH", "/api/admin/users/{user}", f.confirmedKeeper(f.changeUser)},
		{"POST", "/api/admin/users/{user}/reset", f.confirmedKeeper(f.newResetLink).drawing(makeLimit)},
		{"PATCH", "/api/admin/place", f.confirmedKeeper(f.changePlace)},
		{"GET", "/api/admin/invites", f.keeper(f.adminInvites)},
		{"DELETE", "/api/admin/invites/{invite}", f.keeper(f.withdrawInvite)},
		{"GET", "/api/admin/audit", f.keeper(f.audit)},

		{"GET", "/api/state", f.member(f.state)},
		{"POST", "/api/communities", f.member(f.newCommunity).drawing(makeLimit)},
		{"PATCH", "/api/communities/{community}", f.member(f.renameCommunity)},
		{"DELETE", "/api/communities/{community}", f.confirmed(f.deleteCommunity)},
		{"GET", "/api/communities/{community}/members", f.member(f.communityMembers)},
		{"PATCH", "/api/communities/{community}/members/{user}", f.member(f.setRole).drawing(memberLimit)},
		{"DELETE", "/api/communities/{community}/members/{user}", f.member(f.removeMember).drawing(memberLimit)},

		{"POST", "/api/communities/{community}/groups", f.member(f.newGroup).drawing(makeLimit)},
		{"PATCH", "/api/groups/{group}", f.member(f.renameGroup)},
		{"DELETE", "/api/groups/{group}", f.member(f.deleteGroup)},
		{"POST", "/api/groups/{group}/channels", f.member(f.newChannel).drawing(makeLimit)},
		{"GET", "/api/channels/{conversation}", f.member(f.channel)},
		{"PATCH", "/api/channels/{conversation}", f.member(f.changeChannel)},
		{"DELETE", "/api/channels/{conversation}", f.member(f.deleteChannel)},
		{"POST", "/api/channels/{conversation}/ops", f.member(f.appendOp).drawing(memberLimit)},
		{"GET", "/api/channels/{conversation}/ops", f.member(f.ops)},

		{"POST", "/api/invites", f.member(f.newInvite).drawing(makeLimit)},
		{"GET", "/api/invites", f.member(f.invites)},
		{"DELETE", "/api/invites/{invite}", f.member(f.revokeInvite)},
		{"POST", "/api/invites/accept", f.member(f.acceptInvite).drawing(memberLimit)},
		{"POST", "/api/dms", f.member(f.newDM).drawing(memberLimit)},

		{"POST", "/api/conversations/{conversation}/messages", f.member(f.send).drawing(messageLimit)},
		{"GET", "/api/conversations/{conversation}/messages", f.member(f.messages)},
		{"PUT", "/api/conversations/{conversation}/read", f.member(f.setRead)},
		{"POST", "/api/conversations/{conversation}/typing", f.member(f.typing)},
		{"GET", "/api/sync", f.member(f.sync)},
		{"GET", "/api/events", f.listener(f.events)},
	}
}

func (f *Face) newRouter(o Options) *chi.Mux {
	mux := chi.NewRouter()
	mux.Use(f.headers, f.observe, f.gate, clientAddress(o))
	mux.NotFound(f.nowhere(http.HandlerFunc(f.notFound)))
	mux.MethodNotAllowed(f.nowhere(http.HandlerFunc(f.wrongMethod)))
	for _, r := range f.routes {
		serve := f.atDoor(r.guarded)
		if r.class.bearer() {
			serve = f.crossOrigin(serve)
		}
		mux.Method(r.method, r.pattern, serve)
		f.classes[r.method+" "+r.pattern] = r.class
	}
	for _, pattern := range []string{"/", "/*"} {
		mux.Method("GET", pattern, f.nowhere(f.handle(f.file)))
		mux.Method("HEAD", pattern, f.nowhere(f.handle(f.file)))
		mux.Method("OPTIONS", pattern, f.nowhere(f.handle(f.preflight)))
	}
	return mux
}

// anyone guards a route that answers before the place is set up, and asks nobody who they are.
func (f *Face) anyone(h handler) guarded {
	return guarded{open, f.crossSite(f.handle(h)), &[]limitName{apiLimit, addressUpload}, maxForm}
}

// stranger guards a route for people who are not signed in.
func (f *Face) stranger(h handler) guarded {
	return guarded{public, f.crossSite(f.onceSetUp(f.handle(h))), &[]limitName{apiLimit, authLimit, addressUpload}, maxForm}
}

// listener guards the socket, which asks who one is in its first frame.
func (f *Face) listener(h handler) guarded {
	return guarded{socket, f.onceSetUp(f.handle(h)), &[]limitName{apiLimit, addressUpload, renewLimit}, maxForm}
}

// member guards a route for people who are signed in. It takes no cookie, so no other site can use it (SECURITY.md S4). A body may be a minute on its
// way: whoever was suspended, demoted or signed out meanwhile is asked again who they are, and the class goes by that.
func (f *Face) member(h callerHandler) guarded {
	draws := &[]limitName{apiLimit, addressUpload, userLimit, userUpload}
	return guarded{user, f.onceSetUp(f.handle(func(w http.ResponseWriter, r *http.Request) error {
		who, err := f.caller(r)
		if err != nil {
			return err
		}
		if err := f.limits.take(*draws, byUser, bucketKey(who.User), r.ContentLength); err != nil {
			return err
		}
		if r.Body != http.NoBody {
			if r.Body, err = whole(w, r); err != nil {
				return err
			}
			if who, err = f.caller(r); err != nil {
				return err
			}
		}
		return h(w, r, who)
	})), draws, maxBody}
}

// confirmed guards a route for dangerous changes: it takes a session whose person has shown their password or passkey within the last minutes.
func (f *Face) confirmed(h callerHandler) guarded {
	return f.member(onceConfirmed(h)).as(fresh)
}

// keeper guards a route for the place's admins. That it exists is no secret: it answers members 403.
func (f *Face) keeper(h callerHandler) guarded {
	return f.member(onlyAdmins(h)).as(admin)
}

// confirmedKeeper guards a dangerous change that only the place's admins may make.
func (f *Face) confirmedKeeper(h callerHandler) guarded {
	return f.member(onlyAdmins(onceConfirmed(h))).as(freshAdmin)
}

func onceConfirmed(h callerHandler) callerHandler {
	return func(w http.ResponseWriter, r *http.Request, who wire.Caller) error {
		if !who.Fresh {
			return wire.Unconfirmed()
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
	return wire.From{Address: middleware.GetClientIPAddr(r.Context()), Agent: r.UserAgent(), Known: f.cookie(r, deviceCookie)}
}

// nowhere guards answers that belong to no route: asking under /api/ for what is not there is asking, too.
func (f *Face) nowhere(answer http.Handler) http.HandlerFunc {
	api := f.atDoor(guarded{open, answer, &[]limitName{apiLimit, addressUpload}, maxBody})
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			api.ServeHTTP(w, r)
		} else {
			answer.ServeHTTP(w, r)
		}
	}
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
