package doctor_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatalot/app/apptest"
	"chatalot/app/config"
	"chatalot/app/doctor"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// body is a place that is in order in every respect, with all of its machine that a test may spoil.
type body struct {
	doctor.Subject
	place *apptest.Place
	root  string // the machine's /proc and /etc
}

// sql changes the database beside the running place.
func (b *body) sql(t *testing.T, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.place.Data, "chatalot.db")+"?_busy_timeout=5000")
	apptest.Must(t, err)
	defer db.Close()
	_, err = db.Exec(query)
	apptest.Must(t, err)
}

func (b *body) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(b.root, path)
	apptest.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	apptest.Must(t, os.WriteFile(path, []byte(text), 0o644))
}

func (b *body) chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	apptest.Must(t, os.Chmod(filepath.Join(b.place.Data, name), mode))
}

// socket is a line of /proc/net/tcp about somebody who listens.
func socket(inode int, address string) string {
	return fmt.Sprintf("   0: %s 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 %d 1\n", address, inode)
}

func healthy(t *testing.T) *body {
	t.Helper()
	p := apptest.Run(t)
	p.SetUp(t, "")
	b := &body{place: p, root: t.TempDir()}
	b.sql(t, "INSERT INTO totp (user_id, sealed, confirmed_at) SELECT id, x'00', 1 FROM user WHERE role = 'admin'")
	b.copied(t, func(*doctor.CopyRecord) {})

	pid := fmt.Sprintf("proc/%d/", os.Getpid())
	at, err := url.Parse(p.URL)
	apptest.Must(t, err)
	var port int
	fmt.Sscan(at.Port(), &port)
	b.write(t, pid+"net/tcp", "sl local rem st\n"+socket(7, fmt.Sprintf("0100007F:%04X", port)))
	b.write(t, pid+"limits", "Max open files            20000                20000                files\n")
	b.write(t, pid+"status", "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n")
	b.write(t, pid+"cgroup", "0::/system.slice/chatalot.service\n")
	apptest.Must(t, os.MkdirAll(filepath.Join(b.root, pid, "fd"), 0o755))
	apptest.Must(t, os.Symlink("socket:[7]", filepath.Join(b.root, pid, "fd/3")))
	b.write(t, "proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 2000000 kB\n")

	c := config.Default()
	c.Listen, c.Data = "127.0.0.1:0", p.Data
	proxy := httputil.NewSingleHostReverseProxy(at)
	b.Subject = doctor.Subject{
		Config: c, Version: "test", Built: time.Now().Add(-time.Hour), Now: time.Now, Handler: proxy,
		Machine: doctor.Machine{
			Root: b.root, Go: "go1.99.0", Modules: map[string]string{}, Dial: (&net.Dialer{}).DialContext,
			Resolve: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			},
			Space:        func(string) (doctor.Space, error) { return doctor.Space{Free: 50 << 30, Total: 100 << 30}, nil },
			Synchronised: func() (bool, error) { return true, nil },
			Rules:        func(context.Context) (string, error) { return "-P INPUT DROP\n", nil },
		},
	}
	return b
}

// copied leaves a copy and its record as the place does at night.
func (b *body) copied(t *testing.T, change func(*doctor.CopyRecord)) {
	t.Helper()
	dir := filepath.Join(b.place.Data, doctor.CopiesDir)
	apptest.Must(t, os.MkdirAll(dir, 0o700))
	content := []byte("a copy")
	sum := sha256.Sum256(content)
	now := time.Now()
	last := doctor.CopyRecord{At: now, File: "chatalot-20261123-0300.db", Taken: now.Add(-5 * time.Hour), Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Rows: 9, Restored: now.Add(-5 * time.Hour)}
	apptest.Must(t, os.WriteFile(filepath.Join(dir, last.File), content, 0o600))
	change(&last)
	text, err := json.Marshal(last)
	apptest.Must(t, err)
	apptest.Must(t, os.WriteFile(filepath.Join(dir, doctor.RecordFile), text, 0o600))
}

