package wire

import "time"

// MaxAhead is how far ahead of the place's clock a device may date what it signs: a membership operation, or a device's place on a device
// list. Whether an operation still counts once its device is removed goes by these dates: one from the future could never be verified by
// anybody who joins after that.
const MaxAhead = 5 * time.Minute

// NewDevice binds this session to a device: to a new one, or, with ID, to one's own that this browser or program still holds the keys of.
type NewDevice struct {
	Name string    `json:"name"` // 1 to 60 characters, e.g. "Firefox on Linux"
	ID   *DeviceID `json:"id,omitempty"`
}

// Device is one's own device as the server knows it; whether it may read anything is the manifest's word.
type Device struct {
	ID        DeviceID `json:"id"`
	Name      string   `json:"name"`
	CreatedAt int64    `json:"created_at"`
	LastSeen  int64    `json:"last_seen"` // Unix ms, to the hour
	Active    bool     `json:"active"`    // stands in the newest manifest, not removed
}

// Devices is a list of one's own devices.
type Devices struct {
	Devices []Device `json:"devices"`
}

// PutManifest publishes a new signed device list (SPEC.md section 3). The first one brings the vault with it; one that activates this
// session's device brings that device's prekeys.
type PutManifest struct {
	Manifest     Bytes   `json:"manifest"`
	Vault        Bytes   `json:"vault,omitempty"` // at most 4 KiB
	VaultVersion int64   `json:"vault_version,omitempty"`
	Recovery     Bytes   `json:"recovery,omitempty"` // with every vault: 32 bytes, the SHA-256 of the recovery proof (SPEC.md section 6)
	Prekeys      []Bytes `json:"prekeys,omitempty"`  // signed prekeys, at most 200
}

// Manifest is a person's newest signed device list.
type Manifest struct {
	UserID   UserID      `json:"user_id"`
	Version  int64       `json:"version"`
	Manifest Bytes       `json:"manifest"`
	Epochs   []ConvEpoch `json:"epochs,omitempty"` // in events only: the reader's conversations whose epoch grew with it
}

// ConvEpoch is a conversation's epoch (E2EE.md section 5; SPEC.md section 9).
type ConvEpoch struct {
	ConversationID ConvID `json:"conversation_id"`
	Epoch          int64  `json:"epoch"`
}

// Vault is one's own sealed key vault (SPEC.md section 6).
type Vault struct {
	Vault        Bytes `json:"vault"`
	VaultVersion int64 `json:"vault_version"`
}

// PutPrekeys adds signed prekeys of this session's device.
type PutPrekeys struct {
	Prekeys []Bytes `json:"prekeys"` // at most 200
}

// PrekeyCount is how many one-time keys of this device are left.
type PrekeyCount struct {
	OneTime int `json:"one_time"` // X25519
	KEM     int `json:"kem"`      // ML-KEM-768
}

// DeviceAddress names a device of a person.
type DeviceAddress struct {
	UserID   UserID   `json:"user_id"`
	DeviceID DeviceID `json:"device_id"`
}

// ClaimPrekeys asks for what is needed to start ratchet sessions.
type ClaimPrekeys struct {
	Devices []DeviceAddress `json:"devices"` // 1 to 100
}

// Bundle is a device's prekey bundle: signed prekeys as its owner published them (SPEC.md section 4).
type Bundle struct {
	UserID   UserID   `json:"user_id"`
	DeviceID DeviceID `json:"device_id"`
	Signed   Bytes    `json:"signed"`
	OneTime  Bytes    `json:"one_time,omitempty"` // absent when none is left or this account had one lately
	KEM      Bytes    `json:"kem"`                // one-time, or the last-resort key
}

// Bundles answers ClaimPrekeys. A device that has published nothing is left out.
type Bundles struct {
	Bundles []Bundle `json:"bundles"`
}
