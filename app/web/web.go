// Package web is the HTTP face of a place: every route with who may ask, the limits that hold for all of them, the socket that events come down,
// and the files of the web app. What is asked is decided in auth and chat; handlers only decode, call and answer.
package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"chatalot/app/auth"
	"chatalot/app/chat"
	"chatalot/app/wire"
)

// Options are what a Face works with. All are needed.
type Options struct {
	Auth           *auth.Auth
	Chat           *chat.Chat
	Assets         fs.FS    // the built web app: index.html and assets/
	Origin         string   // the place's own address in a browser, as in an Origin header
	TrustedProxies []string // CIDR prefixes whose word about the client's address is believed
	IPHeader       string   // where they put it: "x-forwarded-for" or "cf-connecting-ip"
	CORS           CORS
	Rates          Rates
	Version        string // of the program
	Now            func() time.Time
	Log            *slog.Logger
	// Checkup examines the place: the newest result there is, or with again a new one.
	Checkup func(ctx context.Context, again bool) (wire.Checkup, error)
}

// Face answers HTTP for a place.
type Face struct {
	auth    *auth.Auth
	chat    *chat.Chat
	origin  origin
	files   *files
	sockets *sockets
	limits  *limits
	spray   *spray
	cors    CORS
	trusted []netip.Prefix
	version string
	now     func() time.Time
	log     *slog.Logger
	examine func(ctx context.Context, again bool) (wire.Checkup, error)
	router  *chi.Mux
	routes  []route
	classes map[string]class // by method and pattern
}

// New returns a Face ready to serve. It fails when the assets cannot be read, and on a trusted proxy that is no prefix.
func New(o Options) (*Face, error) {
	own, err := url.Parse(o.Origin)
	if err != nil {
		return nil, err
	}
	files, err := loadFiles(o.Assets)
	if err != nil {
		return nil, err
	}
	trusted, err := prefixes(o.TrustedProxies)
	if err != nil {
		return nil, err
	}
	f := &Face{auth: o.Auth, chat: o.Chat, origin: newOrigin(own), files: files, sockets: newSockets(), limits: newLimits(o.Rates, o.Now),
		spray: newSpray(o.Now, o.Log), cors: o.CORS, trusted: trusted, classes: map[string]class{}, version: o.Version, now: o.Now, log: o.Log, examine: o.Checkup}
	f.routes = f.everyRoute()
	f.router = f.newRouter(o)
	return f, nil
}

// ServeHTTP answers one request.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.router.ServeHTTP(w, r) }

// Server limits (SECURITY.md T22). Bodies have a floor of their own; see readBody.
const (
	headerTime = 5 * time.Second // for a request's header to arrive
	answerTime = 2 * time.Minute // for a request altogether: the longest poll and a slow download fit in
	idleTime   = 3 * time.Minute // between two requests of one connection
	maxHeader  = 16 << 10        // bytes
)

// Server returns an http.Server for the face, without an address: the caller serves it on what Listener returns.
func (f *Face) Server() *http.Server {
	return &http.Server{
		Handler: f, ReadHeaderTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog:                     slog.NewLogLogger(quiet{f.log.Handler()}, slog.LevelDebug),
		DisableGeneralOptionsHandler: true, // its answer would carry none of our headers
	}
}

// Close ends every socket with 1001 and waits for them; long polls end with their requests.
func (f *Face) Close() { f.sockets.closeAll() }
