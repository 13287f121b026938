package chat

import (
	"context"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// State reads everything a client needs to begin, all of it as of one cursor.
func (c *Chat) State(ctx context.Context, who wire.Caller) (wire.State, error) {
	return read(ctx, c, func(tx *store.Tx) (s wire.State, err error) {
		if s.Cursor, err = tx.Cursor(); err != nil {
			return s, err
		}
		if s.Place, err = c.place(tx); err != nil {
			return s, err
		}
		if s.Me, err = me(tx, who); err != nil {
			return s, err
		}
		if err := lists(tx, who.User, &s); err != nil {
			return s, err
		}
		v, err := view(tx, who.User)
		s.Presence = c.live.Present(v)
		return s, err
	})
}

// Present lists who is connected of those with whom the caller shares a community.
func (c *Chat) Present(ctx context.Context, who wire.Caller) ([]wire.PresenceChange, error) {
	v, err := read(ctx, c, func(tx *store.Tx) (live.View, error) { return view(tx, who.User) })
	if err != nil {
		return nil, err
	}
	return c.live.Present(v), nil
}

func lists(tx *store.Tx, user wire.UserID, s *wire.State) (err error) {
	if s.Communities, err = tx.CommunitiesOf(user); err != nil {
		return err
	}
	if s.Members, err = tx.FellowMembers(user); err != nil {
		return err
	}
	if s.Groups, err = tx.GroupsFor(user); err != nil {
		return err
	}
	if s.Channels, err = tx.ChannelsFor(user); err != nil {
		return err
	}
	if s.Ops, err = tx.OpsFor(user); err != nil {
		return err
	}
	if s.DMs, err = tx.DMsOf(user); err != nil {
		return err
	}
	s.Manifests, err = tx.ManifestsFor(user)
	return err
}

func (c *Chat) place(tx *store.Tx) (wire.Place, error) {
	p, err := tx.Place()
	return wire.Place{Name: p.Name, Registration: p.Registration, SetUp: p.SetUp(), Version: c.version}, err
}

func me(tx *store.Tx, who wire.Caller) (wire.Me, error) {
	u, err := tx.User(who.User)
	if err != nil {
		return wire.Me{}, orGone(err)
	}
	m := wire.Me{User: u.Wire(), DeviceID: who.Device}
	if m.HasKeys, err = tx.HasKeys(who.User); err != nil {
		return m, err
	}
	m.VaultVersion, err = tx.VaultVersion(who.User)
	return m, err
}
