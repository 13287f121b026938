package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatalot/app/config"
	"chatalot/app/store"
	"chatalot/app/wire"
)

func demand(t *testing.T, name string, v verdict, want wire.Grade, says string) {
	t.Helper()
	if v.grade != want || !strings.Contains(v.evidence, says) || (v.fix == "") != (want == wire.Pass) {
		t.Errorf("%s: %s %q (fix %q), want %s …%s…", name, v.grade, v.evidence, v.fix, want, says)
	}
}

func TestTheWriteAheadLogIsJudged(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name    string
		files   store.Files
		running bool
		want    wire.Grade
	}{
		{"small", store.Files{WALSize: 1 << 20, Waiting: 4096, Written: now}, true, wire.Pass},
		{"none", store.Files{Waiting: -1}, false, wire.Pass},
		{"big", store.Files{WALSize: 65 << 20, Written: now}, true, wire.Warn},
		{"huge", store.Files{WALSize: 600 << 20, Written: now}, true, wire.Bad},
		{"left over", store.Files{WALSize: 4096, Written: now}, false, wire.Warn},
		{"overdue", store.Files{WALSize: 4096, Waiting: 4096, Written: now.Add(-time.Hour)}, true, wire.Warn},
		{"old but written back", store.Files{WALSize: 4096, Written: now.Add(-time.Hour)}, true, wire.Pass},
	} {
		demand(t, c.name, judgeLog(c.files, c.running, now), c.want, "")
	}
}

func TestTheEngineIsJudged(t *testing.T) {
	good := store.Engine{JournalMode: "wal", Synchronous: 2, SecureDelete: 1, ForeignKeys: 1, CellSizeCheck: 1, SQLite: "3.99"}
	demand(t, "good", judgeEngine(good, true), wire.Pass, "FULL")
	demand(t, "no WAL", judgeEngine(good, false), wire.Bad, "WAL")
	for says, change := range map[string]func(*store.Engine){
		"synchronous": func(e *store.Engine) { e.Synchronous = 1 }, "secure_delete": func(e *store.Engine) { e.SecureDelete = 0 },
		"foreign keys": func(e *store.Engine) { e.ForeignKeys = 0 }, "schema": func(e *store.Engine) { e.TrustedSchema = 1 },
		"pages": func(e *store.Engine) { e.CellSizeCheck = 0 },
	} {
		bad := good
		change(&bad)
		demand(t, says, judgeEngine(bad, true), wire.Bad, says)
	}
}

func TestProxiesAreJudged(t *testing.T) {
	for _, c := range []struct {
		trusted       []string
		secure, local bool
		want          wire.Grade
	}{
		{[]string{"127.0.0.0/8", "::1/128"}, true, true, wire.Pass},
		{[]string{"127.0.0.0/8"}, false, true, wire.Pass},
		{[]string{"10.0.0.0/8"}, true, false, wire.Pass},
		{[]string{"104.16.0.0/13", "127.0.0.0/8"}, true, true, wire.Pass},
		{[]string{"::/0"}, true, true, wire.Bad},
		{[]string{"8.0.0.0/7", "127.0.0.0/8"}, true, true, wire.Warn},
		{nil, true, true, wire.Warn},
		{[]string{"10.0.0.0/8"}, true, true, wire.Warn},
	} {
		demand(t, strings.Join(c.trusted, " "), judgeProxies(c.trusted, c.secure, c.local), c.want, "")
	}
}

