package core_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire/signed"
)

// The world of these tests: an evil server that holds everything it is sent and may do anything with it, and clients that are real cores over a
// store that commits like the browser's. By default the server behaves; each test says where it does not.

const (
	minute = 60 * 1000
	hour   = 60 * minute
	day    = 24 * hour
)

// evilServer orders one log. The hooks are its malice.
type evilServer struct {
	t         testing.TB
	now       uint64
	random    *rand.ChaCha8
	log       []event
	manifests map[core.UserID][]byte
	vaults    map[core.UserID][]byte
	prekeys   map[core.Address]*stock
	rooms     map[core.ConvID]*room
	next      byte

	deliver func(to *client, in *core.In) bool              // changes a message on its way, or withholds it by false
	bundle  func(to core.Address, b *core.Bundle)           // changes a bundle on its way
	members func(conv core.ConvID) (ghosts []signed.UserID) // people the server claims are members
	sent    []wireMessage                                   // everything that was ever posted
}

type wireMessage struct {
	from *client
	conv core.ConvID
	id   core.MsgID
	core.Sealed
}

type event struct {
	message  *wireMessage
	op       []byte
	conv     core.ConvID
	manifest []byte
	user     core.UserID
	epochs   []core.ConvEpoch
	epoch    uint64
}

type stock struct {
	signed, last []byte
	oneTime, kem [][]byte
}

type room struct {
	epoch uint64
	dm    []core.UserID
	ops   [][]byte
}

// client is one device: a core, its durable store, and what its person has read.
type client struct {
	*core.Core
	server *evilServer
	core.Address
	code   string
	store  map[string][]byte
	cursor int
	read   []reading
}

type reading struct {
	from core.Address
	text string
	core.Opened
}

func newServer(t testing.TB) *evilServer {
	var seed [32]byte
	copy(seed[:], t.Name())
	return &evilServer{t: t, now: 1_700_000_000_000, random: rand.NewChaCha8(seed), manifests: map[core.UserID][]byte{}, vaults: map[core.UserID][]byte{},
		prekeys: map[core.Address]*stock{}, rooms: map[core.ConvID]*room{}}
}

func (s *evilServer) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *evilServer) id() (id [16]byte) {
	s.next++
	s.random.Read(id[:])
	id[0] = s.next // ascending, so that tests know the order of people
	return id
}

// open makes a client on a copy of stored state: what a browser does when it starts.
func (s *evilServer) open(stored map[string][]byte) *client {
	s.t.Helper()
	c := &client{server: s, store: maps.Clone(stored)}
	var err error
	c.Core, err = core.New(core.Config{Rand: s.random, Now: func() uint64 { return s.now }}, maps.Clone(stored))
	s.must(err)
	return c
}

// person registers somebody new.
func (s *evilServer) person() *client {
	s.t.Helper()
	c := s.open(map[string][]byte{})
	c.Address = core.Address{User: s.id(), Device: s.id()}
	var made core.Created
	c.do(func() (err error) { made, err = c.CreateAccount(c.User, c.Device); return err })
	c.code = made.RecoveryCode
	s.vaults[c.User] = made.Vault
	s.publish(c.Address, made.Prekeys)
	s.putManifest(c.User, made.Manifest)
	for _, raw := range s.manifests {
		c.meet(raw)
	}
	c.cursor = len(s.log)
	return c
}

// people registers n people who know each other's devices.
func (s *evilServer) people(n int) []*client {
	s.t.Helper()
	list := make([]*client, n)
	for i := range list {
		list[i] = s.person()
	}
	syncAll(list...)
	return list
}

// device adds a device to somebody's account by the recovery code.
func (s *evilServer) device(of *client) *client {
	s.t.Helper()
	c := s.open(map[string][]byte{})
	c.Address, c.code = core.Address{User: of.User, Device: s.id()}, of.code
	var linked core.Linked
	c.do(func() (err error) {
		linked, err = c.RecoverAccount(c.User, c.Device, of.code, s.vaults[of.User], s.manifests[of.User])
		return err
	})
	s.publish(c.Address, linked.Prekeys)
	s.putManifest(c.User, linked.Manifest)
	c.snapshot()
	return c
}

