package app

import (
	"errors"

	"chatalot/app/config"
	"chatalot/app/server"
)

// The exit statuses, in the range of sysexits(3), so that a unit file or a script can tell refusals apart. The README lists them.
// 74 belongs to the store, which ends the process itself when the disk fails under it.
const (
	exitUnexpected = 1
	exitUsage      = 64
	exitForeign    = 65
	exitMissing    = 66
	exitNoAccount  = 67
	exitPaused     = 68
	exitListen     = 69
	exitDamaged    = 70
	exitData       = 73
	exitInUse      = 75
	exitNewer      = 76
	exitKeys       = 77
	exitConfig     = 78
	exitSetUp      = 79

	exitKeyMissing    = 80
	exitKeyMalformed  = 81
	exitKeyMismatch   = 82
	exitTOTPMissing   = 83
	exitTOTPMalformed = 84
	exitTOTPWrong     = 85
	exitExposed       = 86 // the settings
	exitClock         = 87
	exitNotRotated    = 88
)

// usageError is a command line that cannot be followed.
type usageError string

func (e usageError) Error() string { return string(e) }

// examined is a place that was examined and found wanting: all has been said, and only the status remains.
type examined int

func (examined) Error() string { return "" }

func status(err error) int {
	if grade, ok := errors.AsType[examined](err); ok {
		return int(grade)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[config.Faults](err); ok {
		return exitConfig
	}
	if _, ok := errors.AsType[config.Exposed](err); ok {
		return exitExposed
	}
	for _, known := range []struct {
		kind   error
		status int
	}{
		{server.ErrNoAccount, exitNoAccount}, {server.ErrPaused, exitPaused},
		{server.ErrData, exitData}, {server.ErrKeyUnreadable, exitKeys}, {server.ErrListen, exitListen},
		{server.ErrSetUp, exitSetUp}, {server.ErrInUse, exitInUse}, {server.ErrForeign, exitForeign}, {server.ErrNewer, exitNewer},
		{server.ErrMissing, exitMissing}, {server.ErrDamaged, exitDamaged},
		{server.ErrKeyMissing, exitKeyMissing}, {server.ErrKeyMalformed, exitKeyMalformed}, {server.ErrKeyMismatch, exitKeyMismatch},
		{server.ErrTOTPMissing, exitTOTPMissing}, {server.ErrTOTPMalformed, exitTOTPMalformed}, {server.ErrTOTPWrong, exitTOTPWrong},
		{server.ErrClock, exitClock}, {server.ErrNotRotated, exitNotRotated},
	} {
		if errors.Is(err, known.kind) {
			return known.status
		}
	}
	return exitUnexpected
}
