package core_test

import (
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
