package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// codeFor is RFC 6238 as its text says it, not as the library does.
func codeFor(secret []byte, step int64) string {
	h := hmac.New(sha1.New, secret)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := h.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:])&0x7fffffff)%1_000_000)
}

// The vectors of RFC 6238 appendix B, for SHA-1, cut to six digits.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	secret := []byte("12345678901234567890")
	for unix, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got, err := codeAt(secret, unix/30); err != nil || got != want || codeFor(secret, unix/30) != want {
			t.Errorf("at %d: %s, %v; want %s", unix, got, err, want)
		}
	}
}

// N32.
func TestACodeIsGoodOneStepEitherWay(t *testing.T) {
	secret := random(totpSecret)
	const step, now = int64(60_000_000), int64(60_000_000)*30*1000 + 29_999
	for off := int64(-3); off <= 3; off++ {
		got, ok, err := stepOf(secret, codeFor(secret, step+off), now, 0)
		if want := off >= -1 && off <= 1; err != nil || ok != want || ok && got != step+off {
			t.Errorf("%+d: %v, %v", off, ok, err)
		}
	}
	if _, ok, _ := stepOf(secret, codeFor(secret, step), now, step); ok {
		t.Error("a used step was taken again")
	}
	if _, ok, _ := stepOf(secret, codeFor(secret, step-1), now, step); ok {
		t.Error("a step before the used one was taken")
	}
}

// T6: what is sealed for one person opens for nobody else, and with no other key.
func TestASealedSecretIsBoundToItsPersonAndKey(t *testing.T) {
	keys, user, secret := testKeys(t, 1), wire.UserID{1}, random(totpSecret)
	sealed, err := keys.sealSecret(user, secret)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keys.openSecret(user, sealed); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%v", err)
	}
	again, err := keys.sealSecret(user, secret)
	if err != nil || bytes.Equal(again, sealed) || bytes.Contains(sealed, secret) {
		t.Error("not sealed freshly")
	}
	if _, err := keys.openSecret(wire.UserID{2}, sealed); err == nil {
		t.Error("it opens for somebody else")
	}
	if _, err := testKeys(t, 2).openSecret(user, sealed); err == nil {
		t.Error("it opens with another key")
	}
	for i := range sealed {
		bent := bytes.Clone(sealed)
		bent[i] ^= 1
		if _, err := keys.openSecret(user, bent); err == nil {
			t.Errorf("byte %d may change", i)
		}
	}
	for _, short := range [][]byte{nil, sealed[:10], sealed[:24]} {
		if _, err := keys.openSecret(user, short); err == nil {
			t.Error("cut short, it opens")
		}
	}
}

func TestAWrongKeyIsKnownByTheSealedCheck(t *testing.T) {
	keys := testKeys(t, 1)
	sealed, err := keys.sealCheck()
	if err != nil || !keys.opensCheck(sealed) || testKeys(t, 2).opensCheck(sealed) || keys.opensCheck(nil) {
		t.Fatal("the check is not that of the key", err)
	}
	secret, err := keys.sealSecret(wire.UserID{}, []byte(keyCheck))
	if err != nil || keys.opensCheck(secret) {
		t.Error("a person's secret passes for the check")
	}
}

func TestSubKeysServeOnePurposeEach(t *testing.T) {
	keys, seen := testKeys(t, 1), map[string]bool{string(testKeys(t, 1).totp): true}
	for _, purpose := range []string{sealingKey, backupKey, attemptsKey, deviceKey} {
		key := string(keys.subKey(purpose))
		if len(key) != 32 || seen[key] {
			t.Errorf("%q has the key of another purpose", purpose)
		}
		seen[key] = true
	}
}

func TestTheLinkIsWhatAuthenticatorAppsRead(t *testing.T) {
	secret := random(totpSecret)
	link, err := authenticatorLink("Birch Lane: home", "gurli", secret)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Birch Lane  home:gurli" {
		t.Fatalf("%s, %v", link, err)
	}
	q := u.Query()
	want := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	if q.Get("secret") != want || q.Get("issuer") != "Birch Lane  home" || q.Get("digits") != "6" || q.Get("period") != "30" || q.Get("algorithm") != "SHA1" {
		t.Errorf("%s", link)
	}
	if strings.Contains(link, "+") {
		t.Error("apps show a plus where a space is meant")
	}
}

func TestBackupCodesAreReadHoweverTheyAreTyped(t *testing.T) {
	keys, user := testKeys(t, 1), wire.UserID{1}
	codes, hashes := keys.newBackupCodes(user)
	if len(codes) != 10 || len(hashes) != 10 {
		t.Fatal(codes)
	}
	seen := map[string]bool{}
	for i, code := range codes {
		if len(code) != 11 || code[5] != '-' || seen[code] {
			t.Errorf("%q", code)
		}
		seen[code] = true
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ") + " ",
			strings.NewReplacer("0", "o", "1", "l").Replace(strings.ToLower(code))} {
			text, err := parseBackupCode(typed)
			if err != nil || keys.backupMAC(user, text) != hashes[i] {
				t.Errorf("%q: %v", typed, err)
			}
		}
	}
	text, _ := parseBackupCode(codes[0])
	if keys.backupMAC(wire.UserID{2}, text) == hashes[0] || testKeys(t, 2).backupMAC(user, text) == hashes[0] {
		t.Error("a code is not bound to its person and key")
	}
	for _, typed := range []string{"", "ABCDE", "ABCDE-FGHJ", "ABCDE-FGHJKM", "ABCDE-FGHU0", "ABCDE-FGH\u0663J", strings.Repeat("-", 1000) + codes[0]} {
		_, err := parseBackupCode(typed)
		refused(t, err, wire.BadRequest)
	}
}

func FuzzBackupCode(f *testing.F) {
	f.Add("ABCDE-FGHJK")
	f.Add("o1l i- 0")
	f.Fuzz(func(t *testing.T, typed string) {
		text, err := parseBackupCode(typed)
		if err != nil {
			return
		}
		if again, err := parseBackupCode(text); err != nil || again != text || len(text) != backupChars {
			t.Fatalf("%q became %q, which becomes %q", typed, text, again)
		}
	})
}

// Codes begin with nothing that was open before: no device that brings none, no half-finished sign-in.
func TestSwitchingCodesOnEndsTrustAndChallenges(t *testing.T) {
	h, g := settled(t)
	user := h.user("gurli")
	var begun *wire.Challenge
	h.write(func(tx *store.Tx) (err error) {
		begun, err = challenge(tx, store.Challenge{User: user.ID, UserEpoch: user.Epoch, Method: store.ByPassword})
		return errors.Join(err, tx.TrustDevice(user.ID, [16]byte{1}, tx.Now()+day.Milliseconds()))
	})
	open := func(want bool) {
		t.Helper()
		h.read(func(tx *store.Tx) error {
			hash, _ := oneTimeHash(begun.Challenge)
			_, gone := tx.Challenge(hash)
			until, err := tx.TrustedUntil(user.ID, [16]byte{1})
			if (gone == nil) != want || (until > tx.Now()) != want {
				t.Errorf("the challenge: %v; trusted until %d; open should be %t", gone, until, want)
			}
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	open(true)
	h.guarded(g)
	open(false)
}

func TestNewBackupCodesAreTold(t *testing.T) {
	h, _, _ := withTwoStep(t)
	c := h.confirmed(h.start("gurli"))
	if _, err := h.NewBackupCodes(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if told := h.notices("backup_codes_made"); len(told) != 1 || *told[0].Session != c.Session {
		t.Errorf("%+v", told)
	}
}
