package auth

import (
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Secret is a token or password that must not reach a log. However it is formatted it reads "[secret]"; Reveal gives the value.
type Secret struct{ value string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value itself, for the one place it has to go to.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.value == "" }

// String keeps the value out of formatted text.
func (Secret) String() string { return redacted }

// Format keeps the value out of every verb, those that no text has included.
func (Secret) Format(f fmt.State, _ rune) { f.Write([]byte(redacted)) }

// LogValue keeps the value out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps the value out of encoders: a secret is never a field of an answer.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format keeps the tokens of a grant out of formatted text.
func (Grant) Format(f fmt.State, _ rune) { f.Write([]byte(redacted)) }

// LogValue keeps the tokens of a grant out of logs.
func (Grant) LogValue() slog.Value { return slog.StringValue(redacted) }

// LogValue keeps the keys out of logs.
func (Keys) LogValue() slog.Value { return slog.StringValue(redacted) }
