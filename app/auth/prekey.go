package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

const (
	maxPrekeys   = 200 // of one device, stored or sent at once
	maxClaim     = 100 // devices asked for at once
	lowPrekeys   = 10  // with fewer one-time keys left a device is told to make more
	claimsAnHour = 10  // of one account for one device (E2EE.md section 3)
	claimWindow  = time.Hour
	spendWindow  = 24 * time.Hour // in which one account gets one one-time key of one device
)

// newPrekey is a prekey that verified, with its bytes as they came.
type newPrekey struct {
	*signed.Prekey
	body wire.Bytes
}

// readPrekeys parses and verifies prekeys that the device publishes under the manifest.
func readPrekeys(bodies []wire.Bytes, m *signed.Manifest, device wire.DeviceID, now uint64) ([]newPrekey, error) {
	if len(bodies) > maxPrekeys {
		return nil, wire.FailField("prekeys", "At most 200 prekeys go in one request.")
	}
	list := make([]newPrekey, len(bodies))
	for i, body := range bodies {
		p, err := signed.ParsePrekey(body)
		if err == nil && p.Device != device {
			err = errors.New("it belongs to another device than the one that sent it")
		}
		if err == nil {
			err = errors.Join(p.Verify(m), p.Usable(now))
		}
		if err != nil {
			return nil, badPrekey(i, err)
		}
		list[i] = newPrekey{p, body}
	}
	return list, nil
}

func badPrekey(i int, why error) error {
	return wire.Fail(wire.BadPrekey, fmt.Sprintf("Prekey %d was not accepted: %v.", i+1, why))
}

// startsSessions reports whether others can start sessions with what is in the list, even when every one-time key is gone.
func startsSessions(list []newPrekey) bool {
	var has [5]bool
	for _, p := range list {
		has[p.Kind] = true
	}
	return has[signed.PrekeySigned] && has[signed.PrekeyLastResort]
}

// PutPrekeys adds prekeys of the caller's device and answers how many one-time keys it has now.
func (a *Auth) PutPrekeys(ctx context.Context, c wire.Caller, req wire.PutPrekeys) (left wire.PrekeyCount, err error) {
	if c.Device == nil {
		return left, noDevice()
	}
	var m *signed.Manifest
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		m, err = newestManifest(tx, c.User)
		return err
	})
	if err != nil {
		return left, err
	}
	if m == nil || !m.Active(*c.Device) {
		return left, wire.Fail(wire.BadPrekey, "This device is not on your device list. Publish the list first.")
	}
	list, err := readPrekeys(req.Prekeys, m, *c.Device, uint64(a.now().UnixMilli()))
	if err != nil {
		return left, err
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := addPrekeys(tx, c.Device, list); err != nil {
			return err
		}
		left, _, err = tx.CountPrekeys(*c.Device)
		return err
	})
	if err != nil {
		return wire.PrekeyCount{}, fmt.Errorf("add prekeys: %w", err)
	}
	return left, nil
}

// addPrekeys stores verified prekeys of a device that is still in use. What is stored already, or was and has been handed out since, is passed
// over: that is a retry.
func addPrekeys(tx *store.Tx, id *wire.DeviceID, list []newPrekey) error {
	if len(list) == 0 {
		return nil
	}
	device, err := tx.Device(*id)
	if err != nil {
		return err
	}
	if !device.Active {
		return wire.Fail(wire.BadPrekey, "This device was removed from your device list.")
	}
	if err := tx.DropExpiredPrekeys(*id); err != nil {
		return err
	}
	for i, p := range list {
		if err := addPrekey(tx, *id, p); err != nil {
			if refusal, ok := errors.AsType[prekeyRefused](err); ok {
				return badPrekey(i, refusal)
			}
			return err
		}
	}
	_, stored, err := tx.CountPrekeys(*id)
	if err == nil && stored > maxPrekeys {
		return wire.Fail(wire.LimitReached, "A device can have 200 prekeys stored. Wait until some have been used.")
	}
	return err
}

// prekeyRefused says why a prekey that verifies cannot stand beside those stored.
type prekeyRefused string

func (r prekeyRefused) Error() string { return string(r) }

func addPrekey(tx *store.Tx, device wire.DeviceID, p newPrekey) error {
	stored, err := tx.Prekey(device, p.Kind, p.ID)
	if err == nil {
		if bytes.Equal(stored.Body, p.body) {
			return nil
		}
		return prekeyRefused("the device has published another one under its number")
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !p.Kind.OneTime() {
		if err := replaceLasting(tx, device, p); err != nil {
			return err
		}
	}
	err = tx.AddPrekey(device, store.Prekey{Kind: p.Kind, ID: p.ID, Expires: int64(p.Expires), Body: p.body})
	if errors.Is(err, store.ErrTaken) {
		return nil // handed out since it was first sent
	}
	return err
}

// replaceLasting makes room for a newer signed or last-resort prekey. An older one is refused: it would undo a rotation.
func replaceLasting(tx *store.Tx, device wire.DeviceID, p newPrekey) error {
	stored, err := tx.LastingPrekey(device, p.Kind)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := signed.ParsePrekey(stored.Body)
	if err != nil {
		return fmt.Errorf("read a stored prekey: %w", err)
	}
	if p.Created < old.Created {
		return prekeyRefused("the device has published a newer one")
	}
	return tx.DropPrekeysOfKind(device, p.Kind)
}

// PrekeyCount counts the one-time keys that are left for the caller's device.
func (a *Auth) PrekeyCount(ctx context.Context, c wire.Caller) (left wire.PrekeyCount, err error) {
	if c.Device == nil {
		return left, noDevice()
	}
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		left, _, err = tx.CountPrekeys(*c.Device)
		return err
	})
	return left, err
}
