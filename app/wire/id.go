package wire

import (
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"

	"chatalot/app/wire/signed"
)

// The ids that signed statements and ciphertexts bind are declared where both wings can read them.
type (
	// UserID names a person's account; chosen by the server.
	UserID = signed.UserID
	// DeviceID names one device of a person; chosen by the server.
	DeviceID = signed.DeviceID
	// MsgID names a message within its conversation; chosen by the sending device, so that a retry is recognised.
	MsgID = signed.MsgID
	// ConvID names a conversation: for a channel the hash of its create operation, for a DM the hash of its two people (SPEC.md section 1).
	ConvID = signed.ConvID
)

// ID is a 16-byte random name for a thing of kind K; the kind only keeps ids of different things apart at compile time.
type ID[K any] [16]byte

type (
	communityKind struct{}
	groupKind     struct{}
	sessionKind   struct{}
	inviteKind    struct{}
)

type (
	// CommunityID names a community.
	CommunityID = ID[communityKind]
	// GroupID names a group of channels inside a community.
	GroupID = ID[groupKind]
	// SessionID names a login session.
	SessionID = ID[sessionKind]
	// InviteID names an invite; it is not the invite's token and opens nothing.
	InviteID = ID[inviteKind]
)

var errID = errors.New("must be 16 bytes in base64url without padding (22 characters)")

// NewID returns a fresh random id of one of the 16-byte kinds: NewID[CommunityID]().
func NewID[T ~[16]byte]() (id T) {
	rand.Read(id[:])
	return id
}

// String spells the id as it stands in URLs and JSON.
func (id ID[K]) String() string { return encoding.EncodeToString(id[:]) }

// MarshalText spells the id in base64url.
func (id ID[K]) MarshalText() ([]byte, error) { return encoding.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads a canonical 22-character id.
func (id *ID[K]) UnmarshalText(text []byte) error {
	raw, err := decodeText(text)
	if err != nil || len(raw) != len(id) {
		return errID
	}
	copy(id[:], raw)
	return nil
}

// Value stores the id as 16 raw bytes.
func (id ID[K]) Value() (driver.Value, error) { return id[:], nil }

// Scan reads what Value stored.
func (id *ID[K]) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok || len(raw) != len(id) {
		return fmt.Errorf("scan id: got %T of another shape", src)
	}
	copy(id[:], raw)
	return nil
}
