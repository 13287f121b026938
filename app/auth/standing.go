package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// ChangeUser changes somebody's state or role, or forgets the wrong guesses that have locked them, as an admin: what is asked for happens in one write, or
// nothing does. From the moment it is on disk a suspended person's tokens, sockets and open doors are dead and nobody seals to them. It is
// wire.LastAdmin when nobody would be left to look after the place.
func (a *Auth) ChangeUser(ctx context.Context, c wire.Caller, id wire.UserID, req wire.AdminUserChange) (out wire.AdminUser, err error) {
	if err := checkUserChange(req); err != nil {
		return out, err
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := stillAdmin(tx, c); err != nil {
			return err
		}
		user, err := tx.User(id)
		if err != nil {
			return missing(err)
		}
		if user.State == wire.Deleted {
			return wire.Fail(wire.Conflict, "This account was deleted by its owner, so there is nothing left to change.")
		}
		if err := a.changeUser(tx, c, user, req); err != nil {
			return err
		}
		out, err = a.adminUser(tx, id)
		return err
	})
	if err != nil {
		return wire.AdminUser{}, fmt.Errorf("change somebody's account: %w", err)
	}
	return out, nil
}

func checkUserChange(req wire.AdminUserChange) error {
	switch req.State {
	case "", wire.Active, wire.Locked, wire.Suspended:
	default:
		return wire.FailField("state", `A state is "active", "locked" or "suspended".`)
	}
	switch req.Role {
	case "", wire.PlaceAdmin, wire.PlaceMember:
	default:
		return wire.FailField("role", `A role is "admin" or "member".`)
	}
	if req == (wire.AdminUserChange{}) {
		return wire.Fail(wire.BadRequest, "Say what to change: state, role or unlock.")
	}
	return nil
}

// stillAdmin refuses what somebody began as an admin and who is none any more: it may have been taken from them while the request was on its way.
func stillAdmin(tx *store.Tx, c wire.Caller) error {
	user, err := tx.User(c.User)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return wire.SignedOut()
	case err != nil:
		return err
	case !store.TakesPart(user.State):
		return wire.SignedOut()
	case powerOf(user) != wire.PlaceAdmin:
		return wire.Fail(wire.Forbidden, "Only the admins of this place may do that. Ask one of them.")
	}
	return nil
}

// powerOf is the role in which somebody may act. An admin who is locked may be somebody else at the keyboard: their sessions go on as a member's.
func powerOf(user store.User) wire.PlaceRole {
	if user.State != wire.Active {
		return wire.PlaceMember
	}
	return user.Role
}

// changePower puts the role in which somebody may act now in force for the sessions they have. The links by which an admin had others choose a password
// do not outlast their power.
func (a *Auth) changePower(tx *store.Tx, user store.User) error {
	role := powerOf(user)
	tx.OnCommit(func() { a.sessions.changeUser(user.ID, func(l *login) { l.role = role }) })
	if role == wire.PlaceAdmin {
		return nil
	}
	return tx.DropResetLinksBy(user.ID)
}

func (a *Auth) changeUser(tx *store.Tx, c wire.Caller, user store.User, req wire.AdminUserChange) error {
	acted := user.Role == wire.PlaceAdmin && user.State == wire.Active
	if req.Role != "" {
		if err := a.setRole(tx, &user, req.Role, wire.AuditEntry{Actor: &c.User, Address: addressText(c.From)}); err != nil {
			return err
		}
	}
	if req.State != "" {
		if err := a.setState(tx, c, &user, req.State); err != nil {
			return err
		}
	}
	if req.Unlock {
		if err := a.Unlock(tx, user.Username); err != nil {
			return err
		}
		if err := auditBy(tx, c, wire.ActUserUnlocked, &user.ID, "wrong guesses forgotten"); err != nil {
			return err
		}
	}
	if !acted {
		return nil
	}
	return someAdmin(tx)
}

