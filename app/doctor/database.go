package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"chatalot/app/store"
)

// fileSystems that a place must not lie on, by statfs(2) f_type: those of other machines, whose locks and fsync cannot be relied on, and those
// that go with the memory or the container.
var fileSystems = map[int64]string{
	0x6969: "NFS, which is another machine's disk", 0x517B: "SMB, which is another machine's disk", 0xFF534D42: "SMB, which is another machine's disk",
	0xFE534D42: "SMB, which is another machine's disk", 0x00C36400: "Ceph, which is another machine's disk", 0x01021997: "9P, which is another machine's disk",
	0x794C7630: "an overlay, which goes with its container", 0x01021994: "memory, which goes with the power", 0x858458F6: "memory, which goes with the power",
}

const fuse = 0x65735546 // may be anything: sshfs as well as ntfs-3g

func databaseFile(_ context.Context, p *patient) verdict {
	if _, err := os.Stat(p.Config.Data); errors.Is(err, fs.ErrNotExist) {
		return warn("Start the place once ("+p.start()+"), or name its directory with --data.", "There is no data directory yet.")
	}
	for _, one := range []struct {
		path, mode string
	}{{p.path(), "700"}, {p.path(DatabaseFile), "600"}, {p.path(DatabaseFile + "-wal"), "600"}} {
		if v, ok := p.modeOf(one.path, 0o077, one.mode); !ok {
			return v
		}
	}
	switch {
	case errors.Is(p.viewErr, store.ErrMissing):
		if info, err := os.Stat(p.path(DatabaseFile + ".lock")); err == nil && info.Size() > 0 {
			return fail("Put a backup at "+p.path(DatabaseFile)+", or choose an empty directory to begin anew.", "The database is gone, but this directory had one.")
		}
		return warn("Start the place once ("+p.start()+"), or name its directory with --data.", "There is no database yet.")
	case errors.Is(p.viewErr, fs.ErrPermission):
		return p.notReadable(p.path(DatabaseFile))
	case errors.Is(p.viewErr, store.ErrNewer), errors.Is(p.viewErr, store.ErrForeign), errors.Is(p.viewErr, store.ErrDamaged), errors.Is(p.viewErr, store.ErrInUse):
		return fail(fixFor(p.viewErr), "%s", p.viewErr)
	case p.viewErr != nil || p.readErr != nil:
		return fail("Ask again as the user who runs the place; if it stays, put a backup in its place.", "The database cannot be read: %s.", plain(errors.Join(p.viewErr, p.readErr)))
	}
	return p.fileSystem()
}

func fixFor(err error) string {
	switch {
	case errors.Is(err, store.ErrNewer):
		return "Install the newer chatalot again."
	case errors.Is(err, store.ErrInUse):
		return "Start the place once: it copies the database and brings the original up to date."
	case errors.Is(err, store.ErrDamaged):
		return "Stop the place, keep the file aside and put the newest copy from the backups directory in its place."
	}
	return "Move the file away, or name the right directory with --data."
}

func (p *patient) fileSystem() verdict {
	room, err := p.Machine.Space(p.path())
	if err != nil {
		return warn("Look at the disk of this machine.", "The file system cannot be looked at: %s.", plain(err))
	}
	if what, bad := fileSystems[room.Type&0xFFFFFFFF]; bad {
		return fail("Move the data directory to a disk of this machine.", "The data directory lies on %s.", what)
	}
	if room.Type == fuse {
		return warn("Move the data directory to a file system of the kernel's own, such as ext4.", "The data directory lies on FUSE, whose locks depend on who wrote it.")
	}
	return pass("The database is Chatalot's, of this version, on a disk of this machine, and closed to everybody but its owner.")
}

const (
	walMuch    = 64 << 20  // bytes; the store raises its alarm there too
	walTooMuch = 512 << 20 // bytes
	walPatient = 15 * time.Minute
)

func writeAheadLog(_ context.Context, p *patient) verdict {
	files, err := store.LookAtFiles(p.path(DatabaseFile))
	if err != nil {
		return p.noDatabase(err)
	}
	return judgeLog(files, p.running, p.Now())
}

