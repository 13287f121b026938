package web

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"chatalot/app/auth"
	"chatalot/app/chat"
	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// testPlace is a whole server wing on a real listener and a real file, with a clock that tests turn.
type testPlace struct {
	t      testing.TB
	dir    string
	origin string // of the face; requests go to url with its host
	url    string
	face   *Face
	auth   *auth.Auth
	store  *store.Store
	net    *http.Transport
	ahead  atomic.Int64 // ns that the place's clock runs ahead of time.Now
	log    lockedBuffer
	close  func()
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// builtApp stands for what the bundler leaves.
func builtApp() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"index.html": file("<!doctype html><title>Chatalot</title>"), "index.html.br": file("(br)index"),
		"assets/index-Ab12.js": file("console.log(1)"), "assets/index-Ab12.js.br": file("(br)js"),
		"assets/core-Cd34.wasm": file("\x00asm"), ".keep": file(""),
	}
}

func newPlace(t testing.TB) *testPlace { return openPlace(t, t.TempDir(), "", builtApp()) }

// openPlace serves the place in dir. An empty origin means plain HTTP on the listener's own address.
func openPlace(t testing.TB, dir, origin string, assets fstest.MapFS, edit ...func(*Options)) *testPlace {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	return serveOn(t, listener, dir, origin, assets, edit...)
}

func serveOn(t testing.TB, listener net.Listener, dir, origin string, assets fstest.MapFS, edit ...func(*Options)) *testPlace {
	t.Helper()
	p := &testPlace{t: t, dir: dir, origin: origin, net: new(http.Transport)}
	if pipes, ok := listener.(*pipes); ok {
		p.net.DialContext = pipes.dial
	}
	p.url = "http://" + listener.Addr().String()
	if p.origin == "" {
		p.origin = p.url
	}
	p.open(assets, edit)
	server := p.face.Server()
	var served sync.WaitGroup
	served.Go(func() { server.Serve(p.face.Listener(listener)) })
	p.close = sync.OnceFunc(func() {
		p.net.CloseIdleConnections()
		p.face.Close()
		server.Close()
		served.Wait()
		check(t, p.store.Close())
	})
	t.Cleanup(p.close)
	return p
}

func (p *testPlace) open(assets fstest.MapFS, edit []func(*Options)) {
	ctx, log := context.Background(), slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	schema, err := os.ReadFile("../../schema.sql")
	check(p.t, err)
	p.store, err = store.Open(ctx, store.Options{Path: filepath.Join(p.dir, "chatalot.db"), Schema: string(schema), Now: p.now, Log: log})
	check(p.t, err)
	keys, err := auth.OpenKeys(ctx, auth.KeyFiles{Dir: filepath.Join(p.dir, "secrets")}, p.store)
	check(p.t, err)
	hub := live.New()
	who, err := auth.New(ctx, auth.Options{Store: p.store, Live: hub, Keys: keys, Registration: wire.InviteOnly, Version: "test", AuditDays: 90, Origin: p.origin, Now: p.now, Log: log})
	check(p.t, err)
	p.auth = who
	rules := chat.New(chat.Options{Store: p.store, Live: hub, Version: "test", Now: p.now, Log: log})
	options := Options{Auth: who, Chat: rules, Assets: assets, Origin: p.origin, TrustedProxies: []string{"127.0.0.0/8"}, IPHeader: forwardedFor,
		Rates: generous, Version: "test", Now: p.now, Log: log,
		Checkup: func(context.Context, bool) (wire.Checkup, error) { return wire.Checkup{Grade: wire.Pass}, nil }}
	for _, e := range edit {
		e(&options)
	}
	p.face, err = New(options)
	check(p.t, err)
}

// generous are the rates of a house where everybody is in a hurry; tests of the limits themselves take literal.
var generous = Rates{API: Rate{1e5, 1e5}, Auth: Rate{1e5, 1e5}, User: Rate{1e5, 1e5}, Messages: Rate{1e5, 1e5}, Upload: Rate{1e3, 1e3}}

func (p *testPlace) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) code() wire.Code {
	var reply wire.ErrorReply
	if json.Unmarshal(a.body, &reply) != nil || reply.Error == nil {
		return ""
	}
	return reply.Error.Code
}

func into[T any](t testing.TB, a answer) (value T) {
	t.Helper()
	if a.status >= 300 {
		t.Fatalf("refused: %d %s", a.status, a.body)
	}
	check(t, json.Unmarshal(a.body, &value))
	return value
}

