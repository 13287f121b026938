package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/config"
	"chatalot/app/doctor"
	"chatalot/app/wire"
)

// slow is a place's face that lets an examination begin and then waits.
type slow struct {
	begun, release chan struct{}
	once           sync.Once
}

func (s *slow) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.once.Do(func() { close(s.begun); <-s.release })
	w.WriteHeader(http.StatusNotFound)
}

func newTestCheckups(t *testing.T, face http.Handler, to *bytes.Buffer) (*checkups, context.CancelFunc) {
	t.Helper()
	c := config.Default()
	c.Data = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	ups := newCheckups(ctx, doctor.Subject{Config: c, Version: "test", Now: time.Now, Machine: doctor.ThisMachine(), Handler: face}, slog.New(slog.NewTextHandler(to, nil)))
	t.Cleanup(func() { cancel(); ups.wg.Wait() })
	return ups, cancel
}

func TestOneExaminationAtATimeServesAllWhoAsk(t *testing.T) {
	face := &slow{begun: make(chan struct{}), release: make(chan struct{})}
	ups, _ := newTestCheckups(t, face, new(bytes.Buffer))
	var wg sync.WaitGroup
	got := make([]wire.Checkup, 5)
	for i := range got {
		wg.Go(func() {
			up, err := ups.get(t.Context(), true)
			if err != nil {
				t.Error(err)
			}
			got[i] = up
		})
	}
	<-face.begun
	for {
		ups.mu.Lock()
		under := ups.under
		ups.mu.Unlock()
		if under != nil {
			break
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ups.get(gone, true); !errors.Is(err, context.Canceled) {
		t.Errorf("who leaves meanwhile gets %v", err)
	}
	close(face.release)
	wg.Wait()
	last, err := ups.get(t.Context(), false)
	if err != nil || last.At == 0 || len(last.Findings) < 20 {
		t.Fatalf("%v %+v", err, last)
	}
	again, err := ups.get(t.Context(), true)
	if err != nil || again.At < last.At {
		t.Errorf("a new one: %v", err)
	}
	for _, up := range got {
		if up.At == 0 {
			t.Error("somebody got nothing")
		}
	}
}

func TestEachFindingIsLoggedOnceUntilItChanges(t *testing.T) {
	log := new(bytes.Buffer)
	ups, _ := newTestCheckups(t, http.NotFoundHandler(), log)
	finding := func(grade wire.Grade) wire.Checkup {
		return wire.Checkup{Findings: []wire.Finding{{ID: "D9", Grade: grade, Evidence: "One."}, {ID: "D1", Grade: wire.Pass, Evidence: "Fine."}}}
	}
	for _, grade := range []wire.Grade{wire.Warn, wire.Warn, wire.Bad, wire.Bad, wire.Pass, wire.Warn} {
		ups.tell(finding(grade))
	}
	if got := log.String(); strings.Count(got, "\n") != 3 || strings.Count(got, "level=WARN") != 2 || strings.Count(got, "level=ERROR") != 1 || strings.Contains(got, "D1 ") {
		t.Errorf("logged:\n%s", got)
	}
}

func TestAPlaceThatStopsWaitsForNoExamination(t *testing.T) {
	face := &slow{begun: make(chan struct{}), release: make(chan struct{})}
	log := new(bytes.Buffer)
	ups, cancel := newTestCheckups(t, face, log)
	failed := make(chan error, 1)
	go func() { _, err := ups.get(context.Background(), true); failed <- err }()
	<-face.begun
	cancel()
	close(face.release)
	ups.wg.Wait()
	refusal, ok := errors.AsType[*wire.Error](<-failed)
	if !ok || refusal.Code != wire.Unavailable || log.Len() > 0 {
		t.Errorf("%v; logged %s", refusal, log)
	}
}
