package signed

import (
	"bytes"
	"errors"

	"chatalot/app/wire/octet"
)

// ErrIDText means that a text is not an id: base64url without padding of exactly 16 or 32 bytes.
var ErrIDText = errors.New("not an id")

// UserID names an account. The server chooses it at random.
type UserID [16]byte

// DeviceID names one device of a user: one browser profile, or one installed client.
type DeviceID [16]byte

// MsgID names a message. The sending client chooses it at random, so that sending again is recognised.
type MsgID [16]byte

// ConvID names a conversation: DMConv of two people, or the hash of the operation that created a channel (Op.Conv).
type ConvID [32]byte

// String returns the id as base64url.
func (id UserID) String() string { return octet.Base64(id[:]) }

// String returns the id as base64url.
func (id DeviceID) String() string { return octet.Base64(id[:]) }

// String returns the id as base64url.
func (id MsgID) String() string { return octet.Base64(id[:]) }

// String returns the id as base64url.
func (id ConvID) String() string { return octet.Base64(id[:]) }

// MarshalText returns the id as base64url: how it stands in JSON.
func (id UserID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the id as base64url: how it stands in JSON.
func (id DeviceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the id as base64url: how it stands in JSON.
func (id MsgID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the id as base64url: how it stands in JSON.
func (id ConvID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote; anything else is ErrIDText.
func (id *UserID) UnmarshalText(text []byte) error { return parseID(id[:], string(text)) }

// UnmarshalText reads what MarshalText wrote; anything else is ErrIDText.
func (id *DeviceID) UnmarshalText(text []byte) error { return parseID(id[:], string(text)) }

// UnmarshalText reads what MarshalText wrote; anything else is ErrIDText.
func (id *MsgID) UnmarshalText(text []byte) error { return parseID(id[:], string(text)) }

// UnmarshalText reads what MarshalText wrote; anything else is ErrIDText.
func (id *ConvID) UnmarshalText(text []byte) error { return parseID(id[:], string(text)) }

// ParseUserID reads what String returned; anything else is ErrIDText.
func ParseUserID(s string) (id UserID, err error) { err = parseID(id[:], s); return id, err }

// ParseDeviceID reads what String returned; anything else is ErrIDText.
func ParseDeviceID(s string) (id DeviceID, err error) { err = parseID(id[:], s); return id, err }

// ParseMsgID reads what String returned; anything else is ErrIDText.
func ParseMsgID(s string) (id MsgID, err error) { err = parseID(id[:], s); return id, err }

// ParseConvID reads what String returned; anything else is ErrIDText.
func ParseConvID(s string) (id ConvID, err error) { err = parseID(id[:], s); return id, err }

// DMConv returns the conversation of two people, the same whichever of them is named first.
func DMConv(a, b UserID) ConvID {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return Hash("chatalot/dm/v1\x00", a[:], b[:])
}

func parseID(dst []byte, s string) error {
	b, err := octet.ParseBase64(s)
	if err != nil || len(b) != len(dst) {
		return ErrIDText
	}
	copy(dst, b)
	return nil
}
