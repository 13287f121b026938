package server

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Job is something that a place does once a night.
type Job struct {
	Name string
	Run  func(context.Context) error
	// Start is what it does soon after the place has started; nil: nothing.
	Start func(context.Context) error
}

const (
	nightHour = 3                // of the local clock
	settle    = 5 * time.Second  // after the start: people come first
	longWait  = 30 * time.Minute // at most between two looks at the clock, which may be set meanwhile
)

// nightly runs the jobs soon after the start and every night, one after the other, until ctx ends. A place that begins meanwhile starts anew: there
// was nothing to copy and little to examine before.
func nightly(ctx context.Context, jobs []Job, begun <-chan struct{}, now func() time.Time, log *slog.Logger) {
	if !wait(ctx, settle, nil) {
		return
	}
	start(ctx, jobs, log)
	for next := nextNight(now()); ; next = nextNight(now()) {
		for left := next.Sub(now()); left > 0; left = next.Sub(now()) {
			if !wait(ctx, min(left, longWait), begun) {
				return
			}
			select {
			case <-begun:
				begun = nil
				start(ctx, jobs, log)
			default:
			}
		}
		for _, j := range jobs {
			j.do(ctx, j.Run, log)
		}
	}
}

func start(ctx context.Context, jobs []Job, log *slog.Logger) {
	for _, j := range jobs {
		if j.Start != nil {
			j.do(ctx, j.Start, log)
		}
	}
}

func (j Job) do(ctx context.Context, run func(context.Context) error, log *slog.Logger) {
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.Error("a nightly job failed", "job", j.Name, "err", err)
	}
}

// nextNight is the next time that the local clock shows nightHour.
func nextNight(now time.Time) time.Time {
	next := time.Date(now.Year(), now.Month(), now.Day(), nightHour, 0, 0, 0, now.Location())
	if !next.After(now) {
		next = time.Date(now.Year(), now.Month(), now.Day()+1, nightHour, 0, 0, 0, now.Location())
	}
	return next
}

// wait reports false when ctx ends before d has passed. It returns early when something begins.
func wait(ctx context.Context, d time.Duration, begun <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-begun:
		return true
	case <-ctx.Done():
		return false
	}
}