func TestAFirewallIsRecognised(t *testing.T) {
	for text, want := range map[string]bool{
		"table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n":                               true,
		"table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tcounter packets 5 drop\n\t}\n}\n": true,
		"table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n":                             false,
		"table inet filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n":                           false,
		"-P INPUT DROP\n": true,
		"-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n":             false,
		"-P INPUT ACCEPT\n-A INPUT -j DROP\n":                     true,
		"-P INPUT ACCEPT\n-A INPUT -j ufw-before-logging-input\n": true,
		"": false,
	} {
		if filters(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

func TestKnownWeaknessesAreFoundByVersion(t *testing.T) {
	list := "# words\ndate 2026-01-02\nstdlib v1.26.9 X-1\nexample.org/a v1.2.0 X-2\n"
	for _, c := range []struct {
		goVersion, a string
		want         int
	}{
		{"go1.26.9", "v1.2.0", 0}, {"go1.26.10", "v1.10.0", 0}, {"go1.26.8", "v1.2.0", 1}, {"go1.26.8 X:rangefunc", "v1.1.9", 2},
		{"go1.27rc1", "v1.2.0", 0}, {"devel go1.28", "(devel)", 0}, {"go1.26.9", "v1.1.0-20200101000000-abcdef123456", 1}, {"go1.26.9", "", 0},
	} {
		date, bad := knownBad(list, c.goVersion, map[string]string{"example.org/a": c.a})
		if len(bad) != c.want || date != "2026-01-02" {
			t.Errorf("%+v: %v (%s)", c, bad, date)
		}
	}
	if date, _ := knownBad(vulnerable, "", nil); date < "2026-11-23" {
		t.Errorf("the list that is built in says %q", date)
	}
}

func TestAClockBeforeTheBuildFails(t *testing.T) {
	now := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	m := Machine{Root: t.TempDir(), Synchronised: func() (bool, error) { return true, nil }}
	p := &patient{Subject: Subject{Now: func() time.Time { return now }, Built: time.Now(), Machine: m}}
	demand(t, "1970", clock(t.Context(), p), wire.Bad, "1970-01-01")
	p.Machine.Synchronised = func() (bool, error) { return false, errors.New("not permitted") }
	p.Built = now
	demand(t, "not told", clock(t.Context(), p), wire.Warn, "does not tell")
}

// TestACheckThatHangsOrBreaksIsAFinding examines with a check that never ends and one that panics.
func TestACheckThatHangsOrBreaksIsAFinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		v := check{run: func(context.Context, *patient) verdict { <-release; return pass("late") }}.examine(t.Context(), nil)
		demand(t, "hanging", v, wire.Warn, "could not be seen within 10s")
		close(release)
		v = check{run: func(context.Context, *patient) verdict { panic("oops") }}.examine(t.Context(), nil)
		demand(t, "broken", v, wire.Warn, "oops")
	})
}

// served is a proxy's TLS server with a certificate for host that is good for the given time.
func served(t *testing.T, host string, from, to time.Time, next http.Handler) (address string, trust *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(next)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trust = x509.NewCertPool()
	trust.AddCert(parsed)
	return s.Listener.Addr().String(), trust
}

