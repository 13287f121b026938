package chat

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// house is a place with a real database, and people with real keys.
type house struct {
	t testing.TB
	*Chat
	store *store.Store
	hub   *live.Hub
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return openHouse(t, t.TempDir())
}

func openHouse(t testing.TB, dir string) *house {
	t.Helper()
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(context.Background(), store.Options{Path: filepath.Join(dir, "chatalot.db"), Schema: string(schema),
		Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	hub := live.New()
	return &house{t: t, Chat: New(Options{Store: s, Live: hub, Version: "test"}), store: s, hub: hub}
}

func (h *house) write(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.store.Write(context.Background(), fn); err != nil {
		h.t.Fatal(err)
	}
}

// someone is a person with one device.
type someone struct {
	wire.Caller
	h        *house
	key, ssk ed25519.PrivateKey
	manifest *signed.Manifest
}

func newKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// person makes an account whose one device stands in a signed manifest.
func (h *house) person(name string) *someone {
	h.t.Helper()
	p := &someone{h: h, key: newKey(), ssk: newKey()}
	p.User, p.Session = wire.NewID[wire.UserID](), wire.NewID[wire.SessionID]()
	device := wire.NewID[wire.DeviceID]()
	p.Device = &device
	msk := newKey()
	d := signed.Device{ID: device, Ed25519: signed.PublicEd25519(p.key), Added: 1}
	rand.Read(d.X25519[:])
	d.X25519[31] &= 0x3f
	d.Countersign(p.User, signed.PublicEd25519(msk), p.key)
	p.manifest = &signed.Manifest{User: p.User, Version: 1, MSK: signed.PublicEd25519(msk), SSK: signed.PublicEd25519(p.ssk), VaultVersion: 1,
		Devices: []signed.Device{d}}
	p.manifest.Cert = signed.CertifySSK(msk, p.User, p.manifest.SSK)
	if err := p.manifest.Sign(p.ssk); err != nil {
		h.t.Fatal(err)
	}
	h.write(func(tx *store.Tx) error {
		err := tx.CreateUser(store.User{ID: p.User, Username: name, DisplayName: name, PasswordHash: "x", Role: wire.PlaceMember})
		if err == nil {
			_, err = tx.CreateDevice(device, p.User, "test")
		}
		if err == nil {
			err = tx.SetDevice(device, true, d.Ed25519)
		}
		if err == nil {
			err = tx.PutManifest(wire.Manifest{UserID: p.User, Version: 1, Manifest: p.manifest.Encode()})
		}
		return err
	})
	return p
}

// community makes a community owned by the first person with the others in it.
func (h *house) community(owner *someone, others ...*someone) wire.Community {
	h.t.Helper()
	c, err := h.CreateCommunity(h.t.Context(), owner.Caller, wire.Named{Name: "Home"})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range others {
		h.join(c.ID, p)
	}
	return c
}

func (h *house) join(c wire.CommunityID, p *someone) {
	h.t.Helper()
	h.write(func(tx *store.Tx) error {
		_, err := tx.JoinCommunity(c, p.User, wire.Member)
		return err
	})
}

func (h *house) group(c wire.CommunityID) wire.GroupID {
	h.t.Helper()
	var g []wire.Group
	err := h.store.Read(h.t.Context(), func(tx *store.Tx) (err error) {
		g, err = tx.GroupsOf(c)
		return err
	})
	if err != nil || len(g) == 0 {
		h.t.Fatal(err, g)
	}
	return g[0].ID
}

// create makes a signed create operation.
func (p *someone) create(policy signed.Policy, others ...*someone) []byte {
	op := signed.Op{Actor: p.User, Device: *p.Device, Created: uint64(time.Now().UnixMilli()), Type: signed.OpCreate, Policy: policy,
		Targets: targets(signed.RoleMember, others...)}
	op.Targets = append(op.Targets, signed.Target{User: p.User, Role: signed.RoleAdmin})
	sortTargets(op.Targets)
	rand.Read(op.Nonce[:])
	return p.sign(op)
}

func (p *someone) sign(op signed.Op) []byte {
	if err := op.Sign(p.key); err != nil {
		p.h.t.Fatal(err)
	}
	return op.Encode()
}

func targets(role signed.Role, people ...*someone) (list []signed.Target) {
	for _, p := range people {
		list = append(list, signed.Target{User: p.User, Role: role})
	}
	sortTargets(list)
	return list
}

// op makes the operation that would follow what the channel's chain is now.
func (p *someone) op(id wire.ConvID, typ signed.OpType, list []signed.Target, change ...func(*signed.Op)) []byte {
	p.h.t.Helper()
	var head store.ChannelChain
	err := p.h.store.Read(p.h.t.Context(), func(tx *store.Tx) (err error) {
		head, err = tx.Chain(id)
		return err
	})
	if err != nil {
		p.h.t.Fatal(err)
	}
	op := signed.Op{Group: id, N: uint64(head.N) + 1, PrevHash: head.Head, Actor: p.User, Device: *p.Device,
		Created: uint64(time.Now().UnixMilli()), Type: typ, Targets: list}
	for _, f := range change {
		f(&op)
	}
	return p.sign(op)
}

// does appends an operation and fails the test when it is refused.
func (p *someone) does(id wire.ConvID, typ signed.OpType, list []signed.Target, change ...func(*signed.Op)) wire.OpRecord {
	p.h.t.Helper()
	r, err := p.h.AppendOp(p.h.t.Context(), p.Caller, id, wire.NewOp{Op: p.op(id, typ, list, change...)})
	if err != nil {
		p.h.t.Fatal(err)
	}
	return r
}

// channel makes a channel in the community's first group.
func (h *house) channel(c wire.CommunityID, name string, policy signed.Policy, creator *someone, others ...*someone) wire.Channel {
	h.t.Helper()
	ch, err := h.CreateChannel(h.t.Context(), creator.Caller, h.group(c), wire.NewChannel{Name: name, Op: creator.create(policy, others...)})
	if err != nil {
		h.t.Fatal(err)
	}
	return ch
}

// message is a fresh message for an epoch, with an envelope for each of the given people's devices.
func message(epoch int64, text string, to ...*someone) wire.NewMessage {
	m := wire.NewMessage{MessageID: wire.NewID[wire.MsgID](), Epoch: epoch, Ciphertext: []byte(text)}
	for _, p := range to {
		m.Envelopes = append(m.Envelopes, wire.Envelope{UserID: p.User, DeviceID: *p.Device, Envelope: []byte("for " + p.User.String())})
	}
	return m
}

func (p *someone) sends(id wire.ConvID, m wire.NewMessage) wire.Message {
	p.h.t.Helper()
	sent, _, err := p.h.Send(p.h.t.Context(), p.Caller, id, m)
	if err != nil {
		p.h.t.Fatal(err)
	}
	return sent
}

// epoch is a conversation's epoch now.
func (h *house) epoch(id wire.ConvID) int64 {
	h.t.Helper()
	var f store.SendFacts
	err := h.store.Read(h.t.Context(), func(tx *store.Tx) (err error) {
		f, err = tx.SendFacts(id, wire.UserID{}, wire.DeviceID{})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return f.Epoch
}

// cursor is the newest seq now.
func (h *house) cursor() (seq int64) {
	h.t.Helper()
	err := h.store.Read(h.t.Context(), func(tx *store.Tx) (err error) {
		seq, err = tx.Cursor()
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return seq
}

// events reads everything a person's device receives after a cursor.
func (p *someone) events(after int64) (list []wire.Event) {
	p.h.t.Helper()
	for {
		page, err := p.h.Sync(p.h.t.Context(), p.Caller, after, 500, 0)
		if err != nil {
			p.h.t.Fatal(err)
		}
		list, after = append(list, page.Events...), page.Cursor
		if !page.More {
			return list
		}
	}
}

func kinds(events []wire.Event) (list []string) {
	for _, e := range events {
		list = append(list, e.Kind)
	}
	return list
}

// wants fails the test unless err is the wire error of that code.
func wants(t testing.TB, err error, code wire.Code) {
	t.Helper()
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != code {
		t.Fatalf("got %v (%[1]T), want %s", err, code)
	}
}

func decode(t testing.TB, frame []byte) (f wire.Frame) {
	t.Helper()
	if err := json.Unmarshal(frame, &f); err != nil {
		t.Fatalf("%s: %v", frame, err)
	}
	return f
}
