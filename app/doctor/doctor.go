// Package doctor examines a place: each line of the hardening page and what else keeps it healthy is one check with evidence, a reason and an exact
// fix. It looks only: it writes nothing, takes no lock that the place waits for, and what it asks of a running place costs nobody anything.
package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"chatalot/app/config"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// Subject is the place to examine, as whoever asks knows it. Config, Now and Machine are needed.
type Subject struct {
	Config   config.Config
	Settings string    // path of the settings file; empty: there is none
	Fault    error     // why the settings cannot be used as they stand; nil: they can
	Version  string    // of the program
	Built    time.Time // when the program was built; zero: not known
	Now      func() time.Time
	Machine  Machine

	// Handler is the place's own face, when the place examines itself: it is attacked directly. Nil: a place that runs is looked for and
	// attacked over HTTP at the address it serves, which must be this machine's.
	Handler http.Handler
	// Engine tells how the serving connection is set, when the place examines itself. Nil: how this program sets one is read back.
	Engine func(context.Context) (store.Engine, error)
}

// check is one line: id and title never change their meaning.
type check struct {
	id, title, why string
	run            func(context.Context, *patient) verdict
	limit          time.Duration // 0: checkTime
}

// verdict is what a check came to. fix is empty when it passes.
type verdict struct {
	grade    wire.Grade
	evidence string
	fix      string
}

func pass(format string, args ...any) verdict {
	return verdict{wire.Pass, fmt.Sprintf(format, args...), ""}
}

func warn(fix, format string, args ...any) verdict {
	return verdict{wire.Warn, fmt.Sprintf(format, args...), fix}
}

func fail(fix, format string, args ...any) verdict {
	return verdict{wire.Bad, fmt.Sprintf(format, args...), fix}
}

const (
	checkTime = 10 * time.Second // for one check, unless it says otherwise
	readTime  = 45 * time.Second // to read the whole database: an SD card gives some 20 MB a second
)

// checks are all lines there are. D1 to D12 are those of the hardening page.
var checks = []check{
	{"D1", "Certificate", "Without TLS that browsers trust, everybody on the way can change the app and with it read messages.", certificate, 0},
	{"D2", "Signing key", "Whoever has or guesses this key can sign in as anybody.", signingKey, 0},
	{"D3", "Private key's permissions", "Another user of this machine who can read the key can sign in as anybody.", keyPermissions, 0},
	{"D4", "Settings file", "Another user of this machine who can change the settings decides whom the place trusts.", settingsFile, 0},
	{"D5", "Database file", "The database holds who talks to whom and the hashes of passwords; on a network or throwaway file system it gets lost.", databaseFile, 0},
	{"D6", "Two-step key", "Without this key nobody with two-step codes can sign in any more, and with it a thief of the database can make codes.", twoStepKey, 0},
	{"D7", "Listening ports", "What listens beyond the configured address can be attacked from outside.", listeners, 0},
	{"D8", "Registration", "With open registration any stranger can have an account and try out the rest from inside.", registration, 0},
	{"D9", "Admin", "An admin's password alone opens the whole place to whoever gets hold of it.", admins, 0},
	{"D10", "Firewall", "A firewall keeps what other programs open on this machine away from the internet.", firewall, 0},
	{"D11", "Backups", "Disks die; a copy that has never been restored may be none.", copies, readTime},
	{"D12", "Program", "Weaknesses become known with time, and only a newer program is rid of them.", program, 0},
	{"D13", "Clock", "Sessions, codes and certificates go by the clock: with a wrong one people are locked out or old tokens are good again.", clock, 0},
	{"D14", "Disk space", "On a full disk nothing can be saved any more.", diskSpace, 0},
	{"D15", "Write-ahead log", "A log that is never written back grows until the disk is full and makes starting slow.", writeAheadLog, 0},
	{"D16", "Database structure", "Damage that goes unnoticed is copied into every backup.", structure, readTime},
	{"D17", "Database engine", "These settings keep what was acknowledged through a power cut and wipe what was deleted.", engine, 0},
	{"D18", "Forged tokens", "A place that takes a token it did not sign lets anybody be anybody.", forgedTokens, 0},
	{"D19", "Security headers", "They keep other sites from framing and reading the app, on error pages too.", headers, 0},
	{"D20", "Rate limits", "Without limits passwords can be guessed as fast as the machine can check them.", limits, 0},
	{"D21", "DNS", "People whose network prefers an address that does not lead here cannot connect, and certificates fail to renew.", dns, 0},
	{"D22", "Trusted proxies", "Whoever may say which address a request comes from can get around every limit that counts by address.", proxies, 0},
	{"D23", "Files and memory", "Each connected device takes an open file and some memory; when either runs out, people drop out.", resources, 0},
	{"D24", "Confinement", "What the process may not do, nobody who breaks into it may do.", confinement, 0},
	{"D25", "Other names under the domain", "The place tells browsers to use https for every name under its own.", subdomains, 0},
}

