package web

import (
	"encoding/json"
	"strings"
	"testing"

	"chatalot/app/wire"
)

// N48: what somebody takes part in decides what their socket brings; it cannot be asked for more, and nothing foreign comes by itself.
func TestASocketBringsNothingForeign(t *testing.T) {
	w := newWorld(t)
	outsider, begin := w.people["outsider"], int64(0)
	l, _ := outsider.listen(&begin) // from the very beginning of the log
	member := w.people["community admin"]
	into[wire.Group](t, member.call("PATCH", w.at("/api/groups/{group}"), wire.Named{Name: "Renamed"}))
	into[wire.Community](t, outsider.call("POST", "/api/communities", wire.Named{Name: "Marker"}))
	traces := []string{w.club.ID.String(), w.group.ID.String(), w.private.Conv().String(), w.open.Conv().String(), w.dm.ID.String(), "Renamed"}
	for {
		frame := l.hear("events")
		text, err := json.Marshal(frame)
		check(t, err)
		for _, trace := range traces {
			if strings.Contains(string(text), trace) {
				t.Fatalf("the outsider hears of %s: %s", trace, text)
			}
		}
		if strings.Contains(string(text), "Marker") {
			break
		}
	}
	l.say(map[string]string{"t": "subscribe", "conversation_id": w.private.Conv().String()})
	if got := l.closed(); got != closeBadFrame {
		t.Errorf("asking for a channel closed with %d", got)
	}
	inside, _ := member.listen(&begin) // the same log brings it to whoever is in
	for heard := false; !heard; {
		for _, e := range inside.hear("events").Events {
			heard = heard || e.Group != nil && e.Group.Name == "Renamed"
		}
	}
}
