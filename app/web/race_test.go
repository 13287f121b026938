//go:build race

package web

// raceEnabled tells that the race detector watches.
const raceEnabled = true
