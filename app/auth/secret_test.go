package auth

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
)

func TestASecretReadsAsNothingHoweverItIsFormatted(t *testing.T) {
	const value = "correct horse battery staple"
	for _, secret := range []any{
		NewSecret(value), new(NewSecret(value)), struct{ S Secret }{NewSecret(value)}, []Secret{NewSecret(value)},
		Grant{Answer: wire.SignedIn{AccessToken: value, RefreshToken: value}, Cookie: NewSecret(value)}, store.User{PasswordHash: value},
	} {
		text := slogged(secret)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			text += fmt.Sprintf(verb, secret)
		}
		if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) || strings.Contains(text, fmt.Sprintf("%X", value)) {
			t.Errorf("%T gives itself away: %s", secret, text)
		}
	}
	if text, err := json.Marshal(map[string]any{"s": NewSecret(value)}); err != nil || strings.Contains(string(text), value) {
		t.Errorf("encoded: %s, %v", text, err)
	}
}