// call makes a request as a program would. body is sent as it is when it is a string, else as JSON.
func (p *testPlace) call(method, path, token string, body any, edit ...func(*http.Request)) answer {
	p.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		check(p.t, err)
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, p.url+path, reader)
	check(p.t, err)
	req.Host = strings.TrimPrefix(strings.TrimPrefix(p.origin, "https://"), "http://")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, e := range edit {
		e(req)
	}
	res, err := p.net.RoundTrip(req) // follows no redirect, keeps no cookie
	check(p.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	check(p.t, err)
	return answer{res.StatusCode, res.Header, text}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

const testPassword = "violet tractor lagoon"

// otherPassword is what somebody changes theirs to.
const otherPassword = "copper meadow lantern"

// setUp makes the first account.
func (p *testPlace) setUp() *person {
	p.t.Helper()
	token, err := auth.IssueSetupToken(context.Background(), p.store)
	check(p.t, err)
	req := wire.SetupRequest{Token: token.Reveal(), PlaceName: "Elm Street", Username: "root", DisplayName: "Root", Password: testPassword, Transport: wire.ByBody}
	return &person{place: p, name: "root", in: into[wire.SignedIn](p.t, p.call("POST", "/api/setup", "", req))}
}

// person is somebody with an account, and once withDevice was called with one device.
type person struct {
	place    *testPlace
	name     string
	in       wire.SignedIn
	device   wire.DeviceID
	key      ed25519.PrivateKey
	manifest signed.Manifest
}

// join registers by an invitation to the community.
func (p *testPlace) join(name string, by *person, community wire.CommunityID) *person {
	p.t.Helper()
	invite := into[wire.Invite](p.t, by.call("POST", "/api/invites", wire.NewInvite{CommunityID: community, Uses: 1, ExpiresIn: 3600}))
	req := wire.RegisterRequest{Username: name, DisplayName: strings.ToUpper(name), Password: testPassword, Invite: invite.Token, Transport: wire.ByBody}
	return &person{place: p, name: name, in: into[wire.SignedIn](p.t, p.call("POST", "/api/auth/register", "", req))}
}

func (q *person) call(method, path string, body any) answer {
	q.place.t.Helper()
	return q.place.call(method, path, q.in.AccessToken, body)
}

// renew gets a fresh access token, as programs do.
func (q *person) renew() {
	q.place.t.Helper()
	q.in = into[wire.SignedIn](q.place.t, q.place.call("POST", "/api/auth/refresh", "",
		wire.RefreshRequest{RefreshToken: q.in.RefreshToken, Transport: wire.ByBody}))
}

// withDevice reserves a device and publishes its manifest, vault and prekeys.
func (q *person) withDevice() *person {
	t := q.place.t
	t.Helper()
	q.device = into[wire.Device](t, q.call("POST", "/api/devices", wire.NewDevice{Name: "Test"})).ID
	check(t, q.sign(t))
	into[wire.Manifest](t, q.call("PUT", "/api/manifests", q.putManifest(t)))
	q.renew() // a token that knows the device
	return q
}

func (q *person) sign(t testing.TB) error {
	now := uint64(q.place.now().UnixMilli())
	_, master, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	_, self, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	_, q.key, err = ed25519.GenerateKey(rand.Reader)
	check(t, err)
	d := signed.Device{ID: q.device, Ed25519: publicKey(q.key), X25519: x25519(t), Added: now}
	d.Countersign(q.in.User.ID, publicKey(master), q.key)
	q.manifest = signed.Manifest{User: q.in.User.ID, Version: 1, MSK: publicKey(master), SSK: publicKey(self),
		Cert: signed.CertifySSK(master, q.in.User.ID, publicKey(self)), VaultVersion: 1, Devices: []signed.Device{d}}
	return q.manifest.Sign(self)
}

func (q *person) putManifest(t testing.TB) wire.PutManifest {
	kem, err := mlkem.GenerateKey768()
	check(t, err)
	ec := x25519(t)
	return wire.PutManifest{Manifest: q.manifest.Encode(), Vault: []byte("sealed"), VaultVersion: 1, Recovery: recoveryOf(testProof), Prekeys: []wire.Bytes{
		q.prekey(t, signed.PrekeySigned, 1, ec[:]), q.prekey(t, signed.PrekeyLastResort, 2, kem.EncapsulationKey().Bytes()),
	}}
}

// testProof is everybody's recovery proof.
var testProof = wire.Bytes("a recovery proof of 32 bytes ...")

// recoveryOf is what the place keeps of a recovery proof.
func recoveryOf(proof wire.Bytes) wire.Bytes {
	sum := sha256.Sum256(proof)
	return sum[:]
}

func (q *person) prekey(t testing.TB, kind signed.PrekeyKind, id uint32, public []byte) wire.Bytes {
	now := uint64(q.place.now().UnixMilli())
	k := signed.Prekey{Kind: kind, User: q.in.User.ID, Device: q.device, ID: id, Created: now, Expires: now + 7*24*3600*1000, Public: public}
	check(t, k.Sign(q.key))
	return k.Encode()
}

func publicKey(k ed25519.PrivateKey) signed.Ed25519Key {
	return signed.Ed25519Key(k.Public().(ed25519.PublicKey))
}

func x25519(t testing.TB) signed.X25519Key {
	secret, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(t, err)
	return signed.X25519Key(secret.PublicKey().Bytes())
}

// createOp is a signed operation that makes a channel with the person as admin.
func (q *person) createOp(policy signed.Policy) *signed.Op {
	op := &signed.Op{Actor: q.in.User.ID, Device: q.device, Created: uint64(q.place.now().UnixMilli()), Type: signed.OpCreate, Policy: policy,
		Targets: []signed.Target{{User: q.in.User.ID, Role: signed.RoleAdmin}}}
	rand.Read(op.Nonce[:])
	check(q.place.t, op.Sign(q.key))
	return op
}

// nextOp is a signed operation that follows prev.
func (q *person) nextOp(prev *signed.Op, kind signed.OpType, targets ...signed.Target) *signed.Op {
	op := &signed.Op{Group: prev.Conv(), N: prev.N + 1, PrevHash: prev.Hash(), Actor: q.in.User.ID, Device: q.device,
		Created: uint64(q.place.now().UnixMilli()), Type: kind, Targets: targets}
	check(q.place.t, op.Sign(q.key))
	return op
}

// confirmed has these people show their password, so that dangerous changes are allowed to their sessions.
func (p *testPlace) confirmed(people ...*person) {
	p.t.Helper()
	for _, q := range people {
		into[wire.Confirmed](p.t, q.call("POST", "/api/me/confirm", wire.Confirmation{Password: testPassword}))
	}
}
