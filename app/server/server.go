// Package server opens every machine of a place, starts its face, and stops them in order. It is the only room that opens things.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"chatalot/app/auth"
	"chatalot/app/chat"
	"chatalot/app/config"
	"chatalot/app/doctor"
	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/web"
	"chatalot/app/wire"
)

// Options are what a place is run with. All are needed but Built, Settings and Insecure.
type Options struct {
	Config  config.Config // already checked
	Schema  string        // schema.sql
	Assets  fs.FS         // the built web app
	Version string
	Built   time.Time // of the commit it was made from; zero when it does not know
	Log     *slog.Logger
	// Insecure lets pass, with a warning, that others on this machine may use the key files.
	Insecure bool
	// Settings is the path of the settings file; empty: there is none.
	Settings string
	// Ready is called once people can connect. setupLink is empty for a place that is set up.
	Ready func(address, setupLink string)
}

// Why a place was not started, or no setup link made. Each arrives wrapped in one line for the operator.
var (
	ErrData    = errors.New("data directory")
	ErrListen  = errors.New("listen")
	ErrSetUp   = errors.New("set up already")
	ErrInUse   = store.ErrInUse
	ErrForeign = store.ErrForeign
	ErrNewer   = store.ErrNewer
	ErrMissing = store.ErrMissing
	ErrDamaged = store.ErrDamaged
)

// failure is one clear line for the operator with its kind behind it.
type failure struct {
	kind error
	line string
}

func (f failure) Error() string { return f.line }
func (f failure) Unwrap() error { return f.kind }

const (
	databaseFile = doctor.DatabaseFile
	secretsDir   = doctor.SecretsDir
	addressFile  = doctor.AddressFile // where people reach the place: chatalot setup reads it

	stopTime = 10 * time.Second // for requests under way to end
)

// place is a running installation.
type place struct {
	o        Options
	store    *store.Store
	live     *live.Hub
	auth     *auth.Auth
	chat     *chat.Chat
	face     *web.Face
	listener net.Listener
	address  string
	checkups *checkups

	work    sync.WaitGroup // what goes on by itself until stopWork
	workCtx context.Context
	endWork context.CancelFunc
}

// Serve runs the place until ctx ends, then stops it in order: no new requests, sockets told to come back, requests under way finished,
// database closed. Nil means that it stopped cleanly.
func Serve(ctx context.Context, o Options) error {
	if err := checkClock(time.Now(), o.Built); err != nil {
		return err
	}
	p := &place{o: o}
	p.workCtx, p.endWork = context.WithCancel(context.WithoutCancel(ctx)) // ends with stopWork, after the last request
	defer p.close()
	if err := p.open(ctx); err != nil {
		return err
	}
	link, err := p.setupLink(ctx)
	if err != nil {
		return err
	}
	return p.serve(ctx, link)
}

func (p *place) open(ctx context.Context) (err error) {
	c := p.o.Config
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return failure{ErrData, fmt.Sprintf("The data directory cannot be made: %v.", err)}
	}
	if p.store, err = store.Open(ctx, store.Options{Path: filepath.Join(c.Data, databaseFile), Schema: p.o.Schema, Now: time.Now, Log: p.o.Log}); err != nil {
		return openFailure(err)
	}
	keys, err := auth.OpenKeys(ctx, keyFiles(c, p.o.Insecure, p.o.Log), p.store)
	if err != nil {
		return err
	}
	if err := p.listen(ctx); err != nil {
		return err
	}
	p.live = live.New()
	p.auth, err = auth.New(ctx, auth.Options{Store: p.store, Live: p.live, Keys: keys, Registration: wire.Registration(c.Registration),
		Lockout: auth.Lockout(c.Lockout), Version: p.o.Version, AuditDays: c.AuditDays, Origin: p.address, Admin: c.AdminUsername, Now: time.Now, Log: p.o.Log})
	if err != nil {
		return fmt.Errorf("load the sessions: %w", err)
	}
	p.followOthers()
	p.chat = chat.New(chat.Options{Store: p.store, Live: p.live, Version: p.o.Version, Now: time.Now, Log: p.o.Log})
	p.face, err = web.New(web.Options{Auth: p.auth, Chat: p.chat, Assets: p.o.Assets, Origin: p.address, TrustedProxies: c.TrustedProxies,
		IPHeader: c.IPHeader, CORS: web.CORS{Any: c.CORS == "any", Origins: c.CORSOrigins}, Rates: rates(c), Version: p.o.Version, Now: time.Now, Log: p.o.Log, Checkup: p.checkup})
	if err == nil {
		p.checkups = newCheckups(p.workCtx, p.subject(), p.o.Log)
	}
	return err
}

