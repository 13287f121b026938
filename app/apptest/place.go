// Package apptest runs a whole appliance for tests: the real server over a real listener and a real database file, and people with real keys.
package apptest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"chatalot/app/client"
	"chatalot/app/config"
	"chatalot/app/server"
	"chatalot/app/wire"
)

// Password is everybody's.
const Password = "correct horse battery"

// Place is an appliance and the people in it. The zero value with a URL speaks to one that runs elsewhere.
type Place struct {
	URL  string
	Data string // its data directory
	Web  fs.FS  // the built web app; nil for places that no browser visits
	Busy bool   // raises the limits on how much may be asked, for programs that stand for many people

	Admin   *client.Client // who set it up
	Start   wire.State     // as the admin found it after setting up
	General wire.Channel   // a public channel everybody who joins takes part in
	invite  string

	people    atomic.Int64 // clients so far
	listen    string       // where it was served first; a place that comes back comes back there
	setupLink string
	log       logBuffer
}

// Run starts an appliance on a loopback port and stops it when the test ends.
func Run(t testing.TB) *Place {
	t.Helper()
	p := &Place{Data: filepath.Join(t.TempDir(), "data")}
	p.Serve(t)
	return p
}

// Serve starts the appliance over p.Data, a second time at the same address. The returned function stops it as an operator would; the test's end
// does too.
func (p *Place) Serve(t testing.TB) (stop func()) {
	t.Helper()
	c := config.Default()
	c.Listen, c.Data = cmp.Or(p.listen, "127.0.0.1:0"), p.Data
	if p.Busy {
		Hurry(&c)
	}
	if p.Web == nil {
		p.Web = fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- server.Serve(ctx, server.Options{
			Config: c, Schema: Schema(t), Assets: p.Web, Version: "test",
			Log: slog.New(slog.NewJSONHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Ready: func(address, link string) {
				p.URL, p.setupLink, p.listen = address, link, strings.TrimPrefix(address, "http://")
				close(ready)
			},
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the appliance stopped with: %v", err)
		}
	})
	select {
	case <-ready:
		t.Cleanup(stop)
	case err := <-ended:
		cancel()
		t.Fatalf("the appliance did not start: %v", err)
	}
	return stop
}

// Schema is schema.sql as it stands at the root of the checkout.
func Schema(t testing.TB) string {
	_, self, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(self), "..", "..", "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// token is what stands behind the # of a setup or invitation link.
func token(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Fragment
}

// SetupLink is the one-time link that Serve saw.
func (p *Place) SetupLink() string { return p.setupLink }

// Log is everything the appliance has logged.
func (p *Place) Log() string { return p.log.String() }

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Hurry raises the limits of a place to what no machine here reaches.
func Hurry(c *config.Config) {
	const rate = "100000/100000"
	c.RateAPI, c.RateAuth, c.RateUser, c.RateMessages, c.RateUpload = rate, rate, rate, rate, rate
}

// Client returns a client of the place that has not signed in. Like people at home it has an address of its own.
func (p *Place) Client(t testing.TB) *client.Client {
	t.Helper()
	n := p.people.Add(1)
	c, err := client.New(client.Options{URL: p.URL, HTTP: &http.Client{Transport: home(fmt.Sprintf("198.18.%d.%d", n>>8&0xff, n&0xff))}})
	Must(t, err)
	return c
}

// home is a network address that requests come from: this machine is a proxy that the place trusts, and says so.
type home string

// RoundTrip sends one request.
func (h home) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", string(h))
	return http.DefaultTransport.RoundTrip(r)
}

// SetUp makes the admin with their keys, and the public channel "general". link is the setup link, "" for the one Serve saw.
func (p *Place) SetUp(t testing.TB, link string) *client.Client {
	t.Helper()
	ctx := context.Background()
	if link == "" {
		link = p.setupLink
	}
	p.Admin = p.Client(t)
	Must(t, p.Admin.Setup(ctx, wire.SetupRequest{
		Token: token(link), PlaceName: "Birch Lane", Username: "nora", DisplayName: "Nora", Password: Password, Transport: wire.ByBody,
	}))
	_, err := p.Admin.CreateKeys(ctx, "test")
	Must(t, err)
	p.Start, err = p.Admin.Load(ctx)
	Must(t, err)
	p.General, err = p.Admin.CreateChannel(ctx, p.Start.Groups[0].ID, "general", wire.Public)
	Must(t, err)
	return p.Admin
}

// Join makes an account by invitation, with keys, that has joined "general". It also returns the recovery code.
func (p *Place) Join(t testing.TB, name string) (*client.Client, string) {
	t.Helper()
	ctx := context.Background()
	c := p.Register(t, name)
	code, err := c.CreateKeys(ctx, "test")
	Must(t, err)
	_, err = c.Load(ctx)
	Must(t, err)
	Must(t, c.Join(ctx, p.General))
	return c, code
}

// Register makes an account by invitation that has no keys yet.
func (p *Place) Register(t testing.TB, name string) *client.Client {
	t.Helper()
	ctx := context.Background()
	if p.invite == "" {
		invite, err := p.Admin.Invite(ctx, p.Start.Communities[0].ID, 1000)
		Must(t, err)
		p.invite = invite.Token
	}
	c := p.Client(t)
	Must(t, c.Register(ctx, wire.RegisterRequest{Username: name, DisplayName: name, Password: Password, Invite: p.invite, Transport: wire.ByBody}))
	return c
}

// Texts catches a client up and returns the plaintexts that came, in order. A message that could not be opened fails the test.
func Texts(t testing.TB, c *client.Client) (texts []string) {
	t.Helper()
	got, err := c.CatchUp(context.Background())
	Must(t, err)
	for _, r := range got {
		switch r.Status {
		case "ok", "late":
			texts = append(texts, string(r.Plaintext))
		case "duplicate":
		default:
			t.Fatalf("message %d from %s was %s: %s", r.Message.Seq, r.Message.SenderUser, r.Status, r.Code)
		}
	}
	return texts
}

// Say sends a text and fails the test when it was not accepted.
func Say(t testing.TB, c *client.Client, conv wire.ConvID, text string) wire.Message {
	t.Helper()
	m, err := c.Send(context.Background(), conv, []byte(text))
	Must(t, err)
	return m
}

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Refused fails the test unless err is a refusal by the place with this code.
func Refused(t testing.TB, err error, code wire.Code) {
	t.Helper()
	if client.Code(err) != code {
		t.Fatal(fmt.Errorf("want a refusal with %s, got: %w", code, err))
	}
}

// DemandAbsent fails the test when a secret stands in any byte of the place's files or its log, in any spelling that Holds knows (E2EE.md N39).
func (p *Place) DemandAbsent(t testing.TB, secrets ...string) {
	t.Helper()
	for name, text := range p.everyByte(t) {
		for i, secret := range secrets {
			if secret == "" {
				t.Fatalf("secret %d is empty: the search would find it anywhere", i)
			}
			if Holds(text, []byte(secret)) {
				t.Errorf("%s holds secret %d", name, i)
			}
		}
	}
}

func (p *Place) everyByte(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{"the log": p.Log()}
	Must(t, filepath.WalkDir(p.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[path] = string(readFile(t, path))
		return nil
	}))
	if all["the log"] == "" || len(all) < 4 {
		t.Fatal("the files and the log were not found")
	}
	return all
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	Must(t, err)
	return raw
}
