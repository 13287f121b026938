package apptest_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/e2ee/core"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// scene is a place in which every secret there is has been used, rightly and wrongly.
type scene struct {
	*apptest.Place
	stop    func()
	setup   string
	invite  wire.Invite
	granted []wire.SignedIn // every answer to signing in
	twoStep wire.TwoStepSecret
	backup  []string // backup codes, used and not
	second  []string // tokens of challenges
	reset   string
	device  string // device cookie
	proof   []byte // of a recovery key
}

// canaries are the secrets that must stand nowhere but with their owners, a line for each class. How each gets around is in play.
var canaries = []struct {
	name   string
	values func(t *testing.T, s *scene) [][]byte
}{
	{"password", func(*testing.T, *scene) [][]byte {
		return words(apptest.Password, wrongPassword, longPassword[:130], mistypedName)
	}},
	{"setup token", func(_ *testing.T, s *scene) [][]byte { return tokens(s.setup) }},
	{"invite token", func(_ *testing.T, s *scene) [][]byte { return words(s.invite.Token, strings.ToLower(s.invite.Token)) }},
	{"access token", func(_ *testing.T, s *scene) (list [][]byte) {
		for _, g := range s.granted {
			list = append(list, tokens(g.AccessToken[strings.LastIndex(g.AccessToken, ".")+1:])...)
		}
		return list
	}},
	{"refresh token", func(_ *testing.T, s *scene) (list [][]byte) {
		for _, g := range s.granted {
			list = append(list, tokens(g.RefreshToken)...)
			list = append(list, tokens(g.RefreshToken)[1][24:]) // its HMAC: the rest names the session
		}
		return list
	}},
	{"access-token key", func(t *testing.T, s *scene) [][]byte { return privateKey(t, s.secret(t, "jwt_private.pem")) }},
	{"access-token key before", func(t *testing.T, s *scene) [][]byte { return privateKey(t, s.secret(t, "jwt_previous.pem")) }},
	{"new password", func(*testing.T, *scene) [][]byte { return words(newPassword) }},
	{"two-step secret", func(t *testing.T, s *scene) [][]byte {
		raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s.twoStep.Secret)
		must(t, err)
		return [][]byte{[]byte(s.twoStep.Secret), raw}
	}},
	{"backup code", func(_ *testing.T, s *scene) (list [][]byte) {
		for _, code := range s.backup {
			list = append(list, words(code, strings.ReplaceAll(code, "-", ""))...)
		}
		return list
	}},
	{"challenge token", func(_ *testing.T, s *scene) (list [][]byte) {
		for _, token := range s.second {
			list = append(list, tokens(token)...)
		}
		return list
	}},
	{"reset token", func(_ *testing.T, s *scene) [][]byte { return tokens(s.reset) }},
	{"device cookie", func(_ *testing.T, s *scene) [][]byte { return words(s.device) }},
	{"recovery proof", func(_ *testing.T, s *scene) [][]byte { return [][]byte{s.proof} }},
	{"TOTP key", func(t *testing.T, s *scene) [][]byte {
		key, err := hex.DecodeString(strings.TrimSpace(s.secret(t, "totp.key")))
		must(t, err)
		return [][]byte{key}
	}},
}

const (
	wrongPassword = "crimson walrus 17 ladder"
	newPassword   = "violet otter 23 gangway"
	mistypedName  = "my password typed too early"
)

var longPassword = strings.Repeat("overlong secret ", 20)

func words(list ...string) (all [][]byte) {
	for _, s := range list {
		all = append(all, []byte(s))
	}
	return all
}

// tokens are a token in base64url and the bytes it stands for.
func tokens(text string) [][]byte {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return [][]byte{[]byte(text), raw}
}

// privateKey is what a private key file holds and what is derived from it.
func privateKey(t *testing.T, text string) [][]byte {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	seed := key.(ed25519.PrivateKey).Seed()
	refresh, err := hkdf.Key(sha256.New, seed, nil, "chatalot/refresh/v1\x00", 32)
	must(t, err)
	return [][]byte{seed, block.Bytes, refresh}
}

func (s *scene) secret(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Data, "secrets", name))
	must(t, err)
	return string(text)
}

