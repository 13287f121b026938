// Package core is the machine of one device: it composes identity, sessions, sender keys and membership over a key-value state, and is
// the only package that the wasm binding and the Go client call.
//
// The state is a map of keys to byte strings that the caller keeps durably. A call that changes something leaves its writes in
// [Core.Pending]; the caller commits them in one transaction with its own records and then calls [Core.Commit], or [Core.Discard] when that
// failed. Until one of the two, every other changing call fails with the code "pending". Nothing here does I/O, reads a clock or starts a goroutine.
package core

import (
	"io"

	"chatalot/app/wire/signed"
)

// The names of things are shared with the server's wing, which reads the same signed statements.
type (
	// UserID names a person's account.
	UserID = signed.UserID
	// DeviceID names one device of a person.
	DeviceID = signed.DeviceID
	// MsgID names a message in its conversation; the sending client chooses it at random.
	MsgID = signed.MsgID
	// ConvID names a conversation: a channel's is the hash of its create operation, a DM's the hash of its two people (SPEC.md section 1).
	ConvID = signed.ConvID
)

// Config is what the machine needs from its surroundings.
type Config struct {
	Rand io.Reader     // a cryptographic random source; a read error fails the call
	Now  func() uint64 // Unix milliseconds; steps back are tolerated
}

// Write is one change of the state: Value replaces what Key held, nil removes it.
type Write struct {
	Key   string
	Value []byte
}

// Status tells how this device stands.
type Status struct {
	HasAccount      bool
	User            UserID
	Device          DeviceID
	ManifestVersion uint64 // of the newest own manifest
	Active          bool   // this device stands in the newest own manifest and is not removed
	UnusedOneTime   int    // private one-time X25519 keys held
	UnusedKEM       int    // private one-time ML-KEM-768 keys held
	SignedPrekeyAge uint64 // milliseconds; [Core.TopUp] rotates it at seven days
}

// Created is a new account: what to publish, and the code to show once.
type Created struct {
	RecoveryCode string // 28 characters of Crockford base32: 26 carry 128 bits, 2 check them; the view groups them
	Manifest     []byte
	Vault        []byte
	VaultVersion uint64
	Recovery     []byte   // 32 bytes by which the server checks a recovery proof
	Prekeys      [][]byte // signed.Prekey bytes
}

// Rekeyed is an account whose recovery key is to be replaced: what to publish, and the new code. Whoever publishes it has kept the code
// durably before: once the vault is in force nothing else opens it.
type Rekeyed struct {
	RecoveryCode string
	Manifest     []byte
	Vault        []byte
	VaultVersion uint64
	Recovery     []byte
}

// Linked is a device that joined its account: what to publish. The device is active once the manifest comes back through [Core.ApplyManifest].
type Linked struct {
	Manifest []byte
	Prekeys  [][]byte
}

// ConvEpoch is a conversation and the epoch it reached.
type ConvEpoch struct {
	Conv  ConvID
	Epoch uint64
}

// ManifestKind is what a manifest meant for the pinned identity of its person.
type ManifestKind string

// The kinds of manifest change.
const (
	ManifestNew     ManifestKind = "new"              // first contact: the identity is pinned
	ManifestSame    ManifestKind = "same"             // already known
	ManifestUpdated ManifestKind = "updated"          // newer, under the pinned identity
	IdentityChanged ManifestKind = "identity_changed" // another MSK: held until AcceptIdentity
	ManifestRefused ManifestKind = "refused"          // rollback, fork or bad signature: nothing changed
)

// ManifestChange is what [Core.ApplyManifest] made of a manifest.
type ManifestChange struct {
	Kind    ManifestKind
	Added   []DeviceID // active now and not before
	Removed []DeviceID // active before and not now
	Version uint64     // of the manifest that holds after the call
	Reason  string     // why it was refused, for a person
}

// Target is a person in a membership operation. Role is signed.RoleMember or signed.RoleAdmin; it counts for nothing in a removal.
type Target struct {
	User UserID
	Role byte
}

// Channel is a channel's membership as its verified operations say.
type Channel struct {
	Members []Target // by user id
	Policy  byte     // signed.PolicyPrivate or signed.PolicyPublic
	N       uint64   // of the newest operation
	Epoch   uint64
}

// OpChange is a membership operation that took effect.
type OpChange struct {
	N       uint64
	Type    byte // signed.OpCreate and its sisters
	Actor   UserID
	Targets []Target
}

// Address names a device of a person.
type Address struct {
	User   UserID
	Device DeviceID
}

// Bundle is a device's prekey bundle as the server handed it out: signed.Prekey bytes, verified here. OneTime is nil when none was left.
type Bundle struct {
	User    UserID
	Device  DeviceID
	Signed  []byte
	OneTime []byte
	KEM     []byte
}

// AddressedEnvelope is what one device needs besides the content.
type AddressedEnvelope struct {
	User     UserID
	Device   DeviceID
	Envelope []byte
}

// Sealed is a message ready for the wire: content for everyone, at most one envelope for a device. Both travel and arrive together.
type Sealed struct {
	Epoch     uint64
	Content   []byte
	Envelopes []AddressedEnvelope
}

// In is a message as the server delivered it: every field is a claim until [Core.Open] has checked it.
type In struct {
	Conv         ConvID
	MsgID        MsgID
	SenderUser   UserID
	SenderDevice DeviceID
	Epoch        uint64
	Content      []byte
	Envelope     []byte // nil when none came
}

// OpenStatus is what became of a delivered message.
type OpenStatus string

// The outcomes of [Core.Open].
const (
	OpenOK        OpenStatus = "ok"
	OpenLate      OpenStatus = "late"      // authentic, sealed for an epoch that ended less than a day ago
	OpenDuplicate OpenStatus = "duplicate" // these very bytes were opened or sent here before: ignore it
	OpenRefused   OpenStatus = "refused"   // Code says why; there is never plaintext with it
)

// Opened is what [Core.Open] made of a message.
type Opened struct {
	Status         OpenStatus
	Code           string // why it was refused: one of the Refused constants
	Plaintext      []byte
	SentAt         uint64 // sender's clock, Unix ms: for display only
	Counter        uint64 // the sending device's message number in this conversation, from 1
	Missing        uint64 // messages of this device, directly before this one, that have not arrived
	Unseen         bool   // the sender had last seen a message that this device does not know among its latest
	NeedKeyRequest bool   // ask the sender's device for keys by an event in this conversation
}

// Why a message was refused. "identity_changed" and "no_key" may open when tried again later; the others never will.
const (
	RefusedNoKey         = "no_key"           // this device was not given a key for it
	RefusedNotMember     = "not_member"       // the sender is not a member
	RefusedDeviceRemoved = "device_removed"   // the sending device was removed by its owner
	RefusedUnknownDevice = "unknown_device"   // the sending device is in no signed manifest
	RefusedForkedView    = "forked_view"      // the sender saw another membership history
	RefusedBadSignature  = "bad_signature"    // not sealed by the device that it names
	RefusedCommitment    = "commitment"       // the key is not the one that the message commits to
	RefusedMalformed     = "malformed"        // the bytes are not a message
	RefusedReplay        = "replay"           // its key or number was used before
	RefusedTooFar        = "too_far"          // too many messages before it are missing
	RefusedVersion       = "version"          // of a newer version or an unknown suite
	RefusedRecipient     = "wrong_recipient"  // the envelope is not for this device, or not for this message
	RefusedIdentity      = "identity_changed" // the sender's identity changed and is not accepted yet
	RefusedPlaintext     = "plaintext"        // not encrypted: people's messages always are
)
