package signed

import (
	"bytes"
	"crypto/ed25519"
	"errors"

	"chatalot/app/wire/octet"
)

const (
	labelManifest     = "chatalot/manifest/v1\x00"
	labelManifestHash = "chatalot/manifesthash/v1\x00"
	labelSSK          = "chatalot/ssk/v1\x00"
	labelDevice       = "chatalot/device/v1\x00"
)

// MaxActiveDevices is how many devices of one user may be in use at a time.
const MaxActiveDevices = 10

// MaxDevices is how many entries a manifest may hold, those of removed devices included.
const MaxDevices = 1000

// MaxManifest is the longest encoding of a manifest, in bytes.
const MaxManifest = manifestFixed + MaxDevices*deviceSize + 64

const (
	manifestFixed = 1 + 16 + 8 + 32 + 32 + 32 + 64 + 8 + 2
	deviceSize    = 16 + 32 + 32 + 8 + 8 + 64
)

// Why a manifest was refused.
var (
	ErrFirst            = errors.New("only a first device list has no predecessor, and it must have version 1")
	ErrDeviceOrder      = errors.New("the devices in the list are not in order, or one is listed twice")
	ErrDeviceCount      = errors.New("a device list needs at least one device in use and may have ten: remove one first")
	ErrSharedKey        = errors.New("two entries of the device list share a key")
	ErrCert             = errors.New("the device list is signed with a key that its owner's master key did not certify")
	ErrCountersignature = errors.New("a device on the list did not agree to be on it")
	ErrRollback         = errors.New("this device list is older than one already known")
	ErrFork             = errors.New("this device list contradicts one already known")
	ErrGap              = errors.New("device lists between the known one and this one are missing: fetch them first")
	ErrTombstone        = errors.New("a device vanished from the list or changed: devices may only be added, or marked as removed")
)

// Device is one entry of a manifest.
type Device struct {
	ID               DeviceID
	Ed25519          Ed25519Key
	X25519           X25519Key
	Added, Removed   uint64    // ms; Removed is 0 while the device is in use
	Countersignature Signature // by the device itself: it belongs to this user under this master key
}

// Countersign sets the device's own signature under the account it joins.
func (d *Device) Countersign(user UserID, msk Ed25519Key, device ed25519.PrivateKey) {
	d.Countersignature = Sign(device, labelDevice, d.statement(user, msk))
}

func (d *Device) statement(user UserID, msk Ed25519Key) []byte {
	return octet.NewWriter(136).Raw(user[:]).Raw(msk[:]).Raw(d.ID[:]).Raw(d.Ed25519[:]).Raw(d.X25519[:]).U64(d.Added).Bytes()
}

// Manifest is a user's signed list of devices: the one source of who may speak for that user, and of whom ciphertext goes to.
type Manifest struct {
	User         UserID
	Version      uint64   // 1 for the first, then one more each time
	PrevHash     [32]byte // Hash of the version before; zero for the first
	MSK, SSK     Ed25519Key
	Cert         Signature // by MSK: SSK may sign this user's manifests
	VaultVersion uint64
	Devices      []Device // ascending by ID; removed ones stay, so that what they signed before still verifies
	Signature    Signature
}

// CertifySSK returns the statement by which the master key lets ssk sign the manifests of user.
func CertifySSK(master ed25519.PrivateKey, user UserID, ssk Ed25519Key) Signature {
	return Sign(master, labelSSK, user[:], ssk[:])
}

// ParseManifest reads a whole encoding and nothing else. No signature is verified yet.
func ParseManifest(b []byte) (*Manifest, error) {
	r, m := octet.NewReader(b), new(Manifest)
	r.Const(version, ErrVersion)
	r.Into(m.User[:])
	m.Version = r.U64()
	r.Into(m.PrevHash[:])
	r.Into(m.MSK[:])
	r.Into(m.SSK[:])
	r.Into(m.Cert[:])
	m.VaultVersion = r.U64()
	m.Devices = make([]Device, r.Count(MaxDevices, deviceSize))
	for i := range m.Devices {
		m.Devices[i].read(r)
	}
	r.Into(m.Signature[:])
	return parsed(r, m)
}

func (d *Device) read(r *octet.Reader) {
	r.Into(d.ID[:])
	r.Into(d.Ed25519[:])
	r.Into(d.X25519[:])
	d.Added, d.Removed = r.U64(), r.U64()
	r.Into(d.Countersignature[:])
}

// check applies the rules that need neither a signature nor another statement.
func (m *Manifest) check() error {
	switch {
	case m.User == UserID{}:
		return ErrID
	case (m.Version == 1) != (m.PrevHash == [32]byte{}) || m.Version == 0:
		return ErrFirst
	case m.MSK.Check() != nil || m.SSK.Check() != nil:
		return ErrKey
	case m.MSK == m.SSK:
		return ErrSharedKey
	}
	return m.checkDevices()
}

