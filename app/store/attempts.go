package store

// The doors of an account that somebody may guess at. Each has its own counter.
const (
	DoorPassword = "password"
	DoorRecovery = "recovery"
	DoorTwoStep  = "two_step"
)

// Door is where wrong guesses are counted together: one way into one account, for one known device or for all others.
type Door struct {
	Kind    string   // DoorPassword and so on
	Subject [32]byte // HMAC of the sign-in name
	Device  [16]byte // the known device, as in its device cookie; zero for all unknown ones together
}

// device binds the device of a door: no bytes for the unknown ones.
func (d Door) device() []byte {
	if d.Device == [16]byte{} {
		return []byte{}
	}
	return d.Device[:]
}

// Attempts is what was counted at a door. The zero value is a door nobody has guessed at.
type Attempts struct {
	Failures    int   // in a row, charged before each check
	LockedUntil int64 // Unix ms; 0 when it was never locked
	Day         int64 // Unix day (UTC) that DayFailures belong to
	DayFailures int
}

// Attempts reads what was counted at a door.
func (tx *Tx) Attempts(d Door) (Attempts, error) {
	a, err := one(tx, func(s scanner) (a Attempts, err error) {
		err = s.Scan(&a.Failures, &a.LockedUntil, &a.Day, &a.DayFailures)
		return a, err
	}, "SELECT failures, locked_until, day, day_failures FROM login_attempts WHERE kind = ? AND subject = ? AND device = ?",
		d.Kind, d.Subject[:], d.device())
	if err == ErrNotFound {
		return Attempts{}, nil
	}
	return a, err
}

// PutAttempts keeps what was counted at a door. known says that somebody has the name: such rows are never dropped for want of room.
func (tx *Tx) PutAttempts(d Door, known bool, a Attempts) error {
	_, err := tx.exec(`INSERT INTO login_attempts (kind, subject, device, known, failures, locked_until, day, day_failures, touched_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET known = excluded.known, failures = excluded.failures,
		locked_until = excluded.locked_until, day = excluded.day, day_failures = excluded.day_failures, touched_at = excluded.touched_at`,
		d.Kind, d.Subject[:], d.device(), known, a.Failures, a.LockedUntil, a.Day, a.DayFailures, tx.now)
	return err
}

// TouchAttempts changes nothing but the date of a row.
func (tx *Tx) TouchAttempts(d Door) error {
	_, err := tx.exec("UPDATE login_attempts SET touched_at = ? WHERE kind = ? AND subject = ? AND device = ?", tx.now, d.Kind, d.Subject[:], d.device())
	return err
}

// DropAttempts forgets one door.
func (tx *Tx) DropAttempts(d Door) error {
	_, err := tx.exec("DELETE FROM login_attempts WHERE kind = ? AND subject = ? AND device = ?", d.Kind, d.Subject[:], d.device())
	return err
}

// ForgetAttempts forgets every door of a name, on every device: whatever was locked by guessing is open again.
func (tx *Tx) ForgetAttempts(subject [32]byte) error {
	_, err := tx.exec("DELETE FROM login_attempts WHERE subject = ?", subject[:])
	return err
}

// CountDevices counts the known devices that have a counter of their own at one kind of door of a name.
func (tx *Tx) CountDevices(d Door) (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM login_attempts WHERE kind = ? AND subject = ? AND device <> x''", d.Kind, d.Subject[:])
	return n, err
}

// ForgetDevices forgets every door that known devices of a name have of their own.
func (tx *Tx) ForgetDevices(subject [32]byte) error {
	_, err := tx.exec("DELETE FROM login_attempts WHERE subject = ? AND device <> x''", subject[:])
	return err
}

// SweepAttempts drops the rows that nobody has touched since before (Unix ms), and of names that nobody has all but the newest keep.
func (tx *Tx) SweepAttempts(before int64, keep int) error {
	if _, err := tx.exec("DELETE FROM login_attempts WHERE known IN (0, 1) AND touched_at < ?", before); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM login_attempts WHERE (kind, subject, device) IN (SELECT kind, subject, device FROM login_attempts
		WHERE known = 0 ORDER BY touched_at DESC LIMIT -1 OFFSET ?)`, keep)
	return err
}
