package core_test

import (
	crand "crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/wire/signed"
)

// emitted is one random run, with everything that an onlooker who holds all private keys needs to open it: what assets/test/decryptor checks.
type emitted struct {
	Devices []emittedDevice
	Events  []emittedEvent
}

type emittedDevice struct {
	User    signed.UserID
	Device  signed.DeviceID
	DH      frozen.Bytes
	Prekeys []prekeyVector // those that others used
	Draws   []frozen.Bytes // every 32 random bytes it took, private ratchet keys among them
}

// emittedEvent is one of: a manifest, a new DM, an operation, a message being sealed, a message being opened.
type emittedEvent struct {
	Manifest frozen.Bytes    `json:",omitempty"`
	Op       frozen.Bytes    `json:",omitempty"`
	DM       []signed.UserID `json:",omitempty"`
	Message  *emittedMessage `json:",omitempty"`
	Delivery *delivery       `json:",omitempty"`
	Epochs   []epochOf       `json:",omitempty"` // that began with it
}

type epochOf struct {
	Conv  signed.ConvID
	Epoch uint64
}

type emittedMessage struct {
	From      int // index of the device
	Conv      signed.ConvID
	Msg       signed.MsgID
	Epoch     uint64
	Content   frozen.Bytes
	Envelopes map[int]frozen.Bytes // by index of the device
}

type delivery struct {
	To, Message int // indices
	Status      core.OpenStatus
	Code        string
	Plaintext   frozen.Bytes
	SentAt      uint64
	Counter     uint64
}

