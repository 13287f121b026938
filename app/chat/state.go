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
		place, err := tx.Place()
		if err != nil {
			return s, err
		}
		s.Place = place.Wire(c.version)
		if s.Me, err = tx.Me(who.User, who.Device); err != nil {
			return s, orGone(err)
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
