package server

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// daily runs the place's housekeeping: every job once at start and then every 24 hours, one after the other, so that a small machine is never asked for
// two at once. A job that fails is told to the log and runs again the next day.
type daily struct {
	log    *slog.Logger
	jobs   []job
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// job is one piece of housekeeping. run returns soon after its context has ended.
type job struct {
	name string // for the log: "drop old audit entries"
	run  func(context.Context) error
}

func newDaily(log *slog.Logger) *daily { return &daily{log: log, cancel: func() {}} }

// add registers a job. All are added before start.
func (d *daily) add(name string, run func(context.Context) error) {
	d.jobs = append(d.jobs, job{name, run})
}

// start begins the first round, which does not keep its caller waiting. It is called once.
func (d *daily) start(ctx context.Context) {
	ctx, d.cancel = context.WithCancel(ctx)
	d.wg.Go(func() {
		tick := time.NewTicker(24 * time.Hour)
		defer tick.Stop()
		for {
			d.round(ctx)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

func (d *daily) round(ctx context.Context) {
	for _, j := range d.jobs {
		if ctx.Err() != nil {
			return
		}
		if err := j.run(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("a daily job failed; it runs again tomorrow", "job", j.name, "err", err)
		}
	}
}

// stop ends a job under way and waits for it. It may be called without start.
func (d *daily) stop() {
	d.cancel()
	d.wg.Wait()
}