// openFailure keeps the store's own sentences and gives the rest, which is about permissions and disks, the kind ErrData.
func openFailure(err error) error {
	for _, kind := range []error{ErrInUse, ErrForeign, ErrNewer, ErrMissing, ErrDamaged} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return failure{ErrData, fmt.Sprintf("The database cannot be opened: %v.", err)}
}

// listen takes the port, by which the place's address is known to everything that opens after it.
func (p *place) listen(ctx context.Context) (err error) {
	c := p.o.Config
	if p.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen); err != nil {
		return failure{ErrListen, fmt.Sprintf("Cannot listen on %s: %v. Choose another address with --listen.", c.Listen, err)}
	}
	p.address = c.Origin(p.listener.Addr())
	if err := os.WriteFile(filepath.Join(c.Data, addressFile), []byte(p.address+"\n"), 0o600); err != nil {
		return failure{ErrData, fmt.Sprintf("The data directory cannot be written to: %v.", err)}
	}
	return nil
}

// rates reads the limits of the settings, which were checked when they were loaded.
func rates(c config.Config) web.Rates {
	read := func(text string) web.Rate {
		r, _ := config.ReadRate(text)
		return web.Rate(r)
	}
	return web.Rates{API: read(c.RateAPI), Auth: read(c.RateAuth), User: read(c.RateUser), Messages: read(c.RateMessages), Upload: read(c.RateUpload)}
}

func (p *place) setupLink(ctx context.Context) (string, error) {
	if p.auth.IsSetUp() {
		return "", nil
	}
	token, err := auth.IssueSetupToken(ctx, p.store)
	if err != nil {
		return "", fmt.Errorf("make a setup link: %w", err)
	}
	return link(p.address, token), nil
}

// link carries the token behind the #: browsers send that part to nobody, so no log and no proxy sees it.
func link(address string, token auth.Secret) string { return address + "/setup#" + token.Reveal() }

func (p *place) serve(ctx context.Context, link string) error {
	server := p.face.Server()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(p.face.Listener(p.listener)) }() // ends with Shutdown; received below
	p.o.Log.Info("serving", "address", p.address, "listen", p.listener.Addr().String(), "version", p.o.Version)
	p.o.Ready(p.address, link)
	p.work.Go(func() { nightly(p.workCtx, p.jobs(), p.auth.Begun(), time.Now, p.o.Log) })
	tellSystemd("READY=1")
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	tellSystemd("STOPPING=1")
	p.o.Log.Info("stopping")
	err := p.stop(server)
	<-failed
	return err
}

func (p *place) stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	p.endWork() // so that nobody waits for an examination
	p.face.Close()
	if err := server.Shutdown(ctx); err != nil {
		p.o.Log.Warn("some requests were cut off", "err", err)
		return server.Close()
	}
	return nil
}

// stopWork ends what goes on by itself and waits for it.
func (p *place) stopWork() {
	p.endWork()
	p.work.Wait()
	if p.checkups != nil {
		p.checkups.wg.Wait()
	}
}

// close closes what was opened, last first. It is called once, however far open came.
func (p *place) close() {
	p.stopWork()
	if p.listener != nil {
		p.listener.Close() // a second time after Serve: its error says nothing
	}
	if p.store == nil {
		return
	}
	if err := p.store.Close(); err != nil {
		p.o.Log.Error("close the database", "err", err)
	}
}

// tellSystemd says how the service is doing, when systemd asked for it (sd_notify(3)).
func tellSystemd(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	conn, err := net.Dial("unixgram", strings.Replace(name, "@", "\x00", 1))
	if err != nil {
		return // nobody listens any more
	}
	defer conn.Close()
	conn.Write([]byte(state))
}

// SetupLink makes a fresh setup link, which takes the place of an earlier one. It works beside a running place.
func SetupLink(ctx context.Context, c config.Config, log *slog.Logger) (string, error) {
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(c.Data, databaseFile), Beside: true, Now: time.Now, Log: log})
	if err != nil {
		return "", openFailure(err)
	}
	defer s.Close()
	token, err := auth.IssueSetupToken(ctx, s)
	if refusal, ok := errors.AsType[*wire.Error](err); ok && refusal.Code == wire.SetupDone {
		return "", failure{ErrSetUp, "This place is set up already: somebody has an account. Sign in, or ask for an invitation."}
	}
	if err != nil {
		return "", fmt.Errorf("make a setup link: %w", err)
	}
	return link(lastAddress(c), token), nil
}

// lastAddress is where people reach the place: as configured, or else as it last served.
func lastAddress(c config.Config) string {
	told, err := os.ReadFile(filepath.Join(c.Data, addressFile))
	if c.PublicURL != "" || err != nil {
		return c.Origin(nil)
	}
	return strings.TrimSpace(string(told))
}
