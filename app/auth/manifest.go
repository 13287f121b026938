package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// maxVault is the longest sealed vault, in bytes.
const maxVault = 4 << 10

// Manifest is the newest device list of the caller, or of somebody they share a community or a conversation with.
func (a *Auth) Manifest(ctx context.Context, c wire.Caller, of wire.UserID) (out wire.Manifest, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		if err := acquainted(tx, c.User, of); err != nil {
			return err
		}
		out, err = tx.Manifest(of)
		return err
	})
	return out, missing(err)
}

// Vault is the caller's own, sealed: only their recovery key opens it.
func (a *Auth) Vault(ctx context.Context, c wire.Caller) (out wire.Vault, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		out, err = tx.Vault(c.User)
		return err
	})
	return out, missing(err)
}

// publication is a manifest on its way into the store, checked as far as it can be outside the write.
type publication struct {
	next, prev *signed.Manifest // prev is nil for a first one
	change     signed.Change
	body       wire.Bytes
	vault      *wire.Vault // nil when it stays
	recovery   [32]byte    // of the vault: the SHA-256 of the recovery proof
	prekeys    []newPrekey
}

// PutManifest publishes the caller's signed device list. In one write it takes the place of its predecessor, the devices follow it
// (those it removes lose their sessions at once), the vault and the prekeys that come with it are stored, the epoch of every conversation of
// the caller grows, and the conversations are told. Sending the newest again changes nothing, so that a retry is safe. Another vault in the place
// of one that is stored is wire.ConfirmFirst without a confirmation.
func (a *Auth) PutManifest(ctx context.Context, c wire.Caller, req wire.PutManifest) (wire.Manifest, error) {
	p, err := a.readPublication(ctx, c, req)
	if err != nil {
		return wire.Manifest{}, err
	}
	out := wire.Manifest{UserID: c.User, Version: int64(p.next.Version), Manifest: p.body}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil { // a deleted account gets no new keys
			return err
		}
		if err := stillNewest(tx, c.User, p.prev); err != nil {
			return err
		}
		if p.change != signed.ChangeSame {
			if err := a.publish(tx, c, p, out); err != nil {
				return err
			}
		}
		return addPrekeys(tx, c.Device, p.prekeys)
	})
	if err != nil {
		return wire.Manifest{}, fmt.Errorf("publish a manifest: %w", err)
	}
	return out, nil
}

// readPublication does the work that needs no write: above all verifying signatures, which takes a while.
func (a *Auth) readPublication(ctx context.Context, c wire.Caller, req wire.PutManifest) (*publication, error) {
	if c.Device == nil {
		return nil, noDevice()
	}
	next, err := signed.ParseManifest(req.Manifest)
	if err != nil {
		return nil, badManifest(err)
	}
	p := &publication{next: next, body: req.Manifest}
	var vaultVersion int64
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		if p.prev, err = newestManifest(tx, c.User); err != nil {
			return err
		}
		vaultVersion, err = tx.VaultVersion(c.User)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := p.check(c, a.now().Add(wire.MaxAhead)); err != nil {
		return nil, err
	}
	if p.vault, err = p.checkVault(req, vaultVersion); err != nil {
		return nil, err
	}
	if p.vault != nil && vaultVersion > 0 && !c.Fresh { // the recovery key opens the account: an open session alone is not to replace it
		return nil, wire.Unconfirmed()
	}
	p.prekeys, err = readPrekeys(req.Prekeys, next, *c.Device, uint64(a.now().UnixMilli()))
	if err == nil && p.activates(*c.Device) && !startsSessions(p.prekeys) {
		err = wire.FailField("prekeys", "A new device needs a signed prekey and a last-resort prekey, or nobody can write to it.")
	}
	return p, err
}

func noDevice() error {
	return wire.Fail(wire.BadRequest, "This sign-in has no device yet. Reserve one first.")
}

func badManifest(why error) error {
	return wire.Fail(wire.BadManifest, "This device list was not accepted: "+why.Error()+".")
}

func staleManifest() error {
	return wire.Fail(wire.StaleManifest, "Your device list has changed meanwhile. Read the newest and try again.")
}

