package doctor

import (
	"context"
	"fmt"

	"chatalot/app/wire"
)

func registration(_ context.Context, p *patient) verdict {
	if err := p.seen(); err != nil {
		return p.noDatabase(err)
	}
	mode, when := p.health.Place.Registration, ""
	if !p.health.Place.SetUp() {
		mode, when = wire.Registration(p.Config.Registration), " once the place is set up"
	}
	switch mode {
	case wire.InviteOnly:
		return pass("Accounts are made by invitation only%s.", when)
	case wire.Closed:
		return pass("Nobody can make an account%s.", when)
	}
	fix := "Switch it to invite only in the admin's page (Overview, Registration)."
	if !p.health.Place.SetUp() {
		fix = `Set registration = "invite_only" in the settings before you set the place up.`
	}
	return fail(fix, "Anybody can make an account%s.", when)
}

func admins(_ context.Context, p *patient) verdict {
	if err := p.seen(); err != nil {
		return p.noDatabase(err)
	}
	all, guarded := p.health.Admins, p.health.Guarded
	switch {
	case !p.health.Place.SetUp():
		return warn("Open the setup link ("+p.command("setup")+" prints one) and make your account.", "The place is not set up yet: nobody has an account.")
	case all == 0:
		return fail("Run "+p.command("user admin NAME")+" with the sign-in name of whoever is to look after the place.", "Nobody who can sign in is an admin.")
	case guarded < all:
		return warn("Each of them: Settings, Security, then switch on two-step codes or add a passkey.", "%s neither two-step codes nor a passkey.", have(all-guarded, all))
	}
	return pass("%s two-step codes or a passkey.", have(all, all))
}

// have begins a sentence about some of the admins.
func have(some, all int) string {
	switch {
	case all == 1:
		return "The only admin has"
	case some == all:
		return fmt.Sprintf("All %d admins have", all)
	case some == 1:
		return fmt.Sprintf("One of %d admins has", all)
	}
	return fmt.Sprintf("%d of %d admins have", some, all)
}
