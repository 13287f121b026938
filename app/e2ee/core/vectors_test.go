package core_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/e2ee/frozen"
	"chatalot/app/wire/signed"
)

// conversationVector is app/e2ee/testdata/conversation.json: what Alice sent to Bob, and all that Bob needs to read it. ML-KEM takes no randomness from
// outside, so the file was made once and is only read since.
type conversationVector struct {
	Now      uint64
	Alice    personVector
	Bob      personVector
	Sign     frozen.Bytes // Bob's device: Ed25519 seed
	DH       frozen.Bytes // Bob's device: X25519 private key
	Prekeys  []prekeyVector
	Ops      []frozen.Bytes // of the channel
	Messages []deliveryVector
	State    map[string]frozen.Bytes // Bob's, as this implementation keeps it
}

type personVector struct {
	User     signed.UserID
	Device   signed.DeviceID
	Manifest frozen.Bytes
}

type prekeyVector struct{ Statement, Secret frozen.Bytes }

type deliveryVector struct {
	Kind      string // "dm" or "channel"
	Conv      signed.ConvID
	Msg       signed.MsgID
	Epoch     uint64
	State     frozen.Bytes // state hash at Epoch
	Content   frozen.Bytes
	Envelope  frozen.Bytes `json:",omitempty"`
	Plaintext frozen.Bytes
	SentAt    uint64
	Counter   uint64
}

func TestFrozenConversationStillOpens(t *testing.T) {
	if os.Getenv("UPDATE_FROZEN") == "1" {
		frozen.Check(t, "conversation.json", makeConversation(t))
	}
	var v conversationVector
	frozen.Load(t, "conversation.json", &v)
	stored := map[string][]byte{}
	for key, value := range v.State {
		stored[key] = value
	}
	s := newServer(t)
	s.now = v.Now
	bob := s.open(stored)
	for i, m := range v.Messages {
		out := bob.open(v.in(i))
		if out.Status != core.OpenOK || !slices.Equal(out.Plaintext, m.Plaintext) || out.SentAt != m.SentAt || out.Counter != m.Counter {
			t.Errorf("message %d: %+v", i, out)
		}
	}
	if len(v.Messages) != 6 {
		t.Errorf("%d messages", len(v.Messages))
	}
}

func makeConversation(t *testing.T) conversationVector {
	s := newServer(t)
	p := s.people(2)
	alice, bob := p[0], p[1]
	dm, ch := s.dm(alice, bob), s.channel(signed.PolicyPrivate, alice, bob)
	used := map[uint32]bool{}
	s.bundle = func(_ core.Address, b *core.Bundle) {
		for _, raw := range [][]byte{b.Signed, b.OneTime, b.KEM} {
			prekey, err := signed.ParsePrekey(raw)
			s.must(err)
			used[prekey.ID] = true
		}
	}
	v := conversationVector{Now: s.now, Alice: personVector{alice.User, alice.Device, s.manifests[alice.User]}, Bob: personVector{bob.User, bob.Device, s.manifests[bob.User]}}
	for _, text := range []string{"one", "two", "three"} {
		for _, conv := range []core.ConvID{dm, ch} {
			m := alice.say(conv, `{"type":"text","text":"`+text+`"}`)
			in := m.in(bob.Address)
			kind := map[core.ConvID]string{dm: "dm", ch: "channel"}[conv]
			v.Messages = append(v.Messages, deliveryVector{Kind: kind, Conv: conv, Msg: m.id, Epoch: m.Epoch, State: m.Content[91:123], Content: in.Content, Envelope: in.Envelope,
				Plaintext: frozen.Bytes(`{"type":"text","text":"` + text + `"}`), SentAt: s.now, Counter: uint64(len(v.Messages)/2 + 1)})
		}
	}
	for _, op := range s.rooms[ch].ops {
		v.Ops = append(v.Ops, op)
	}
	v.Sign, v.DH = bob.SigningKey().Seed(), bob.DHKey()
	v.State = map[string]frozen.Bytes{}
	for key, value := range bob.store {
		if !strings.HasPrefix(key, "prekey/") {
			v.State[key] = value
		}
	}
	for _, private := range bob.Prekeys() {
		if used[private.Statement.ID] {
			v.Prekeys = append(v.Prekeys, prekeyVector{private.Statement.Encode(), private.Secret})
			key := core.PrekeyKey(private)
			v.State[key] = bob.store[key]
		}
	}
	return v
}

// stage is Bob of the frozen conversation, about to open its first DM and its first channel message. The fuzzer's workers are processes of their own, so
// it has to be the same in each.
func stage(f *testing.F) (b *client, v conversationVector) {
	raw, err := os.ReadFile("../testdata/conversation.json")
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		f.Fatal(err)
	}
	stored := map[string][]byte{}
	for key, value := range v.State {
		stored[key] = value
	}
	s := newServer(f)
	s.now = v.Now
	return s.open(stored), v
}