// snapshot loads everything as it is now.
func (c *client) snapshot() {
	c.server.t.Helper()
	for _, raw := range c.server.manifests {
		c.meet(raw)
	}
	for id, r := range c.server.rooms {
		if r.dm != nil && slices.Contains(r.dm, c.User) {
			peer := r.dm[0]
			if peer == c.User {
				peer = r.dm[1]
			}
			c.do(func() error { return c.LoadDM(peer, r.epoch) })
		} else if r.dm == nil && c.server.isMember(id, c.User) {
			c.do(func() error { _, err := c.LoadChannel(id, r.ops, r.epoch); return err })
		}
	}
	c.cursor = len(c.server.log)
}

func (c *client) meet(manifest []byte) {
	c.server.t.Helper()
	m, err := signed.ParseManifest(manifest)
	c.server.must(err)
	c.do(func() error { _, err := c.ApplyManifest(m.User, manifest, nil); return err })
}

// do runs a changing call and commits it as the browser does: all writes in one transaction that refuses a stale generation.
func (c *client) do(call func() error) {
	c.server.t.Helper()
	c.server.must(c.try(call))
}

var errStale = errors.New("the store holds a newer generation")

func (c *client) try(call func() error) error {
	if err := call(); err != nil {
		if len(c.Pending()) > 0 {
			c.server.t.Fatal("a failed call left pending writes")
		}
		return err
	}
	if err := commit(c.store, c.Pending()); err != nil {
		c.Discard()
		return err
	}
	c.Commit()
	return nil
}

func commit(store map[string][]byte, writes []core.Write) error {
	generation := func(b []byte) uint64 {
		if b == nil {
			return 0
		}
		return binary.BigEndian.Uint64(b)
	}
	for _, w := range writes {
		if w.Key == core.GenerationKey && generation(w.Value) != generation(store[w.Key])+1 {
			return errStale
		}
	}
	for _, w := range writes {
		if w.Value == nil {
			delete(store, w.Key)
		} else {
			store[w.Key] = w.Value
		}
	}
	return nil
}

// restart loads the device anew from its store.
func (c *client) restart() {
	fresh := c.server.open(c.store)
	c.Core = fresh.Core
}

func (s *evilServer) publish(a core.Address, prekeys [][]byte) {
	st := s.prekeys[a]
	if st == nil {
		st = new(stock)
		s.prekeys[a] = st
	}
	for _, raw := range prekeys {
		p, err := signed.ParsePrekey(raw)
		s.must(err)
		switch p.Kind {
		case signed.PrekeySigned:
			st.signed = raw
		case signed.PrekeyLastResort:
			st.last = raw
		case signed.PrekeyOneTime:
			st.oneTime = append(st.oneTime, raw)
		case signed.PrekeyKEM:
			st.kem = append(st.kem, raw)
		}
	}
}

// claim hands out a bundle, each one-time key once.
func (s *evilServer) claim(a core.Address) core.Bundle {
	st := s.prekeys[a]
	b := core.Bundle{User: a.User, Device: a.Device, Signed: st.signed, KEM: st.last}
	if len(st.oneTime) > 0 {
		b.OneTime, st.oneTime = st.oneTime[0], st.oneTime[1:]
	}
	if len(st.kem) > 0 {
		b.KEM, st.kem = st.kem[0], st.kem[1:]
	}
	if s.bundle != nil {
		s.bundle(a, &b)
	}
	return b
}

func (s *evilServer) isMember(id core.ConvID, user core.UserID) bool {
	return slices.Contains(s.membersOf(id), user)
}

func (s *evilServer) membersOf(id core.ConvID) (list []core.UserID) {
	r := s.rooms[id]
	if r.dm != nil {
		return r.dm
	}
	for _, raw := range r.ops {
		o, err := signed.ParseOp(raw)
		s.must(err)
		switch o.Type {
		case signed.OpCreate, signed.OpAdd:
			for _, t := range o.Targets {
				list = append(list, t.User)
			}
		case signed.OpJoin:
			list = append(list, o.Actor)
		case signed.OpRemove, signed.OpLeave:
			list = slices.DeleteFunc(list, func(u core.UserID) bool {
				return (o.Type == signed.OpLeave && u == o.Actor) || slices.ContainsFunc(o.Targets, func(t signed.Target) bool { return t.User == u })
			})
		}
	}
	if s.members != nil {
		list = append(list, s.members(id)...)
	}
	return list
}

