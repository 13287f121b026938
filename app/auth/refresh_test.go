package auth

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"chatalot/app/wire"
)

func testKeys(t testing.TB, seed byte) *Keys {
	t.Helper()
	b := make([]byte, ed25519.SeedSize)
	b[0] = seed
	p, err := newPair(ed25519.NewKeyFromSeed(b))
	if err != nil {
		t.Fatal(err)
	}
	keys := &Keys{pair: p}
	if keys.totp, err = ParseTOTPKey("", []byte(testTOTPFile)); err != nil {
		t.Fatal(err)
	}
	keys.totp[0] ^= seed - 1 // the first ones are those of the file
	return keys
}

func TestARefreshTokenFitsOneSessionUserAndEpochOnly(t *testing.T) {
	keys, session, user := testKeys(t, 1), wire.SessionID{1}, wire.UserID{2}
	token, ok := parseRefresh(keys.mintRefresh(session, 7, user, 3).Reveal())
	if !ok || token.session != session || token.n != 7 || !token.madeBy(keys.pair, user, 3) {
		t.Fatalf("own token: %v %+v", ok, token)
	}
	if token.madeBy(testKeys(t, 2).pair, user, 3) || token.madeBy(keys.pair, wire.UserID{9}, 3) || token.madeBy(keys.pair, user, 4) {
		t.Fatal("the token fits another key, user or epoch")
	}
	token.n++
	if token.madeBy(keys.pair, user, 3) {
		t.Fatal("the token fits another number")
	}
}

func FuzzParseRefresh(f *testing.F) {
	f.Add(testKeys(f, 1).mintRefresh(wire.SessionID{1}, 7, wire.UserID{2}, 3).Reveal())
	f.Add("")
	f.Add("AAAA\n")
	keys := testKeys(f, 1)
	f.Fuzz(func(t *testing.T, s string) {
		token, ok := parseRefresh(s)
		if !ok {
			return
		}
		if token.n < 1 {
			t.Fatalf("n = %d", token.n)
		}
		if user := (wire.UserID{2}); token.madeBy(keys.pair, user, 3) && keys.mintRefresh(token.session, token.n, user, 3).Reveal() != s {
			t.Fatalf("a second spelling: %q", s)
		}
	})
}

func FuzzInviteToken(f *testing.F) {
	token, _ := newInviteToken()
	f.Add(token)
	f.Add("oil0-oil0")
	f.Fuzz(func(t *testing.T, s string) {
		hash, err := inviteHash(s)
		if err == nil && hash == [32]byte{} {
			t.Fatal("no hash and no error")
		}
	})
}

func TestAnInviteTokenMayBeTypedByHand(t *testing.T) {
	token, want := newInviteToken()
	if len(token) != inviteChars {
		t.Fatalf("%d characters", len(token))
	}
	for _, typed := range []string{token, strings.ToLower(token), " " + token[:5] + "-" + token[5:] + " "} {
		if got, err := inviteHash(typed); err != nil || got != want {
			t.Errorf("%q: %v", typed, err)
		}
	}
	canonical, err := inviteHash("011" + strings.Repeat("7", 22) + "4")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := inviteHash("oIl" + strings.Repeat("7", 22) + "4"); err != nil || got != canonical {
		t.Errorf("o, I and l are not read as 0, 1 and 1: %v", err)
	}
	for _, bad := range []string{"", token[1:], token + "0", "U" + token[1:], token[:25] + "1", strings.Repeat("-", 200), "0\n" + token[1:]} {
		if _, err := inviteHash(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