// TestEmitForDecryptor writes runs of three people with four devices to the file that CHATALOT_EMIT names: DMs and a channel, messages in any order, some
// twice, some never, while devices, members and roles change. The web app's tests open them with another implementation.
func TestEmitForDecryptor(t *testing.T) {
	path := os.Getenv("CHATALOT_EMIT")
	if path == "" {
		t.Skip("CHATALOT_EMIT names no file to write to")
	}
	runs := make([]*emitted, 4)
	for i := range runs {
		var seed [32]byte
		crand.Read(seed[:])
		runs[i] = newEmitter(t, seed).run(80)
	}
	text, err := json.Marshal(runs)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type emitter struct {
	*evilServer
	dice    *rand.Rand
	out     emitted
	devices []*client
	draws   []*draws
	stock   [][]*pqxdh.Private
	claimed map[core.Address]map[uint32]bool
	transit [][]int // by device: messages under way to it
	sent    []*wireMessage
	logged  int // events of the server's log that were emitted
}

// draws remembers what a device took from the random source.
type draws struct {
	io.Reader
	taken []frozen.Bytes
}

func (d *draws) Read(b []byte) (int, error) {
	n, err := d.Reader.Read(b)
	if n == 32 {
		d.taken = append(d.taken, slices.Clone(b[:n]))
	}
	return n, err
}

func newEmitter(t *testing.T, seed [32]byte) *emitter {
	e := &emitter{evilServer: newServer(t), dice: rand.New(rand.NewChaCha8(seed)), claimed: map[core.Address]map[uint32]bool{}}
	e.random = rand.NewChaCha8(seed)
	e.bundle = func(to core.Address, b *core.Bundle) {
		if len(b.OneTime) > 0 && e.dice.IntN(3) == 0 {
			b.OneTime = nil
		}
		for _, raw := range [][]byte{b.Signed, b.OneTime, b.KEM} {
			if p, err := signed.ParsePrekey(raw); err == nil {
				e.claimed[to][p.ID] = true
			}
		}
	}
	return e
}

// join has a new device take part, its randomness watched.
func (e *emitter) join(c *client) {
	d := &draws{Reader: e.random}
	e.devices, e.draws, e.transit = append(e.devices, c), append(e.draws, d), append(e.transit, nil)
	e.stock, e.claimed[c.Address] = append(e.stock, c.Prekeys()), map[uint32]bool{}
	var err error
	c.Core, err = core.New(core.Config{Rand: d, Now: func() uint64 { return e.now }}, maps.Clone(c.store))
	e.must(err)
	e.settle()
}

// settle brings everybody every signed statement, but no message.
func (e *emitter) settle() {
	for ; e.logged < len(e.log); e.logged++ {
		ev := &e.log[e.logged]
		switch {
		case ev.manifest != nil:
			out := emittedEvent{Manifest: ev.manifest}
			for _, epoch := range ev.epochs {
				out.Epochs = append(out.Epochs, epochOf(epoch))
			}
			e.out.Events = append(e.out.Events, out)
		case ev.op != nil:
			e.out.Events = append(e.out.Events, emittedEvent{Op: ev.op, Epochs: []epochOf{{ev.conv, ev.epoch}}})
		}
	}
	for _, d := range e.devices {
		for ; d.cursor < len(e.log); d.cursor++ {
			if ev := &e.log[d.cursor]; ev.message == nil {
				d.take(ev)
			}
		}
	}
}

func (e *emitter) converse(a, b *client) core.ConvID {
	id := e.dm(a, b)
	e.out.Events = append(e.out.Events, emittedEvent{DM: []signed.UserID{a.User, b.User}, Epochs: []epochOf{{id, e.rooms[id].epoch}}})
	return id
}

func (e *emitter) run(steps int) *emitted {
	for range 3 {
		e.join(e.person())
	}
	p := e.devices
	convs := []core.ConvID{e.converse(p[0], p[1]), e.converse(p[1], p[2]), p[0].op(core.ConvID{}, signed.OpCreate, signed.PolicyPrivate, member(p[1]))}
	e.settle()
	for step := range steps {
		e.now += uint64(e.dice.IntN(minute))
		switch step {
		case steps / 4:
			p[0].op(convs[2], signed.OpAdd, 0, member(p[2]))
		case steps / 3:
			e.join(e.device(p[1]))
		case steps / 2:
			p[0].op(convs[2], signed.OpRole, 0, admin(p[1]))
		case steps * 2 / 3:
			p[1].op(convs[2], signed.OpPolicy, signed.PolicyPublic)
		}
		e.settle()
		if to := e.dice.IntN(len(e.devices)); len(e.transit[to]) > 0 && e.dice.IntN(5) > 1 {
			e.hand(to, e.dice.IntN(len(e.transit[to])))
		} else {
			e.utter(to, convs[e.dice.IntN(len(convs))])
		}
	}
	for to := range e.devices {
		for len(e.transit[to]) > 0 {
			e.hand(to, 0)
		}
	}
	return e.finish()
}

// utter has a device say something, if the conversation is one of its own.
func (e *emitter) utter(from int, conv core.ConvID) {
	d := e.devices[from]
	if !e.isMember(conv, d.User) {
		return
	}
	text := make([]byte, []int{e.dice.IntN(100), e.dice.IntN(5000)}[e.dice.IntN(2)])
	e.random.Read(text)
	m := d.say(conv, string(text))
	out := &emittedMessage{from, conv, m.id, m.Epoch, m.Content, map[int]frozen.Bytes{}}
	for i, to := range e.devices {
		if in := m.in(to.Address); in.Envelope != nil {
			out.Envelopes[i] = in.Envelope
		}
		if i != from && e.isMember(conv, to.User) && e.dice.IntN(10) > 0 {
			e.transit[i] = append(e.transit[i], len(e.sent))
		}
	}
	e.sent = append(e.sent, m)
	e.out.Events = append(e.out.Events, emittedEvent{Message: out})
}

// hand delivers one of the messages under way to a device, and one in six of them once more later.
func (e *emitter) hand(to, i int) {
	message := e.transit[to][i]
	if e.dice.IntN(6) > 0 {
		e.transit[to] = slices.Delete(e.transit[to], i, i+1)
	}
	out := e.devices[to].open(e.sent[message].in(e.devices[to].Address))
	e.out.Events = append(e.out.Events, emittedEvent{Delivery: &delivery{to, message, out.Status, out.Code, out.Plaintext, out.SentAt, out.Counter}})
}

func (e *emitter) finish() *emitted {
	for i, d := range e.devices {
		out := emittedDevice{User: d.User, Device: d.Address.Device, DH: d.DHKey(), Draws: e.draws[i].taken}
		for _, private := range e.stock[i] {
			if e.claimed[d.Address][private.Statement.ID] {
				out.Prekeys = append(out.Prekeys, prekeyVector{private.Statement.Encode(), private.Secret})
			}
		}
		e.out.Devices = append(e.out.Devices, out)
	}
	return &e.out
}