// putManifest orders a manifest: the epoch of every conversation of the person grows.
func (s *evilServer) putManifest(user core.UserID, manifest []byte) {
	s.manifests[user] = manifest
	e := event{user: user, manifest: manifest}
	for id, r := range s.rooms {
		if s.isMember(id, user) {
			r.epoch++
			e.epochs = append(e.epochs, core.ConvEpoch{Conv: id, Epoch: r.epoch})
		}
	}
	s.log = append(s.log, e)
}

// putOp orders an operation; the server checks nothing here.
func (s *evilServer) putOp(op []byte) core.ConvID {
	o, err := signed.ParseOp(op)
	s.must(err)
	id := o.Conv()
	r := s.rooms[id]
	if r == nil {
		r = new(room)
		s.rooms[id] = r
	}
	r.ops = append(r.ops, op)
	r.epoch++
	s.log = append(s.log, event{op: op, conv: id, epoch: r.epoch})
	return id
}

// dm opens a conversation of two people, which all their devices that are given load.
func (s *evilServer) dm(devices ...*client) core.ConvID {
	s.t.Helper()
	a := devices[0]
	var b *client
	for _, c := range devices {
		if c.User != a.User {
			b = c
		}
	}
	id := signed.DMConv(a.User, b.User)
	if s.rooms[id] == nil {
		s.rooms[id] = &room{epoch: 1, dm: []core.UserID{a.User, b.User}}
	}
	for _, c := range devices {
		peer := b.User
		if c.User == b.User {
			peer = a.User
		}
		c.do(func() error { return c.LoadDM(peer, s.rooms[id].epoch) })
	}
	return id
}

// channel makes a channel of people whose first is the creator, and syncs them.
func (s *evilServer) channel(policy signed.Policy, people ...*client) core.ConvID {
	s.t.Helper()
	var targets []core.Target
	for _, p := range people[1:] {
		targets = append(targets, core.Target{User: p.User, Role: byte(signed.RoleMember)})
	}
	id := people[0].op(core.ConvID{}, signed.OpCreate, policy, targets...)
	syncAll(people...)
	return id
}

// op makes an operation and has the server order it.
func (c *client) op(conv core.ConvID, kind signed.OpType, policy signed.Policy, targets ...core.Target) core.ConvID {
	c.server.t.Helper()
	op, _, err := c.MakeOp(conv, byte(kind), byte(policy), targets)
	c.server.must(err)
	return c.server.putOp(op)
}

func member(c *client) core.Target { return core.Target{User: c.User, Role: byte(signed.RoleMember)} }
func admin(c *client) core.Target  { return core.Target{User: c.User, Role: byte(signed.RoleAdmin)} }
func nobody(c *client) core.Target { return core.Target{User: c.User} }

// seal seals once, with bundles for whoever needs one, and commits.
func (c *client) seal(conv core.ConvID, id core.MsgID, text string) (core.Sealed, error) {
	plan, err := c.SealPlan(conv)
	if err != nil {
		return core.Sealed{}, err
	}
	var bundles []core.Bundle
	for _, a := range plan {
		bundles = append(bundles, c.server.claim(a))
	}
	var sealed core.Sealed
	err = c.try(func() (err error) { sealed, err = c.Seal(conv, id, []byte(text), bundles, nil); return err })
	return sealed, err
}

// say sends a text, sealing again when the epoch moved on meanwhile.
func (c *client) say(conv core.ConvID, text string) *wireMessage {
	c.server.t.Helper()
	id := core.MsgID(c.server.id())
	for range 3 {
		sealed, err := c.seal(conv, id, text)
		c.server.must(err)
		if m := c.post(conv, id, sealed); m != nil {
			return m
		}
		c.sync()
	}
	c.server.t.Fatal("the epoch never settled")
	return nil
}

// post hands a sealed message to the server: nil when its epoch is stale.
func (c *client) post(conv core.ConvID, id core.MsgID, sealed core.Sealed) *wireMessage {
	if sealed.Epoch != c.server.rooms[conv].epoch {
		return nil
	}
	m := wireMessage{c, conv, id, sealed}
	c.server.sent = append(c.server.sent, m)
	c.server.log = append(c.server.log, event{message: &m})
	return &m
}

