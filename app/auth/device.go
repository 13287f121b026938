package auth

import (
	"context"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// ReserveDevice binds the caller's session to a device. Without an id in req it is a new one, or the one that this session reserved
// before and no manifest names yet, so that asking again after a lost answer makes no second device. With an id it is one of the caller's
// own, whose keys the browser has kept since an earlier session. Reading anything takes a place in the signed manifest besides.
func (a *Auth) ReserveDevice(ctx context.Context, c wire.Caller, req wire.NewDevice) (wire.Device, error) {
	name, err := wire.CleanName("name", req.Name)
	if err != nil {
		return wire.Device{}, err
	}
	var device store.Device
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if device, err = chooseDevice(tx, c, req.ID, name); err != nil {
			return err
		}
		id := device.ID
		tx.OnCommit(func() { a.sessions.change(c.Session, func(l *login) { l.device = &id }) })
		if err := tx.BindSession(c.Session, id); err != nil {
			return err
		}
		return tx.DropUnboundDevices(c.User)
	})
	if err != nil {
		return wire.Device{}, fmt.Errorf("reserve a device: %w", missing(err))
	}
	return device.Wire(), nil
}

func chooseDevice(tx *store.Tx, c wire.Caller, wanted *wire.DeviceID, name string) (store.Device, error) {
	if wanted != nil {
		return ownDevice(tx, c.User, *wanted, name)
	}
	session, err := tx.Session(c.Session)
	if err != nil {
		return store.Device{}, err
	}
	if session.Device != nil {
		bound, err := tx.Device(*session.Device)
		if err != nil || bound.Identity == nil {
			return seeDevice(tx, bound.ID, name, err)
		}
	}
	return tx.CreateDevice(wire.DeviceID(random(16)), c.User, name)
}

func ownDevice(tx *store.Tx, user wire.UserID, id wire.DeviceID, name string) (store.Device, error) {
	device, err := tx.Device(id)
	if err == nil && device.User != user {
		return device, wire.Missing()
	}
	if err == nil && device.Identity != nil && !device.Active {
		return device, wire.Fail(wire.Conflict, "This device was removed from your account. Begin anew on it, with your recovery key.")
	}
	return seeDevice(tx, id, name, err)
}

func seeDevice(tx *store.Tx, id wire.DeviceID, name string, err error) (store.Device, error) {
	if err != nil {
		return store.Device{}, err
	}
	return tx.SeeDevice(id, name)
}

// Devices lists the caller's own.
func (a *Auth) Devices(ctx context.Context, c wire.Caller) (out wire.Devices, err error) {
	var devices []store.Device
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		devices, err = tx.DevicesOf(c.User)
		return err
	})
	out.Devices = make([]wire.Device, len(devices))
	for i, d := range devices {
		out.Devices[i] = d.Wire()
	}
	return out, err
}
