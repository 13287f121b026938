package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"chatalot/app/doctor"
	"chatalot/app/wire"
)

// jobs are what the place does at night: copies first, so that the examination sees them.
func (p *place) jobs() []Job {
	c := &copier{store: p.store, data: p.o.Config.Data, schema: p.o.Schema, keep: p.o.Config.BackupKeep, now: time.Now, space: doctor.ThisMachine().Space, log: p.o.Log}
	return []Job{{Name: "drop old audit entries", Run: p.auth.PruneAudit, Start: p.auth.PruneAudit}, {Name: "copies", Run: c.copy, Start: c.catchUp}, {Name: "checkup", Run: p.checkups.job, Start: p.checkups.job}}
}

// subject is the place as it knows itself.
func (p *place) subject() doctor.Subject {
	return doctor.Subject{Config: p.o.Config, Settings: p.o.Settings, Version: p.o.Version, Built: p.o.Built, Now: time.Now, Machine: doctor.ThisMachine(),
		Handler: p.face, Engine: p.store.Engine}
}

// checkup answers the admins' page.
func (p *place) checkup(ctx context.Context, again bool) (wire.Checkup, error) {
	return p.checkups.get(ctx, again)
}

// checkups examines the place, at most once at a time, and keeps the newest result.
type checkups struct {
	ctx     context.Context // of the place: an examination goes on when the one who asked for it leaves
	subject doctor.Subject
	log     *slog.Logger
	wg      sync.WaitGroup

	mu     sync.Mutex
	last   *wire.Checkup
	under  *examination          // nil: none is under way
	logged map[string]wire.Grade // what the operator has been told already, by the finding's id
}

// examination is one that is under way; up is there once done is closed, nil when the place stopped meanwhile.
type examination struct {
	done chan struct{}
	up   *wire.Checkup
}

func newCheckups(ctx context.Context, subject doctor.Subject, log *slog.Logger) *checkups {
	return &checkups{ctx: ctx, subject: subject, log: log, logged: map[string]wire.Grade{}}
}

// get answers the newest result, or a new one when there is none or again is set. Who asks while an examination is under way gets its result.
func (c *checkups) get(ctx context.Context, again bool) (wire.Checkup, error) {
	c.mu.Lock()
	if c.last != nil && !again {
		defer c.mu.Unlock()
		return *c.last, nil
	}
	if c.under == nil {
		c.under = &examination{done: make(chan struct{})}
		c.wg.Go(c.examine)
	}
	one := c.under
	c.mu.Unlock()
	select {
	case <-one.done:
	case <-ctx.Done():
		return wire.Checkup{}, ctx.Err()
	}
	if one.up == nil {
		return wire.Checkup{}, wire.Fail(wire.Unavailable, "This place is stopping. Try again in a moment.")
	}
	return *one.up, nil
}

func (c *checkups) examine() {
	up := doctor.Examine(c.ctx, c.subject)
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.under
	c.under = nil
	if c.ctx.Err() == nil { // else it was cut short
		one.up, c.last = &up, &up
		c.tell(up)
	}
	close(one.done)
}

// tell logs what does not pass, each once until it gets better or worse.
func (c *checkups) tell(up wire.Checkup) {
	for _, f := range up.Findings {
		if f.Grade == c.logged[f.ID] {
			continue
		}
		c.logged[f.ID] = f.Grade
		switch f.Grade {
		case wire.Warn:
			c.log.Warn("checkup", "id", f.ID, "evidence", f.Evidence)
		case wire.Bad:
			c.log.Error("checkup", "id", f.ID, "evidence", f.Evidence)
		}
	}
}

// job examines the place anew.
func (c *checkups) job(ctx context.Context) error {
	_, err := c.get(ctx, true)
	return err
}