func (m *Manifest) checkDevices() error {
	seen := map[[32]byte]bool{m.MSK: true, m.SSK: true}
	active := 0
	for i := range m.Devices {
		d := &m.Devices[i]
		if err := d.check(); err != nil {
			return err
		}
		if i > 0 && bytes.Compare(m.Devices[i-1].ID[:], d.ID[:]) >= 0 {
			return ErrDeviceOrder
		}
		if seen[d.Ed25519] || seen[d.X25519] || d.Ed25519 == Ed25519Key(d.X25519) {
			return ErrSharedKey
		}
		seen[d.Ed25519], seen[d.X25519] = true, true
		if d.Removed == 0 {
			active++
		}
	}
	if active < 1 || active > MaxActiveDevices || len(m.Devices) > MaxDevices {
		return ErrDeviceCount
	}
	return nil
}

func (d *Device) check() error {
	switch {
	case d.ID == DeviceID{}:
		return ErrID
	case d.Removed != 0 && d.Removed < d.Added:
		return ErrTimes
	case d.Ed25519.Check() != nil || d.X25519.Check() != nil:
		return ErrKey
	}
	return nil
}

// Sign sets the signature by the self-signing key. It refuses what ParseManifest would refuse.
func (m *Manifest) Sign(ssk ed25519.PrivateKey) error {
	if _, err := ParseManifest(m.Encode()); err != nil {
		return err
	}
	m.Signature = Sign(ssk, labelManifest, m.bytes())
	return nil
}

// Encode returns the bytes that ParseManifest reads.
func (m *Manifest) Encode() []byte { return append(m.bytes(), m.Signature[:]...) }

func (m *Manifest) bytes() []byte {
	w := octet.NewWriter(manifestFixed + len(m.Devices)*deviceSize + 64)
	w.U8(version).Raw(m.User[:]).U64(m.Version).Raw(m.PrevHash[:]).Raw(m.MSK[:]).Raw(m.SSK[:]).Raw(m.Cert[:]).U64(m.VaultVersion)
	w.U16(uint16(len(m.Devices)))
	for i := range m.Devices {
		d := &m.Devices[i]
		w.Raw(d.ID[:]).Raw(d.Ed25519[:]).Raw(d.X25519[:]).U64(d.Added).U64(d.Removed).Raw(d.Countersignature[:])
	}
	return w.Bytes()
}

// Hash returns what the next version's PrevHash, and every state hash, is made of. It covers the signature.
func (m *Manifest) Hash() [32]byte { return Hash(labelManifestHash, m.Encode()) }

// Device returns the entry of id, in use or removed, or nil. It points into m.
func (m *Manifest) Device(id DeviceID) *Device {
	for i := range m.Devices {
		if m.Devices[i].ID == id {
			return &m.Devices[i]
		}
	}
	return nil
}

// Active reports whether the device is on the list and in use: the only ones that ciphertext may be sealed to.
func (m *Manifest) Active(id DeviceID) bool {
	d := m.Device(id)
	return d != nil && d.Removed == 0
}

// Verify checks every signature of m: the certificate, each device's countersignature, and the self-signing key's own.
func (m *Manifest) Verify() error {
	if !m.MSK.Verify(m.Cert, labelSSK, m.User[:], m.SSK[:]) {
		return ErrCert
	}
	if !m.SSK.Verify(m.Signature, labelManifest, m.bytes()) {
		return ErrSignature
	}
	for i := range m.Devices {
		d := &m.Devices[i]
		if !d.Ed25519.Verify(d.Countersignature, labelDevice, d.statement(m.User, m.MSK)) {
			return ErrCountersignature
		}
	}
	return nil
}

// Change says how a manifest relates to the one known before.
type Change uint8

// What Manifest.Check found.
const (
	ChangeNew      Change = 1 // none was known; whoever keeps the first one must demand Version 1 himself
	ChangeSame     Change = 2 // it is the known one
	ChangeUpdated  Change = 3 // it is the next one under the same master key
	ChangeIdentity Change = 4 // it is the next one but under another master key: a person has to be told
)

// Check verifies m and decides whether it may take the place of prev, the newest one known, or nil. Besides the faults
// of Verify it returns ErrUser, ErrRollback, ErrFork, ErrGap and ErrTombstone. Under a new master key the old devices may
// be gone, since none of them can have agreed to it.
func (m *Manifest) Check(prev *Manifest) (Change, error) {
	change := ChangeUpdated
	switch {
	case prev == nil:
		change = ChangeNew
	case m.User != prev.User:
		return 0, ErrUser
	case m.Version < prev.Version:
		return 0, ErrRollback
	case m.Version > prev.Version+1:
		return 0, ErrGap
	case m.Version == prev.Version && m.Hash() == prev.Hash():
		return ChangeSame, nil
	case m.Version == prev.Version || m.PrevHash != prev.Hash():
		return 0, ErrFork
	case m.MSK != prev.MSK:
		change = ChangeIdentity
	case m.VaultVersion < prev.VaultVersion:
		return 0, ErrRollback
	case m.Keeps(prev) != nil:
		return 0, ErrTombstone
	}
	if err := m.Verify(); err != nil {
		return 0, err
	}
	return change, nil
}

// Keeps returns ErrTombstone unless every device of prev is still listed, changed at most from in use to removed.
func (m *Manifest) Keeps(prev *Manifest) error {
	for _, old := range prev.Devices {
		d := m.Device(old.ID)
		if d == nil {
			return ErrTombstone
		}
		now := *d
		if old.Removed == 0 {
			now.Removed = 0
		}
		if now != old {
			return ErrTombstone
		}
	}
	return nil
}
