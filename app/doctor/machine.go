package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

// Machine is what of the machine the checks look at.
type Machine struct {
	Root    string // below which /proc, /etc, /run and /sys are found
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Trust   *x509.CertPool // the authorities that certificates must come from; nil: the system's
	Space   func(path string) (Space, error)
	// Synchronised tells whether the kernel's clock follows a time server (adjtimex(2)).
	Synchronised func() (bool, error)
	Rules        func(ctx context.Context) (string, error) // the packet filter's rules, as its own tool prints them
	Go           string                                    // version of Go the program was built with
	Modules      map[string]string                         // version by path of what is built in
}

// Space is how much room a file system has.
type Space struct {
	Free, Total           int64 // bytes; Free is what an ordinary user may still use
	FreeInodes, AllInodes int64 // 0 of 0 for file systems that do not count them
	Type                  int64 // statfs(2) f_type
}

// ThisMachine is the real one.
func ThisMachine() Machine {
	return Machine{
		Root: "/",
		Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		Dial: (&net.Dialer{}).DialContext, Space: space, Synchronised: synchronised, Rules: rules, Go: runtime.Version(), Modules: modules(),
	}
}

func (m Machine) read(path string) (string, error) {
	text, err := os.ReadFile(filepath.Join(m.Root, path))
	return string(text), err
}

func space(path string) (Space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Space{}, err
	}
	block := int64(s.Bsize)
	return Space{Free: int64(s.Bavail) * block, Total: int64(s.Blocks) * block, FreeInodes: int64(s.Ffree), AllInodes: int64(s.Files), Type: int64(s.Type)}, nil
}

// The kernel's words for a clock that nobody keeps right (<linux/timex.h>).
const (
	timeError = 5      // TIME_ERROR
	unsynced  = 0x0040 // STA_UNSYNC
)

func synchronised() (bool, error) {
	var t syscall.Timex // Modes 0: asks only
	state, err := syscall.Adjtimex(&t)
	return err == nil && state != timeError && t.Status&unsynced == 0, err
}

// errNotAllowed: only root may read the packet filter's rules.
var errNotAllowed = errors.New("only root may read the rules")

// rules asks the tools of nftables and iptables, by their full names and with nothing of this process's environment.
func rules(ctx context.Context) (string, error) {
	if os.Geteuid() != 0 {
		return "", errNotAllowed
	}
	var all strings.Builder
	err := error(fs.ErrNotExist)
	for _, command := range [][]string{{"nft", "list", "ruleset"}, {"iptables", "-S", "INPUT"}} {
		for _, dir := range []string{"/usr/sbin", "/sbin"} {
			path := filepath.Join(dir, command[0])
			if _, missing := os.Stat(path); missing != nil {
				continue
			}
			c := exec.CommandContext(ctx, path, command[1:]...)
			c.Env = []string{}
			out, failed := c.Output()
			if failed == nil {
				all.Write(out)
				err = nil
			} else if err != nil {
				err = failed
			}
			break
		}
	}
	return all.String(), err
}

func modules() map[string]string {
	all := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return all
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all[m.Path] = m.Version
	}
	return all
}
