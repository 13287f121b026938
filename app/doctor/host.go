package doctor

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed vulnerable.txt
var vulnerable string

const oldBuild = 90 * 24 * time.Hour

func program(_ context.Context, p *patient) verdict {
	const update = "Build or fetch a newer chatalot with the newest Go 1.26 and put it in place of this one."
	listed, known := knownBad(vulnerable, p.Machine.Go, p.Machine.Modules)
	switch {
	case len(known) > 0:
		return warn(update, "It was built with %s, which has known weaknesses (list of %s).", strings.Join(known, " and "), listed)
	case p.Built.IsZero():
		return warn("Build it with make build, which writes the date into it.", "It does not know when it was built; with %s, which has no known weakness (list of %s).", p.Machine.Go, listed)
	case p.Now().Sub(p.Built) > oldBuild:
		return warn(update, "It was built %d days ago, with %s.", int(p.Now().Sub(p.Built).Hours()/24), p.Machine.Go)
	}
	return pass("It was built %d days ago with %s, and nothing in it has a weakness that is on the list of %s.", max(0, int(p.Now().Sub(p.Built).Hours()/24)), p.Machine.Go, listed)
}

// knownBad reads a list of "module version-that-is-mended id" and names what is built in and older.
func knownBad(list, goVersion string, modules map[string]string) (listed string, bad []string) {
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "date" {
			listed = fields[1]
			continue
		}
		if len(fields) < 3 || strings.HasPrefix(line, "#") {
			continue
		}
		name, mended, why := fields[0], fields[1], fields[2]
		have := modules[name]
		if name == "stdlib" {
			name, have = "Go", goVersion
		}
		if older(have, mended) {
			bad = append(bad, fmt.Sprintf("%s %s (%s is mended in %s)", name, strings.TrimLeft(have, "gov"), why, strings.TrimPrefix(mended, "v")))
		}
	}
	return listed, bad
}

// older compares versions such as v1.2.3 and go1.2.3. What is neither, such as that of a local change, is not judged.
func older(have, than string) bool {
	as := func(v string) string {
		v, _, _ = strings.Cut(v, " ") // "go1.26.8 X:nodwarf5"
		return "go" + strings.TrimLeft(v, "gov")
	}
	return version.IsValid(as(have)) && version.Compare(as(have), as(than)) < 0
}

func clock(_ context.Context, p *patient) verdict {
	const fix = "timedatectl set-ntp true (or install chrony)"
	if !p.Built.IsZero() && p.Now().Before(p.Built.Add(-24*time.Hour)) {
		return fail(fix, "The clock says %s, which is before this program was built.", p.Now().UTC().Format(time.DateOnly))
	}
	synced, err := p.Machine.Synchronised()
	if err == nil && !synced || err != nil {
		if _, told := os.Stat(filepath.Join(p.Machine.Root, "run/systemd/timesync/synchronized")); told == nil {
			return pass("systemd-timesyncd has set the clock by the network since the machine started.")
		}
	}
	switch {
	case err != nil:
		return warn(fix, "This system does not tell whether a time server keeps the clock right.")
	case !synced:
		return warn(fix, "The kernel says that no time server keeps the clock right.")
	}
	return pass("The kernel says that a time server keeps the clock right.")
}

const (
	spaceLeast = 200 << 20 // bytes
	spaceLow   = 10        // percent
)

func diskSpace(_ context.Context, p *patient) verdict {
	if _, err := os.Stat(p.Config.Data); err != nil {
		return p.noDatabase(err)
	}
	room, err := p.Machine.Space(p.Config.Data)
	if err != nil {
		return warn("Look at the disk of this machine.", "The disk cannot be looked at: %s.", plain(err))
	}
	return judgeSpace(room)
}

func judgeSpace(room Space) verdict {
	const fix = "Delete what is not needed on this disk, or move the data directory to a bigger one."
	free := fmt.Sprintf("%s of %s are free", size(room.Free), size(room.Total))
	switch {
	case room.Free < spaceLeast:
		return fail(fix, "Only %s.", free)
	case room.AllInodes > 0 && room.FreeInodes*100 < room.AllInodes:
		return fail(fix, "%s, but the file system can hold hardly any more files (%d of %d).", free, room.FreeInodes, room.AllInodes)
	case room.Free*100 < room.Total*spaceLow:
		return warn(fix, "Only %s, less than a tenth.", free)
	case room.AllInodes > 0 && room.FreeInodes*20 < room.AllInodes:
		return warn(fix, "%s, but the file system can hold few more files (%d of %d).", free, room.FreeInodes, room.AllInodes)
	}
	return pass("%s.", free)
}

