package apptest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"

	"chatalot/app/apptest"
	"chatalot/app/config"
	"chatalot/app/server"
	"chatalot/app/wire"
)

const publicName = "chat.example.org"

// front is a place behind a real nginx that was given the snippet we ship.
type front struct {
	t       *testing.T
	https   string // where nginx listens
	http    string
	roots   *x509.CertPool
	setup   string
	log     lockedLog
	clients map[string]*http.Client
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// behindNginx serves a place with the settings of the deployment guide, changed by edit, and nginx in front of it. This machine's other loopback
// addresses stand for people's, so only the proxy's own is trusted.
func behindNginx(t *testing.T, edit func(*config.Config)) *front {
	t.Helper()
	f := &front{t: t, https: freePort(t), http: freePort(t), clients: map[string]*http.Client{}}
	c := config.Default()
	c.Data, c.Listen, c.PublicURL = filepath.Join(t.TempDir(), "data"), freePort(t), "https://"+publicName
	c.TrustedProxies = []string{"127.0.0.1/32"}
	edit(&c)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- server.Serve(ctx, server.Options{Config: c, Schema: apptest.Schema(t), Version: "test", Log: slog.New(slog.DiscardHandler),
			Assets: fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}, Ready: func(_, link string) { ready <- link }})
	}()
	t.Cleanup(func() {
		cancel()
		must(t, <-ended)
	})
	select {
	case f.setup = <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	f.startNginx(c.Listen)
	return f
}

// startNginx runs nginx as nobody in particular, with the shipped file in which only names were put in.
func (f *front) startNginx(place string) {
	t := f.t
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // where Debian keeps it, outside the path of ordinary people
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal("nginx is not installed: run make tools first")
	}
	dir, err := os.MkdirTemp("", "nginx") // not t.TempDir: whoever nginx runs as must get in
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	f.certify(dir)
	shipped, err := os.ReadFile("../../assets/deploy/nginx.conf")
	must(t, err)
	site := strings.NewReplacer("listen 80;", "listen "+f.http+";", "listen 443 ssl http2;", "listen "+f.https+" ssl http2;",
		"/etc/letsencrypt/live/"+publicName, dir, "127.0.0.1:8080", place).Replace(string(shipped))
	site = regexp.MustCompile(`(?m)^ *listen \[::\].*\n`).ReplaceAllString(site, "")
	main := "daemon off; worker_processes 1; pid " + dir + "/pid; error_log stderr warn;\nevents { worker_connections 512; }\nhttp { access_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += kind + "_temp_path " + dir + "/" + kind + ";\n"
	}
	must(t, os.WriteFile(dir+"/nginx.conf", []byte(main+site+"}\n"), 0o644))
	cmd := exec.Command(path, "-e", "stderr", "-p", dir, "-c", dir+"/nginx.conf")
	cmd.Stderr = &f.log
	if os.Geteuid() == 0 {
		const nobody = 65534
		must(t, filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(p, nobody, nobody)
		}))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Log(f.log.String())
		}
	})
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", f.https); err == nil {
			c.Close()
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("nginx did not start:\n%s", f.log.String())
		}
	}
}

// certify makes a certificate for the public name, as an authority would have.
func (f *front) certify(dir string) {
	t := f.t
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{publicName}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(dir+"/fullchain.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	must(t, os.WriteFile(dir+"/privkey.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	made, err := x509.ParseCertificate(der)
	must(t, err)
	f.roots = x509.NewCertPool()
	f.roots.AddCert(made)
}

// from is the browser of somebody at that address. It finds nginx under the public name.
func (f *front) from(address string) *http.Client {
	if f.clients[address] == nil {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		f.clients[address] = &http.Client{
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.roots}, DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
				if strings.HasSuffix(to, ":80") {
					return dialer.DialContext(ctx, network, f.http)
				}
				return dialer.DialContext(ctx, network, f.https)
			}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		f.t.Cleanup(f.clients[address].CloseIdleConnections)
	}
	return f.clients[address]
}