// findings are what did not pass, as "D3 fail".
func findings(up wire.Checkup) (wrong []string) {
	for _, f := range up.Findings {
		if f.Grade != wire.Pass {
			wrong = append(wrong, f.ID+" "+string(f.Grade))
		}
	}
	return wrong
}

func TestAPlaceInOrderPassesEveryLine(t *testing.T) {
	b := healthy(t)
	up := doctor.Examine(t.Context(), b.Subject)
	if len(up.Findings) != 25 || up.Grade != wire.Pass || doctor.Status(up) != 0 || up.Version != "test" || up.At == 0 {
		t.Errorf("%d findings, %s, status %d", len(up.Findings), up.Grade, doctor.Status(up))
	}
	for i, f := range up.Findings {
		if f.ID != fmt.Sprintf("D%d", i+1) || f.Title == "" || f.Why == "" || f.Evidence == "" || f.Fix != "" {
			t.Errorf("%+v", f)
		}
		if f.Grade != wire.Pass {
			t.Errorf("%s %s: %s", f.ID, f.Grade, f.Evidence)
		}
	}
}

// TestEachFaultIsFoundByItsOwnLine makes a place bad in one respect at a time: exactly that line must say so.
func TestEachFaultIsFoundByItsOwnLine(t *testing.T) {
	handler := func(change func(http.ResponseWriter, *http.Request, http.Handler)) func(*testing.T, *body) {
		return func(_ *testing.T, b *body) {
			next := b.Handler
			b.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { change(w, r, next) })
		}
	}
	pid := fmt.Sprintf("proc/%d/", os.Getpid())
	for name, c := range map[string]struct {
		spoil func(*testing.T, *body)
		want  string
	}{
		"private key readable":   {func(t *testing.T, b *body) { b.chmod(t, "secrets/jwt_private.pem", 0o644) }, "D3 fail"},
		"public key writable":    {func(t *testing.T, b *body) { b.chmod(t, "secrets/jwt_public.pem", 0o666) }, "D3 fail"},
		"secrets directory open": {func(t *testing.T, b *body) { b.chmod(t, "secrets", 0o755) }, "D3 fail"},
		"key of another pair":    {func(t *testing.T, b *body) { b.otherPublicKey(t) }, "D2 fail"},
		"published key":          {func(t *testing.T, b *body) { b.publishedKey(t) }, "D2 fail"},
		"settings readable":      {func(t *testing.T, b *body) { b.settings(t, 0o644) }, "D4 fail"},
		"settings wrong":         {func(t *testing.T, b *body) { b.Fault = errors.New("place.toml line 1: colour: there is no such key") }, "D4 fail"},
		"data directory open":    {func(t *testing.T, b *body) { b.chmod(t, ".", 0o755) }, "D5 fail"},
		"database readable":      {func(t *testing.T, b *body) { b.chmod(t, "chatalot.db", 0o640) }, "D5 fail"},
		"network file system":    {func(_ *testing.T, b *body) { b.space(doctor.Space{Free: 5 << 40, Total: 9 << 40, Type: 0x6969}) }, "D5 fail"},
		"two-step key readable":  {func(t *testing.T, b *body) { b.chmod(t, "secrets/totp.key", 0o644) }, "D6 fail"},
		"two-step key typed":     {func(t *testing.T, b *body) { b.totp(t, "0123456789abcdef0123456789abcdef") }, "D6 fail"},
		"two-step key short":     {func(t *testing.T, b *body) { b.totp(t, "short") }, "D6 fail"},
		"two-step key another": {func(t *testing.T, b *body) {
			b.totp(t, "8f1c5b60d4a3927e0b6dd2f4913c7ae5508e1fb2c9476a3d20e5f7189b4cd063\n")
		}, "D6 fail"},
		"two-step key lost":        {func(t *testing.T, b *body) { b.loseTOTP(t) }, "D6 fail"},
		"second port":              {func(t *testing.T, b *body) { b.listens(t, "0100007F:1F91", 7) }, "D7 fail"},
		"open to the network":      {func(t *testing.T, b *body) { b.listens(t, "00000000:%04X", 7) }, "D7 fail"},
		"PostgreSQL offered":       {func(t *testing.T, b *body) { b.listens(t, "00000000:1538", 8) }, "D7 fail"},
		"open registration":        {func(t *testing.T, b *body) { b.sql(t, "UPDATE place SET registration = 'open'") }, "D8 fail"},
		"no admin":                 {func(t *testing.T, b *body) { b.sql(t, "UPDATE user SET role = 'member'") }, "D9 fail"},
		"admin suspended":          {func(t *testing.T, b *body) { b.sql(t, "UPDATE user SET state = 'suspended'") }, "D9 fail"},
		"admin by password alone":  {func(t *testing.T, b *body) { b.sql(t, "UPDATE totp SET confirmed_at = NULL") }, "D9 warn"},
		"no firewall":              {func(_ *testing.T, b *body) { b.rules("-P INPUT ACCEPT\n", nil) }, "D10 warn"},
		"no right to see firewall": {func(_ *testing.T, b *body) { b.rules("", errors.New("no")) }, "D10 warn"},
		"copies off":               {func(_ *testing.T, b *body) { b.Config.BackupKeep = 0 }, "D11 warn"},
		"copies late":              {func(t *testing.T, b *body) { b.copied(t, aged(60*time.Hour)) }, "D11 warn"},
		"copies old":               {func(t *testing.T, b *body) { b.copied(t, aged(300*time.Hour)) }, "D11 fail"},
		"copy not restored":        {func(t *testing.T, b *body) { b.copied(t, func(r *doctor.CopyRecord) { r.Restored = time.Time{} }) }, "D11 fail"},
		"copy failed":              {func(t *testing.T, b *body) { b.copied(t, func(r *doctor.CopyRecord) { r.Trouble = "No room." }) }, "D11 warn"},
		"copy rotten": {func(t *testing.T, b *body) {
			b.copied(t, func(r *doctor.CopyRecord) { r.SHA256 = strings.Repeat("0", 64) })
		}, "D11 fail"},
		"copy gone":        {func(t *testing.T, b *body) { b.copied(t, func(r *doctor.CopyRecord) { r.File = "none.db" }) }, "D11 fail"},
		"old program":      {func(_ *testing.T, b *body) { b.Built = time.Now().Add(-100 * 24 * time.Hour) }, "D12 warn"},
		"weak Go":          {func(_ *testing.T, b *body) { b.Machine.Go = "go1.26.1 X:nodwarf5" }, "D12 warn"},
		"weak module":      {func(_ *testing.T, b *body) { b.Machine.Modules["github.com/golang-jwt/jwt/v5"] = "v5.2.1" }, "D12 warn"},
		"clock alone":      {func(_ *testing.T, b *body) { b.Machine.Synchronised = func() (bool, error) { return false, nil } }, "D13 warn"},
		"disk full":        {func(_ *testing.T, b *body) { b.space(doctor.Space{Free: 100 << 20, Total: 500 << 20}) }, "D14 fail"},
		"disk nearly full": {func(_ *testing.T, b *body) { b.space(doctor.Space{Free: 9 << 30, Total: 100 << 30}) }, "D14 warn"},
		"no inodes": {func(_ *testing.T, b *body) {
			b.space(doctor.Space{Free: 90, Total: 100, FreeInodes: 1, AllInodes: 1000})
		}, "D14 fail"},
		"engine unsafe":          {func(_ *testing.T, b *body) { b.Engine = unsafeEngine }, "D17 fail"},
		"token believed":         {handler(believer), "D18 fail"},
		"header missing":         {handler(without("X-Frame-Options")), "D19 fail"},
		"policy missing":         {handler(without("Content-Security-Policy")), "D19 fail"},
		"policy loose":           {handler(loose), "D19 fail"},
		"no limits":              {handler(boundless), "D20 fail"},
		"everybody trusted":      {func(_ *testing.T, b *body) { b.Config.TrustedProxies = []string{"0.0.0.0/0"} }, "D22 fail"},
		"half the world trusted": {func(_ *testing.T, b *body) { b.Config.TrustedProxies = []string{"64.0.0.0/3"} }, "D22 warn"},
		"few files":              {func(t *testing.T, b *body) { b.write(t, pid+"limits", "Max open files            512  512 files\n") }, "D23 warn"},
		"hardly any files":       {func(t *testing.T, b *body) { b.write(t, pid+"limits", "Max open files            64  64 files\n") }, "D23 fail"},
		"no memory":              {func(t *testing.T, b *body) { b.write(t, "proc/meminfo", "MemAvailable: 20000 kB\n") }, "D23 fail"},
		"as root":                {func(t *testing.T, b *body) { b.write(t, pid+"status", "Uid:\t0\t0\t0\t0\n") }, "D24 warn"},
		"service wide open": {func(t *testing.T, b *body) {
			b.write(t, pid+"status", "Uid:\t7\t7\nCapEff:\t00000000a80425fb\nNoNewPrivs:\t0\n")
		}, "D24 warn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := healthy(t)
			c.spoil(t, b)
			up := doctor.Examine(t.Context(), b.Subject)
			if got := findings(up); !slices.Equal(got, []string{c.want}) {
				t.Fatalf("got %v, want %s", got, c.want)
			}
			for _, f := range up.Findings {
				if f.Grade != wire.Pass && (f.Fix == "" || f.Evidence == "") {
					t.Errorf("%+v tells too little", f)
				}
			}
			if want := map[bool]int{true: 2, false: 1}[strings.HasSuffix(c.want, "fail")]; doctor.Status(up) != want {
				t.Errorf("status %d, want %d", doctor.Status(up), want)
			}
		})
	}
}

