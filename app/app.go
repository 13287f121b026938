// Package app is the command line: its verbs, one file each, and the exit status each refusal has.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"chatalot/app/config"
)

// Program is what main hands over: what is built into the binary, and the process around it.
type Program struct {
	Version string
	Built   string   // the date of the commit it was built from, RFC 3339; empty when unknown
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
  chatalot keys     rotate the keys, or sign everybody out; see chatalot keys help
  chatalot doctor   examine the place, running or not: 0 all is well, 1 something warns, 2 something fails
  chatalot firewall print the firewall rules that fit the place
  chatalot config   print every setting with its default
  chatalot version  print the version
  chatalot help     print this

  chatalot user list         everybody who has an account here
  chatalot user unlock NAME  let somebody sign in again who was locked out
  chatalot user reset NAME   print a link by which somebody chooses a new password; with --two-step
                             behind it, the link switches their two-step codes off as well
  chatalot user admin NAME   make somebody an admin of the place

All work beside a running place too. serve, setup, user, keys, doctor and firewall take
  --data DIR        where the database and its secrets are (serve makes it)
  --listen ADDR     host:port to serve on, default localhost:8080
  --config FILE     settings; see chatalot config. The command line wins over it.
  --insecure-perms  only warn when others on this machine may use the settings or the keys
doctor also takes
  --json            print the result for programs
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
		return usageError("say what to do: serve, setup, user, keys, doctor, firewall, config, version or help")
	}
	verb, args := p.Args[0], p.Args[1:]
	if verb != "keys" && asksForHelp(args) {
		verb, args = "help", nil
	}
	switch verb {
	case "serve":
		return p.serve(ctx, args)
	case "setup":
		return p.setup(ctx, args)
	case "user":
		return p.user(ctx, args)
	case "keys":
		return p.keys(ctx, args)
	case "doctor":
		return p.doctor(ctx, args)
	case "firewall":
		return p.firewall(args)
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

func asksForHelp(args []string) bool {
	return len(args) == 1 && (args[0] == "--help" || args[0] == "-h")
}

func (p Program) print(args []string, text string) error {
	if len(args) > 0 {
		return usageError(fmt.Sprintf("%q is too much here", args[0]))
	}
	_, err := io.WriteString(p.Out, text)
	return err
}

// settings reads the flags of a verb and the file that they name.
func settings(args []string) (config.Config, error) {
	in, err := invoked(args)
	return in.Config, err
}

// invocation is what the flags of a verb and the settings file that they name say.
type invocation struct {
	config.Config
	file     string // the settings file; empty: there is none
	insecure bool   // others on this machine may use the settings and the keys
	exposed  error  // what insecure let pass
}

func invoked(args []string) (in invocation, err error) {
	file, set, err := parse(args, func(f *flag.FlagSet) { f.BoolVar(&in.insecure, "insecure-perms", false, "") })
	if err != nil {
		return in, err
	}
	if in.exposed = config.CheckPrivate(file, os.Getenv("CREDENTIALS_DIRECTORY")); in.exposed != nil && !in.insecure {
		return in, in.exposed
	}
	in.file = file
	in.Config, err = config.Load(file, set)
	return in, err
}

// parse reads the flags that the verbs have in common, and those that own adds: the settings file, and the values that win over it by key.
func parse(args []string, own func(*flag.FlagSet)) (path string, set map[string]string, err error) {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config", "", "")
	flags.String("data", "", "")
	flags.String("listen", "", "")
	shared := map[string]bool{"data": true, "listen": true}
	if own != nil {
		own(flags)
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return "", nil, usageError("ask for help alone: chatalot help")
	} else if err != nil {
		return "", nil, usageError(err.Error())
	}
	if flags.NArg() > 0 {
		return "", nil, usageError(fmt.Sprintf("%q is too much here", flags.Arg(0)))
	}
	empty := false
	set = map[string]string{}
	flags.Visit(func(f *flag.Flag) {
		switch {
		case f.Name == "config":
			empty = *file == ""
		case shared[f.Name]:
			set[f.Name] = f.Value.String()
		}
	})
	if empty {
		return "", nil, usageError("--config names no file")
	}
	return *file, set, nil
}
