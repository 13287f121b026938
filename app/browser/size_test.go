package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatalot/app/apptest"
)

// What may come over the wire, compressed and headers included, until a first screen can be used: in bytes.
const (
	scriptBudget = 150_000 // JS and CSS
	wasmBudget   = 850_000
)

// stage is what a browser that had nothing of the app loaded for its first screen.
type stage struct {
	Name     string   `json:"name"`
	Files    []loaded `json:"files"`
	Blocking []string `json:"blocking"` // URLs of what held the first paint up
}

// loaded is one response. Sizes are bytes on the wire.
type loaded struct {
	URL      string `json:"url"`
	Status   int    `json:"status"`
	Type     string `json:"type"`
	Encoding string `json:"encoding"`
	Body     int    `json:"body"`
	Headers  int    `json:"headers"`
}

func (l loaded) path() string {
	u, err := url.Parse(l.URL)
	if err != nil {
		return l.URL
	}
	return u.Path
}

// invited sets a place up and returns an invitation to it, as the variable that journeys read.
func invited(t testing.TB, p *apptest.Place) string {
	t.Helper()
	p.SetUp(t, "")
	invite, err := p.Admin.Invite(context.Background(), p.Start.Communities[0].ID, 10)
	apptest.Must(t, err)
	return "CHATALOT_INVITE=" + p.URL + "/join#" + invite.Token
}

func TestFirstLoadStaysWithinItsBudget(t *testing.T) {
	p := openPlace(t)
	r := struct {
		Stages []stage `json:"stages"`
	}{}
	travel(t, p, "firstload", &r, invited(t, p))
	if len(r.Stages) != 3 {
		t.Fatalf("%d stages were measured, want login, join and chat", len(r.Stages))
	}
	for _, s := range r.Stages {
		t.Run(s.Name, func(t *testing.T) {
			demandBudget(t, s)
			demandOwnHost(t, s, p.URL)
			demandOnlyTheShellBlocks(t, s)
		})
	}
}

func demandBudget(t *testing.T, s stage) {
	t.Helper()
	scripts, wasm := 0, 0
	for _, f := range s.Files {
		switch media, _, _ := strings.Cut(f.Type, ";"); media {
		case "text/javascript", "text/css":
			demandCompressed(t, f)
			scripts += f.Body + f.Headers
		case "application/wasm":
			demandCompressed(t, f)
			wasm += f.Body + f.Headers
		}
	}
	t.Logf("%s: %d bytes of JS and CSS, %d bytes of wasm in %d responses:\n%s", s.Name, scripts, wasm, len(s.Files), list(s.Files))
	if scripts > scriptBudget || wasm > wasmBudget {
		t.Errorf("%s loads %d bytes of JS and CSS (at most %d) and %d of wasm (at most %d)", s.Name, scripts, scriptBudget, wasm, wasmBudget)
	}
	demandWhole(t, s)
}

// demandWhole fails the test when something was not seen that every screen needs: a budget holds easily for what was not measured.
func demandWhole(t *testing.T, s stage) {
	t.Helper()
	want := []string{"index-", "worker-", "core-", map[string]string{"chat": "Chat-"}[s.Name]}
	if s.Name != "chat" {
		want[3] = "Flow-"
	}
	for _, prefix := range want {
		if !slices.ContainsFunc(s.Files, func(f loaded) bool { return strings.HasPrefix(path.Base(f.path()), prefix) }) {
			t.Errorf("%s was not seen to load %s…", s.Name, prefix)
		}
	}
}

// demandCompressed fails the test unless a file came over the wire as the brotli that the build left beside it.
func demandCompressed(t *testing.T, f loaded) {
	t.Helper()
	built, err := os.Stat(filepath.Join(dist, f.path()+".br"))
	if errors.Is(err, fs.ErrNotExist) { // a chunk of some words that compression would make longer
		plain, err := os.Stat(filepath.Join(dist, f.path()))
		if apptest.Must(t, err); f.Encoding != "" || int64(f.Body) != plain.Size() || plain.Size() > 1<<10 {
			t.Errorf("%s came as %q in %d bytes; it has %d and no brotli", f.path(), f.Encoding, f.Body, plain.Size())
		}
		return
	}
	apptest.Must(t, err)
	if f.Encoding != "br" || f.Status != 200 || int64(f.Body) != built.Size() {
		t.Errorf("%s came as %d %q in %d bytes; its brotli is %d", f.path(), f.Status, f.Encoding, f.Body, built.Size())
	}
}

func demandOwnHost(t *testing.T, s stage, place string) {
	t.Helper()
	here, err := url.Parse(place)
	apptest.Must(t, err)
	for _, f := range s.Files {
		if u, err := url.Parse(f.URL); err != nil || u.Host != here.Host {
			t.Errorf("%s asked another host: %s", s.Name, f.URL)
		}
	}
}

var named = regexp.MustCompile(`(?:src|href)="(/[^"]+)"`)

// demandOnlyTheShellBlocks holds the first paint free of everything but what index.html itself names.
func demandOnlyTheShellBlocks(t *testing.T, s stage) {
	t.Helper()
	html, err := os.ReadFile(filepath.Join(dist, "index.html"))
	apptest.Must(t, err)
	shell := map[string]bool{}
	for _, m := range named.FindAllSubmatch(html, -1) {
		shell[string(m[1])] = true
	}
	if len(s.Blocking) == 0 {
		t.Error("not even the shell's style sheet was seen to block: the browser does not tell")
	}
	for _, one := range s.Blocking {
		if at := (loaded{URL: one}).path(); !shell[at] || path.Ext(at) != ".css" {
			t.Errorf("%s: %s holds the first paint up", s.Name, at)
		}
	}
}

func list(files []loaded) string {
	lines := []string{}
	slices.SortFunc(files, func(a, b loaded) int { return cmp.Compare(b.Body, a.Body) })
	for _, f := range files {
		lines = append(lines, fmt.Sprintf("%8d + %4d  %-3s %d %s", f.Body, f.Headers, f.Encoding, f.Status, f.path()))
	}
	return strings.Join(lines, "\n")
}