func (b *body) space(s doctor.Space) {
	b.Machine.Space = func(string) (doctor.Space, error) { return s, nil }
}

func (b *body) rules(text string, err error) {
	b.Machine.Rules = func(context.Context) (string, error) { return text, err }
}

func (b *body) settings(t *testing.T, mode os.FileMode) {
	b.Settings = filepath.Join(t.TempDir(), "place.toml")
	apptest.Must(t, os.WriteFile(b.Settings, nil, mode))
}

func (b *body) totp(t *testing.T, key string) {
	apptest.Must(t, os.WriteFile(filepath.Join(b.place.Data, "secrets/totp.key"), []byte(key), 0o600))
}

func (b *body) loseTOTP(t *testing.T) {
	apptest.Must(t, os.Remove(filepath.Join(b.place.Data, "secrets/totp.key")))
}

// listens adds a socket to those of the machine: inode 7 is one of the place's.
func (b *body) listens(t *testing.T, address string, inode int) {
	if strings.Contains(address, "%") {
		at, _ := url.Parse(b.place.URL)
		var port int
		fmt.Sscan(at.Port(), &port)
		address = fmt.Sprintf(address, port)
	}
	path := filepath.Join(b.root, fmt.Sprintf("proc/%d/net/tcp", os.Getpid()))
	text, err := os.ReadFile(path)
	apptest.Must(t, err)
	apptest.Must(t, os.WriteFile(path, append(text, socket(inode, address)...), 0o644))
}

