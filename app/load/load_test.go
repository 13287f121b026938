// Package load measures the appliance with many clients, as ratios to a floor that runs on the same machine in the same run.
package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const floorEnv = "CHATALOT_LOAD_FLOOR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(floorEnv); dir != "" {
		fmt.Fprintln(os.Stderr, serveFloor(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// target is something that takes durable messages and tells them to everybody connected.
type target interface {
	request(sender int, id string, ciphertext []byte) *http.Request
	connect(ctx context.Context, member int) (*websocket.Conn, error)
	ids(frame []byte) []string // message ids in a frame
}

const (
	members    = 50
	senders    = 10
	throughput = 4000 // messages of a throughput run
	paced      = 400  // messages of a latency run
	pace       = 20 * time.Millisecond
	bodySize   = 360 // bytes: a sentence, padded and sealed
)

func post(url, token string, body []byte) *http.Request {
	req, _ := http.NewRequest("POST", url, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

// crowd is the connected members: it knows when each message reached the last of them.
type crowd struct {
	mu      sync.Mutex
	left    map[string]int
	arrived map[string][]time.Time
	all     chan struct{} // closed when nothing is left
	want    int
	done    int
}

func gather(ctx context.Context, b *testing.B, t target, want int) *crowd {
	c := &crowd{left: map[string]int{}, arrived: map[string][]time.Time{}, all: make(chan struct{}), want: want * members}
	for i := range members {
		conn, err := t.connect(ctx, i)
		if err != nil {
			b.Fatalf("connect member %d: %v", i, err)
		}
		conn.SetReadLimit(1 << 20)
		go c.listen(ctx, t, conn)
	}
	return c
}

func (c *crowd) listen(ctx context.Context, t target, conn *websocket.Conn) {
	defer conn.CloseNow()
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			return
		}
		now := time.Now()
		ids := t.ids(frame)
		c.mu.Lock()
		for _, id := range ids {
			c.arrived[id] = append(c.arrived[id], now)
			c.done++
		}
		if len(ids) > 0 && c.done >= c.want && c.done-len(ids) < c.want {
			close(c.all)
		}
		c.mu.Unlock()
	}
}

func (c *crowd) wait(b *testing.B) {
	select {
	case <-c.all:
	case <-time.After(2 * time.Minute):
		b.Fatalf("only %d of %d deliveries arrived", c.done, c.want)
	}
}

var httpClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * senders}, Timeout: time.Minute}

func send(req *http.Request) error {
	res, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("%d: %s", res.StatusCode, answer)
	}
	return nil
}

func newID() string {
	raw := make([]byte, 16)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// measureThroughput returns acknowledged and delivered messages per second.
func measureThroughput(b *testing.B, t target) (acked, delivered float64) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := gather(ctx, b, t, throughput)
	body := make([]byte, bodySize)
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for s := range senders {
		wg.Go(func() {
			for next.Add(1) <= throughput {
				if err := send(t.request(s, newID(), body)); err != nil {
					b.Errorf("send: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	acked = throughput / time.Since(start).Seconds()
	c.wait(b)
	return acked, throughput / time.Since(start).Seconds()
}

// measureLatency returns the median time from the start of a send until it reached a member, at one message every 20 ms.
func measureLatency(b *testing.B, t target) time.Duration {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := gather(ctx, b, t, paced)
	body := make([]byte, bodySize)
	started := make(map[string]time.Time, paced)
	var mu sync.Mutex
	var wg sync.WaitGroup
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range paced {
		<-tick.C
		wg.Go(func() {
			id := newID()
			req := t.request(i%senders, id, body)
			mu.Lock()
			started[id] = time.Now()
			mu.Unlock()
			if err := send(req); err != nil {
				b.Errorf("send: %v", err)
			}
		})
	}
	wg.Wait()
	c.wait(b)
	var took []time.Duration
	for id, times := range c.arrived {
		for _, at := range times {
			took = append(took, at.Sub(started[id]))
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// child starts a process that prints a line naming its address, and returns that line and its pid.
func child(b *testing.B, cmd *exec.Cmd) (line string, pid int) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		b.Fatalf("%s printed nothing", cmd.Path)
	}
	go io.Copy(io.Discard, out)
	return lines.Text(), cmd.Process.Pid
}

func startFloor(b *testing.B) floorTarget {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), floorEnv+"="+b.TempDir())
	addr, _ := child(b, cmd)
	return floorTarget{url: "http://" + addr}
}

// resident returns a process's resident memory in KiB, from the kernel.
func resident(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib
		}
	}
	b.Fatal("the kernel tells no VmRSS")
	return 0
}
