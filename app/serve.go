package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"chatalot/app/config"
	"chatalot/app/server"
)

func (p Program) serve(ctx context.Context, args []string) error {
	in, err := invoked(args)
	if err != nil {
		return err
	}
	return server.Serve(ctx, server.Options{
		Config: in.Config, Settings: in.file, Schema: p.Schema, Assets: p.Assets, Version: p.Version, Built: p.built(), Log: in.log(p.Err), Insecure: in.insecure,
		Ready: func(address, setupLink string) { p.greet(address, setupLink) },
	})
}

func (p Program) setup(ctx context.Context, args []string) error {
	c, err := settings(args)
	if err != nil {
		return err
	}
	link, err := server.SetupLink(ctx, c, logger(c, p.Err))
	if err != nil {
		return err
	}
	return p.showLink(link)
}

// greet tells the person at the console where the place is. The setup link is printed, never logged: it opens the place.
func (p Program) greet(address, setupLink string) {
	if setupLink == "" {
		fmt.Fprintf(p.Out, "Your place is at %s\n", address)
		return
	}
	p.showLink(setupLink)
}

func (p Program) showLink(link string) error {
	return p.printLink("Open this link to set up your place. It works once, for 24 hours; keep it to yourself.", link)
}

// printLink prints a link that opens something, with what it is for and as a QR code. It is printed, never logged.
func (p Program) printLink(about, link string) error {
	code, err := halfBlocks(link)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Out, "\n%s\n\n  %s\n\n%s\n", about, link, code)
	return err
}

// log is the log of a verb that opens keys, with a warning at its head when the settings are open to others.
func (in invocation) log(to io.Writer) *slog.Logger {
	log := logger(in.Config, to)
	if in.exposed != nil {
		log.Warn("others on this machine may use the settings, and --insecure-perms lets that pass")
	}
	return log
}

// built is when the program was made, zero when it does not know.
func (p Program) built() time.Time {
	made, err := time.Parse(time.RFC3339, p.Built)
	if err != nil {
		return time.Time{}
	}
	return made
}

func logger(c config.Config, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level()}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
