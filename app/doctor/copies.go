package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// CopyRecord is what the place writes down of its nightly copies, in backups/last.json.
type CopyRecord struct {
	At       time.Time `json:"at"`       // when a copy was last tried
	File     string    `json:"file"`     // name of the newest copy that is whole; empty while there is none
	Taken    time.Time `json:"taken"`    // when that copy was made
	Bytes    int64     `json:"bytes"`    // its size
	SHA256   string    `json:"sha256"`   // of its content, in hex
	Rows     int64     `json:"rows"`     // in all its tables together
	Restored time.Time `json:"restored"` // when that copy was last opened as a restored place would open it, and found whole
	Trouble  string    `json:"trouble"`  // why the last try failed or was left out, one sentence; empty when it did not
}

// RecordFile is the name of the CopyRecord inside CopiesDir.
const RecordFile = "last.json"

// How old the newest copy may be: one that was missed is no alarm yet.
const (
	copyLate = 50 * time.Hour
	copyOld  = 8 * 24 * time.Hour
)

func copies(ctx context.Context, p *patient) verdict {
	if p.Config.BackupKeep == 0 {
		return warn("Set backup_keep = 3 in the settings, or see to copies of your own that you have restored once.", "Nightly copies are switched off (backup_keep = 0).")
	}
	text, err := os.ReadFile(p.path(CopiesDir, RecordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return warn("Leave the place running: it makes one at three in the morning, and soon after a start.", "There is no copy of the database yet.")
	}
	if err != nil {
		return warn("Ask again as the user who runs the place, or as root.", "What is known of the copies cannot be read: %s.", plain(err))
	}
	var last CopyRecord
	if err := json.Unmarshal(text, &last); err != nil {
		return fail("Delete "+p.path(CopiesDir, RecordFile)+" and restart the place: it makes a new copy.", "What is known of the copies cannot be understood.")
	}
	v := judgeCopies(last, p.Now())
	if v.grade == "pass" {
		if wrong := p.reread(ctx, last); wrong.grade != "" {
			return wrong
		}
	}
	if v.grade == "pass" {
		v.evidence += " They lie on the same disk and do not hold the secrets directory."
	}
	return v
}

func judgeCopies(last CopyRecord, now time.Time) verdict {
	const fix = "Read the log of the place, make room on the disk if it is full, and restart the place: it tries again."
	age := now.Sub(last.Taken)
	switch {
	case last.File == "" && last.Trouble != "":
		return fail(fix, "There is no whole copy of the database: %s", last.Trouble)
	case last.File == "":
		return warn(fix, "There is no copy of the database yet.")
	case age > copyOld:
		return fail(fix, "The newest whole copy is %s old.%s", days(age), after(last.Trouble))
	case last.Restored.Before(last.Taken):
		return fail(fix, "The newest copy could not be restored.%s", after(last.Trouble))
	case age > copyLate || last.Trouble != "":
		return warn(fix, "The newest whole copy is %s old.%s", days(age), after(last.Trouble))
	}
	return pass("The newest copy is %s old, and was restored and checked as a rehearsal: %d rows, none missing.", days(age), last.Rows)
}

func after(sentence string) string {
	if sentence == "" {
		return ""
	}
	return " " + sentence
}

func days(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	if h := int(d.Hours()); h < 48 {
		return fmt.Sprintf("%d h", h)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// reread compares the newest copy with what was written down when it was made: disks rot. The zero verdict says that it is the same, or that it is
// too big to be read in time.
func (p *patient) reread(ctx context.Context, last CopyRecord) verdict {
	path := p.path(CopiesDir, last.File)
	const fix = "Restart the place: it makes a new copy. If it happens again, replace the disk."
	f, err := os.Open(path)
	if err != nil {
		return fail(fix, "The newest copy cannot be read: %s.", plain(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != last.Bytes {
		return fail(fix, "The newest copy has another size than when it was made.")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fail("chmod 600 "+path, "Others on this machine may read the newest copy (mode %04o).", info.Mode().Perm())
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, stopping{ctx, f}); ctx.Err() != nil {
		return verdict{}
	} else if err != nil || hex.EncodeToString(sum.Sum(nil)) != last.SHA256 {
		return fail(fix, "The newest copy does not read back as it was written.")
	}
	return verdict{}
}

// stopping is a reader that ends with its context.
type stopping struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r stopping) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