// Examine runs every check, one after the other, each within its time. It never fails: what cannot be seen is a finding.
func Examine(ctx context.Context, s Subject) wire.Checkup {
	p := admit(ctx, s)
	defer p.discharge()
	up := wire.Checkup{At: s.Now().UnixMilli(), Version: s.Version, Grade: wire.Pass, Findings: make([]wire.Finding, 0, len(checks))}
	for _, c := range checks {
		if ctx.Err() != nil {
			break // whoever asked has gone
		}
		v := c.examine(ctx, p)
		up.Findings = append(up.Findings, wire.Finding{ID: c.id, Title: c.title, Grade: v.grade, Evidence: v.evidence, Why: c.why, Fix: v.fix})
		up.Grade = worse(up.Grade, v.grade)
	}
	return up
}

// Status is what chatalot doctor exits with: 0 when everything passed, 1 when something warns, 2 when something fails.
func Status(up wire.Checkup) int {
	switch up.Grade {
	case wire.Pass:
		return 0
	case wire.Warn:
		return 1
	}
	return 2
}

// examine bounds one check. A system call that hangs, as on a dead network drive, is left behind with its goroutine: it cannot be ended.
func (c check) examine(ctx context.Context, p *patient) verdict {
	limit := c.limit
	if limit == 0 {
		limit = checkTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan verdict, 1)
	go func() {
		defer func() {
			if fault := recover(); fault != nil {
				done <- warn("Tell the makers of Chatalot what you see here.", "The check itself broke: %v.", fault)
			}
		}()
		done <- c.run(ctx, p)
	}()
	select {
	case v := <-done:
		return v
	case <-ctx.Done():
	}
	select {
	case v := <-done: // it noticed by itself
		return v
	case <-time.After(time.Second):
		return warn("Ask again when the machine has less to do; if it stays, look at its disk and network.", "This could not be seen within %s.", limit)
	}
}

func worse(a, b wire.Grade) wire.Grade {
	if a == wire.Bad || b == wire.Bad {
		return wire.Bad
	}
	if a == wire.Warn || b == wire.Warn {
		return wire.Warn
	}
	return wire.Pass
}

// patient is the subject with what was found out about it before the checks.
type patient struct {
	Subject
	pid     int // of the process that serves the place; 0: none, or this system does not tell
	running bool
	origin  *url.URL // the place's address in a browser
	from    senders

	view    *store.View // nil: viewErr says why
	viewErr error
	health  store.Health
	readErr error // why health is empty
	door    *door // nil: doorErr says why it cannot be attacked
	doorErr string
}

// admit finds out what several checks need. Nothing here is a finding yet.
func admit(ctx context.Context, s Subject) *patient {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	p := &patient{Subject: s, from: newSenders(s.Now())}
	if s.Handler != nil {
		p.pid, p.running = os.Getpid(), true
	} else {
		p.pid = store.Holder(p.path(DatabaseFile))
		p.running = p.pid != 0
	}
	p.origin = p.findOrigin()
	p.findDoor(ctx)
	if p.view, p.viewErr = store.Look(ctx, p.path(DatabaseFile), p.running); p.viewErr == nil {
		p.readErr = p.view.Read(ctx, func(tx *store.Tx) (err error) {
			p.health, err = tx.Health()
			return err
		})
	}
	return p
}

func (p *patient) discharge() {
	if p.view != nil {
		p.view.Close() // it only looked
	}
}

// The files inside a place's data directory that the doctor looks at.
const (
	DatabaseFile = "chatalot.db"
	AddressFile  = "address"
	SecretsDir   = "secrets"
	CopiesDir    = "backups"
)

func (p *patient) path(parts ...string) string {
	return filepath.Join(append([]string{p.Config.Data}, parts...)...)
}

// findOrigin is where people reach the place: as configured, or else as it last served.
func (p *patient) findOrigin() *url.URL {
	text := p.Config.Origin(nil)
	if p.Config.PublicURL == "" {
		if told, err := os.ReadFile(p.path(AddressFile)); err == nil {
			text = strings.TrimSpace(string(told))
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return &url.URL{Scheme: "http", Host: "localhost"}
	}
	return u
}

// secure tells whether people reach the place by TLS.
func (p *patient) secure() bool { return p.origin.Scheme == "https" }

// start is how the place is started, for the fixes.
func (p *patient) start() string { return p.command("serve") }

func (p *patient) command(verb string) string {
	text := "chatalot " + verb + " --data " + p.Config.Data
	if p.Settings != "" {
		text += " --config " + p.Settings
	}
	return text
}

// asleep is the verdict of a check that only a running place can stand.
func (p *patient) asleep() verdict {
	if p.running {
		return warn("Run chatalot doctor on the machine of the place, as the user who runs it.", "The place could not be asked: %s.", p.doorErr)
	}
	return warn("Start it ("+p.start()+"), then ask again.", "The place is not running.")
}
