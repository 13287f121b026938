package app

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var resetLink = regexp.MustCompile(`http://127\.0\.0\.1:\d+/reset#[A-Za-z0-9_-]{43}\b`)

const password = "violet tractor lagoon"

// settle makes the first account of a place that serves, "nora".
func settle(t *testing.T, link string) {
	t.Helper()
	address, secret, _ := strings.Cut(link, "/setup#")
	signIn(t, address+"/api/setup", map[string]string{"token": secret, "place_name": "Birch Lane", "username": "nora", "display_name": "Nora", "password": password, "transport": "body"})
}

// signIn asks for an access token.
func signIn(t *testing.T, url string, request map[string]string) (token string) {
	t.Helper()
	body, err := json.Marshal(request)
	check(t, err)
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	check(t, err)
	defer res.Body.Close()
	var in struct {
		AccessToken string `json:"access_token"`
	}
	check(t, json.NewDecoder(res.Body).Decode(&in))
	if in.AccessToken == "" {
		t.Fatalf("%s: %d", url, res.StatusCode)
	}
	return in.AccessToken
}

func TestTheConsoleLooksAfterAccountsBesideARunningPlace(t *testing.T) {
	dir := t.TempDir()
	link, errs, stop := startPlace(t, dir)
	settle(t, link)
	status, out, said := run(t, "user", "list", "--data", dir)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); status != 0 || len(lines) != 2 || !strings.HasPrefix(lines[0], "SIGN-IN NAME") ||
		!strings.Contains(lines[1], "nora") || !strings.Contains(lines[1], "admin") || !strings.Contains(lines[1], "active") {
		t.Errorf("list: %d %q %q", status, out, said)
	}
	if status, out, said := run(t, "user", "unlock", "nora", "--data", dir); status != 0 || out != "nora can sign in again.\n" || said != "" {
		t.Errorf("unlock: %d %q %q", status, out, said)
	}
	if status, out, said := run(t, "user", "admin", "nora", "--data", dir); status != 0 || out != "nora is an admin of this place already.\n" {
		t.Errorf("admin: %d %q %q", status, out, said)
	}
	for _, args := range [][]string{{"user", "reset", "nora", "--data", dir}, {"user", "reset", "--two-step", "nora", "--data", dir}, {"user", "reset", "nora", "--data", dir, "--two-step"}} {
		status, out, said := run(t, args...)
		token := resetLink.FindString(out)
		if status != 0 || token == "" || !strings.Contains(out, "▀") || strings.Contains(out, "two-step") != (len(args) == 6) {
			t.Errorf("%v: %d %q %q", args, status, out, said)
		}
		if token != "" && strings.Contains(said+errs.String(), token[strings.Index(token, "#")+1:]) {
			t.Error("the token is in a log")
		}
	}
	if status := stop(); status != 0 {
		t.Errorf("the place ended with %d: %s", status, errs)
	}
}

func TestTheConsoleSaysWhyItCannot(t *testing.T) {
	dir := t.TempDir()
	link, _, stop := startPlace(t, dir)
	settle(t, link)
	stop()
	check(t, os.Rename(filepath.Join(dir, "secrets"), filepath.Join(dir, "mislaid")))
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"user"}, exitUsage, "say what to do"},
		{[]string{"user", "dance"}, exitUsage, `"dance"`},
		{[]string{"user", "admin"}, exitUsage, "chatalot user admin NAME"},
		{[]string{"user", "reset", "--data", dir}, exitUsage, "name the account"},
		{[]string{"user", "unlock", "nora", "--two-step", "--data", dir}, exitUsage, "two-step"},
		{[]string{"user", "admin", "nora", "tomas", "--data", dir}, exitUsage, `"tomas"`},
		{[]string{"user", "list", "nora"}, exitUsage, `"nora"`},
		{[]string{"user", "list", "--data", t.TempDir()}, exitMissing, "chatalot serve"},
		{[]string{"user", "admin", "tomas", "--data", dir}, exitNoAccount, `"tomas"`},
		{[]string{"user", "reset", "Nicht So!", "--data", dir}, exitNoAccount, "sign-in name"},
		{[]string{"user", "unlock", "nora", "--data", dir}, exitKeyMissing, "jwt_private.pem"},
	} {
		status, out, errs := run(t, c.args...)
		if status != c.status || !strings.Contains(errs, c.says) || strings.Count(strings.TrimSpace(errs), "\n") > 0 || out != "" {
			t.Errorf("%v: status %d, want %d; said %q %q, want …%s…", c.args, status, c.status, errs, out, c.says)
		}
	}
}

func TestTheSettingsAdminAndTheDaysOfTheAuditLogAreHeeded(t *testing.T) {
	dir := t.TempDir()
	link, _, stop := startPlace(t, dir, "--config", settingsFile(t, `registration = "open"`))
	settle(t, link)
	address := link[:strings.Index(link, "/setup#")]
	signIn(t, address+"/api/auth/register", map[string]string{"username": "tomas", "display_name": "Tomas", "password": password, "transport": "body"})
	stop()

	p, out, errs := program(t, "serve", "--data", dir, "--listen", "127.0.0.1:0", "--config", settingsFile(t, "audit_days = 7\nadmin_username = \"tomas\""))
	ctx, cancel := context.WithCancel(t.Context())
	status := make(chan int, 1)
	go func() { status <- Run(ctx, p) }()
	defer func() { cancel(); <-status }()
	for placeAddress.FindStringSubmatch(out.String()) == nil {
		<-out.news
	}
	address = placeAddress.FindStringSubmatch(out.String())[1]
	req, err := http.NewRequest("GET", address+"/api/admin/audit", nil)
	check(t, err)
	req.Header.Set("Authorization", "Bearer "+signIn(t, address+"/api/auth/login", map[string]string{"username": "tomas", "password": password, "transport": "body"}))
	res, err := http.DefaultClient.Do(req)
	check(t, err)
	defer res.Body.Close()
	var page struct {
		Days int `json:"days"`
	}
	check(t, json.NewDecoder(res.Body).Decode(&page))
	if res.StatusCode != 200 || page.Days != 7 {
		t.Errorf("%d %+v", res.StatusCode, page)
	}
	if strings.Contains(errs.String(), "tomas") || !strings.Contains(errs.String(), "admin_username") {
		t.Errorf("the log says %s", errs)
	}
}

var placeAddress = regexp.MustCompile(`Your place is at (http://\S+)`)

func settingsFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "chatalot.toml")
	check(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}