func (v *conversationVector) in(i int) core.In {
	m := v.Messages[i]
	return core.In{Conv: m.Conv, MsgID: m.Msg, SenderUser: v.Alice.User, SenderDevice: v.Alice.Device, Epoch: m.Epoch, Content: m.Content, Envelope: m.Envelope}
}

func FuzzOpen(f *testing.F) {
	b, v := stage(f)
	dm, ch := v.in(0), v.in(1)
	f.Add(true, dm.Content, dm.Envelope)
	f.Add(false, ch.Content, ch.Envelope)
	f.Add(false, []byte{}, []byte(nil))
	f.Fuzz(func(t *testing.T, private bool, content, sealed []byte) {
		in := ch
		if private {
			in = dm
		}
		genuine := slices.Equal(in.Content, content) && slices.Equal(in.Envelope, sealed)
		in.Content, in.Envelope = content, sealed
		out, err := b.Open(in)
		defer b.Discard()
		if err != nil || (out.Status != core.OpenRefused) != genuine || (out.Plaintext != nil) != genuine {
			t.Fatalf("%+v, %v", out, err)
		}
		for _, w := range b.Pending() {
			if !genuine && w.Key != core.GenerationKey && !strings.HasPrefix(w.Key, "pair/") {
				t.Fatalf("a bad message changed %s", w.Key)
			}
		}
	})
}

func FuzzStatements(f *testing.F) {
	b, v := stage(f)
	alice := v.Alice
	f.Add([]byte(alice.Manifest))
	f.Add([]byte(v.Prekeys[0].Statement))
	f.Add([]byte(v.Ops[0]))
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := b.ApplyManifest(alice.User, raw, nil)
		b.Discard()
		if err != nil || (out.Kind != core.ManifestRefused && out.Kind != core.ManifestSame) {
			t.Fatalf("%+v, %v", out, err)
		}
		if _, err := b.LoadChannel(core.ConvID{1}, [][]byte{raw}, 1, 1); err == nil {
			t.Fatal("a channel came of noise")
		}
		bundle := core.Bundle{User: alice.User, Device: alice.Device, Signed: raw, OneTime: raw, KEM: raw}
		if _, err := b.Seal(v.Messages[0].Conv, core.MsgID{1}, nil, []core.Bundle{bundle}, nil); code(err) != core.CodeBadBundle {
			t.Fatal(err)
		}
	})
}

func FuzzRecords(f *testing.F) {
	b, v := stage(f)
	b.open(v.in(0))
	b.open(v.in(1))
	for _, value := range b.store {
		f.Add(value[1:])
	}
	f.Fuzz(func(_ *testing.T, raw []byte) { core.ReadRecords(raw) })
}

// large is a channel of n people, with everybody's first message behind them.
func large(b *testing.B, n int) (*evilServer, []*client, core.ConvID) {
	s := newServer(b)
	p := s.people(n)
	return s, p, s.channel(signed.PolicyPrivate, p...)
}

func BenchmarkSealDM(b *testing.B) {
	s, p, _ := large(b, 2)
	dm := s.dm(p...)
	p[0].say(dm, "first")
	p[1].sync()
	p[1].say(dm, "second")
	p[0].sync()
	for b.Loop() {
		p[0].seal(dm, s.id(), "a message of ordinary length, such as people write")
	}
}

func BenchmarkOpenDM(b *testing.B) {
	s, p, _ := large(b, 2)
	dm := s.dm(p...)
	p[0].say(dm, "first")
	p[1].sync()
	p[1].say(dm, "second")
	p[0].sync()
	for b.Loop() {
		b.StopTimer()
		in := p[0].say(dm, "a message of ordinary length, such as people write").in(p[1].Address)
		b.StartTimer()
		if p[1].open(in).Status != core.OpenOK {
			b.Fatal("refused")
		}
	}
}

func BenchmarkSealGroup50(b *testing.B) {
	s, p, ch := large(b, 50)
	p[0].say(ch, "first")
	for b.Loop() {
		p[0].seal(ch, s.id(), "a message of ordinary length, such as people write")
	}
}

func BenchmarkOpenGroup50(b *testing.B) {
	_, p, ch := large(b, 50)
	for b.Loop() {
		b.StopTimer()
		in := p[0].say(ch, "a message of ordinary length, such as people write").in(p[1].Address)
		b.StartTimer()
		if p[1].open(in).Status != core.OpenOK {
			b.Fatal("refused")
		}
	}
}

func BenchmarkFirstSealToGroup50(b *testing.B) {
	s, p, ch := large(b, 50)
	for b.Loop() {
		id := core.MsgID(s.id())
		p[0].seal(ch, id, "the message that brings a new sender key to everybody")
		b.StopTimer()
		p[0].do(func() error { return p[0].Abandon(ch, id) })
		b.StartTimer()
	}
}
