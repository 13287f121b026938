package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"chatalot/app/config"
	"chatalot/app/server"
)

func (p Program) serve(ctx context.Context, args []string) error {
	file, set, err := parse(args, nil)
	if err != nil {
		return err
	}
	c, err := config.Load(file, set)
	if err != nil {
		return err
	}
	return server.Serve(ctx, server.Options{
		Config: c, Settings: file, Schema: p.Schema, Assets: p.Assets, Version: p.Version, Built: p.built(), Log: logger(c, p.Err),
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
	code, err := halfBlocks(link)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Out, "\nOpen this link to set up your place. It works once, for 24 hours; keep it to yourself.\n\n  %s\n\n%s\n", link, code)
	return err
}

// built is when the program was made, zero when it does not know.
func (p Program) built() time.Time {
	seconds, err := strconv.ParseInt(p.Built, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

func logger(c config.Config, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level()}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
