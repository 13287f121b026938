package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestDailyJobsRunAtStartAndEveryDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDaily(slog.New(slog.DiscardHandler))
		var ran []time.Duration
		begun := time.Now()
		d.add("fails", func(context.Context) error { return errors.New("no") })
		d.add("runs all the same", func(context.Context) error {
			ran = append(ran, time.Since(begun))
			return nil
		})
		d.start(t.Context())
		time.Sleep(49 * time.Hour)
		synctest.Wait()
		d.stop()
		if len(ran) != 3 || ran[0] != 0 || ran[1] != 24*time.Hour || ran[2] != 48*time.Hour {
			t.Errorf("ran after %v", ran)
		}
	})
}

func TestStoppingEndsAJobUnderWayAndWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDaily(slog.New(slog.DiscardHandler))
		ended, second := false, false
		d.add("long", func(ctx context.Context) error {
			<-ctx.Done()
			ended = true
			return ctx.Err()
		})
		d.add("never begins", func(context.Context) error {
			second = true
			return nil
		})
		d.start(t.Context())
		synctest.Wait()
		d.stop()
		if !ended || second {
			t.Errorf("ended %v, the next one ran %v", ended, second)
		}
		newDaily(nil).stop() // of a place that never served
	})
}