// someAdmin refuses a write after which nobody could look after the place.
func someAdmin(tx *store.Tx) error {
	n, err := tx.CountAdmins()
	if err == nil && n == 0 {
		err = wire.Fail(wire.LastAdmin, "This is the only admin of the place who can act. Make somebody else an admin first.")
	}
	return err
}

// setState puts somebody into another state: who is suspended is out at once, and all who know them are told; who comes back is told of in the same way.
func (a *Auth) setState(tx *store.Tx, c wire.Caller, user *store.User, to wire.UserState) error {
	was := user.State
	if was == to {
		return nil
	}
	if err := tx.SetUserState(user.ID, to); err != nil {
		return err
	}
	user.State = to
	if err := a.changePower(tx, *user); err != nil {
		return err
	}
	detail := ""
	if to == wire.Suspended {
		invites, err := a.expel(tx, user.ID)
		if err != nil {
			return err
		}
		if invites > 0 {
			detail = fmt.Sprintf("invitations withdrawn: %d", invites)
		}
	}
	if store.TakesPart(was) != store.TakesPart(to) {
		if err := errors.Join(tx.TellStanding(*user), tellOfUser(tx, user.Wire())); err != nil {
			return err
		}
	}
	return auditState(tx, c, user.ID, was, to, detail)
}

func auditState(tx *store.Tx, c wire.Caller, user wire.UserID, was, to wire.UserState, detail string) error {
	what := map[wire.UserState]wire.Act{wire.Active: wire.ActUserUnlocked, wire.Locked: wire.ActUserLocked, wire.Suspended: wire.ActUserSuspended}[to]
	if was == wire.Suspended {
		if err := auditBy(tx, c, wire.ActUserRestored, &user, detail); err != nil || to == wire.Active {
			return err
		}
	}
	return auditBy(tx, c, what, &user, detail)
}

// expel ends everything by which a person is here or could come back in, and returns how many invitations of theirs it withdrew. Their epoch has grown
// in the same write.
func (a *Auth) expel(tx *store.Tx, user wire.UserID) (invites int64, err error) {
	if err := tx.EndSessionsOf(user); err != nil {
		return 0, err
	}
	tx.OnCommit(func() {
		a.sessions.dropUser(user)
		a.live.KickUser(user, live.CodeRemoved)
	})
	return tx.DropOpenDoors(user)
}

// setRole makes somebody an admin of the place or a member, in force for the sessions they have, and tells them and all who know them. by is who did it.
func (a *Auth) setRole(tx *store.Tx, user *store.User, role wire.PlaceRole, by wire.AuditEntry) error {
	if user.Role == role {
		return nil
	}
	if err := tx.SetPlaceRole(user.ID, role); err != nil {
		return err
	}
	user.Role = role
	if err := a.changePower(tx, *user); err != nil {
		return err
	}
	return tellOfRole(tx, *user, by)
}

func tellOfRole(tx *store.Tx, user store.User, by wire.AuditEntry) error {
	by.What, by.User, by.Detail = wire.ActRoleChanged, &user.ID, "is a member now"
	if user.Role == wire.PlaceAdmin {
		by.Detail = "is an admin now"
	}
	if err := tx.Audit(by); err != nil {
		return err
	}
	if err := tellOfUser(tx, user.Wire()); err != nil {
		return err
	}
	_, err := tx.AppendLog("session_notice", store.ToUser(user.ID), wire.SessionNotice{What: "role_changed"})
	return err
}

// dropUser forgets all logins of a person.
func (t *sessions) dropUser(user wire.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, l := range t.byID {
		if l.user == user {
			delete(t.byID, id)
		}
	}
}

// changeUser applies fn to all running logins of a person.
func (t *sessions) changeUser(user wire.UserID, fn func(*login)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, l := range t.byID {
		if l.user == user {
			fn(&l)
			t.byID[id] = l
		}
	}
}