// newestManifest reads and parses what is stored; nil when there is none.
func newestManifest(tx *store.Tx, user wire.UserID) (*signed.Manifest, error) {
	stored, err := tx.Manifest(user)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := signed.ParseManifest(stored.Manifest)
	if err != nil {
		return nil, fmt.Errorf("read a stored manifest: %w", err)
	}
	return m, nil
}

// check decides whether the list may take the place of the newest one. latest is the latest date it may bear.
func (p *publication) check(c wire.Caller, latest time.Time) (err error) {
	if p.next.User != c.User {
		return badManifest(signed.ErrUser)
	}
	p.change, err = p.next.Check(p.prev)
	switch {
	case errors.Is(err, signed.ErrRollback), errors.Is(err, signed.ErrFork), errors.Is(err, signed.ErrGap):
		return staleManifest()
	case err != nil:
		return badManifest(err)
	case p.change == signed.ChangeNew && p.next.Version != 1:
		return staleManifest()
	case p.change == signed.ChangeIdentity:
		return badManifest(errors.New("its master key is another than the one of this account"))
	case p.datedAfter(uint64(latest.UnixMilli())):
		return badManifest(errors.New("the clock of this device is ahead of the place's. Set it, then try again"))
	}
	return nil
}

// datedAfter reports whether the list adds or removes a device after ms. What it repeats of its predecessor stands as it was taken.
func (p *publication) datedAfter(ms uint64) bool {
	for i := range p.next.Devices {
		d, old := &p.next.Devices[i], (*signed.Device)(nil)
		if p.prev != nil {
			old = p.prev.Device(d.ID)
		}
		if (old == nil && d.Added > ms) || ((old == nil || old.Removed == 0) && d.Removed > ms) {
			return true
		}
	}
	return false
}

// checkVault returns the vault to store, if one came. Its version is signed in the manifest, so that an old vault cannot be slipped to a
// person later; it grows by one with each new vault and stays otherwise.
func (p *publication) checkVault(req wire.PutManifest, stored int64) (*wire.Vault, error) {
	if p.change == signed.ChangeSame {
		return nil, nil
	}
	came := len(req.Vault) > 0
	switch {
	case !came && stored == 0:
		return nil, wire.FailField("vault", "The first device list comes with the sealed vault.")
	case !came && req.VaultVersion != 0:
		return nil, wire.FailField("vault_version", "There is a vault version here but no vault.")
	case !came && int64(p.next.VaultVersion) != stored:
		return nil, wire.FailField("manifest", "The device list names another vault version than the vault that is stored.")
	case !came && len(req.Recovery) > 0:
		return nil, wire.FailField("recovery", "There is a recovery hash here but no vault.")
	case !came:
		return nil, nil
	case len(req.Vault) > maxVault:
		return nil, wire.FailField("vault", "A sealed vault has at most 4096 bytes.")
	case req.VaultVersion != stored+1 || int64(p.next.VaultVersion) != stored+1:
		return nil, wire.FailField("vault_version", "A new vault has the next version, and the device list names it.")
	case len(req.Recovery) != len(p.recovery):
		return nil, wire.FailField("recovery", "A vault comes with the 32 bytes by which its recovery key is known again.")
	}
	copy(p.recovery[:], req.Recovery)
	return &wire.Vault{Vault: req.Vault, VaultVersion: req.VaultVersion}, nil
}

// activates reports whether the device is in use by next and was not before.
func (p *publication) activates(id wire.DeviceID) bool {
	return p.next.Active(id) && (p.prev == nil || !p.prev.Active(id))
}

// stillNewest is the compare of compare-and-swap: what was checked against must still be what is stored.
func stillNewest(tx *store.Tx, user wire.UserID, prev *signed.Manifest) error {
	stored, err := tx.Manifest(user)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	if err != nil {
		return err
	}
	var was int64
	if prev != nil {
		was = int64(prev.Version)
	}
	if stored.Version != was {
		return staleManifest()
	}
	return nil
}

