package auth

import (
	"bytes"
	"context"
	"testing"
	"time"

	"chatalot/app/wire"
)

func testCeremony(h *house, purpose byte, user wire.UserID) ceremony {
	return ceremony{purpose: purpose, expires: h.clock.now().Add(ceremonyLife).UnixMilli(), user: user, challenge: [32]byte(random(32))}
}

func TestACeremonyIsReadBackAsItWasSealed(t *testing.T) {
	h := newHouse(t)
	now := h.clock.now().UnixMilli()
	c := testCeremony(h, toCreate, wire.UserID(random(16)))
	text := h.passkeys.ceremonies.seal(c)
	if got, ok := h.passkeys.ceremonies.open(text, toCreate, now); !ok || got != c {
		t.Fatalf("got %+v %v", got, ok)
	}
	for name, open := range map[string]func() (ceremony, bool){
		"another purpose":     func() (ceremony, bool) { return h.passkeys.ceremonies.open(text, toAssert, now) },
		"when it has expired": func() (ceremony, bool) { return h.passkeys.ceremonies.open(text, toCreate, c.expires) },
		"after the clock went back": func() (ceremony, bool) {
			return h.passkeys.ceremonies.open(text, toCreate, now-time.Hour.Milliseconds())
		},
		"by another start of the place": func() (ceremony, bool) { return newCeremonies().open(text, toCreate, now) },
		"with a line break":             func() (ceremony, bool) { return h.passkeys.ceremonies.open(text[:9]+"\n"+text[9:], toCreate, now) },
		"cut short":                     func() (ceremony, bool) { return h.passkeys.ceremonies.open(text[:len(text)-2], toCreate, now) },
	} {
		if got, ok := open(); ok {
			t.Errorf("%s: read %+v", name, got)
		}
	}
	for i := range text {
		bent := []byte(text)
		bent[i] ^= 1
		if _, ok := h.passkeys.ceremonies.open(string(bent), toCreate, now); ok {
			t.Fatalf("character %d was altered and nobody noticed", i)
		}
	}
}

// Asking costs the place no memory; only ceremonies that have served are remembered, and no longer than they could serve again.
func TestOnlyCeremoniesThatServedAreRemembered(t *testing.T) {
	h := newHouse(t)
	for range 100 {
		if _, err := h.PasskeyOptions(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(h.passkeys.ceremonies.used); n != 0 {
		t.Fatalf("%d remembered", n)
	}
	c := testCeremony(h, toAssert, wire.UserID{})
	now := h.clock.now().UnixMilli()
	if !h.passkeys.ceremonies.use(c, now) || h.passkeys.ceremonies.use(c, now) {
		t.Fatal("not exactly once")
	}
	h.clock.advance(ceremonyLife)
	h.passkeys.ceremonies.use(testCeremony(h, toAssert, wire.UserID{}), h.clock.now().UnixMilli())
	if n := len(h.passkeys.ceremonies.used); n != 1 {
		t.Errorf("%d remembered", n)
	}
}

func TestPasskeysAreForThePlacesOwnNameAlone(t *testing.T) {
	for origin, want := range map[string][2]string{
		"https://chat.example.org":      {"chat.example.org", "https://chat.example.org"},
		"https://chat.example.org:8443": {"chat.example.org", "https://chat.example.org:8443"},
		"http://127.0.0.1:8080":         {"localhost", "http://localhost:8080"},
		"http://[::1]:8080":             {"localhost", "http://localhost:8080"},
		"http://localhost":              {"localhost", "http://localhost"},
	} {
		p, err := newPasskeys(origin)
		if err != nil || p.rp.Config.RPID != want[0] || len(p.rp.Config.RPOrigins) != 1 || p.rp.Config.RPOrigins[0] != want[1] {
			t.Errorf("%s: %+v %v", origin, p, err)
		}
	}
	for _, origin := range []string{"", "chat.example.org", "://"} {
		if _, err := newPasskeys(origin); err == nil {
			t.Errorf("%q is taken for an origin", origin)
		}
	}
}

// Whatever comes from outside is refused, never a panic.
func FuzzPasskey(f *testing.F) {
	f.Add([]byte("id"), []byte(`{"type":"webauthn.get","challenge":"x","origin":"https://chat.example.org"}`), bytes.Repeat([]byte{0x45}, 80), []byte("sig"), []byte("user"))
	f.Add([]byte{1}, []byte(`{}`), []byte("\xa3cfmtdnonegattStmt\xa0hauthDataX\x25"), []byte{}, []byte{})
	p, err := newPasskeys("https://chat.example.org")
	if err != nil {
		f.Fatal(err)
	}
	a := &Auth{passkeys: p, now: time.Now}
	c := wire.Caller{User: wire.UserID{1}}
	made := p.ceremonies.seal(ceremony{purpose: toCreate, expires: time.Now().Add(ceremonyLife).UnixMilli(), user: c.User})
	f.Fuzz(func(t *testing.T, id, client, data, signature, handle []byte) {
		if _, err := parseAssertion(wire.PasskeyAssertion{ID: id, ClientData: client, AuthenticatorData: data, Signature: signature, UserHandle: handle}); err != nil {
			t.Log(err)
		}
		req := wire.NewPasskey{Ceremony: made, Name: "x", ID: id, ClientData: client, AttestationObject: data, Transports: []string{string(handle)}}
		if text, err := a.readNewPasskey(c, req); err == nil {
			t.Fatalf("took %s", text)
		}
	})
}

// The library's words about what was wrong stay here: they hold what the client sent.
func TestARefusedPasskeyIsNotEchoed(t *testing.T) {
	h, _ := settled(t)
	o, err := h.PasskeyOptions()
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.PasskeyLogin(context.Background(), wire.PasskeyLogin{Transport: wire.ByBody, Passkey: wire.PasskeyAssertion{Ceremony: o.Ceremony, ID: []byte("canary"), ClientData: []byte(`{"origin":"canary"}`)}}, wire.From{})
	refused(t, err, wire.BadPasskey)
	if bytes.Contains([]byte(err.Error()), []byte("canary")) {
		t.Errorf("got %v", err)
	}
}
