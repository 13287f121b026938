package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/wire"
)

// binary is the built appliance; make bench builds it first.
const binary = "../../chatalot"

// place is a running appliance with a community of members who share one channel.
type place struct {
	url     string
	data    string
	process *exec.Cmd
	people  []*client.Client
	channel wire.ConvID
	epoch   int64
}

var setupLink = regexp.MustCompile(`http\S+/setup#\S+`)

// startPlace runs ./chatalot serve over a data directory and waits for its first healthy answer; ready is how long that took.
func startPlace(b *testing.B, data string) (p *place, ready time.Duration) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(binary, "serve", "--data", data, "--listen", addr, "--config", settings(b))
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p = &place{url: "http://" + addr, data: data, process: cmd}
	b.Cleanup(p.stop)
	for time.Since(start) < 20*time.Second {
		res, err := http.Get(p.url + "/api/health")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return p, time.Since(start)
			}
		}
		time.Sleep(time.Millisecond)
	}
	b.Fatal("the place never became healthy")
	return nil, 0
}

// settings is a file with the rates of a place whose ten senders and fifty members share this one machine.
func settings(b *testing.B) string {
	path, text := filepath.Join(b.TempDir(), "chatalot.toml"), ""
	for _, key := range []string{"rate_api", "rate_auth", "rate_user", "rate_messages", "rate_upload"} {
		text += key + " = \"100000/100000\"\n"
	}
	apptest.Must(b, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// stop ends the appliance as an operator would; a second call does nothing.
func (p *place) stop() {
	p.process.Process.Signal(os.Interrupt)
	p.process.Wait()
}

// populate sets the place up and fills one public channel with n members.
func (p *place) populate(b *testing.B, n int) {
	link, err := exec.Command(binary, "setup", "--data", p.data).Output()
	apptest.Must(b, err)
	town := &apptest.Place{URL: p.url}
	p.people = append(p.people, town.SetUp(b, setupLink.FindString(string(link))))
	for i := 1; i < n; i++ {
		member, _ := town.Join(b, fmt.Sprintf("member%d", i))
		p.people = append(p.people, member)
	}
	p.channel = town.General.ID
	ops := wire.Ops{}
	apptest.Must(b, town.Admin.Do(context.Background(), "GET", "/api/channels/"+p.channel.String()+"/ops", nil, &ops))
	p.epoch = ops.Epoch
}

func (p *place) request(sender int, id string, ciphertext []byte) *http.Request {
	body := fmt.Appendf(nil, `{"message_id":%q,"epoch":%d,"ciphertext":%q}`, id, p.epoch, wireText(ciphertext))
	return post(p.url+"/api/conversations/"+p.channel.String()+"/messages", p.people[sender].Token(), body)
}

func wireText(b wire.Bytes) []byte {
	text, _ := b.MarshalText()
	return text
}

func (p *place) connect(ctx context.Context, member int) (*websocket.Conn, error) {
	return p.connectAs(ctx, p.people[member].Token())
}

func (p *place) connectAs(ctx context.Context, token string) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws"+p.url[4:]+"/api/events", nil)
	if err != nil {
		return nil, err
	}
	auth, _ := json.Marshal(wire.Frame{T: "auth", Token: token})
	if err := conn.Write(ctx, websocket.MessageText, auth); err != nil {
		return nil, err
	}
	_, frame, err := conn.Read(ctx)
	ready := wire.Frame{}
	if err == nil && (json.Unmarshal(frame, &ready) != nil || ready.T != "ready") {
		err = fmt.Errorf("the first frame was %q", frame)
	}
	return conn, err
}

func (*place) ids(raw []byte) (ids []string) {
	frame := struct {
		Events []struct {
			Message *struct {
				ID string `json:"message_id"`
			} `json:"message"`
		} `json:"events"`
	}{}
	if json.Unmarshal(raw, &frame) != nil {
		return nil
	}
	for _, e := range frame.Events {
		if e.Message != nil {
			ids = append(ids, e.Message.ID)
		}
	}
	return ids
}

// report states a figure beside its bound, and fails the run when the bound is not held.
func report(b *testing.B, name string, got, bound float64, atMost bool) {
	b.ReportMetric(got, name)
	if (atMost && got > bound) || (!atMost && got < bound) {
		b.Errorf("%s is %.2f, outside its bound of %.2f", name, got, bound)
	}
}

// quiet drops the time of an iteration from the output: it is the length of the whole run and says nothing.
func quiet(b *testing.B) {
	for b.Loop() {
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkThroughput holds durable messages per second, 10 senders, 50 members connected, at 0.6 of the floor or more.
func BenchmarkThroughput(b *testing.B) {
	quiet(b)
	floor := startFloor(b)
	p, _ := startPlace(b, b.TempDir())
	p.populate(b, members)
	f1, _ := measureThroughput(b, floor)
	got, delivered := measureThroughput(b, p)
	f2, _ := measureThroughput(b, floor)
	b.ReportMetric((f1+f2)/2, "floor-msg/s")
	b.ReportMetric(got, "msg/s")
	b.ReportMetric(delivered, "delivered-msg/s")
	report(b, "of-floor", got/((f1+f2)/2), 0.6, false)
}

// BenchmarkLatency holds the median from send to delivery, 50 members connected, one message every 20 ms, at twice the floor or less.
func BenchmarkLatency(b *testing.B) {
	quiet(b)
	floor := startFloor(b)
	p, _ := startPlace(b, b.TempDir())
	p.populate(b, members)
	f1 := measureLatency(b, floor)
	got := measureLatency(b, p)
	f2 := measureLatency(b, floor)
	mean := (f1 + f2) / 2
	b.ReportMetric(float64(mean.Microseconds()), "floor-µs")
	b.ReportMetric(float64(got.Microseconds()), "median-µs")
	report(b, "×floor", float64(got)/float64(mean), 2, true)
}

// BenchmarkIdle holds the binary under 30 MB, the memory after start under 40 MB, and each of 1,000 idle connected devices under 30 KB.
func BenchmarkIdle(b *testing.B) {
	quiet(b)
	info, err := os.Stat(binary)
	apptest.Must(b, err)
	report(b, "binary-MB", float64(info.Size())/1e6, 30, true)
	data := b.TempDir()
	p, _ := startPlace(b, data)
	p.populate(b, members)
	tokens := p.sessions(b, 1000/members)
	p.stop()

	// The sign-ins took memory of their own (Argon2id): measure a process that has only started.
	p2, _ := startPlace(b, data)
	time.Sleep(afterStart) // what it needs for the copy and the check-up counts as the start's, not as the devices'
	before := resident(b, p2.process.Process.Pid)
	report(b, "start-MB", before*1024/1e6, 40, true)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, token := range tokens {
		conn, err := p2.connectAs(ctx, token)
		apptest.Must(b, err)
		defer conn.CloseNow()
	}
	time.Sleep(settle)
	report(b, "KB/device", (resident(b, p2.process.Process.Pid)-before)*1024/1e3/float64(len(tokens)), 30, true)
}

// sessions signs every member in n times and returns the access tokens.
func (p *place) sessions(b *testing.B, n int) (tokens []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, person := range p.people {
		wg.Go(func() {
			for range n {
				c, err := client.New(client.Options{URL: p.url, HTTP: httpClient})
				if err == nil {
					err = c.Login(context.Background(), person.User().Username, apptest.Password)
				}
				if err != nil {
					b.Errorf("sign in: %v", err)
					return
				}
				mu.Lock()
				tokens = append(tokens, c.Token())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return tokens
}

// BenchmarkColdStart holds the time from exec to the first healthy answer, over an existing database of 100 MB, under 300 ms.
func BenchmarkColdStart(b *testing.B) {
	quiet(b)
	data := b.TempDir()
	first, _ := startPlace(b, data)
	first.populate(b, 2)
	body := make([]byte, 48<<10)
	for grown := int64(0); grown < 100<<20; grown = size(b, data) {
		for range 64 {
			apptest.Must(b, send(first.request(0, newID(), body)))
		}
	}
	first.stop()
	b.ReportMetric(float64(size(b, data))/1e6, "database-MB")
	var took []float64
	for range 5 {
		p, ready := startPlace(b, data)
		p.stop()
		took = append(took, float64(ready.Milliseconds()))
	}
	report(b, "cold-start-ms", median(took), 300, true)
}

func size(b *testing.B, data string) (sum int64) {
	files, err := filepath.Glob(filepath.Join(data, "*.db"))
	apptest.Must(b, err)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