const (
	filesFew  = 1024
	memoryLow = 96 << 20 // bytes: two sign-ins at once take 40 MB
	memoryOut = 32 << 20
)

func resources(_ context.Context, p *patient) verdict {
	if p.pid == 0 {
		return p.asleep()
	}
	limits, err := p.Machine.read(fmt.Sprintf("proc/%d/limits", p.pid))
	if err != nil {
		return warn("Ask again as the user who runs the place, or as root.", "The limits of the process cannot be read: %s.", plain(err))
	}
	free := int64(-1)
	if memory, err := p.Machine.read("proc/meminfo"); err == nil { // a service may be kept from seeing it (ProcSubset=pid)
		free = available(memory)
	}
	return judgeResources(openFiles(limits), free)
}

func judgeResources(files, memory int64) verdict {
	const more = "Set LimitNOFILE=16384 in the systemd unit, or run ulimit -n 16384 before starting the place."
	const free = "Stop what is not needed on this machine, or give it more memory."
	seen := fmt.Sprintf("%d open files are allowed", files)
	if memory >= 0 {
		seen += " and " + size(memory) + " of memory are available"
	}
	switch {
	case files < 256:
		return fail(more, "%s.", seen)
	case memory >= 0 && memory < memoryOut:
		return fail(free, "%s.", seen)
	case files < filesFew:
		return warn(more, "%s.", seen)
	case memory >= 0 && memory < memoryLow:
		return warn(free, "%s.", seen)
	}
	return pass("%s.", seen)
}

// openFiles reads the soft limit from /proc/PID/limits; "unlimited" is a million.
func openFiles(text string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if n, err := strconv.ParseInt(strings.Fields(rest + " x")[0], 10, 64); err == nil {
				return n
			}
			return 1_000_000
		}
	}
	return 0
}

// available reads MemAvailable from /proc/meminfo, in bytes.
func available(text string) int64 { return field(text, "MemAvailable:") << 10 }

// field reads the number behind a name that begins a line; what is not there is 0.
func field(text, name string) int64 {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
			return n
		}
	}
	return 0
}

func confinement(_ context.Context, p *patient) verdict {
	if p.pid == 0 {
		return p.asleep()
	}
	status, err := p.Machine.read(fmt.Sprintf("proc/%d/status", p.pid))
	if err != nil {
		return warn("Ask again as the user who runs the place, or as root.", "The process cannot be looked at: %s.", plain(err))
	}
	groups, _ := p.Machine.read(fmt.Sprintf("proc/%d/cgroup", p.pid)) // absent: not under systemd
	return judgeConfinement(status, unit(groups))
}

func judgeConfinement(status, unit string) verdict {
	if field(status, "Uid:") == 0 {
		return warn("Make a user of its own (useradd --system chatalot), give it the data directory (chown -R chatalot) and run the place as that user.", "It runs as root, so whoever breaks into it has the whole machine.")
	}
	if unit == "" {
		return pass("It runs as an ordinary user, not under systemd.")
	}
	missing := []string{}
	if field(status, "NoNewPrivs:") != 1 {
		missing = append(missing, "NoNewPrivileges=yes")
	}
	if field(status, "Seccomp:") != 2 {
		missing = append(missing, "SystemCallFilter=@system-service")
	}
	if !noCapability(status) {
		missing = append(missing, "CapabilityBoundingSet=")
	}
	if len(missing) > 0 {
		return warn("Put under [Service] of the unit: "+strings.Join(missing, ", ")+"; systemd-analyze security "+unit+" then shows what else may be closed.", "The unit %s leaves open what the place does not need.", unit)
	}
	return pass("It runs as an ordinary user under systemd, without privileges and with filtered system calls.")
}

// noCapability tells whether the process has none in effect but, at most, CAP_NET_BIND_SERVICE (bit 10), for ports below 1024.
func noCapability(status string) bool {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
			return err == nil && caps&^(1<<10) == 0
		}
	}
	return false
}

// unit is the system service that a process belongs to, by its control group; empty when none.
func unit(cgroup string) string {
	for line := range strings.Lines(cgroup) {
		_, path, ok := strings.Cut(strings.TrimSpace(line), ":/system.slice/")
		if name, _, _ := strings.Cut(path, "/"); ok && strings.HasSuffix(name, ".service") {
			return name
		}
	}
	return ""
}
