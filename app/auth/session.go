package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// maxSessions is how many logins one person may have; one more ends the one seen longest ago.
const maxSessions = 20

// Grant is a successful signing in. Answer goes to the client as it is. Cookie is the refresh token for a client that keeps it
// in a cookie, and empty for one that reads it from the answer; CookieExpires is when the cookie should go. Known is the device cookie
// that goes with a new one. Challenge, when it is not nil, is all there is: a second step is asked for first.
type Grant struct {
	Answer        wire.SignedIn
	Cookie        Secret
	CookieExpires time.Time
	Known         Secret
	KnownExpires  time.Time
	Challenge     *wire.Challenge
}

func badCredentials() error {
	return wire.Fail(wire.BadCredentials, "This sign-in name and password do not belong together. Check both and try again.")
}

// Authenticate reads an access token: who holds it, and when it expires. It is wire.Unauthorized for what is no token or no longer one,
// and wire.SessionEnded for a good token of a session that was ended.
func (a *Auth) Authenticate(token string) (wire.Caller, time.Time, error) {
	claims, err := a.tokens.read(token)
	if err != nil {
		return wire.Caller{}, time.Time{}, wire.Fail(wire.Unauthorized, "Your sign-in needs to be renewed. Renew it, or sign in again.")
	}
	l, ok := a.sessions.get(claims.Session)
	if !ok || l.user.String() != claims.Subject || l.epoch != claims.Epoch || l.expires <= a.now().UnixMilli() {
		return wire.Caller{}, time.Time{}, wire.SignedOut()
	}
	return wire.Caller{User: l.user, Session: claims.Session, Device: l.device, Role: l.role, Fresh: running(l.fresh, a.now().UnixMilli(), freshLife) > 0}, claims.ExpiresAt.Time, nil
}

// begin starts a session for user, and ends those that are too many.
func (a *Auth) begin(tx *store.Tx, user store.User, transport wire.Transport, from wire.From) (store.Session, error) {
	if err := admitted(user); err != nil {
		return store.Session{}, err
	}
	others, err := tx.SessionsOf(user.ID)
	if err != nil {
		return store.Session{}, err
	}
	for i, old := range others {
		if i <= len(others)-maxSessions || old.ExpiresAt <= tx.Now() {
			if err := a.end(tx, old.ID); err != nil {
				return store.Session{}, err
			}
		}
	}
	s := store.Session{ID: wire.SessionID(random(16)), User: user.ID, UserEpoch: user.Epoch, N: 1, Transport: transport, Agent: agentName(from.Agent), Network: network(from.Address),
		CreatedAt: tx.Now(), LastSeen: tx.Now(), ExpiresAt: tx.Now() + refreshIdle.Milliseconds()}
	tx.OnCommit(func() { a.sessions.put(s, user.Role) })
	return s, tx.CreateSession(s)
}

// end removes a session: its tokens and its sockets are dead the moment the write is on disk.
func (a *Auth) end(tx *store.Tx, id wire.SessionID) error {
	tx.OnCommit(func() {
		if user, ok := a.sessions.drop(id); ok {
			a.live.KickSession(user, id, live.CodeExpired)
		}
	})
	return tx.EndSession(id)
}

// grant makes the tokens of a session.
func (a *Auth) grant(user store.User, s store.Session, hasKeys bool) (Grant, error) {
	access, expires, err := a.tokens.mint(user.ID, s.ID, s.UserEpoch)
	if err != nil {
		return Grant{}, fmt.Errorf("make an access token: %w", err)
	}
	g := Grant{Answer: wire.SignedIn{AccessToken: access, ExpiresAt: expires.UnixMilli(), User: user.Wire(), DeviceID: s.Device, HasKeys: hasKeys}}
	refresh := a.keys.mintRefresh(s.ID, s.N, s.User, s.UserEpoch)
	if s.Transport == wire.ByBody {
		g.Answer.RefreshToken = refresh.Reveal()
	} else {
		g.Cookie, g.CookieExpires = refresh, time.UnixMilli(s.ExpiresAt)
	}
	return g, nil
}

func checkTransport(t wire.Transport) error {
	if t != wire.ByCookie && t != wire.ByBody {
		return wire.FailField("transport", `This must be "cookie" (for browsers) or "body" (for everything else).`)
	}
	return nil
}

// Login signs in, or answers a challenge. Whatever is wrong with the name or the password, the answer and the work done for it are the same.
func (a *Auth) Login(ctx context.Context, req wire.LoginRequest, from wire.From) (Grant, error) {
	if err := checkTransport(req.Transport); err != nil {
		return Grant{}, err
	}
	user, err := a.knownUser(ctx, req.Username)
	if err != nil {
		return Grant{}, err
	}
	if err := a.prove(ctx, a.guessAt(store.DoorPassword, req.Username, user, from), req.Password); err != nil {
		return Grant{}, err
	}
	return a.firstStep(ctx, user, req.Transport, from)
}

