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
	exitListen     = 69
	exitDamaged    = 70
	exitData       = 73
	exitInUse      = 75
	exitNewer      = 76
	exitKeys       = 77
	exitConfig     = 78
	exitSetUp      = 79
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
	for _, known := range []struct {
		kind   error
		status int
	}{
		{server.ErrData, exitData}, {server.ErrKeys, exitKeys}, {server.ErrListen, exitListen},
		{server.ErrSetUp, exitSetUp}, {server.ErrInUse, exitInUse}, {server.ErrForeign, exitForeign}, {server.ErrNewer, exitNewer},
		{server.ErrMissing, exitMissing}, {server.ErrDamaged, exitDamaged},
	} {
		if errors.Is(err, known.kind) {
			return known.status
		}
	}
	return exitUnexpected
}
