package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const (
	maxInviteUses   = 1000
	minInviteLife   = time.Minute
	maxInviteLife   = 90 * 24 * time.Hour
	maxInvites      = 200                 // of one community
	keepSpentInvite = 30 * 24 * time.Hour // how long makers see what became of one
)

// NewInvite makes an invitation to a community that the caller runs (its owner or an admin). The answer alone holds its token. One that makes admins
// takes a caller who has just confirmed: wire.ConfirmFirst.
func (a *Auth) NewInvite(ctx context.Context, c wire.Caller, req wire.NewInvite) (wire.Invite, error) {
	life := time.Duration(req.ExpiresIn) * time.Second
	if req.Uses < 1 || req.Uses > maxInviteUses {
		return wire.Invite{}, wire.FailField("uses", "An invitation can be used 1 to 1000 times.")
	}
	if req.ExpiresIn < int64(minInviteLife/time.Second) || req.ExpiresIn > int64(maxInviteLife/time.Second) {
		return wire.Invite{}, wire.FailField("expires_in", "An invitation lasts from a minute (60) to 90 days (7776000).")
	}
	token, hash := newInviteToken()
	role := req.Role
	if role == "" {
		role = wire.Member
	}
	if role != wire.Member && role != wire.Admin {
		return wire.Invite{}, wire.FailField("role", "An invitation makes people members or admins of its community.")
	}
	invite := wire.Invite{ID: wire.InviteID(random(16)), CommunityID: req.CommunityID, CreatedBy: c.User, Role: role, Uses: req.Uses}
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		if err := mayInvite(tx, c.User, req.CommunityID); err != nil {
			return err
		}
		if err := mayInviteAs(tx, c, req.CommunityID, role); err != nil {
			return err
		}
		if err := roomForInvite(tx, req.CommunityID); err != nil {
			return err
		}
		invite.CreatedAt, invite.ExpiresAt = tx.Now(), tx.Now()+life.Milliseconds()
		if err := tx.CreateInvite(invite, hash); err != nil {
			return err
		}
		return auditBy(tx, c, wire.ActInviteMade, nil, describe(invite))
	})
	if err != nil {
		return wire.Invite{}, fmt.Errorf("make an invitation: %w", err)
	}
	invite.Token = token
	return invite, nil
}

func roomForInvite(tx *store.Tx, community wire.CommunityID) error {
	if err := tx.DropSpentInvites(community, tx.Now()-keepSpentInvite.Milliseconds()); err != nil {
		return err
	}
	n, err := tx.CountInvites(community)
	if err == nil && n >= maxInvites {
		return wire.Fail(wire.LimitReached, "This community has 200 invitations. Withdraw some first.")
	}
	return err
}

// mayInvite returns nil for a community's owner and admins, wire.Forbidden for other members, and wire.Missing for everybody else.
func mayInvite(tx *store.Tx, user wire.UserID, community wire.CommunityID) error {
	role, err := tx.CommunityRole(community, user)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return wire.Missing()
	case err != nil:
		return err
	case role != wire.Owner && role != wire.Admin:
		return wire.Fail(wire.Forbidden, "Only the owner and the admins of a community invite people. Ask one of them.")
	}
	return nil
}

// mayInviteAs lets only the owner of a community, once they have shown that it is them, invite people who help to run it.
func mayInviteAs(tx *store.Tx, c wire.Caller, community wire.CommunityID, as wire.Role) error {
	role, err := tx.CommunityRole(community, c.User)
	if err != nil || as != wire.Admin {
		return err
	}
	if role != wire.Owner {
		return wire.Fail(wire.Forbidden, "Only the owner of a community invites people as its admins. Invite them as members.")
	}
	if !c.Fresh {
		return wire.Unconfirmed()
	}
	return nil
}