func judgeLog(files store.Files, running bool, now time.Time) verdict {
	const restart = "Restart the place; if the log grows again, something else keeps the database open: find it with lsof."
	waits := ""
	if files.Waiting >= 0 {
		waits = fmt.Sprintf(", %s of it not yet written back", size(files.Waiting))
	}
	switch {
	case files.WALSize > walTooMuch:
		return fail(restart, "The write-ahead log has %s%s.", size(files.WALSize), waits)
	case files.WALSize > walMuch:
		return warn(restart, "The write-ahead log has %s%s.", size(files.WALSize), waits)
	case !running && files.WALSize > 0:
		return warn("Start the place: it checks the database and writes the log back.", "The last run did not end cleanly: %s wait in the write-ahead log.", size(files.WALSize))
	case files.Waiting > 0 && now.Sub(files.Written) > walPatient:
		return warn(restart, "The last checkpoint is overdue: %s have been waiting for more than %s.", size(files.Waiting), walPatient)
	}
	return pass("The write-ahead log has %s%s.", size(files.WALSize), waits)
}

// noDatabase is the verdict of a check that needs the database when it is not there; D5 says what to do about it.
func (p *patient) noDatabase(err error) verdict {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrMissing) {
		return warn("Start the place once ("+p.start()+").", "There is no database to look at.")
	}
	return warn("Do what D5 says, then ask again.", "The database could not be looked at: %s.", plain(err))
}

func (p *patient) seen() error { return errors.Join(p.viewErr, p.readErr) }

func structure(ctx context.Context, p *patient) verdict {
	if errors.Is(p.viewErr, store.ErrDamaged) {
		return fail(fixFor(p.viewErr), "%s", p.viewErr)
	}
	if p.viewErr != nil {
		return p.noDatabase(p.viewErr)
	}
	if p.view.Unclean {
		return warn("Start the place: it checks the database then.", "The last run did not end cleanly, so the file alone need not be whole.")
	}
	began := time.Now()
	err := p.view.Read(ctx, (*store.Tx).QuickCheck)
	switch {
	case err == nil:
		return pass("Every page of the database was read and is as it should be (%s).", time.Since(began).Round(time.Millisecond))
	case ctx.Err() != nil:
		return warn("Run sqlite3's PRAGMA quick_check on the newest file in "+p.path(CopiesDir)+": the nightly rehearsal reads the whole database too.",
			"The database is too big to be read within %s.", readTime)
	}
	return fail("Stop the place, keep "+p.path(DatabaseFile)+" aside and put the newest copy from "+p.path(CopiesDir)+" in its place.", "%s", err)
}

func engine(ctx context.Context, p *patient) verdict {
	files, err := store.LookAtFiles(p.path(DatabaseFile))
	if err != nil {
		return p.noDatabase(err)
	}
	var set store.Engine
	if p.Engine != nil {
		set, err = p.Engine(ctx)
	} else {
		set, err = store.Usual(ctx, p.path(DatabaseFile), p.running)
	}
	if err != nil {
		return p.noDatabase(err)
	}
	return judgeEngine(set, files.WAL)
}

func judgeEngine(set store.Engine, wal bool) verdict {
	const restart = "Use this chatalot's own binary, unchanged, and let no other program open the database."
	for _, one := range []struct {
		ok   bool
		what string
	}{
		{wal, "the file is not in WAL mode"}, {set.Synchronous == 2, "synchronous is not FULL"}, {set.SecureDelete == 1, "secure_delete is off"},
		{set.ForeignKeys == 1, "foreign keys are not enforced"}, {set.TrustedSchema == 0, "the schema is trusted to run code"},
		{set.CellSizeCheck == 1, "pages are not checked when they are read"},
	} {
		if !one.ok {
			return fail(restart, "The database is not used as it must be: %s.", one.what)
		}
	}
	return pass("SQLite %s with a write-ahead log, synchronous=FULL, secure_delete on and foreign keys enforced.", set.SQLite)
}

// size spells bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