// knownUser reads the account of a sign-in name as it was typed; an unknown one, and one of a deleted account, is the zero User.
func (a *Auth) knownUser(ctx context.Context, typed string) (user store.User, err error) {
	name, bad := username(typed)
	if bad != nil {
		return user, nil
	}
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		user, err = tx.UserByUsername(name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && user.State == wire.Deleted {
		return store.User{}, nil
	}
	return user, err
}

// Refresh renews a session and rotates its refresh token, which stands in req or else in cookie. The token before the newest is good
// until the newest has been presented, and gets the same successor again, so that a lost answer signs nobody out; a token older than that
// was copied, and ends the session for everybody who holds it (SECURITY.md S3). Whatever is wrong with a token is wire.SessionEnded.
func (a *Auth) Refresh(ctx context.Context, req wire.RefreshRequest, cookie string, from wire.From) (Grant, error) {
	if err := checkTransport(req.Transport); err != nil {
		return Grant{}, err
	}
	text, came := cookie, wire.ByCookie
	if req.RefreshToken != "" {
		text, came = req.RefreshToken, wire.ByBody
	}
	if req.Transport != came && text != "" { // a script could otherwise turn a cookie it cannot read into a token it can
		return Grant{}, wire.FailField("transport", "The new refresh token can only come back the way the old one was sent.")
	}
	token, ok := a.ownRefresh(text)
	if !ok {
		return Grant{}, wire.SignedOut()
	}
	return a.rotate(ctx, token, came, from)
}

// ownRefresh reads a refresh token that these keys made for a running session. What is forged goes no further, and ends nothing.
func (a *Auth) ownRefresh(text string) (refreshToken, bool) {
	token, ok := parseRefresh(text)
	if !ok {
		return token, false
	}
	l, ok := a.sessions.get(token.session)
	return token, ok && a.tokens.madeHere(token, l)
}

// renewal is what the write of a rotation found.
type renewal struct {
	user    store.User
	session store.Session
	hasKeys bool
	reused  bool
	ended   bool
}

func (a *Auth) rotate(ctx context.Context, token refreshToken, came wire.Transport, from wire.From) (Grant, error) {
	var r renewal
	err := a.store.Write(ctx, func(tx *store.Tx) (err error) {
		r, err = a.renew(tx, token, came, from)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("renew a session: %w", err)
	}
	if r.reused {
		a.log.Warn("a refresh token was used again after its successor: the session was ended for everybody")
	}
	if r.ended {
		return Grant{}, wire.SignedOut()
	}
	return a.grant(r.user, r.session, r.hasKeys)
}

func (a *Auth) renew(tx *store.Tx, token refreshToken, came wire.Transport, from wire.From) (r renewal, err error) {
	r.session, err = tx.Session(token.session)
	if errors.Is(err, store.ErrNotFound) {
		return renewal{ended: true}, nil
	}
	if err != nil {
		return r, err
	}
	if r.user, err = tx.User(r.session.User); err != nil {
		return r, err
	}
	s, role := &r.session, powerOf(r.user)
	tx.OnCommit(func() { a.sessions.change(token.session, func(l *login) { l.role = role }) }) // the console may have given them another
	switch {
	case s.Transport != came:
		r.ended = true
		return r, nil
	case s.ExpiresAt <= tx.Now() || s.UserEpoch != r.user.Epoch:
		r.ended = true
		return r, a.end(tx, s.ID)
	case token.n == s.N:
		err = a.advance(tx, s, from)
	case token.n != s.N-1:
		r.reused, r.ended = true, true
		return r, errors.Join(a.end(tx, s.ID), tell(tx, s.User, "refresh_reused", from, &s.ID), // who did it nobody knows: there is no actor
			tx.Audit(wire.AuditEntry{What: wire.ActRefreshReused, User: &s.User, Detail: s.Agent, Address: addressText(from)}))
	}
	if err != nil {
		return r, err
	}
	r.hasKeys, err = tx.HasKeys(s.User)
	return r, err
}

// advance puts the next refresh token in force.
func (a *Auth) advance(tx *store.Tx, s *store.Session, from wire.From) error {
	s.N++
	s.ExpiresAt = min(tx.Now()+refreshIdle.Milliseconds(), s.CreatedAt+refreshLife.Milliseconds())
	id, expires := s.ID, s.ExpiresAt
	tx.OnCommit(func() { a.sessions.change(id, func(l *login) { l.expires = expires }) })
	if s.Device != nil {
		if err := tx.TouchDevice(*s.Device); err != nil {
			return err
		}
	}
	return tx.RenewSession(id, s.N, expires, network(from.Address))
}

// Logout ends the sessions that the cookie, the refresh token in req and the bearer token name. Naming none is no failure.
func (a *Auth) Logout(ctx context.Context, req wire.LogoutRequest, cookie, bearer string, from wire.From) error {
	var ids []wire.SessionID
	for _, text := range []string{req.RefreshToken, cookie} {
		if token, ok := a.ownRefresh(text); ok {
			ids = append(ids, token.session)
		}
	}
	if c, _, err := a.Authenticate(bearer); err == nil {
		ids = append(ids, c.Session)
	}
	if len(ids) == 0 {
		return nil
	}
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := a.signOut(tx, id, from); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// signOut ends a session as its owner, if it has not ended before.
func (a *Auth) signOut(tx *store.Tx, id wire.SessionID, from wire.From) error {
	s, err := tx.Session(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(a.end(tx, id), auditOwn(tx, wire.ActSignedOut, s.User, s.Agent, from))
}