// describe says what an invitation allows, for the audit log.
func describe(v wire.Invite) string {
	uses := "1 use"
	if v.Uses != 1 {
		uses = fmt.Sprintf("%d uses", v.Uses)
	}
	return fmt.Sprintf("%s, until %s, as %s", uses, time.UnixMilli(v.ExpiresAt).UTC().Format(time.DateOnly), v.Role)
}

// withdraw ends an invitation.
func withdraw(tx *store.Tx, c wire.Caller, v wire.Invite) error {
	if err := tx.DropInvite(v.ID); err != nil {
		return err
	}
	return auditBy(tx, c, wire.ActInviteRevoked, &v.CreatedBy, describe(v))
}

// Invites lists the invitations to the communities that the caller runs, newest first.
func (a *Auth) Invites(ctx context.Context, c wire.Caller) (out wire.Invites, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		out.Invites, err = tx.InvitesRunBy(c.User)
		return err
	})
	return out, err
}

// RevokeInvite ends an invitation to a community that the caller runs.
func (a *Auth) RevokeInvite(ctx context.Context, c wire.Caller, id wire.InviteID) error {
	return a.store.Write(ctx, func(tx *store.Tx) error {
		invite, err := tx.Invite(id)
		if errors.Is(err, store.ErrNotFound) {
			return wire.Missing()
		}
		if err != nil {
			return err
		}
		if err := mayInvite(tx, c.User, invite.CommunityID); err != nil {
			return asMissing(err)
		}
		return withdraw(tx, c, invite)
	})
}

// asMissing turns a refusal into the answer for what does not exist: that an invitation exists is nobody else's business.
func asMissing(err error) error {
	if refusal, ok := errors.AsType[*wire.Error](err); ok && refusal.Code == wire.Forbidden {
		return wire.Missing()
	}
	return err
}

// PreviewInvite is what the holder of an invitation may know before joining: who invited them where, and how many people are there.
func (a *Auth) PreviewInvite(ctx context.Context, req wire.InviteToken) (out wire.InvitePreview, err error) {
	hash, err := inviteHash(req.Token)
	if err != nil {
		return out, err
	}
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		out, err = preview(tx, hash)
		return err
	})
	return out, asInviteGone(err)
}

func preview(tx *store.Tx, hash [32]byte) (out wire.InvitePreview, err error) {
	invite, err := tx.OpenInvite(hash)
	if err != nil {
		return out, err
	}
	place, err := tx.Place()
	if err != nil {
		return out, err
	}
	inviter, err := tx.User(invite.CreatedBy)
	if err != nil {
		return out, err
	}
	name, people, err := tx.CommunityPreview(invite.CommunityID)
	return wire.InvitePreview{PlaceName: place.Name, CommunityName: name, InviterName: inviter.DisplayName, People: people, ExpiresAt: invite.ExpiresAt}, err
}

// AcceptInvite lets somebody who has an account join a community. For one who is in it already nothing changes, and no use is counted, unless the
// invitation makes them more than they are.
func (a *Auth) AcceptInvite(ctx context.Context, c wire.Caller, req wire.InviteToken) (out wire.Community, err error) {
	hash, err := inviteHash(req.Token)
	if err != nil {
		return out, err
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		out, err = accept(tx, c.User, hash)
		return err
	})
	return out, asInviteGone(err)
}

func accept(tx *store.Tx, user wire.UserID, hash [32]byte) (wire.Community, error) {
	invite, err := tx.OpenInvite(hash)
	if err != nil {
		return wire.Community{}, err
	}
	community, err := tx.Community(invite.CommunityID, user)
	in := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) || in && (community.Role != wire.Member || invite.Role == wire.Member) {
		return community, err
	}
	if _, err := tx.UseInvite(hash); err != nil {
		return wire.Community{}, err
	}
	if !in {
		return tx.JoinCommunity(invite.CommunityID, user, invite.Role)
	}
	community.Role = invite.Role
	_, err = tx.GiveRole(invite.CommunityID, user, invite.Role)
	return community, err
}
