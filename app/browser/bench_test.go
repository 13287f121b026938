package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/wire"
)

const (
	history   = 10_000 // messages of the long channel
	talkers   = 4
	paintTime = 100.0 // ms: the bound for the first paint of a long channel's end
)

// quiet drops the time of an iteration from the output: it is the length of the whole run and says nothing.
func quiet(b *testing.B) {
	for b.Loop() {
	}
	b.ReportMetric(0, "ns/op") // after the loop, which forgets what was reported before it
}

// moments are medians in milliseconds since the navigation began.
type moments struct {
	Paint  float64 `json:"paint"`  // first contentful paint
	Usable float64 `json:"usable"` // the screen takes input
	Core   float64 `json:"core"`   // the cryptographic core stands
}

// BenchmarkStart reports Chromium's timings with the page's processor slowed down six times and an empty cache. The core starts in a worker, which
// Chromium does not slow down.
func BenchmarkStart(b *testing.B) {
	quiet(b)
	p := openPlace(b)
	r := struct {
		Login moments `json:"login"`
		Chat  moments `json:"chat"`
	}{}
	travel(b, p, "start", &r, invited(b, p))
	for name, m := range map[string]moments{"login": r.Login, "chat": r.Chat} {
		b.ReportMetric(m.Paint, name+"-paint-ms")
		b.ReportMetric(m.Usable, name+"-usable-ms")
		b.ReportMetric(m.Core, name+"-core-ms")
	}
}

// BenchmarkHistory holds the first paint of the end of a channel with 10,000 messages under 100 ms, and reports how fast they are received and
// opened and how long the frames are while one pages up through all of them.
func BenchmarkHistory(b *testing.B) {
	quiet(b)
	p := openPlace(b, busy)
	guest := invited(b, p)
	f := &friends{b: b, place: p, people: []*client.Client{p.Admin}}
	for i := 1; i < talkers; i++ {
		one, _ := p.Join(b, fmt.Sprintf("friend%d", i))
		f.people = append(f.people, one)
	}
	town := httptest.NewServer(f)
	defer town.Close()
	r := struct {
		Received float64 `json:"received"`
		Unread   float64 `json:"unread"`
		Opened   float64 `json:"opened"`
		Worked   float64 `json:"worked"` // of the page's thread, while it opened
		Slowest  float64 `json:"slowest"`
		Longest  float64 `json:"longest"`
		Most     float64 `json:"most"`
		Seconds  float64 `json:"seconds"`
	}{}
	travel(b, p, "history", &r, guest, "CHATALOT_FRIENDS="+town.URL)
	b.ReportMetric(r.Received, "received-msg/s")
	b.ReportMetric(r.Unread, "open-unread-ms")
	b.ReportMetric(r.Opened, "open-ms")
	b.ReportMetric(r.Worked, "open-cpu-ms")
	b.ReportMetric(r.Slowest, "open-slowest-ms")
	b.ReportMetric(r.Longest, "longest-frame-ms")
	b.ReportMetric(r.Most, "frame-p99-ms")
	b.ReportMetric(r.Seconds, "page-up-s")
	b.Logf("%+v", r) // a run that fails prints no figures
	if r.Opened > paintTime {
		b.Errorf("the end of the channel was painted after %.0f ms, bound %.0f ms", r.Opened, paintTime)
	}
}

// friends are the people a journey talks with, over HTTP: POST /direct makes the admin write to the guest, POST /talk makes all fill "general".
type friends struct {
	b      *testing.B
	place  *apptest.Place
	people []*client.Client
}

func (f *friends) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := f.do(r.Context(), r.URL.Path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(answer)
}

func (f *friends) do(ctx context.Context, what string) (map[string]any, error) {
	switch what {
	case "/direct":
		conv, err := f.direct(ctx)
		return map[string]any{"conversation": conv}, err
	case "/talk":
		last, err := f.talk(ctx)
		return map[string]any{"conversation": f.place.General.ID, "messages": history, "last": last}, err
	}
	return nil, fmt.Errorf("friends do not know how to %s", what)
}

func (f *friends) direct(ctx context.Context) (conv wire.ConvID, err error) {
	state, err := f.place.Admin.Load(ctx)
	if err != nil {
		return conv, err
	}
	for _, m := range state.Members {
		if m.User.Username == "ines" {
			if conv, err = f.place.Admin.OpenDM(ctx, m.User.ID); err == nil {
				err = say(ctx, f.place.Admin, conv, "Only for you")
			}
			return conv, err
		}
	}
	return conv, fmt.Errorf("the guest is not here")
}

// talk writes the whole history, all friends at once, and one last message whose words it returns.
func (f *friends) talk(ctx context.Context) (last string, err error) {
	ended := make(chan error, talkers)
	for who, c := range f.people {
		go func() {
			var err error
			for i := who; i < history-1 && err == nil; i += talkers {
				err = say(ctx, c, f.place.General.ID, words(i))
			}
			ended <- err
		}()
	}
	for range f.people {
		if e := <-ended; e != nil {
			err = e
		}
	}
	if err != nil {
		return "", err
	}
	last = "And that was the last of them"
	return last, say(ctx, f.people[1], f.place.General.ID, last)
}

func say(ctx context.Context, c *client.Client, conv wire.ConvID, text string) error {
	content, err := json.Marshal(map[string]any{"type": "text", "text": text, "mentions": []string{}})
	if err != nil {
		return err
	}
	_, err = c.Send(ctx, conv, content)
	return err
}

// words are message i of the history: as people write, mostly short, some with lists, code and links.
func words(i int) string {
	text := fmt.Sprintf("Number %d: %s", i, strings.Repeat("the boat is ready when you are. ", 1+i%4))
	switch {
	case i%50 == 7:
		return text + "\n\n- oars\n- rope\n- a lantern"
	case i%50 == 23:
		return text + "\n```\nwind := knots(12)\nif wind > 20 { stay() }\n```"
	case i%20 == 11:
		return text + "**See** https://example.org/harbour and `tide --today` :wave:"
	}
	return text
}
