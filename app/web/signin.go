package web

import (
	"net/http"
	"time"

	"chatalot/app/auth"
	"chatalot/app/wire"
)

func (f *Face) health(w http.ResponseWriter, r *http.Request) error {
	if err := f.chat.Ping(r.Context()); err != nil {
		f.log.Error("database not healthy", "err", err)
		return wire.Fail(wire.Unhealthy, "This place cannot reach its database.")
	}
	return f.reply(w, http.StatusOK, wire.Health{Status: "ok", Version: f.version}, nil)
}

func (f *Face) place(w http.ResponseWriter, r *http.Request) error {
	place, err := f.auth.Place(r.Context())
	return f.reply(w, http.StatusOK, place, err)
}

func (f *Face) setup(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.SetupRequest](w, r)
	if err != nil {
		return err
	}
	grant, err := f.auth.Setup(r.Context(), req, f.from(r))
	return f.signIn(w, http.StatusOK, grant, err)
}

func (f *Face) register(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.RegisterRequest](w, r)
	if err != nil {
		return err
	}
	grant, err := f.auth.Register(r.Context(), req, f.from(r))
	return f.signIn(w, http.StatusCreated, grant, err)
}

func (f *Face) login(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.LoginRequest](w, r)
	if err != nil {
		return err
	}
	if err := f.mayTry(r); err != nil {
		return err
	}
	grant, err := f.auth.Login(r.Context(), req, f.from(r))
	f.tried(r, req.Username, err)
	return f.signIn(w, http.StatusOK, grant, err)
}

func (f *Face) refresh(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[wire.RefreshRequest](w, r)
	if err != nil {
		return err
	}
	grant, err := f.auth.Refresh(r.Context(), req, f.cookie(r, refreshCookie), f.from(r))
	return f.signIn(w, http.StatusOK, grant, err)
}

func (f *Face) logout(w http.ResponseWriter, r *http.Request) error {
	var req wire.LogoutRequest
	if r.ContentLength > 0 { // the cookie or the bearer token says it all
		var err error
		if req, err = decode[wire.LogoutRequest](w, r); err != nil {
			return err
		}
	}
	if err := f.auth.Logout(r.Context(), req, f.cookie(r, refreshCookie), bearer(r), f.from(r)); err != nil {
		return err
	}
	f.setCookie(w, refreshCookie, "", time.Unix(0, 0))
	return done(w, nil)
}

// signIn answers a grant: the refresh token in the cookie, where JavaScript never sees it, or in the body, as the client chose; or the challenge that
// comes first.
func (f *Face) signIn(w http.ResponseWriter, status int, grant auth.Grant, err error) error {
	if err == nil && grant.Challenge != nil {
		return f.reply(w, http.StatusAccepted, grant.Challenge, nil)
	}
	if err == nil && !grant.Cookie.Empty() {
		f.setCookie(w, refreshCookie, grant.Cookie.Reveal(), grant.CookieExpires)
	}
	if err == nil && !grant.Known.Empty() {
		f.setCookie(w, deviceCookie, grant.Known.Reveal(), grant.KnownExpires)
	}
	return f.reply(w, status, grant.Answer, err)
}

// The cookies there are. Neither opens anything by itself but what its comment says.
const (
	refreshCookie = "rt"  // the refresh token
	deviceCookie  = "dev" // whose accounts this browser has signed in to: their guesses are counted apart
)

// cookieName has no __Host- prefix only for plain HTTP on this machine, where Safari refuses Secure cookies and thereby the prefix.
func (f *Face) cookieName(name string) string {
	if f.origin.secure() {
		return "__Host-" + name
	}
	return name
}

func (f *Face) setCookie(w http.ResponseWriter, name, value string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{
		Name: f.cookieName(name), Value: value, Path: "/", Expires: expires, MaxAge: maxAge(expires.Sub(f.now())),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: f.origin.secure(),
	})
}

// maxAge spells a duration as net/http wants it: below one second deletes the cookie.
func maxAge(d time.Duration) int {
	if d < time.Second {
		return -1
	}
	return int(d / time.Second)
}

// cookie is what the browser sent in one of our cookies, or empty.
func (f *Face) cookie(r *http.Request, name string) string {
	cookies := r.CookiesNamed(f.cookieName(name))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}
