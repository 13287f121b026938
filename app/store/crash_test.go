package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatalot/app/wire"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CHATALOT_TEST_WRITER"); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes rows from eight goroutines and prints each number once its write was acknowledged.
func writeUntilKilled(dir string) {
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		panic(err)
	}
	s, err := Open(context.Background(), Options{Path: dir + "/chatalot.db", Schema: string(schema)}) // Fatal nil: status 74
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if os.Getenv("CHATALOT_TEST_LIMIT") != "" {
		limitFiles()
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			for {
				id := rand.Int64()
				err := s.Write(context.Background(), func(tx *Tx) error {
					if _, err := tx.AppendLog("user", ToUser(wire.UserID{1}), id); err != nil {
						return err
					}
					if id%5 == 0 {
						return errors.New("this one is taken back")
					}
					return nil
				})
				if err == nil {
					mu.Lock()
					fmt.Println(id)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

// limitFiles lets no file grow beyond 2 MiB: the kernel then fails writes as a dying disk would.
func limitFiles() {
	limit := uint64(2 << 20)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
}

// writer starts the killed process on dir and returns it with what it acknowledges.
func writer(t *testing.T, dir string, env ...string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "CHATALOT_TEST_WRITER="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// everyAcknowledged opens the place as a restart would and compares.
func everyAcknowledged(t *testing.T, dir string, acked map[string]bool) {
	t.Helper()
	s, err := Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	there := map[string]int{}
	last := int64(0)
	err = s.Read(t.Context(), func(tx *Tx) error {
		return tx.Log(0, 1<<62, func(r Row) error {
			if r.Seq <= last {
				return fmt.Errorf("seq %d after %d", r.Seq, last)
			}
			last = r.Seq
			there[string(r.Body)]++
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for id := range acked {
		if there[id] != 1 {
			t.Fatalf("row %s was acknowledged and is there %d times", id, there[id])
		}
	}
	for id, n := range there {
		if n != 1 || (strings.HasSuffix(id, "0") || strings.HasSuffix(id, "5")) {
			t.Fatalf("row %s, which was taken back, is there %d times", id, n)
		}
	}
}

// TestKilledProcessLosesNothingItAcknowledged kills -9 the writing process again and again on one database.
func TestKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	dir, acked, rounds := t.TempDir(), map[string]bool{}, 12
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		cmd, out := writer(t, dir)
		kill := time.AfterFunc(time.Hour, func() { cmd.Process.Kill() })
		lines, first := bufio.NewReader(out), true
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				break // a line cut off by the kill was not acknowledged
			}
			if acked[strings.TrimSuffix(line, "\n")] = true; first {
				first = false
				kill.Reset(time.Duration(rand.IntN(120)) * time.Millisecond)
			}
		}
		kill.Stop()
		if err := cmd.Wait(); err == nil {
			t.Fatal("the writer ended by itself")
		}
		everyAcknowledged(t, dir, acked)
	}
	t.Logf("%d rows acknowledged in %d rounds", len(acked), rounds)
}

// TestProcessEndsWhenTheDiskFails: on an I/O error nobody knows what is on disk, so the process stops and the next one looks.
func TestProcessEndsWhenTheDiskFails(t *testing.T) {
	dir, acked := t.TempDir(), map[string]bool{}
	cmd, out := writer(t, dir, "CHATALOT_TEST_LIMIT=1")
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acked[lines.Text()] = true
	}
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 74 {
		t.Fatalf("the writer ended with %v, want status 74", err)
	}
	if len(acked) == 0 {
		t.Fatal("nothing was written before the failure")
	}
	everyAcknowledged(t, dir, acked)
}
