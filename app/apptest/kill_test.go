package apptest_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/config"
	"chatalot/app/server"
	"chatalot/app/wire"
)

const (
	childData   = "CHATALOT_TEST_DATA"
	childListen = "CHATALOT_TEST_LISTEN"
)

// TestMain lets the test binary be the appliance, so that it can be killed, or the program itself with its command line.
func TestMain(m *testing.M) {
	if os.Getenv(childProgram) != "" {
		os.Exit(asProgram())
	}
	if data := os.Getenv(childData); data != "" {
		fmt.Fprintln(os.Stderr, serveChild(data, os.Getenv(childListen)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serveChild(data, listen string) error {
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		return err
	}
	c := config.Default()
	c.Data, c.Listen = data, listen
	apptest.Hurry(&c)
	return server.Serve(context.Background(), server.Options{
		Config: c, Schema: string(schema), Assets: fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}, Version: "test",
		Log:   slog.New(slog.DiscardHandler),
		Ready: func(_, link string) { fmt.Println(link) },
	})
}

// victim is an appliance in a process of its own.
type victim struct{ cmd *exec.Cmd }

func startVictim(t *testing.T, data, listen string) (v victim, setupLink string) {
	t.Helper()
	v.cmd = exec.Command(os.Args[0])
	v.cmd.Env = append(os.Environ(), childData+"="+data, childListen+"="+listen)
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	must(t, err)
	must(t, v.cmd.Start())
	t.Cleanup(v.kill)
	line := bufio.NewScanner(out)
	if !line.Scan() {
		t.Fatal("the appliance did not start")
	}
	go io.Copy(io.Discard, out) // ends with the process
	return v, line.Text()
}

func (v victim) kill() {
	v.cmd.Process.Kill()
	v.cmd.Wait()
}

const (
	kills    = 12
	perRound = 150 // acknowledgements before the kill
	writers  = 6
)

func TestEveryAcknowledgedMessageSurvivesKillingTheServer(t *testing.T) {
	data, listen := filepath.Join(t.TempDir(), "data"), freePort(t)
	v, link := startVictim(t, data, listen)
	p := &apptest.Place{URL: "http://" + listen, Data: data}
	nora := p.SetUp(t, link)
	acknowledged := map[wire.MsgID]bool{}
	for round := range kills {
		before := len(acknowledged)
		sendUntilKilled(t, p, nora, v, acknowledged)
		if len(acknowledged) < before+perRound {
			t.Fatalf("round %d acknowledged only %d messages", round, len(acknowledged)-before)
		}
		v, _ = startVictim(t, data, listen)
	}
	seen := map[wire.MsgID]int{}
	for _, m := range history(t, nora, p.General.ID) {
		seen[m.MessageID]++
	}
	for id := range acknowledged {
		if seen[id] != 1 {
			t.Errorf("acknowledged message %s is there %d times", id, seen[id])
		}
	}
	t.Logf("%d kills, %d acknowledged messages, all there once", kills, len(acknowledged))
}

// sendUntilKilled writes from several connections, kills the server in the midst of it, and notes what had been acknowledged.
func sendUntilKilled(t *testing.T, p *apptest.Place, from *client.Client, v victim, acknowledged map[wire.MsgID]bool) {
	t.Helper()
	ops := wire.Ops{}
	must(t, from.Do(context.Background(), "GET", "/api/channels/"+p.General.ID.String()+"/ops", nil, &ops))
	var mu sync.Mutex
	var count atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				id := wire.MsgID{}
				rand.Read(id[:])
				stored := wire.Message{}
				message := wire.NewMessage{MessageID: id, Epoch: ops.Epoch, Ciphertext: make(wire.Bytes, 300)}
				err := from.Do(context.Background(), "POST", "/api/conversations/"+p.General.ID.String()+"/messages", message, &stored)
				if err != nil {
					return
				}
				mu.Lock()
				acknowledged[id] = true
				mu.Unlock()
				if count.Add(1) == perRound {
					v.kill()
				}
			}
		})
	}
	wg.Wait()
}

func history(t *testing.T, c *client.Client, conv wire.ConvID) (all []wire.Message) {
	t.Helper()
	for before := int64(0); ; before = all[len(all)-1].Seq {
		page := wire.Messages{}
		path := fmt.Sprintf("/api/conversations/%s/messages?limit=100", conv)
		if before > 0 {
			path += fmt.Sprint("&before=", before)
		}
		must(t, c.Do(context.Background(), "GET", path, nil, &page))
		if len(page.Messages) == 0 {
			return all
		}
		for i := range page.Messages { // newest last on a page; this list runs backwards
			all = append(all, page.Messages[len(page.Messages)-1-i])
		}
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}
