package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// RotateKeys makes a new access-token key, which the next start puts in force without anybody noticing: what was made with the old one is taken
// for as long as it was meant to last. It works beside a running place, and can be killed at any point without harm.
// It fails with ErrNotRotated when the last rotation waits for its start, or when the key does not stand in the secrets directory.
func RotateKeys(ctx context.Context, files KeyFiles, s *store.Store) error {
	if at := files.private(); at.given {
		return refuseKey(ErrNotRotated, "%s was given to this place, which only reads it: put a new key there and start again; everybody signs in anew then", at.path)
	}
	if at := files.public(); at.given {
		return refuseKey(ErrNotRotated, "%s was given to this place, which only reads it: take it out of the settings, it is not needed", at.path)
	}
	if _, err := os.Stat(files.private().path); errors.Is(err, fs.ErrNotExist) { // systemd hands credentials to the service alone, not to the console
		return refuseKey(ErrNotRotated, "there is no key at %s: when systemd gives the place its key, put a new one where systemd takes it from and start again; everybody signs in anew then", files.private().path)
	}
	unlock, err := files.lock()
	if err != nil {
		return err
	}
	defer unlock()
	keys, err := OpenKeys(ctx, files, s)
	if err != nil {
		return err
	}
	r := rotation{files: files, store: s, keys: keys}
	for _, step := range r.steps() {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rotation is one under way.
type rotation struct {
	files KeyFiles
	store *store.Store
	keys  *Keys
	known known
	next  *pair
}

// steps are in an order that leaves, wherever they are cut off, files that start: with the old key until the fifth, with the new one after
// it. The database must know the new key before that, since a key it does not know ends every session.
func (r *rotation) steps() []func(context.Context) error {
	return []func(context.Context) error{
		r.choose,
		r.keepOld,
		r.announce,
		func(context.Context) error { return removeFile(r.files.public().path) }, // a missing public half is made again, a wrong one refused
		func(context.Context) error { return r.files.writePrivate(r.next) },
		func(context.Context) error { return r.files.writePublic(r.next) },
	}
}

// choose makes the new key, unless the one in the secrets directory is not in force itself.
func (r *rotation) choose(ctx context.Context) (err error) {
	if r.known, err = readKnown(ctx, r.store); err != nil {
		return err
	}
	if r.known.KeyFingerprint != r.keys.fingerprint {
		return refuseKey(ErrNotRotated, "the key in %s is not in force yet: start the place again first", r.files.Dir)
	}
	r.next, err = generatePair()
	return err
}

// keepOld keeps the key in force, and those before it of which tokens are still taken.
func (r *rotation) keepOld(context.Context) error {
	list := []*pair{r.keys.pair}
	for _, p := range r.keys.previous {
		if p.fingerprint != r.keys.fingerprint && !r.known.over(p) {
			list = append(list, p)
		}
	}
	return r.files.writePrivates(previousKeyFile, list)
}

func (r *rotation) announce(ctx context.Context) error {
	err := r.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.SetKeyNext(r.next.fingerprint); err != nil {
			return err
		}
		return tx.Audit(wire.AuditEntry{What: wire.ActKeysRotated})
	})
	if err != nil {
		return fmt.Errorf("announce the new key: %w", err)
	}
	return nil
}

// lock keeps two rotations from mixing their files. It goes with the process, however that ends.
func (files KeyFiles) lock() (unlock func(), err error) {
	d, err := os.Open(files.Dir)
	if err != nil {
		return nil, refuseKey(ErrKeyUnreadable, "the secrets directory cannot be read: %v", err)
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		d.Close()
		return nil, refuseKey(ErrNotRotated, "another chatalot is rotating the keys in %s just now", filepath.Base(files.Dir))
	}
	return func() { d.Close() }, nil
}

// RevokeAll signs everybody out, everywhere: what ends is EndEverything of package store. A running place notices within a second. It returns how
// many sessions there were.
func RevokeAll(ctx context.Context, s *store.Store) (sessions int64, err error) {
	err = s.Write(ctx, func(tx *store.Tx) (err error) {
		sessions, err = revokeAll(tx, "from the console")
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sign everybody out: %w", err)
	}
	return sessions, nil
}

func revokeAll(tx *store.Tx, why string) (sessions int64, err error) {
	if sessions, err = tx.EndEverything(); err != nil {
		return 0, err
	}
	return sessions, tx.Audit(wire.AuditEntry{What: wire.ActKeysRevoked, Detail: why})
}

// adoptKeys settles at start which sessions go on: all under the key the database knows and under the successor that a rotation announced; none
// under any other, which is how replacing the files by hand signs everybody out.
func (a *Auth) adoptKeys(tx *store.Tx, place store.Place) (ended int64, err error) {
	current := a.keys.fingerprint
	switch {
	case place.KeyFingerprint == current:
		return 0, tx.DropRetiredKeys(tx.Now() - refreshIdle.Milliseconds())
	case place.KeyFingerprint == [32]byte{}:
	case place.KeyNext == current && a.keys.kept(place.KeyFingerprint) != nil:
		err = tx.RetireKey(place.KeyFingerprint)
	default:
		ended, err = revokeAll(tx, "the key file was replaced")
	}
	if err != nil {
		return 0, err
	}
	return ended, tx.SetKeyFingerprint(current)
}

// adoptTOTPKey leaves the check value of the first start. OpenKeys compares it at every later one.
func (a *Auth) adoptTOTPKey(tx *store.Tx, place store.Place) error {
	if place.TOTPCheck != nil {
		return nil
	}
	sealed, err := a.keys.sealCheck()
	if err != nil {
		return err
	}
	return tx.SetTOTPCheck(sealed)
}

// kept is the previous key with the fingerprint, nil when there is none.
func (k *Keys) kept(fingerprint [32]byte) *pair {
	for _, p := range k.previous {
		if p.fingerprint == fingerprint {
			return p
		}
	}
	return nil
}