func public(t *testing.T, address string, trust *x509.CertPool) *patient {
	t.Helper()
	origin, err := url.Parse("https://chat.example.org:8443")
	if err != nil {
		t.Fatal(err)
	}
	return &patient{origin: origin, running: true, Subject: Subject{Now: time.Now, Config: config.Default(), Machine: Machine{Trust: trust,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8::5")}, nil
		},
		Dial: func(ctx context.Context, network, to string) (net.Conn, error) {
			if address == "" || strings.HasPrefix(to, "[") {
				return nil, errors.New("no route")
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}}}
}

func TestTheCertificateIsJudgedByARealHandshake(t *testing.T) {
	now, ok := time.Now(), http.NotFoundHandler()
	day := 24 * time.Hour
	for _, c := range []struct {
		name, host string
		from, to   time.Time
		trusted    bool
		want       wire.Grade
		says       string
	}{
		{"good", "chat.example.org", now.Add(-day), now.Add(40 * day), true, wire.Pass, "another 39 days"},
		{"near its end", "chat.example.org", now.Add(-80 * day), now.Add(5 * day), true, wire.Warn, "should have been renewed"},
		{"of six days", "chat.example.org", now.Add(-3 * day), now.Add(3 * day), true, wire.Pass, ""},
		{"over", "chat.example.org", now.Add(-80 * day), now.Add(-day), true, wire.Bad, "expired"},
		{"of another name", "other.example.org", now.Add(-day), now.Add(40 * day), true, wire.Bad, "other.example.org"},
		{"of nobody's authority", "chat.example.org", now.Add(-day), now.Add(40 * day), false, wire.Bad, "not good"},
	} {
		address, trust := served(t, c.host, c.from, c.to, ok)
		if !c.trusted {
			trust = x509.NewCertPool()
		}
		demand(t, c.name, certificate(t.Context(), public(t, address, trust)), c.want, c.says)
	}
	demand(t, "nobody there", certificate(t.Context(), public(t, "", nil)), wire.Warn, "Nobody answers")
}

func TestADeadAddressRecordIsFound(t *testing.T) {
	own := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"name":"Birch Lane"}`)) })
	address, trust := served(t, "chat.example.org", time.Now().Add(-time.Hour), time.Now().Add(time.Hour), own)
	p := public(t, address, trust)
	p.door = &door{&http.Client{Transport: inside{own}}, "http://chat.example.org", "chat.example.org"}
	demand(t, "dead AAAA", dns(t.Context(), p), wire.Bad, "AAAA")
	p.Machine.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("203.0.113.5")}, nil
	}
	demand(t, "one that leads here", dns(t.Context(), p), wire.Pass, "lead here")
	p.door.client.Transport = inside{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("another place")) })}
	demand(t, "somebody else's", dns(t.Context(), p), wire.Warn, "None of the 1")
	p.Machine.Resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
	demand(t, "no name", dns(t.Context(), p), wire.Bad, "leads nowhere")
}

func TestAWholeDomainIsWarnedOf(t *testing.T) {
	for host, want := range map[string]wire.Grade{"https://example.org": wire.Warn, "https://example.co.uk": wire.Warn, "https://chat.example.org": wire.Pass, "http://localhost:8080": wire.Pass} {
		origin, err := url.Parse(host)
		if err != nil {
			t.Fatal(err)
		}
		demand(t, host, subdomains(t.Context(), &patient{origin: origin}), want, "")
	}
}

func TestTheDirectPortOpenToTheNetworkIsWarnedOf(t *testing.T) {
	p := &patient{Subject: Subject{Config: config.Config{Listen: "0.0.0.0:8080"}}}
	demand(t, "open", p.judgeListeners([]listener{{"tcp", netip.MustParseAddrPort("0.0.0.0:8080"), "1"}}), wire.Warn, "8080")
	demand(t, "another", p.judgeListeners([]listener{{"udp", netip.MustParseAddrPort("0.0.0.0:3478"), "1"}}), wire.Bad, "3478")
	demand(t, "asked with other settings", p.judgeListeners([]listener{{"tcp", netip.MustParseAddrPort("127.0.0.1:9999"), "1"}}), wire.Warn, "9999")
	demand(t, "none", p.judgeListeners(nil), wire.Warn, "not seen")
}

func FuzzProcAddress(f *testing.F) {
	f.Add("0100007F:1F90")
	f.Add("00000000000000000000000001000000:0016")
	f.Fuzz(func(t *testing.T, text string) {
		if a, ok := procAddress(text); ok && !a.IsValid() {
			t.Errorf("%q was read as %v", text, a)
		}
	})
}

func TestProcAddressesAreRead(t *testing.T) {
	for text, want := range map[string]string{"0100007F:1F90": "127.0.0.1:8080", "00000000000000000000000001000000:0016": "[::1]:22", "0000000000000000FFFF00000100007F:1538": "127.0.0.1:5432"} {
		if a, ok := procAddress(text); !ok || a.String() != want {
			t.Errorf("%s: %v", text, a)
		}
	}
}