func (f *front) ask(address, method, path, body string, headers ...string) (*http.Response, wire.ErrorReply) {
	f.t.Helper()
	target := path
	if !strings.HasPrefix(path, "http://") {
		target = "https://" + publicName + path
	}
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	must(f.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := f.from(address).Do(req)
	must(f.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(f.t, err)
	var refusal wire.ErrorReply
	if res.StatusCode >= 400 {
		if err := json.Unmarshal(text, &refusal); err != nil || refusal.Error == nil {
			f.t.Fatalf("%s %s: %d without the protocol's error: %s", method, path, res.StatusCode, text)
		}
	}
	return res, refusal
}

// burst asks so often at once and counts what was let through; every refusal says when to come again.
func (f *front) burst(n int, address, method, path, body string, headers ...string) (through int) {
	f.t.Helper()
	for range n {
		res, refusal := f.ask(address, method, path, body, headers...)
		switch {
		case res.StatusCode != http.StatusTooManyRequests:
			through++
		case refusal.Error.Code != wire.TooMany || refusal.Error.RetryAfter < 1 || res.Header.Get("Retry-After") == "":
			f.t.Fatalf("refused with %+v %v", refusal.Error, res.Header)
		}
	}
	return through
}

func TestBehindNginxEverybodyHasTheirOwnLimit(t *testing.T) {
	f := behindNginx(t, func(c *config.Config) { c.RateAPI = "0.01/5" }) // far below nginx's own, so that it is the place that counts
	if got := f.burst(8, "127.0.0.2", "GET", "/api/health", ""); got != 5 {
		t.Errorf("one person got %d answers, want 5", got)
	}
	if got := f.burst(8, "127.0.0.3", "GET", "/api/health", ""); got != 5 {
		t.Errorf("another got %d answers, want 5", got)
	}
	if got := f.burst(3, "127.0.0.2", "GET", "/api/health", "", "X-Forwarded-For", "9.9.9.9"); got != 0 {
		t.Errorf("with a made-up address the first got %d more", got)
	}
	if got := f.burst(3, "127.0.0.2", "GET", "/api/health", "", "CF-Connecting-IP", "9.9.9.9"); got != 0 {
		t.Errorf("with a header that is not configured the first got %d more", got)
	}
}

func TestBehindCloudflareAndNginxTheOtherHeaderCounts(t *testing.T) {
	f := behindNginx(t, func(c *config.Config) { c.RateAPI, c.IPHeader = "0.01/5", "cf-connecting-ip" })
	for _, person := range []string{"203.0.113.7", "2001:db8::7"} {
		if got := f.burst(8, "127.0.0.2", "GET", "/api/health", "", "CF-Connecting-IP", person); got != 5 {
			t.Errorf("%s got %d answers, want 5", person, got)
		}
	}
	if got := f.burst(3, "127.0.0.2", "GET", "/api/health", "", "CF-Connecting-IP", "203.0.113.7", "X-Forwarded-For", "9.9.9.9"); got != 0 {
		t.Errorf("with a made-up X-Forwarded-For the first got %d more", got)
	}
}

// The page's numbers in nginx itself: 50 and 10 at once beside the one that is under way, for each address.
func TestNginxLimitsByItselfAndSaysSoAsThePlaceWould(t *testing.T) {
	f := behindNginx(t, apptest.Hurry)
	began := time.Now()
	for _, c := range []struct {
		address, method, path, body string
		most, perSecond             int
	}{
		{"127.0.0.4", "GET", "/api/health", "", 51, 20},
		{"127.0.0.5", "POST", "/api/auth/refresh", `{"transport":"body"}`, 11, 5},
		{"127.0.0.6", "POST", "/api/setup", `{}`, 11, 5},
		{"127.0.0.7", "GET", "/api/health", "", 51, 20},
	} {
		got := f.burst(90, c.address, c.method, c.path, c.body)
		if slack := int(time.Since(began).Seconds()+1) * c.perSecond; got < c.most || got > c.most+slack {
			t.Errorf("%s let %d through, want %d and what came meanwhile", c.path, got, c.most)
		}
	}
	res, _ := f.ask("127.0.0.4", "GET", "/", "")
	if res.StatusCode != http.StatusOK {
		t.Errorf("the web app itself: %d", res.StatusCode)
	}
}

func TestNginxPassesTheHeadersOnAsTheyAre(t *testing.T) {
	f := behindNginx(t, func(*config.Config) {})
	for _, path := range []string{"/", "/api/health", "/api/nothing", "/api/me"} {
		res, _ := f.ask("127.0.0.2", "GET", path, "")
		for name, want := range map[string]string{
			"Strict-Transport-Security": "max-age=31536000; includeSubDomains", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"X-Xss-Protection": "1; mode=block", "Referrer-Policy": "strict-origin-when-cross-origin",
			"Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
		} {
			if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if csp := res.Header.Values("Content-Security-Policy"); len(csp) != 1 || !strings.Contains(csp[0], "connect-src 'self' wss://"+publicName+";") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if server := res.Header.Get("Server"); server != "nginx" {
			t.Errorf("%s: tells of %q", path, server)
		}
	}
	res, _ := f.ask("127.0.0.2", "GET", "http://"+publicName+"/c/x?y=1", "")
	if res.StatusCode != http.StatusPermanentRedirect || res.Header.Get("Location") != "https://"+publicName+"/c/x?y=1" {
		t.Errorf("http: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestSocketsGoThroughNginx(t *testing.T) {
	f := behindNginx(t, func(*config.Config) {})
	link, err := url.Parse(f.setup)
	must(t, err)
	body, err := json.Marshal(wire.SetupRequest{Token: link.Fragment, PlaceName: "Birch Lane", Username: "nora", DisplayName: "Nora", Password: apptest.Password, Transport: wire.ByBody})
	must(t, err)
	req, err := http.NewRequest("POST", "https://"+publicName+"/api/setup", bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := f.from("127.0.0.2").Do(req)
	must(t, err)
	defer res.Body.Close()
	in := wire.SignedIn{}
	must(t, json.NewDecoder(res.Body).Decode(&in))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "wss://"+publicName+"/api/events",
		&websocket.DialOptions{HTTPClient: f.from("127.0.0.2"), HTTPHeader: http.Header{"Origin": {"https://" + publicName}}})
	must(t, err)
	defer conn.CloseNow()
	auth, err := json.Marshal(wire.AuthFrame{T: "auth", Token: in.AccessToken})
	must(t, err)
	must(t, conn.Write(ctx, websocket.MessageText, auth))
	_, frame, err := conn.Read(ctx)
	must(t, err)
	ready := wire.Frame{}
	must(t, json.Unmarshal(frame, &ready))
	if ready.T != "ready" || *ready.UserID != in.User.ID {
		t.Errorf("got %s", frame)
	}
	if _, res, err := websocket.Dial(ctx, "wss://"+publicName+"/api/events",
		&websocket.DialOptions{HTTPClient: f.from("127.0.0.2"), HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}); err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("another site's socket: %v %v", res, err)
	}
}

// The unit keeps the service in a narrow room: systemd's own measure says so.
func TestTheServiceUnitIsHardened(t *testing.T) {
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("this machine has no systemd-analyze")
	}
	unit, err := filepath.Abs("../../assets/deploy/chatalot.service")
	must(t, err)
	if out, err := exec.Command(path, "security", "--offline=yes", "--threshold=16", "--no-pager", unit).CombinedOutput(); err != nil {
		t.Errorf("more exposed than 1.6: %v\n%s", err, out)
	}
}