// The key pair of RFC 8410 section 10.3, and the public key of RFC 8032 TEST 1.
const (
	sampleKey    = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"
	samplePublic = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
)

func (b *body) otherPublicKey(t *testing.T) {
	apptest.Must(t, os.WriteFile(filepath.Join(b.place.Data, "secrets/jwt_public.pem"), []byte(samplePublic), 0o644))
}

func (b *body) publishedKey(t *testing.T) {
	b.otherPublicKey(t)
	apptest.Must(t, os.WriteFile(filepath.Join(b.place.Data, "secrets/jwt_private.pem"), []byte(sampleKey), 0o600))
}

func aged(d time.Duration) func(*doctor.CopyRecord) {
	return func(r *doctor.CopyRecord) { r.Taken, r.Restored = time.Now().Add(-d), time.Now().Add(-d) }
}

func unsafeEngine(context.Context) (store.Engine, error) {
	return store.Engine{JournalMode: "wal", Synchronous: 1, SecureDelete: 1, ForeignKeys: 1, CellSizeCheck: 1}, nil
}

// believer takes every token that looks like one.
func believer(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.URL.Path == "/api/me" && r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusOK)
		return
	}
	next.ServeHTTP(w, r)
}

func without(header string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		changed(w, r, next, func(h http.Header) { h.Del(header) })
	}
}

