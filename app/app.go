// Package app is the command line: its verbs, one file each, and the exit status each refusal has.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os/signal"
	"strings"
	"syscall"

	"chatalot/app/config"
)

// Program is what main hands over: what is built into the binary, and the process around it.
type Program struct {
	Version string
	Schema  string   // schema.sql
	Example string   // config.example.toml
	Assets  fs.FS    // the built web app
	Args    []string // without the program's name
	Out     io.Writer
	Err     io.Writer
}

const usage = `chatalot serves a place where a family or a club talks, end-to-end encrypted.

  chatalot serve    run the place; prints the setup link while nobody has an account
  chatalot setup    print a fresh setup link, also beside a running place
  chatalot config   print every setting with its default
  chatalot version  print the version
  chatalot help     print this

  chatalot user list         everybody who has an account here
  chatalot user unlock NAME  let somebody sign in again who was locked out
  chatalot user reset NAME   print a link by which somebody chooses a new password; with --two-step
                             behind it, the link switches their two-step codes off as well
  chatalot user admin NAME   make somebody an admin of the place

They work beside a running place too. serve, setup and user take
  --data DIR        where the database and its secrets are (serve makes it)
  --listen ADDR     host:port to serve on, default localhost:8080
  --config FILE     settings; see chatalot config. The command line wins over it.
`

// Main runs one verb and returns the process's exit status. SIGINT and SIGTERM end it in order; a second one at once.
func Main(p Program) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, p)
}

// Run is Main without the signals: ctx ends it.
func Run(ctx context.Context, p Program) int {
	err := p.run(ctx)
	if err == nil {
		return 0
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(p.Err, "chatalot: %s\n", strings.TrimSuffix(line, "\n"))
	}
	return status(err)
}

func (p Program) run(ctx context.Context) error {
	if len(p.Args) == 0 {
		return usageError("say what to do: serve, setup, user, config, version or help")
	}
	verb, args := p.Args[0], p.Args[1:]
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		verb, args = "help", nil
	}
	switch verb {
	case "serve":
		return p.serve(ctx, args)
	case "setup":
		return p.setup(ctx, args)
	case "user":
		return p.user(ctx, args)
	case "config":
		return p.print(args, p.Example)
	case "version", "--version":
		return p.print(args, "chatalot "+p.Version+"\n")
	case "help", "--help", "-h":
		return p.print(args, usage)
	default:
		return usageError(fmt.Sprintf("%q is nothing it can do; chatalot help lists what is", verb))
	}
}

func (p Program) print(args []string, text string) error {
	if len(args) > 0 {
		return usageError(fmt.Sprintf("%q is too much here", args[0]))
	}
	_, err := io.WriteString(p.Out, text)
	return err
}

// settings reads the flags of serve and setup and the file that they name.
func settings(args []string) (config.Config, error) {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config", "", "")
	flags.String("data", "", "")
	flags.String("listen", "", "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return config.Config{}, usageError("ask for help alone: chatalot help")
	} else if err != nil {
		return config.Config{}, usageError(err.Error())
	}
	if flags.NArg() > 0 {
		return config.Config{}, usageError(fmt.Sprintf("%q is too much here", flags.Arg(0)))
	}
	set, empty := map[string]string{}, false
	flags.Visit(func(f *flag.Flag) {
		if f.Name == "config" {
			empty = *file == ""
		} else {
			set[f.Name] = f.Value.String()
		}
	})
	if empty {
		return config.Config{}, usageError("--config names no file")
	}
	return config.Load(*file, set)
}
