// Package identity holds who one is: an account's master and self-signing keys, a device's own keys, the manifests that tie
// them together, and the safety number that two people compare (SPEC.md section 3).
package identity

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"slices"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const version = 0x01

// Account is the secret half of an account: what the vault keeps. A device that is not just opening the vault holds SSK and
// Backup, never MSK.
type Account struct {
	MSK    ed25519.PrivateKey // certifies SSK and signs nothing else
	SSK    ed25519.PrivateKey // signs manifests
	Backup [][32]byte         // backup keys, the newest last
}

// NewAccount makes the keys of a new account, with one backup key.
func NewAccount(rand io.Reader) (*Account, error) {
	a := &Account{Backup: make([][32]byte, 1)}
	var err error
	if a.MSK, err = prim.NewSigningKey(rand); err != nil {
		return nil, err
	}
	if a.SSK, err = prim.NewSigningKey(rand); err != nil {
		return nil, err
	}
	return a, prim.Random(rand, a.Backup[0][:])
}

// Device is the secret half of one device.
type Device struct {
	Sign ed25519.PrivateKey
	DH   prim.DHPrivate
}

// NewDevice makes the keys of a new device.
func NewDevice(rand io.Reader) (*Device, error) {
	sign, err := prim.NewSigningKey(rand)
	if err != nil {
		return nil, err
	}
	dh, err := prim.NewDHPrivate(rand)
	return &Device{sign, dh}, err
}

// Encode returns the keys, which are secret. ParseDevice reads them.
func (d *Device) Encode() []byte {
	return octet.NewWriter(65).U8(version).Raw(d.Sign.Seed()).Raw(d.DH[:]).Bytes()
}

// ParseDevice reads what Encode returned: else signed.ErrVersion or an error of octet.
func ParseDevice(b []byte) (*Device, error) {
	r, d := octet.NewReader(b), new(Device)
	r.Const(version, signed.ErrVersion)
	seed := r.Raw(ed25519.SeedSize)
	r.Into(d.DH[:])
	if err := r.Done(); err != nil {
		return nil, err
	}
	d.Sign = ed25519.NewKeyFromSeed(seed)
	return d, nil
}

// Entry returns the device's countersigned entry in the manifests of user under msk, added at now (ms).
func (d *Device) Entry(user signed.UserID, msk signed.Ed25519Key, id signed.DeviceID, now uint64) signed.Device {
	entry := signed.Device{ID: id, Ed25519: signed.PublicEd25519(d.Sign), X25519: d.DH.Public(), Added: now}
	entry.Countersign(user, msk, d.Sign)
	return entry
}

// First returns the signed first manifest of an account.
func First(user signed.UserID, a *Account, vaultVersion uint64, device signed.Device) (*signed.Manifest, error) {
	ssk := signed.PublicEd25519(a.SSK)
	m := &signed.Manifest{User: user, Version: 1, MSK: signed.PublicEd25519(a.MSK), SSK: ssk, VaultVersion: vaultVersion,
		Cert: signed.CertifySSK(a.MSK, user, ssk), Devices: []signed.Device{device}}
	return m, m.Sign(a.SSK)
}

// Add returns the signed manifest after m with device on it. An eleventh device in use is signed.ErrDeviceCount, an id that
// was ever used signed.ErrDeviceOrder.
func Add(m *signed.Manifest, ssk ed25519.PrivateKey, device signed.Device) (*signed.Manifest, error) {
	next := after(m)
	at, _ := slices.BinarySearchFunc(next.Devices, device.ID, func(d signed.Device, id signed.DeviceID) int {
		return bytes.Compare(d.ID[:], id[:])
	})
	next.Devices = slices.Insert(next.Devices, at, device)
	return next, next.Sign(ssk)
}

// Remove returns the signed manifest after m with the device marked as removed at now (ms). A device that is not on it is
// signed.ErrDevice, one removed before signed.ErrRemoved, the last one in use signed.ErrDeviceCount.
func Remove(m *signed.Manifest, ssk ed25519.PrivateKey, device signed.DeviceID, now uint64) (*signed.Manifest, error) {
	next := after(m)
	d := next.Device(device)
	switch {
	case d == nil:
		return nil, signed.ErrDevice
	case d.Removed != 0:
		return nil, signed.ErrRemoved
	}
	d.Removed = max(now, d.Added) // a clock set back must not make the list contradict itself
	return next, next.Sign(ssk)
}

// Reseal returns the signed manifest after m that names the given version of the vault: the account's recovery key was replaced.
func Reseal(m *signed.Manifest, ssk ed25519.PrivateKey, vaultVersion uint64) (*signed.Manifest, error) {
	next := after(m)
	next.VaultVersion = vaultVersion
	return next, next.Sign(ssk)
}

// after returns an unsigned copy of m as its own successor.
func after(m *signed.Manifest) *signed.Manifest {
	next := *m
	next.Version, next.PrevHash, next.Devices = m.Version+1, m.Hash(), slices.Clone(m.Devices)
	return &next
}
