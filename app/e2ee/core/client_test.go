package core_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire/signed"
)

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
			c.do(func() error { _, err := c.LoadChannel(id, r.ops, r.epoch, r.epoch); return err })
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

// op makes an operation and has the server order it.
func (c *client) op(conv core.ConvID, kind signed.OpType, policy signed.Policy, targets ...core.Target) core.ConvID {
	c.server.t.Helper()
	op, _, err := c.MakeOp(conv, byte(kind), byte(policy), targets)
	c.server.must(err)
	return c.server.putOp(op)
}

func member(c *client) core.Target { return core.Target{User: c.User, Role: byte(signed.RoleMember)} }

func admin(c *client) core.Target { return core.Target{User: c.User, Role: byte(signed.RoleAdmin)} }

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
		c.do(func() error { _, err := c.LoadChannel(e.conv, r.ops[:at+1], e.epoch, e.epoch); return err })
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
