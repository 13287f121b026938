package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

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
			return usageError(fmt.Sprintf("name the account right behind the verb: chatalot user %s NAME, and flags after it", act))
		}
		name, rest = rest[0], rest[1:]
	default:
		return usageError(fmt.Sprintf("%q is nothing it can do to accounts; chatalot help lists what is", act))
	}
	in, err := invoked(rest)
	if err != nil {
		return err
	}
	switch act {
	case "unlock":
		return p.userUnlock(ctx, in, name)
	case "reset":
		return p.userReset(ctx, in, name, twoStep >= 0)
	case "admin":
		return p.userAdmin(ctx, in, name)
	}
	return p.userList(ctx, in)
}

func (p Program) userList(ctx context.Context, in invocation) error {
	list, err := server.Accounts(ctx, in.Config, in.log(p.Err))
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

func (p Program) userUnlock(ctx context.Context, in invocation, name string) error {
	if err := server.UnlockAccount(ctx, in.Config, in.insecure, name, in.log(p.Err)); err != nil {
		return err
	}
	return p.say("%s can sign in again.\n", name)
}

func (p Program) userAdmin(ctx context.Context, in invocation, name string) error {
	changed, err := server.MakeAdmin(ctx, in.Config, name, in.log(p.Err))
	if err != nil {
		return err
	}
	if !changed {
		return p.say("%s is an admin of this place already.\n", name)
	}
	return p.say("%s is an admin of this place now.\n", name)
}

func (p Program) userReset(ctx context.Context, in invocation, name string, twoStep bool) error {
	link, err := server.ResetLink(ctx, in.Config, name, twoStep, in.log(p.Err))
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
