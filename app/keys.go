package app

import (
	"context"
	"fmt"

	"chatalot/app/server"
)

const keysUsage = `chatalot keys looks after the keys that let people in.

  chatalot keys rotate      make a new access-token key; in force when the place is started again, and nobody notices
  chatalot keys revoke-all  sign everybody out, everywhere, at once; also in a running place
  chatalot keys help        print this

Both work beside a running place and take --data, --config and --insecure-perms; see chatalot help.

Somebody may have seen the keys: rotate, start the place again, then revoke-all. After that nothing made with the old key is taken.
Replacing secrets/jwt_private.pem by hand and starting again signs everybody out too. The TOTP key is never made again: keep a backup of it.
`

func (p Program) keys(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usageError("say what to do with the keys: rotate, revoke-all or help")
	}
	verb, args := args[0], args[1:]
	if asksForHelp(args) {
		verb, args = "help", nil
	}
	switch verb {
	case "rotate":
		return p.rotateKeys(ctx, args)
	case "revoke-all":
		return p.revokeAll(ctx, args)
	case "help", "--help", "-h":
		return p.print(args, keysUsage)
	default:
		return usageError(fmt.Sprintf("%q is nothing it can do with the keys; chatalot keys help lists what is", verb))
	}
}

func (p Program) rotateKeys(ctx context.Context, args []string) error {
	in, err := invoked(args)
	if err != nil {
		return err
	}
	if err := server.RotateKeys(ctx, in.Config, in.insecure, in.log(p.Err)); err != nil {
		return err
	}
	_, err = fmt.Fprint(p.Out, "A new key is made. Start the place again to bring it in force; nobody has to sign in anew.\n")
	return err
}

func (p Program) revokeAll(ctx context.Context, args []string) error {
	in, err := invoked(args)
	if err != nil {
		return err
	}
	ended, err := server.RevokeAll(ctx, in.Config, in.log(p.Err))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Out, "Everybody is signed out: %d sessions have ended. A running place notices within a second.\n", ended)
	return err
}
