package wire

import (
	"encoding/base64"
	"errors"
)

var encoding = base64.RawURLEncoding.Strict()

var errBase64 = errors.New("must be base64url without padding")

// Bytes is a byte string in JSON: base64url without padding (RFC 4648 section 5), canonical, so that one value has one spelling.
type Bytes []byte

// MarshalText spells b in base64url.
func (b Bytes) MarshalText() ([]byte, error) {
	return encoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads canonical base64url; anything else is an error that says so.
func (b *Bytes) UnmarshalText(text []byte) error {
	raw, err := decodeText(text)
	if err != nil {
		return err
	}
	*b = raw
	return nil
}

func decodeText(text []byte) ([]byte, error) {
	for _, c := range text { // encoding/base64 skips line breaks even in strict mode
		if c == '\n' || c == '\r' {
			return nil, errBase64
		}
	}
	raw, err := encoding.AppendDecode(nil, text)
	if err != nil {
		return nil, errBase64
	}
	return raw, nil
}
