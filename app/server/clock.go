package server

import (
	"errors"
	"fmt"
	"time"
)

// ErrClock is a clock that cannot be right. It mends itself on a machine that learns the time from the network.
var ErrClock = errors.New("the clock is wrong")

// checkClock refuses a clock from before the program was made, as a Raspberry Pi has that was cut off the power and has not asked the network yet:
// sessions, two-step codes and locks would all go by a wrong time (SECURITY.md T27). made is zero when it is not known.
func checkClock(now, made time.Time) error {
	if !now.Before(made) {
		return nil
	}
	return failure{ErrClock, fmt.Sprintf("The clock of this machine says %s, but this chatalot was made on %s. Wait for the network time (timedatectl shows it), then start again.",
		now.UTC().Format(time.DateOnly), made.UTC().Format(time.DateOnly))}
}
