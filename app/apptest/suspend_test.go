package apptest_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// confirm lets the admin make dangerous changes, as if the password had just been entered: the place is stopped for it.
func confirm(t *testing.T, p *apptest.Place, stop func()) {
	t.Helper()
	stop()
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(p.Data, "chatalot.db"), Beside: true})
	must(t, err)
	must(t, s.Write(ctx, func(tx *store.Tx) error {
		list, err := tx.SessionsOf(p.Admin.User().ID)
		must(t, err)
		for _, session := range list {
			session.FreshUntil = time.Now().Add(5 * time.Minute).UnixMilli()
			must(t, tx.EndSession(session.ID))
			must(t, tx.CreateSession(session))
		}
		return nil
	}))
	must(t, s.Close())
	p.Serve(t)
}

// T4: what is said after somebody was suspended cannot be opened with any key they hold, in a channel as in a DM; once they are back they are heard
// and sealed to again.
func TestASuspendedPersonsKeysOpenNothingOfWhatComesAfter(t *testing.T) {
	p := &apptest.Place{Data: filepath.Join(t.TempDir(), "data")}
	stop := p.Serve(t)
	nora := p.SetUp(t, "")
	tomas, _ := p.Join(t, "tomas")
	ines, _ := p.Join(t, "ines")
	ctx := context.Background()
	dm, err := ines.OpenDM(ctx, tomas.User().ID)
	must(t, err)
	for _, c := range []*client.Client{nora, tomas, ines} {
		say(t, c, p.General.ID, "before")
		texts(t, nora)
		texts(t, tomas)
		texts(t, ines)
	}
	say(t, ines, dm, "just us")
	expect(t, tomas, "just us")
	confirm(t, p, stop)

	state := func(to wire.UserState) {
		must(t, nora.Do(ctx, "PATCH", "/api/admin/users/"+tomas.User().ID.String(), wire.AdminUserChange{State: to}, nil))
	}
	state(wire.Suspended)
	apptest.Refused(t, tomas.Do(ctx, "GET", "/api/me", nil, nil), wire.SessionEnded)
	expect(t, ines)
	sealed, err := ines.Seal(ctx, p.General.ID, []byte("after"))
	must(t, err)
	for _, e := range sealed.Envelopes {
		if e.UserID == tomas.User().ID {
			t.Error("ines still seals to tomas")
		}
	}
	if len(sealed.Envelopes) == 0 {
		t.Error("ines made no new sender key")
	}
	must(t, ines.Do(ctx, "POST", "/api/conversations/"+p.General.ID.String()+"/messages", sealed, nil))
	expect(t, nora, "after")
	if _, err = ines.Send(ctx, dm, []byte("are you there")); err == nil {
		t.Error("ines sealed to nobody")
	}
	newcomer, _ := p.Join(t, "olga") // who takes up the channel now seals to those it reaches now
	say(t, newcomer, p.General.ID, "hello")
	expect(t, ines, "hello")

	state(wire.Active)
	device := tomas.Device()
	must(t, tomas.Login(ctx, "tomas", apptest.Password))
	must(t, tomas.Do(ctx, "POST", "/api/devices", wire.NewDevice{Name: "test", ID: device}, nil))
	must(t, tomas.Refresh(ctx))
	got, err := tomas.CatchUp(ctx)
	must(t, err)
	for _, r := range got {
		if len(r.Plaintext) > 0 {
			t.Errorf("tomas opened %q", r.Plaintext)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d messages came meanwhile, want the two of the channel", len(got))
	}
	texts(t, nora)
	texts(t, ines)
	say(t, ines, p.General.ID, "welcome back")
	say(t, ines, dm, "there you are")
	expect(t, tomas, "welcome back", "there you are")
	say(t, tomas, dm, "here I am")
	say(t, tomas, p.General.ID, "all of you")
	expect(t, ines, "here I am", "all of you")
}