// boundless answers as a place would whose limits are gone.
func boundless(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	if next.ServeHTTP(rec, r); rec.Code == http.StatusTooManyRequests {
		rec.Code = http.StatusUnauthorized
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

func loose(w http.ResponseWriter, r *http.Request, next http.Handler) {
	changed(w, r, next, func(h http.Header) {
		h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "script-src 'self'", "script-src 'self' 'unsafe-inline'", 1))
	})
}

func changed(w http.ResponseWriter, r *http.Request, next http.Handler, change func(http.Header)) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	change(rec.Header())
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

func TestAPlaceIsExaminedFromBesideWhileItRuns(t *testing.T) {
	b := healthy(t)
	b.Handler = nil
	b.Config.Listen = strings.TrimPrefix(b.place.URL, "http://")
	before := b.place.Log()
	up := doctor.Examine(t.Context(), b.Subject)
	for _, f := range up.Findings {
		if f.Grade != wire.Pass && f.ID != "D20" { // tests raise the limits
			t.Errorf("%s %s: %s", f.ID, f.Grade, f.Evidence)
		}
	}
	for _, f := range up.Findings {
		if f.ID == "D18" && !strings.HasPrefix(f.Evidence, "6 forged tokens") {
			t.Errorf("D18 saw %s", f.Evidence)
		}
	}
	after := strings.TrimPrefix(b.place.Log(), before)
	if strings.Contains(after, `"level":"WARN"`) || strings.Contains(after, `"level":"ERROR"`) {
		t.Errorf("the examination made noise: %s", after)
	}
	apptest.Must(t, b.place.Client(t).Login(t.Context(), "nora", apptest.Password))
}

func TestAStoppedPlaceIsExaminedWithoutBeingTouched(t *testing.T) {
	p := &apptest.Place{Data: filepath.Join(t.TempDir(), "data")}
	stop := p.Serve(t)
	p.SetUp(t, "")
	stop()
	before := tree(t, p.Data)
	c := config.Default()
	c.Data, c.Listen = p.Data, "127.0.0.1:0"
	up := doctor.Examine(t.Context(), doctor.Subject{Config: c, Now: time.Now, Built: time.Now(), Machine: doctor.ThisMachine()})
	if after := tree(t, p.Data); after != before {
		t.Errorf("the directory was changed:\n%s\n%s", before, after)
	}
	got := map[string]wire.Finding{}
	for _, f := range up.Findings {
		got[f.ID] = f
	}
	for _, id := range []string{"D2", "D3", "D5", "D8", "D15", "D16", "D17"} {
		if got[id].Grade != wire.Pass {
			t.Errorf("%s %s: %s", id, got[id].Grade, got[id].Evidence)
		}
	}
	for _, id := range []string{"D18", "D19", "D20"} {
		if got[id].Grade != wire.Warn || got[id].Evidence != "The place is not running." {
			t.Errorf("%s %s: %s", id, got[id].Grade, got[id].Evidence)
		}
	}
}

// tree is every file with its size and time.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	apptest.Must(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&all, path, info.Size(), info.Mode(), info.ModTime().UnixNano())
		}
		return err
	}))
	return all.String()
}

