package web

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// samples is how often each kind of sign-in is timed.
const samples = 200

// T15: how long an answer takes does not tell whether somebody has the name. The two kinds take turns, so that whatever else the machine does falls on
// both alike, and what is compared is the chance that one of the first kind took longer than one of the second (Mann-Whitney's U over n·m): one half
// when they come from one distribution. With 200 of each its standard error is 0.029, so that the bounds stand five of them off: chance alone passes
// them once in a million runs, while one Argon2 run left out gives 0 or 1. On an idle machine the microseconds of a row that is found could pass them
// too; those are below what anybody can measure in the ten tries there are before a lock, and a difference of 2 ms is not.
func TestHowLongASignInTakesDoesNotTellWhetherTheNameExists(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own work is what would be timed; the plain run times it")
	}
	p := newPlace(t)
	p.setUp()
	forget := func() {
		check(t, p.store.Write(context.Background(), func(tx *store.Tx) error {
			for _, name := range []string{"root", "nobody"} {
				if err := p.face.auth.Unlock(tx, name); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	timed := func(name string, status int) time.Duration {
		began := time.Now()
		got := p.call("POST", "/api/auth/login", "", wire.LoginRequest{Username: name, Password: "wrong password", Transport: wire.ByCookie})
		took := time.Since(began)
		if got.status != status {
			t.Fatalf("%s: %d %s", name, got.status, got.body)
		}
		return took
	}
	for _, status := range []int{401, 429} {
		var known, unknown []time.Duration
		for range 10 {
			timed("root", 401)
			timed("nobody", 401)
		}
		for i := range samples {
			if status == 401 {
				forget()
			}
			if i%2 == 0 {
				known, unknown = append(known, timed("root", status)), append(unknown, timed("nobody", status))
			} else {
				unknown, known = append(unknown, timed("nobody", status)), append(known, timed("root", status))
			}
		}
		u := chanceLonger(known, unknown)
		t.Logf("%d: U/nm %.3f, medians %s and %s", status, u, median(known), median(unknown))
		if apart := (median(known) - median(unknown)).Abs(); math.Abs(u-0.5) > 0.15 && apart > 2*time.Millisecond {
			t.Errorf("%d: an answer for a name that exists is the longer one with a chance of %.3f; medians %s and %s", status, u, median(known), median(unknown))
		}
		forget()
	}
}

// chanceLonger is the chance that one of a is longer than one of b, ties counting half.
func chanceLonger(a, b []time.Duration) float64 {
	sum := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				sum++
			case x == y:
				sum += 0.5
			}
		}
	}
	return sum / float64(len(a)*len(b))
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}