// in is a message as the server would deliver it to a device.
func (m *wireMessage) in(to core.Address) core.In {
	in := core.In{Conv: m.conv, MsgID: m.id, SenderUser: m.from.User, SenderDevice: m.from.Device, Epoch: m.Epoch, Content: m.Content}
	for _, e := range m.Envelopes {
		if e.User == to.User && e.Device == to.Device {
			in.Envelope = e.Envelope
		}
	}
	return in
}

// sync follows the log to its end.
func (c *client) sync() {
	c.server.t.Helper()
	for ; c.cursor < len(c.server.log); c.cursor++ {
		c.take(&c.server.log[c.cursor])
	}
}

func syncAll(clients ...*client) {
	for _, c := range clients {
		c.server.t.Helper()
		c.sync()
	}
}

func (c *client) take(e *event) {
	c.server.t.Helper()
	switch {
	case e.manifest != nil:
		var known []core.ConvEpoch
		for _, epoch := range e.epochs {
			if c.server.isMember(epoch.Conv, c.User) {
				known = append(known, epoch)
			}
		}
		c.do(func() error { _, err := c.ApplyManifest(e.user, e.manifest, known); return err })
	case e.op != nil:
		c.takeOp(e)
	case c.server.isMember(e.message.conv, c.User):
		in := e.message.in(c.Address)
		if c.server.deliver == nil || c.server.deliver(c, &in) {
			c.open(in)
		}
	}
}

func (c *client) takeOp(e *event) {
	c.server.t.Helper()
	if _, err := c.Channel(e.conv); err == nil {
		err := c.try(func() error { _, err := c.ApplyOp(e.conv, e.op, e.epoch); return err })
		if code(err) != core.CodeOldOp {
			c.server.must(err)
		}
		return
	}
	if r := c.server.rooms[e.conv]; c.server.isMember(e.conv, c.User) {
		at := slices.IndexFunc(r.ops, func(op []byte) bool { return bytes.Equal(op, e.op) })
		c.do(func() error { _, err := c.LoadChannel(e.conv, r.ops[:at+1], e.epoch); return err })
	}
}

// open opens one delivery, commits, and has the person read it.
func (c *client) open(in core.In) core.Opened {
	c.server.t.Helper()
	var out core.Opened
	c.do(func() (err error) { out, err = c.Open(in); return err })
	if out.Status == core.OpenRefused && out.Plaintext != nil {
		c.server.t.Fatal("plaintext came with a refusal")
	}
	if out.Status != core.OpenDuplicate {
		c.read = append(c.read, reading{core.Address{User: in.SenderUser, Device: in.SenderDevice}, string(out.Plaintext), out})
	}
	return out
}

// last returns what was read last.
func (c *client) last() reading {
	if len(c.read) == 0 {
		return reading{}
	}
	return c.read[len(c.read)-1]
}

// texts returns all that was opened, in order.
func (c *client) texts() (list []string) {
	for _, r := range c.read {
		if r.Status == core.OpenOK || r.Status == core.OpenLate {
			list = append(list, r.text)
		}
	}
	return list
}

// wants demands that the device read exactly these texts since the last call, and nothing that it had to refuse.
func (c *client) wants(texts ...string) {
	c.server.t.Helper()
	c.sync()
	for _, r := range c.read {
		if r.Status == core.OpenRefused {
			c.server.t.Fatalf("refused: %s", r.Code)
		}
	}
	if got := c.texts(); !slices.Equal(got, texts) {
		c.server.t.Fatalf("read %q, want %q", got, texts)
	}
	c.read = nil
}

// refuses demands that a delivery is refused with one of these codes.
func (c *client) refuses(in core.In, codes ...string) core.Opened {
	c.server.t.Helper()
	out := c.open(in)
	if out.Status != core.OpenRefused || !slices.Contains(codes, out.Code) {
		c.server.t.Fatalf("got %s %q, want a refusal for %q", out.Status, out.Code, codes)
	}
	return out
}

func code(err error) string {
	var e *core.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return fmt.Sprintf("not an Error: %v", err)
	}
	return ""
}

func (c *client) fails(want string, err error) {
	c.server.t.Helper()
	if got := code(err); got != want {
		c.server.t.Fatalf("got error %q (%v), want %q", got, err, want)
	}
}