func (a *Auth) publish(tx *store.Tx, c wire.Caller, p *publication, out wire.Manifest) error {
	if err := a.followDevices(tx, c, p); err != nil {
		return err
	}
	if p.vault != nil {
		if err := errors.Join(tx.PutVault(c.User, *p.vault), putRecovery(tx, c, p.recovery)); err != nil {
			return err
		}
	}
	if err := tx.PutManifest(out); err != nil {
		return err
	}
	return tellOfManifest(tx, out)
}

// putRecovery keeps by what the recovery key of the vault is known again. When it is another one than before, its person is told: the old key opens
// nothing from now on.
func putRecovery(tx *store.Tx, c wire.Caller, hash [32]byte) error {
	was, err := tx.RecoveryHash(c.User)
	first := errors.Is(err, store.ErrNotFound)
	if err != nil && !first {
		return err
	}
	if err := tx.SetRecoveryHash(c.User, hash); err != nil || !first && was == hash {
		return err
	}
	if first {
		return auditOwn(tx, wire.ActRecoveryChanged, c.User, "the first one", c.From)
	}
	return errors.Join(auditOwn(tx, wire.ActRecoveryChanged, c.User, "", c.From), tell(tx, c.User, "recovery_key_changed", c.From, &c.Session))
}

// followDevices makes the rows of the caller's devices say what the manifest says. Each must be one that the caller reserved.
func (a *Auth) followDevices(tx *store.Tx, c wire.Caller, p *publication) error {
	if !p.next.Active(*c.Device) && (p.prev == nil || !p.prev.Active(*c.Device)) {
		return badManifest(errors.New("it does not name the device that sent it"))
	}
	for i := range p.next.Devices {
		d := &p.next.Devices[i]
		row, err := tx.Device(d.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && row.User != c.User {
			return badManifest(errors.New("it names a device that was not reserved here"))
		}
		if err != nil {
			return err
		}
		active := d.Removed == 0
		if row.Identity != nil && row.Active == active {
			continue
		}
		if err := tx.SetDevice(d.ID, active, d.Ed25519); err != nil {
			return err
		}
		if active {
			continue
		}
		if err := outlivesItsOps(tx, c.User, d); err != nil {
			return err
		}
		if err := a.retire(tx, c.User, d.ID); err != nil {
			return err
		}
	}
	return nil
}

// outlivesItsOps refuses to date a device's removal before an operation it has signed. Whoever verifies a channel's chain goes by these dates:
// a link that its device seems to have signed too late would keep everybody who comes later out of the channel.
func outlivesItsOps(tx *store.Tx, user wire.UserID, d *signed.Device) error {
	bodies, err := tx.OpsBy(user)
	if err != nil {
		return err
	}
	for _, body := range bodies {
		op, err := signed.ParseOp(body)
		if err != nil {
			return fmt.Errorf("read a stored operation: %w", err)
		}
		if op.Device == d.ID && op.Created >= d.Removed {
			return badManifest(errors.New("it dates the removal of a device before changes that the device has made. Check the clock of this device, or try again in five minutes"))
		}
	}
	return nil
}

// retire takes from a removed device what it had: prekeys nobody should seal to any more, and its sessions.
func (a *Auth) retire(tx *store.Tx, user wire.UserID, id wire.DeviceID) error {
	if err := tx.DropPrekeys(id); err != nil {
		return err
	}
	sessions, err := tx.SessionsOn(id)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if err := a.end(tx, s.ID); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { a.live.KickDevice(user, id, live.CodeExpired) })
	return nil
}

// tellOfManifest lets the epoch of every conversation of the person grow and tells each of them, and the person's own devices.
func tellOfManifest(tx *store.Tx, m wire.Manifest) error {
	if _, err := tx.AppendLog("manifest", store.ToUser(m.UserID), m); err != nil {
		return err
	}
	grown, err := tx.GrowEpochsOf(m.UserID)
	if err != nil {
		return err
	}
	for _, conv := range grown {
		m.Epochs = []wire.ConvEpoch{conv}
		if _, err := tx.AppendLog("manifest", store.ToConversation(conv.ConversationID), m); err != nil {
			return err
		}
	}
	return nil
}
