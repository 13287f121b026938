package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

const goodPassword = "birch lane 42 kettle"

// clock is the time that everything in a test goes by.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// house is a place on a real database, with its own clock.
type house struct {
	*Auth
	t     testing.TB
	dir   string
	clock *clock
	hub   *live.Hub
	mode  wire.Registration
	lock  Lockout
	admin string // the settings' admin_username
}

// newHouse opens a place that nobody has set up.
func newHouse(t *testing.T) *house { return newHouseOf(t, wire.InviteOnly) }

func newHouseOf(t testing.TB, mode wire.Registration) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), clock: new(clock), mode: mode}
	h.clock.ms.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli())
	h.open(testKeys(t, 1))
	t.Cleanup(func() { h.close() })
	return h
}

func (h *house) open(keys *Keys) {
	h.t.Helper()
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := store.Open(context.Background(), store.Options{Path: filepath.Join(h.dir, "chatalot.db"), Schema: string(schema), Now: h.clock.now})
	if err != nil {
		h.t.Fatal(err)
	}
	h.hub = live.New()
	h.Auth, err = New(context.Background(), Options{Store: s, Live: h.hub, Keys: keys, Registration: h.mode, Lockout: h.lock, Version: "test",
		Origin: "https://chat.example.org", AuditDays: 90, Admin: h.admin, Now: h.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	if err := h.store.Close(); err != nil {
		h.t.Error(err)
	}
}

// reopen is a restart with the keys given.
func (h *house) reopen(keys *Keys) {
	h.t.Helper()
	h.close()
	h.open(keys)
}

// settled is a place set up by gurli, who is answered too.
func settled(t *testing.T) (*house, Grant) { return settledOf(t, wire.InviteOnly) }

func settledOf(t *testing.T, mode wire.Registration) (*house, Grant) {
	t.Helper()
	h := newHouseOf(t, mode)
	token, err := IssueSetupToken(t.Context(), h.store)
	if err != nil {
		t.Fatal(err)
	}
	g, err := h.Setup(t.Context(), setupRequest(token), wire.From{})
	if err != nil {
		t.Fatal(err)
	}
	return h, g
}

func setupRequest(token Secret) wire.SetupRequest {
	return wire.SetupRequest{Token: token.Reveal(), PlaceName: "Birch Lane", Username: "gurli", DisplayName: "Gurli", Password: goodPassword, Transport: wire.ByBody}
}

// caller is who holds the grant's access token.
func (h *house) caller(g Grant) wire.Caller {
	h.t.Helper()
	c, _, err := h.Authenticate(g.Answer.AccessToken)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) login(name string) Grant {
	h.t.Helper()
	g, err := h.Login(h.t.Context(), wire.LoginRequest{Username: name, Password: goodPassword, Transport: wire.ByBody}, wire.From{})
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

// invite makes an invitation to the first community as c.
func (h *house) invite(c wire.Caller, uses int) wire.Invite {
	h.t.Helper()
	v, err := h.NewInvite(h.t.Context(), c, wire.NewInvite{CommunityID: h.community(), Uses: uses, ExpiresIn: 3600})
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func (h *house) community() (id wire.CommunityID) {
	h.t.Helper()
	h.read(func(tx *store.Tx) (err error) {
		id, err = tx.FirstCommunity()
		return err
	})
	return id
}

func registration(name, invite string) wire.RegisterRequest {
	return wire.RegisterRequest{Username: name, DisplayName: name, Password: goodPassword, Invite: invite, Transport: wire.ByBody}
}

// join registers name with a fresh invitation from c.
func (h *house) join(c wire.Caller, name string) Grant {
	h.t.Helper()
	g, err := h.Register(h.t.Context(), registration(name, h.invite(c, 1).Token), wire.From{})
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

func (h *house) read(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.store.Read(h.t.Context(), fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) write(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.store.Write(h.t.Context(), fn); err != nil {
		h.t.Fatal(err)
	}
}

// log reads the log rows of a kind.
func (h *house) log(kind string) (rows []store.Row) {
	h.t.Helper()
	h.read(func(tx *store.Tx) error {
		return tx.Log(0, 1<<40, func(r store.Row) error {
			if r.Kind == kind {
				rows = append(rows, r)
			}
			return nil
		})
	})
	return rows
}

// refused fails the test unless err is a *wire.Error with the code.
func refused(t testing.TB, err error, code wire.Code) {
	t.Helper()
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// person is somebody with real keys on one device.
type person struct {
	h        *house
	caller   wire.Caller
	msk, ssk ed25519.PrivateKey
	device   ed25519.PrivateKey
	manifest *signed.Manifest
	vault    uint64
	nextID   uint32
}

// equip reserves a device for the grant's session and makes keys; nothing is published.
func (h *house) equip(g Grant) *person {
	h.t.Helper()
	d, err := h.ReserveDevice(h.t.Context(), h.caller(g), wire.NewDevice{Name: "Firefox on Linux"})
	if err != nil {
		h.t.Fatal(err)
	}
	p := &person{h: h, caller: h.caller(g), msk: newKey(), ssk: newKey(), device: newKey(), vault: 1}
	p.manifest = &signed.Manifest{User: p.caller.User, Version: 1, MSK: signed.PublicEd25519(p.msk), SSK: signed.PublicEd25519(p.ssk), VaultVersion: 1}
	p.add(d.ID, p.device)
	return p
}

// publish equips the grant's session and publishes everything.
func (h *house) publish(g Grant, oneTime, kem int) *person {
	h.t.Helper()
	p := h.equip(g)
	if _, err := h.PutManifest(h.t.Context(), p.caller, p.first(oneTime, kem)); err != nil {
		h.t.Fatal(err)
	}
	return p
}

func newKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(random(ed25519.SeedSize)) }

// add puts a device on the list that the next encoding signs.
func (p *person) add(id wire.DeviceID, key ed25519.PrivateKey) {
	d := signed.Device{ID: id, Ed25519: signed.PublicEd25519(key), X25519: signed.X25519Key(x25519()), Added: p.now()}
	d.Countersign(p.manifest.User, p.manifest.MSK, key)
	p.manifest.Devices = append(p.manifest.Devices, d)
	for i := len(p.manifest.Devices) - 1; i > 0 && string(p.manifest.Devices[i-1].ID[:]) > string(p.manifest.Devices[i].ID[:]); i-- {
		p.manifest.Devices[i-1], p.manifest.Devices[i] = p.manifest.Devices[i], p.manifest.Devices[i-1]
	}
}

func x25519() (k [32]byte) {
	copy(k[:], random(32))
	k[31] &= 0x3f
	return k
}

func (p *person) now() uint64 { return uint64(p.h.clock.now().UnixMilli()) }

// next turns the manifest into its own successor, unsigned.
func (p *person) next() {
	p.manifest.PrevHash = p.manifest.Hash()
	p.manifest.Version++
}

func (p *person) encode() wire.Bytes {
	p.h.t.Helper()
	p.manifest.Cert = signed.CertifySSK(p.msk, p.manifest.User, p.manifest.SSK)
	if err := p.manifest.Sign(p.ssk); err != nil {
		p.h.t.Fatal(err)
	}
	return p.manifest.Encode()
}

// testProof is everybody's recovery proof.
var testProof = wire.Bytes("a recovery proof of 32 bytes ...")

// recoveryOf is what the place keeps of a recovery proof.
func recoveryOf(proof wire.Bytes) wire.Bytes {
	sum := sha256.Sum256(proof)
	return sum[:]
}

// first is the request that publishes a person for the first time.
func (p *person) first(oneTime, kem int) wire.PutManifest {
	p.h.t.Helper()
	return wire.PutManifest{Manifest: p.encode(), Vault: []byte("sealed"), VaultVersion: 1, Recovery: recoveryOf(testProof), Prekeys: p.prekeys(oneTime, kem)}
}

// prekeys are a signed and a last-resort one, and as many one-time ones as asked for.
func (p *person) prekeys(oneTime, kem int) []wire.Bytes {
	list := []wire.Bytes{p.prekey(signed.PrekeySigned), p.prekey(signed.PrekeyLastResort)}
	for range oneTime {
		list = append(list, p.prekey(signed.PrekeyOneTime))
	}
	for range kem {
		list = append(list, p.prekey(signed.PrekeyKEM))
	}
	return list
}

func (p *person) prekey(kind signed.PrekeyKind) wire.Bytes {
	p.h.t.Helper()
	p.nextID++
	k := signed.Prekey{Kind: kind, User: p.caller.User, Device: *p.caller.Device, ID: p.nextID, Created: p.now(), Expires: p.now() + 30*24*3600*1000}
	if kind.KEM() {
		dk, err := mlkem.GenerateKey768()
		if err != nil {
			p.h.t.Fatal(err)
		}
		k.Public = dk.EncapsulationKey().Bytes()
	} else {
		pub := x25519()
		k.Public = pub[:]
	}
	if err := k.Sign(p.device); err != nil {
		p.h.t.Fatal(err)
	}
	return k.Encode()
}

func (p *person) address() wire.DeviceAddress {
	return wire.DeviceAddress{UserID: p.caller.User, DeviceID: *p.caller.Device}
}

// grep fails the test when any of the secrets stands in a file of the place, the WAL included.
func (h *house) grep(secrets ...string) {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "*"))
	if err != nil || len(files) < 2 {
		h.t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			h.t.Fatal(err)
		}
		for i, secret := range secrets {
			raw, _ := tokenText.DecodeString(secret)
			if bytes.Contains(text, []byte(secret)) || len(raw) > 20 && bytes.Contains(text, raw) {
				h.t.Errorf("secret %d stands in %s", i, filepath.Base(file))
			}
		}
	}
}

// stranger makes an account that is in no community.
func (h *house) stranger(name string) wire.Caller {
	h.t.Helper()
	var s store.Session
	h.write(func(tx *store.Tx) (err error) {
		user := store.User{ID: wire.UserID(random(16)), Username: name, DisplayName: name, Role: wire.PlaceMember, Epoch: 1}
		s, err = h.enrol(tx, &user, wire.ByBody, wire.From{})
		return err
	})
	return wire.Caller{User: s.User, Session: s.ID, Role: wire.PlaceMember}
}
