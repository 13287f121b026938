package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestOnlyTheRightPasswordFits(t *testing.T) {
	h := newHasher()
	phc, err := h.hash(t.Context(), "birch lane 42 kettle")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("hash is %q", phc)
	}
	for password, want := range map[string]bool{"birch lane 42 kettle": true, "birch lane 42 kettlf": false, "": false, "birch lane 42 kettle\x00": false} {
		if got, err := h.verify(t.Context(), password, phc); err != nil || got != want {
			t.Errorf("verify(%q) = %v, %v; want %v", password, got, err, want)
		}
	}
}

func TestKeyboardsThatComposeDifferentlyGiveOnePassword(t *testing.T) {
	h := newHasher()
	phc, err := h.hash(t.Context(), "sm\u00f8rrebr\u00f8d caf\u00e9")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.verify(t.Context(), "sm\u00f8rrebr\u00f8d cafe\u0301", phc); !ok || err != nil {
		t.Fatalf("verify = %v, %v", ok, err)
	}
}

func TestNoPasswordFitsAnUnknownName(t *testing.T) {
	h := newHasher()
	for _, password := range []string{"", "birch lane 42 kettle", h.dummy} {
		if ok, err := h.verify(t.Context(), password, ""); ok || err != nil {
			t.Errorf("verify(%q) = %v, %v", password, ok, err)
		}
	}
}

func TestADamagedHashIsAnErrorAndNotARefusal(t *testing.T) {
	h := newHasher()
	for _, phc := range []string{"x", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA", strings.Replace(h.dummy, "t=2", "t=0", 1), h.dummy[:len(h.dummy)-1]} {
		if ok, err := h.verify(t.Context(), "birch lane 42 kettle", phc); ok || err == nil {
			t.Errorf("verify against %q = %v, %v", phc, ok, err)
		}
	}
}

func TestAtMostTwoPasswordsAreWorkedOnAtATime(t *testing.T) {
	h := newHasher()
	h.slots <- struct{}{}
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { _, err = h.hash(ctx, "birch lane 42 kettle") })
	cancel()
	wg.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("with both places taken: %v", err)
	}
}

// Test 30 of SECURITY.md.
func TestPasswordsThatAreTriedFirstAreRefused(t *testing.T) {
	for _, p := range []string{"password123", "Password1!", "P@ssw0rd2024", "qwertyuiop", "1234567890", "0987654321", "1q2w3e4r5t", "iloveyou12", "aaaaaaaaaaaa",
		"abc123abc123", "passwordpassword", "1122334455", "football1990", "qwerty123456", "letmein1234", "987654321000", "gurli-birk", "Gurlibirk2026", "abcdefghij",
		"sommer2026!", "chatalot1234", "qwertzuiopü", "1qaz2wsx3edc", "asdfghjkl;'", "йцукенгшщз", "ppaasswwoorrdd", "michael1985", "adminadmin1", "drowssap11"} {
		if newPassword(p, "gurli-birk", "Gurlibirk") == nil {
			t.Errorf("%q was taken", p)
		}
	}
}

func TestPasswordsPeopleMakeUpAreTaken(t *testing.T) {
	for _, p := range []string{"birch lane 42 kettle", "correct horse battery staple", "Tr7$kq09zP", "mQ4-xv81-Lw2", "vores hus er gult", "8313 9067 4420 1", "kanelsnegle og kaffe", "ærlig ø på en å"} {
		if err := newPassword(p, "gurli", "Gurli"); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestPasswordLengthsAreBounded(t *testing.T) {
	long := strings.Repeat("kettle lane birch 42 ", 7)
	for p, want := range map[string]bool{long[:128]: true, long[:129]: false, "short kt9": false, "tæt på mål": true, "\xff\xfe birch lane": false} {
		if err := newPassword(p); (err == nil) != want {
			t.Errorf("%d bytes: %v", len(p), err)
		}
	}
}

func TestAMegabyteIsNotWorkedOnForAStranger(t *testing.T) {
	h, long := newHasher(), strings.Repeat("x", maxTypedPassword+1)
	hash, err := h.hash(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.verify(t.Context(), long, hash); ok || err != nil {
		t.Fatal("it was worked on:", ok, err)
	}
	if _, err := username(strings.Repeat("\ufdfa", 1<<18)); err == nil {
		t.Fatal("taken as a sign-in name")
	}
	decomposed := strings.Repeat("e\u0301\u0323", 40) // 200 bytes as typed, 120 as stored
	if hash, err = h.hash(t.Context(), norm.NFC.String(decomposed)); err != nil {
		t.Fatal(err)
	}
	if ok, err := h.verify(t.Context(), decomposed, hash); !ok || err != nil {
		t.Fatal("a password that a keyboard composes otherwise:", ok, err)
	}
}
