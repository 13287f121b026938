package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"chatalot/app/config"
	"chatalot/app/server"
)

// user is what the console does to accounts: chatalot user list, unlock NAME, reset NAME, admin NAME; flags stand behind.
func (p Program) user(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usageError("say what to do: user list, user unlock NAME, user reset NAME or user admin NAME")
	}
	act, rest := args[0], args[1:]
	twoStep := slices.Index(rest, "--two-step")
	if twoStep >= 0 && act == "reset" {
		rest = slices.Delete(slices.Clone(rest), twoStep, twoStep+1)
	}
	name := ""
	switch act {
	case "list":
	case "unlock", "reset", "admin":
		if len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
			return usageError(fmt.Sprintf("name the account: chatalot user %s NAME", act))
		}
		name, rest = rest[0], rest[1:]
	default:
		return usageError(fmt.Sprintf("%q is nothing it can do to accounts; chatalot help lists what is", act))
	}
	c, err := settings(rest)
	if err != nil {
		return err
	}
	switch act {
	case "unlock":
		return p.userUnlock(ctx, c, name)
	case "reset":
		return p.userReset(ctx, c, name, twoStep >= 0)
	case "admin":
		return p.userAdmin(ctx, c, name)
	}
	return p.userList(ctx, c)
}

func (p Program) userList(ctx context.Context, c config.Config) error {
	list, err := server.Accounts(ctx, c, logger(c, p.Err))
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SIGN-IN NAME\tROLE\tSTATE\tTWO-STEP\tPASSKEYS\tSINCE")
	for _, a := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", a.Name, a.Role, a.State, onOff(a.TwoStep), a.Passkeys, a.Since.Format(time.DateOnly))
	}
	return table.Flush()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (p Program) userUnlock(ctx context.Context, c config.Config, name string) error {
	if err := server.UnlockAccount(ctx, c, name, logger(c, p.Err)); err != nil {
		return err
	}
	return p.say("%s can sign in again.\n", name)
}

func (p Program) userAdmin(ctx context.Context, c config.Config, name string) error {
	changed, err := server.MakeAdmin(ctx, c, name, logger(c, p.Err))
	if err != nil {
		return err
	}
	if !changed {
		return p.say("%s is an admin of this place already.\n", name)
	}
	return p.say("%s is an admin of this place now. Where they are signed in it holds within 15 minutes, and at once when they sign in anew.\n", name)
}

func (p Program) userReset(ctx context.Context, c config.Config, name string, twoStep bool) error {
	link, err := server.ResetLink(ctx, c, name, twoStep, logger(c, p.Err))
	if err != nil {
		return err
	}
	also := ""
	if twoStep {
		also = " It switches their two-step codes off as well."
	}
	return p.printLink(fmt.Sprintf("With this link %s chooses a new password.%s It works once, for 24 hours; give it to nobody else.", name, also), link)
}

func (p Program) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.Out, format, args...)
	return err
}
