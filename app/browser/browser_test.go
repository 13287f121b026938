// Package browser drives the built web app in real Chromium profiles against a real place. The journeys are assets/test/journeys; here they get a
// place to run against, and afterwards the place is searched for what was typed.
package browser

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"chatalot/app/apptest"
)

const (
	dist     = "../../assets/dist"
	journeys = "../../assets/test/journeys"
	pictures = "../../.artifacts/journeys" // screenshots, outside git
)

// report is what a journey prints last: everything that must not be found on the server.
type report struct {
	Secrets []string `json:"secrets"`
}

// openPlace runs a fresh place that serves the built web app.
func openPlace(t testing.TB, edit ...func(*apptest.Place)) *apptest.Place {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dist, "index.html")); err != nil {
		t.Fatal("the web app is not built: run make build first")
	}
	p := &apptest.Place{Data: filepath.Join(t.TempDir(), "data"), Web: os.DirFS(dist)}
	for _, e := range edit {
		e(p)
	}
	p.Serve(t)
	return p
}

// busy is for places where programs talk that stand for a crowd of people and years of messages.
func busy(p *apptest.Place) { p.Busy = true }

// travel runs a journey against a place and decodes what it prints last into report. env are further variables for it, as "NAME=value".
func travel(t testing.TB, p *apptest.Place, name string, report any, env ...string) {
	t.Helper()
	kept, err := filepath.Abs(filepath.Join(pictures, name))
	apptest.Must(t, err)
	cmd := exec.Command("node", filepath.Join(journeys, name+".mjs"))
	cmd.Env = append(os.Environ(), "CHATALOT_URL="+p.URL, "CHATALOT_SETUP="+p.SetupLink(), "CHATALOT_PICTURES="+kept, "CHATALOT_PROFILES="+t.TempDir())
	cmd.Env = append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err = cmd.Run()
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	for _, line := range lines[:len(lines)-1] {
		t.Logf("%s", line)
	}
	if err != nil {
		t.Fatalf("%s\nthe journey ended early: %v", lines[len(lines)-1], err)
	}
	apptest.Must(t, json.Unmarshal(lines[len(lines)-1], report))
}

// From the setup link to several people talking on phones and computers (N39 among it).
func TestPeopleSetUpAPlaceJoinItAndTalk(t *testing.T) {
	p, r := openPlace(t), report{}
	travel(t, p, "talk", &r)
	if len(r.Secrets) < 10 {
		t.Fatalf("the journey named only %d secrets", len(r.Secrets))
	}
	p.DemandAbsent(t, r.Secrets...)
}
