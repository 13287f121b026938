package auth

import (
	"context"
	"fmt"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const (
	lately       = 8                  // audit entries in an overview
	failedWindow = 7 * 24 * time.Hour // for the failed sign-ins in an overview
	auditPage    = 50                 // entries, when no limit is asked for
	maxAuditPage = 200
	auditDay     = 24 * time.Hour
)

// Overview is the admin's first look at the place.
func (a *Auth) Overview(ctx context.Context) (out wire.Overview, err error) {
	disk, err := a.store.Disk()
	if err != nil {
		return out, err
	}
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		place, err := tx.Place()
		if err != nil {
			return err
		}
		out = wire.Overview{Place: place.Wire(a.version), StartedAt: a.started, Online: a.live.Online(),
			DatabaseBytes: disk.Database, DiskFree: disk.Free, DiskTotal: disk.Total}
		if out.People, err = tx.CountPeople(); err != nil {
			return err
		}
		if out.FailedSignIns, err = tx.CountAudit(wire.ActSignInFailed, tx.Now()-failedWindow.Milliseconds()); err != nil {
			return err
		}
		out.Lately, err = tx.AuditBefore(0, nil, lately)
		return err
	})
	if err != nil {
		return wire.Overview{}, fmt.Errorf("read an overview: %w", err)
	}
	return out, nil
}

// AdminUsers lists everybody, by sign-in name.
func (a *Auth) AdminUsers(ctx context.Context) (out wire.AdminUsers, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		if out.Users, err = tx.AdminUsers(); err != nil {
			return err
		}
		for i := range out.Users {
			if out.Users[i].LockedUntil, err = a.LockedUntil(tx, out.Users[i].User.Username); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return wire.AdminUsers{}, fmt.Errorf("list the accounts: %w", err)
	}
	return out, nil
}

func (a *Auth) adminUser(tx *store.Tx, id wire.UserID) (out wire.AdminUser, err error) {
	if out, err = tx.AdminUser(id); err != nil {
		return out, err
	}
	out.LockedUntil, err = a.LockedUntil(tx, out.User.Username)
	return out, err
}

// ChangePlace switches who may make an account, from the next registration on.
func (a *Auth) ChangePlace(ctx context.Context, c wire.Caller, req wire.PlaceChange) (out wire.Place, err error) {
	words := map[wire.Registration]string{wire.InviteOnly: "by invitation only", wire.Open: "open to everyone", wire.Closed: "closed"}
	if words[req.Registration] == "" {
		return out, wire.FailField("registration", `This must be "invite_only", "open" or "closed".`)
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := stillAdmin(tx, c); err != nil {
			return err
		}
		place, err := tx.Place()
		if err != nil {
			return err
		}
		was := place.Registration
		place.Registration = req.Registration
		out = place.Wire(a.version)
		if was == req.Registration {
			return nil
		}
		if err := tx.SetRegistration(req.Registration); err != nil {
			return err
		}
		return auditBy(tx, c, wire.ActRegistrationMode, nil, words[req.Registration]+", before "+words[was])
	})
	if err != nil {
		return wire.Place{}, fmt.Errorf("change the place: %w", err)
	}
	return out, nil
}

// AdminInvites lists every invitation of the place, the newest first.
func (a *Auth) AdminInvites(ctx context.Context) (out wire.AdminInvites, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		out.Invites, err = tx.AllInvites()
		return err
	})
	if err != nil {
		return wire.AdminInvites{}, fmt.Errorf("list the invitations: %w", err)
	}
	return out, nil
}

// WithdrawInvite ends any invitation of the place, as its admin.
func (a *Auth) WithdrawInvite(ctx context.Context, c wire.Caller, id wire.InviteID) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		if err := stillAdmin(tx, c); err != nil {
			return err
		}
		invite, err := tx.Invite(id)
		if err != nil {
			return missing(err)
		}
		return withdraw(tx, c, invite)
	})
	if err != nil {
		return fmt.Errorf("withdraw an invitation: %w", err)
	}
	return nil
}

// AuditLog reads a page of the audit log, the newest first: what came before the entry before (0: the newest there are), of all or of one person.
// limit 0 means 50; at most 200.
func (a *Auth) AuditLog(ctx context.Context, before int64, of *wire.UserID, limit int) (out wire.AuditPage, err error) {
	if limit == 0 {
		limit = auditPage
	}
	if limit < 1 || limit > maxAuditPage {
		return out, wire.FailField("limit", fmt.Sprintf("A page has 1 to %d entries.", maxAuditPage))
	}
	out.Days = a.auditDays
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		out.Entries, err = tx.AuditBefore(before, of, limit+1)
		return err
	})
	if err != nil {
		return wire.AuditPage{}, fmt.Errorf("read the audit log: %w", err)
	}
	if out.More = len(out.Entries) > limit; out.More {
		out.Entries = out.Entries[:limit]
	}
	return out, nil
}

// PruneAudit drops the entries that are older than the place keeps them. It is run once a day.
func (a *Auth) PruneAudit(ctx context.Context) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		return tx.DropAuditBefore(tx.Now() - int64(a.auditDays)*auditDay.Milliseconds())
	})
	if err != nil {
		return fmt.Errorf("drop old audit entries: %w", err)
	}
	return nil
}
