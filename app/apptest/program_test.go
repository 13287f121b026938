package apptest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"chatalot/app"
)

// The test binary is chatalot when childProgram is set, made at the time in childBuilt (RFC 3339).
const (
	childProgram = "CHATALOT_TEST_PROGRAM"
	childBuilt   = "CHATALOT_TEST_BUILT"
)

func asProgram() int {
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return app.Main(app.Program{Version: "test", Built: os.Getenv(childBuilt), Schema: string(schema),
		Assets: fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}, Args: os.Args[1:], Out: os.Stdout, Err: os.Stderr})
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childProgram+"=1")
	return cmd
}

// ran is how a verb ended.
type ran struct {
	status   int
	out, err string
}

func run(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// serving is chatalot serve in a process of its own.
type serving struct {
	cmd  *exec.Cmd
	says string // its link, or where it is
}

func serve(t *testing.T, cmd *exec.Cmd) *serving {
	t.Helper()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	s := &serving{cmd: cmd}
	t.Cleanup(s.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if i := strings.Index(lines.Text(), "http://"); i >= 0 {
			s.says = lines.Text()[i:]
			go io.Copy(io.Discard, out) // ends with the process
			return s
		}
	}
	t.Fatal("the place did not start")
	return nil
}

func (s *serving) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *serving) stop(t *testing.T) {
	t.Helper()
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	must(t, s.cmd.Wait())
}

// usedPlace is the data directory of a place that has served once and was stopped in order.
func usedPlace(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	serve(t, command("serve", "--data", data, "--listen", "127.0.0.1:0")).stop(t)
	return data
}
