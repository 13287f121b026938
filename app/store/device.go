package store

import (
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// Device is one browser or program of a person.
type Device struct {
	ID        wire.DeviceID
	User      wire.UserID
	Name      string
	Active    bool               // stands in the newest manifest, not removed
	Identity  *signed.Ed25519Key // from the manifest; nil until it has stood in one
	CreatedAt int64              // Unix ms
	LastSeen  int64              // Unix ms, to the hour
}

// Wire is the device as its owner sees it.
func (d Device) Wire() wire.Device {
	return wire.Device{ID: d.ID, Name: d.Name, CreatedAt: d.CreatedAt, LastSeen: d.LastSeen, Active: d.Active}
}

const deviceColumns = "id, user_id, name, active, identity, created_at, last_seen"

func scanDevice(s scanner) (d Device, err error) {
	var key signed.Ed25519Key
	err = s.Scan(fixed(d.ID[:]), fixed(d.User[:]), &d.Name, &d.Active, orZero(key[:]), &d.CreatedAt, &d.LastSeen)
	if key != (signed.Ed25519Key{}) {
		d.Identity = &key
	}
	return d, err
}

const hour = 60 * 60 * 1000 // ms

// toHour forgets the minutes of a time: when exactly somebody was there is nobody's business.
func toHour(ms int64) int64 { return ms - ms%hour }

// CreateDevice reserves a device that no manifest names yet.
func (tx *Tx) CreateDevice(id wire.DeviceID, user wire.UserID, name string) (Device, error) {
	return one(tx, scanDevice, "INSERT INTO device (id, user_id, name, created_at, last_seen) VALUES (?, ?, ?, ?, ?) RETURNING "+deviceColumns,
		id[:], user[:], name, tx.now, toHour(tx.now))
}

// Device reads a device of anybody: ErrNotFound when there is none.
func (tx *Tx) Device(id wire.DeviceID) (Device, error) {
	return one(tx, scanDevice, "SELECT "+deviceColumns+" FROM device WHERE id = ?", id[:])
}

// DevicesOf lists a person's devices, oldest first, those removed and those only reserved included.
func (tx *Tx) DevicesOf(user wire.UserID) ([]Device, error) {
	return many(tx, scanDevice, "SELECT "+deviceColumns+" FROM device WHERE user_id = ? ORDER BY created_at, id", user[:])
}

// SeeDevice renames a device and notes that it was there.
func (tx *Tx) SeeDevice(id wire.DeviceID, name string) (Device, error) {
	return one(tx, scanDevice, "UPDATE device SET name = ?, last_seen = max(last_seen, ?) WHERE id = ? RETURNING "+deviceColumns,
		name, toHour(tx.now), id[:])
}

// TouchDevice notes that a device was there.
func (tx *Tx) TouchDevice(id wire.DeviceID) error {
	return tx.execOne("UPDATE device SET last_seen = max(last_seen, ?) WHERE id = ?", toHour(tx.now), id[:])
}

// SetDevice copies what the newest manifest says of a device.
func (tx *Tx) SetDevice(id wire.DeviceID, active bool, identity signed.Ed25519Key) error {
	return tx.execOne("UPDATE device SET active = ?, identity = ? WHERE id = ?", active, identity[:], id[:])
}

// DropUnboundDevices removes a person's devices that never stood in a manifest and belong to no login any more.
func (tx *Tx) DropUnboundDevices(user wire.UserID) error {
	_, err := tx.exec(`DELETE FROM device WHERE user_id = ? AND identity IS NULL
		AND NOT EXISTS (SELECT 1 FROM session WHERE session.device_id = device.id)`, user[:])
	return err
}