// play has people use every secret, and others try what they do not know.
func play(t *testing.T) *scene {
	t.Helper()
	ctx := context.Background()
	s := &scene{Place: &apptest.Place{Data: filepath.Join(t.TempDir(), "data")}}
	stop := s.Serve(t)
	s.setup = s.SetupLink()[strings.Index(s.SetupLink(), "#")+1:]
	nora := s.SetUp(t, "")
	s.granted = append(s.granted, nora.SignedIn())
	must(t, nora.Refresh(ctx))
	s.granted = append(s.granted, nora.SignedIn())
	var err error
	s.invite, err = nora.Invite(ctx, s.Start.Communities[0].ID, 5)
	must(t, err)
	kim := s.Client(t)
	must(t, kim.Register(ctx, wire.RegisterRequest{Username: "kim", DisplayName: "Kim", Password: apptest.Password, Invite: s.invite.Token, Transport: wire.ByBody}))
	s.granted = append(s.granted, kim.SignedIn())
	s.mistakes(t, nora)
	must(t, kim.Login(ctx, "kim", apptest.Password))
	s.granted = append(s.granted, kim.SignedIn())
	must(t, kim.Logout(ctx))
	s.guard(t, nora)
	if got := run(t, command("keys", "rotate", "--data", s.Data)); got.status != 0 {
		t.Fatal(got.err)
	}
	stop()
	s.stop = s.Serve(t)
	must(t, nora.Refresh(ctx))
	s.granted = append(s.granted, nora.SignedIn())
	return s
}

// guard has kim use everything that guards an account: two-step codes, a backup code, the recovery key, a reset link of nora's, a browser's cookie.
func (s *scene) guard(t *testing.T, nora *client.Client) {
	t.Helper()
	ctx, kim := context.Background(), s.Client(t)
	must(t, kim.Login(ctx, "kim", apptest.Password))
	recovery, err := kim.CreateKeys(ctx, "A program")
	must(t, err)
	s.proof, err = core.RecoveryProof(recovery)
	must(t, err)
	confirmed := wire.Confirmed{}
	must(t, kim.Do(ctx, "POST", "/api/me/confirm", wire.Confirmation{Password: apptest.Password}, &confirmed))
	must(t, kim.Do(ctx, "POST", "/api/me/two-step", nil, &s.twoStep))
	code, err := totp.GenerateCode(s.twoStep.Secret, time.Now())
	must(t, err)
	codes := wire.BackupCodes{}
	must(t, kim.Do(ctx, "POST", "/api/me/two-step/confirm", wire.TwoStepCode{Code: code}, &codes))
	s.backup = codes.Codes

	stranger := s.Client(t)
	answer := func(c wire.Challenge, backup string) error {
		s.second = append(s.second, c.Challenge)
		in := wire.SignedIn{}
		err := stranger.Do(ctx, "POST", "/api/auth/challenge", wire.ChallengeRequest{Challenge: c.Challenge, BackupCode: backup, Transport: wire.ByBody}, &in)
		s.granted = append(s.granted, in)
		return err
	}
	c := wire.Challenge{}
	must(t, stranger.Do(ctx, "POST", "/api/auth/login", wire.LoginRequest{Username: "kim", Password: apptest.Password, Transport: wire.ByBody}, &c))
	must(t, answer(c, s.backup[0]))
	if answer(c, s.backup[0]) == nil {
		t.Fatal("a challenge was good twice")
	}
	s.granted = s.granted[:len(s.granted)-1]
	recover := wire.RecoverRequest{Username: "kim", Proof: s.proof, Password: newPassword, Transport: wire.ByBody}
	must(t, stranger.Do(ctx, "POST", "/api/auth/recover", recover, &c))
	must(t, answer(c, s.backup[1]))
	must(t, nora.Do(ctx, "POST", "/api/me/confirm", wire.Confirmation{Password: apptest.Password}, &confirmed))
	link, in := wire.ResetLink{}, wire.SignedIn{}
	must(t, nora.Do(ctx, "POST", "/api/admin/users/"+kim.SignedIn().User.ID.String()+"/reset", wire.NewResetLink{TwoStep: true}, &link))
	s.reset = link.Token
	must(t, stranger.Do(ctx, "POST", "/api/auth/reset", wire.ResetRequest{Token: link.Token, Password: newPassword, Transport: wire.ByBody}, &in))
	s.granted = append(s.granted, in)
	s.device = s.browser(t, "kim", newPassword)
}

// browser signs in as browsers do and returns the device cookie it was given.
func (s *scene) browser(t *testing.T, name, password string) string {
	t.Helper()
	body := `{"username":"` + name + `","password":"` + password + `","transport":"cookie"}`
	res, err := http.Post(s.URL+"/api/auth/login", "application/json", strings.NewReader(body))
	must(t, err)
	res.Body.Close()
	for _, c := range res.Cookies() {
		if c.Name == "dev" {
			return c.Value
		}
	}
	t.Fatalf("no device cookie: %s", res.Status)
	return ""
}

