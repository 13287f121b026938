package app

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"rsc.io/qr"
)

// output is where a running place writes; link waits for what matters in it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{}
}

func newOutput() *output { return &output{news: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func program(t *testing.T, args ...string) (p Program, out, errs *output) {
	t.Helper()
	schema, err := os.ReadFile("../schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	out, errs = newOutput(), newOutput()
	return Program{Version: "1.2.3", Schema: string(schema), Example: "# example\n", Assets: fstest.MapFS{}, Args: args, Out: out, Err: errs}, out, errs
}

func run(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	p, o, e := program(t, args...)
	status = Run(t.Context(), p)
	return status, o.String(), e.String()
}

var setupLink = regexp.MustCompile(`http://127\.0\.0\.1:\d+/setup#[A-Za-z0-9_-]{43}\b`)

// startPlace serves dir until the returned function is called, which gives the exit status.
func startPlace(t *testing.T, dir string, more ...string) (link string, errs *output, stop func() int) {
	t.Helper()
	p, out, errs := program(t, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, more...)...)
	ctx, cancel := context.WithCancel(context.Background())
	status := make(chan int, 1)
	go func() { status <- Run(ctx, p) }()
	for setupLink.FindString(out.String()) == "" {
		select {
		case <-out.news:
		case s := <-status:
			t.Fatalf("serve ended with %d: %s", s, errs)
		}
	}
	stop = sync.OnceValue(func() int { cancel(); return <-status })
	t.Cleanup(func() { stop() })
	return setupLink.FindString(out.String()), errs, stop
}

func TestServePrintsALinkAndStopsCleanly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "place")
	link, errs, stop := startPlace(t, dir)
	res, err := http.Get(link[:strings.Index(link, "/setup")] + "/api/health")
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("health: %v %v", res, err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if status := stop(); status != 0 {
		t.Errorf("ended with %d: %s", status, errs)
	}
	if token := link[strings.Index(link, "#")+1:]; strings.Contains(errs.String(), token) {
		t.Error("the setup token is in the log")
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v %v", info.Mode(), err)
	}
	for _, name := range []string{"chatalot.db", "secrets/jwt_private.pem", "secrets/totp.key"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

func TestSetupPrintsAFreshLinkBesideARunningPlace(t *testing.T) {
	dir := t.TempDir()
	first, _, _ := startPlace(t, dir)
	status, out, errs := run(t, "setup", "--data", dir)
	second := setupLink.FindString(out)
	if status != 0 || second == "" || second == first || second[:strings.Index(second, "#")] != first[:strings.Index(first, "#")] {
		t.Errorf("status %d, %q after %q: %s", status, second, first, errs)
	}
}

func TestEachRefusalHasItsOwnStatusAndOneLine(t *testing.T) {
	served := t.TempDir()
	link, _, stop := startPlace(t, served)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign, lost, open := t.TempDir(), t.TempDir(), t.TempDir()
	check(t, os.WriteFile(filepath.Join(foreign, "chatalot.db"), bytes.Repeat([]byte("not a database"), 500), 0o600))
	_, _, stopOpen := startPlace(t, open)
	stopOpen()
	check(t, os.Chmod(filepath.Join(open, "secrets/jwt_private.pem"), 0o644))
	_, _, stopLost := startPlace(t, lost)
	stopLost()
	check(t, os.Remove(filepath.Join(lost, "chatalot.db")))
	taken := strings.TrimPrefix(link[:strings.Index(link, "/setup")], "http://")

	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"nothing", nil, exitUsage, "say what to do"},
		{"unknown verb", []string{"dance"}, exitUsage, `"dance"`},
		{"unknown flag", []string{"serve", "--port", "1"}, exitUsage, "port"},
		{"surplus word", []string{"serve", "now"}, exitUsage, `"now"`},
		{"surplus word after version", []string{"version", "now"}, exitUsage, `"now"`},
		{"empty file name", []string{"serve", "--config", ""}, exitUsage, "--config"},
		{"missing file", []string{"serve", "--config", filepath.Join(served, "none.toml")}, exitConfig, "none.toml: cannot be read: no such file"},
		{"wrong settings", []string{"serve", "--config", file("x.toml", "colour = 1\n")}, exitConfig, "x.toml line 1: colour: there is no such key"},
		{"open to the network", []string{"serve", "--data", t.TempDir(), "--listen", "0.0.0.0:0"}, exitConfig, "plain HTTP to the network"},
		{"data is a file", []string{"serve", "--data", file("data", "x")}, exitData, "data"},
		{"second instance", []string{"serve", "--data", served, "--listen", "127.0.0.1:0"}, exitInUse, "already running"},
		{"taken address", []string{"serve", "--data", t.TempDir(), "--listen", taken}, exitListen, "address already in use"},
		{"foreign file", []string{"serve", "--data", foreign, "--listen", "127.0.0.1:0"}, exitForeign, "chatalot.db"},
		{"lost database", []string{"serve", "--data", lost, "--listen", "127.0.0.1:0"}, exitMissing, "backup"},
		{"readable key", []string{"serve", "--data", open, "--listen", "127.0.0.1:0"}, exitKeys, "chmod 0600"},
		{"setup of nothing", []string{"setup", "--data", t.TempDir()}, exitMissing, "chatalot serve"},
	} {
		status, out, errs := run(t, c.args...)
		if status != c.status || !strings.Contains(errs, c.says) || strings.Count(strings.TrimSpace(errs), "\n") > 0 || out != "" {
			t.Errorf("%s: status %d, want %d; said %q %q, want …%s…", c.name, status, c.status, errs, out, c.says)
		}
	}
	if status := stop(); status != 0 {
		t.Errorf("the place itself ended with %d", status)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsPrinted(t *testing.T) {
	for verb, want := range map[string]string{"version": "chatalot 1.2.3\n", "config": "# example\n", "help": usage} {
		if status, out, errs := run(t, verb); status != 0 || out != want || errs != "" {
			t.Errorf("%s: %d %q %q", verb, status, out, errs)
		}
	}
}

// TestHalfBlocksDrawTheCode reads the drawing back, module by module.
func TestHalfBlocksDrawTheCode(t *testing.T) {
	text := "http://localhost:8080/setup#" + strings.Repeat("x", 43)
	drawn, err := halfBlocks(text)
	check(t, err)
	code, err := qr.Encode(text, qr.L)
	check(t, err)
	size := code.Size + 2*quiet
	picture := image.NewGray(image.Rect(0, 0, size, size))
	for row, line := range strings.Split(strings.TrimSuffix(drawn, "\n"), "\n") {
		for x, r := range []rune(strings.TrimPrefix(line, "  ")) {
			for half, white := range []bool{r == '█' || r == '▀', r == '█' || r == '▄'} {
				if white {
					picture.SetGray(x, 2*row+half, color.Gray{255})
				}
			}
		}
	}
	for y := range size {
		for x := range size {
			if black := picture.GrayAt(x, y).Y == 0; black != code.Black(x-quiet, y-quiet) {
				t.Fatalf("module %d,%d is wrong", x, y)
			}
		}
	}
}

func TestHelpIsThereWhereverOneAsksForIt(t *testing.T) {
	_, want, _ := run(t, "help")
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"setup", "-h"}, {"version", "--help"}} {
		if status, out, errs := run(t, args...); status != 0 || out != want || errs != "" {
			t.Errorf("%v: status %d, %q", args, status, errs)
		}
	}
}