func TestADamagedDatabaseIsSeen(t *testing.T) {
	p := &apptest.Place{Data: filepath.Join(t.TempDir(), "data")}
	stop := p.Serve(t)
	p.SetUp(t, "")
	stop()
	path := filepath.Join(p.Data, "chatalot.db")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	apptest.Must(t, err)
	info, err := f.Stat()
	apptest.Must(t, err)
	for at := int64(2 * 4096); at < info.Size(); at += 4096 { // the headers of all pages but the first two
		_, err := f.WriteAt([]byte{0x0d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, at)
		apptest.Must(t, err)
	}
	apptest.Must(t, f.Close())
	c := config.Default()
	c.Data, c.Listen = p.Data, "127.0.0.1:0"
	up := doctor.Examine(t.Context(), doctor.Subject{Config: c, Now: time.Now, Built: time.Now(), Machine: doctor.ThisMachine()})
	if got := findings(up); !slices.Contains(got, "D16 fail") {
		t.Errorf("got %v", got)
	}
}

func TestWhatKeepsAPlaceFromStartingIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"database lost": {func(t *testing.T, dir string) { apptest.Must(t, os.Remove(filepath.Join(dir, "chatalot.db"))) }, "D5 fail"},
		"database empty": {func(t *testing.T, dir string) {
			apptest.Must(t, os.Truncate(filepath.Join(dir, "chatalot.db"), 0))
		}, "D5 fail"},
		"foreign database": {func(t *testing.T, dir string) {
			apptest.Must(t, os.WriteFile(filepath.Join(dir, "chatalot.db"), []byte(strings.Repeat("not a database", 500)), 0o600))
		}, "D5 fail"},
		"key lost": {func(t *testing.T, dir string) {
			apptest.Must(t, os.Remove(filepath.Join(dir, "secrets/jwt_private.pem")))
		}, "D2 fail"},
		"key garbled": {func(t *testing.T, dir string) {
			apptest.Must(t, os.WriteFile(filepath.Join(dir, "secrets/jwt_private.pem"), []byte("garbage"), 0o600))
		}, "D2 fail"},
		"key readable": {func(t *testing.T, dir string) {
			apptest.Must(t, os.Chmod(filepath.Join(dir, "secrets/jwt_private.pem"), 0o644))
		}, "D3 fail"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &apptest.Place{Data: filepath.Join(t.TempDir(), "data")}
			p.Serve(t)()
			c.spoil(t, p.Data)
			settings := config.Default()
			settings.Data, settings.Listen = p.Data, "127.0.0.1:0"
			up := doctor.Examine(t.Context(), doctor.Subject{Config: settings, Now: time.Now, Built: time.Now(), Machine: doctor.ThisMachine()})
			if got := findings(up); !slices.Contains(got, c.want) {
				t.Errorf("got %v, want %s among them", got, c.want)
			}
		})
	}
}

// TestNobodyElsesPlaceIsAttacked has the address of another machine in the data directory.
func TestNobodyElsesPlaceIsAttacked(t *testing.T) {
	b := healthy(t)
	b.Handler = nil
	apptest.Must(t, os.WriteFile(filepath.Join(b.place.Data, doctor.AddressFile), []byte("http://198.51.100.7:8080\n"), 0o600))
	b.Machine.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("198.51.100.7")}, nil
	}
	b.Machine.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("%s was dialled", address)
		return nil, errors.New("no")
	}
	for _, f := range doctor.Examine(t.Context(), b.Subject).Findings {
		if f.ID == "D18" && (f.Grade != wire.Warn || !strings.Contains(f.Evidence, "another machine's")) {
			t.Errorf("%s: %s", f.Grade, f.Evidence)
		}
	}
}

// TestForgedTokensAreRefusedForWhatIsForged shows that the same token with a genuine signature is taken: nothing else about the forged ones is wrong.
func TestForgedTokensAreRefusedForWhatIsForged(t *testing.T) {
	b := healthy(t)
	token, err := doctor.Genuine(t.Context(), b.Subject)
	apptest.Must(t, err)
	req, err := http.NewRequestWithContext(t.Context(), "GET", b.place.URL+"/api/me", nil)
	apptest.Must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	apptest.Must(t, err)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("a genuine token was answered %d", res.StatusCode)
	}
}

func TestTheAttackSpendsNobodysAllowance(t *testing.T) {
	b := healthy(t)
	var mu sync.Mutex
	from := map[string]bool{}
	next := b.Handler
	b.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		from[host] = true
		mu.Unlock()
		next.ServeHTTP(w, r)
	})
	doctor.Examine(t.Context(), b.Subject)
	documentation := netip.MustParsePrefix("192.0.2.0/24") // RFC 5737
	if len(from) == 0 {
		t.Fatal("nothing was asked")
	}
	for address := range from {
		if a, err := netip.ParseAddr(address); err != nil || !documentation.Contains(a) {
			t.Errorf("asked from %s", address)
		}
	}
}