// mistakes are what puts secrets where they do not belong: wrong guesses, wrong fields, malformed requests, tokens in addresses.
func (s *scene) mistakes(t *testing.T, nora *client.Client) {
	t.Helper()
	ctx, stranger := context.Background(), s.Client(t)
	for _, attempt := range [][2]string{{"nora", wrongPassword}, {"nobody", wrongPassword}, {mistypedName, apptest.Password}, {apptest.Password, "nora"}, {"nora", longPassword}} {
		if stranger.Login(ctx, attempt[0], attempt[1]) == nil {
			t.Fatal("signed in by mistake")
		}
	}
	g, base := nora.SignedIn(), s.URL
	for _, r := range []struct{ method, path, bearer, body string }{
		{"POST", "/api/auth/login", "", `{"username":"nora","password":"` + wrongPassword + `"`},
		{"POST", "/api/auth/login", "", `{"username":"nora","password":"` + wrongPassword + `","password":"` + apptest.Password + `"}`},
		{"POST", "/api/auth/register", "", `{"username":"lee","display_name":"Lee","password":"password","invite":"` + s.invite.Token + `","transport":"body"}`},
		{"POST", "/api/setup", "", `{"token":"` + s.setup + `","password":"` + wrongPassword + `"}`},
		{"POST", "/api/auth/refresh", "", `{"refresh_token":"` + g.RefreshToken + `x","transport":"body"}`},
		{"POST", "/api/auth/refresh", "", `{"refresh_token":"` + g.AccessToken + `","transport":"body"}`},
		{"GET", "/api/state", g.RefreshToken, ""},
		{"GET", "/api/state", g.AccessToken + "x", ""},
		{"GET", "/api/state?token=" + url.QueryEscape(g.AccessToken), "", ""},
		{"GET", "/api/nowhere/" + g.RefreshToken, g.AccessToken, ""},
		{"GET", "/join/" + s.invite.Token, "", ""},
		{"POST", "/api/invites/preview", "", `{"token":"` + s.invite.Token + `"}`},
		{"GET", "/api/events", g.AccessToken, ""},
	} {
		req, err := http.NewRequestWithContext(ctx, r.method, base+r.path, strings.NewReader(r.body))
		must(t, err)
		req.Header.Set("Content-Type", "application/json")
		if r.bearer != "" {
			req.Header.Set("Authorization", "Bearer "+r.bearer)
		}
		req.Header.Set("User-Agent", "test "+apptest.Password)
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		res.Body.Close()
	}
}

// copied is a copy of the database, made beside a running place or of a stopped one.
func (s *scene) copied(t *testing.T) map[string]string {
	t.Helper()
	database, err := store.Open(t.Context(), store.Options{Path: filepath.Join(s.Data, "chatalot.db"), Beside: true})
	must(t, err)
	path := filepath.Join(t.TempDir(), "backup.db")
	must(t, errors.Join(database.Backup(t.Context(), path), database.Close()))
	text, err := os.ReadFile(path)
	must(t, err)
	if !strings.Contains(string(text), "CREATE TABLE place") {
		t.Fatal("the backup holds nothing")
	}
	return map[string]string{"a backup": string(text)}
}

func TestNoSecretStandsInTheLogTheDatabaseOrABackup(t *testing.T) {
	s := play(t)
	secrets := map[string][][]byte{}
	for _, c := range canaries {
		if secrets[c.name] = c.values(t, s); len(secrets[c.name]) == 0 {
			t.Fatalf("there is no %s to look for", c.name)
		}
	}
	s.DemandNowhere(t, secrets, s.copied(t)) // with the write-ahead log beside the database
	s.stop()
	s.DemandNowhere(t, secrets, s.copied(t)) // and with everything in the database
}

func TestTheSearchForSecretsFindsThem(t *testing.T) {
	secret := []byte("a secret of some length \xff\x00\x01")
	for name, text := range map[string]string{
		"raw": string(secret), "hex": hex.EncodeToString(secret), "HEX": strings.ToUpper(hex.EncodeToString(secret)),
		"base64": base64.StdEncoding.EncodeToString(secret), "base64url": base64.RawURLEncoding.EncodeToString(secret),
		"inside, at 1": base64.StdEncoding.EncodeToString([]byte("x" + string(secret) + "yz")),
		"inside, at 2": base64.URLEncoding.EncodeToString([]byte("xx" + string(secret) + "y")),
		"inside, at 3": base64.URLEncoding.EncodeToString([]byte("xxx" + string(secret) + "yyyy")),
	} {
		if !apptest.Holds("before "+text+" after", secret) {
			t.Errorf("not found: %s", name)
		}
	}
	if apptest.Holds("a secret of some length", secret) {
		t.Error("found where it is not")
	}
}
