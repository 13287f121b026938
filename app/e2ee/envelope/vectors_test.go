package envelope

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/signed"
)

// contentVector is one message in app/e2ee/testdata/content.json, with all that went into it.
type contentVector struct {
	Kind       Kind
	Conv       signed.ConvID
	Msg        signed.MsgID
	User       signed.UserID
	Device     signed.DeviceID
	Epoch      uint64
	State      frozen.Bytes
	KeyID      frozen.Bytes `json:",omitempty"` // Kind 2
	Iteration  uint32       // Kind 2
	SignSeed   frozen.Bytes `json:",omitempty"` // Kind 2: of the sender key's Ed25519 half
	SignPublic frozen.Bytes `json:",omitempty"` // Kind 2
	MessageKey frozen.Bytes
	Nonce      frozen.Bytes
	Commit     frozen.Bytes
	SentAt     uint64
	Counter    uint64
	LastSeen   frozen.Bytes
	Plaintext  frozen.Bytes
	Frame      frozen.Bytes // before padding
	Content    frozen.Bytes // the whole
	Hash       frozen.Bytes // of Content
}

type contentVectors struct {
	Contents []contentVector
	Refused  []refusedVector // each made of the first or second content; opened, if it parses, with that one's keys
	Pairwise pairwiseVector
}

type refusedVector struct {
	Why, Code string
	Of        int // index of the content whose keys to use
	Content   frozen.Bytes
}

// pairwiseVector shows the two layers of an envelope; what the ratchet makes of Payload is in ratchet.json.
type pairwiseVector struct {
	Session, Message, Envelope frozen.Bytes
	Payloads                   []payloadVector
}

type payloadVector struct {
	Type    Type
	Number  uint32
	Content frozen.Bytes
	Body    frozen.Bytes
	Payload frozen.Bytes
}

func TestFrozenVectorsOfContents(t *testing.T) {
	var v contentVectors
	for i, text := range []string{`{"type":"text","text":"hello"}`, `{"type":"text","text":"grüß dich"}`, "", string(make([]byte, 75)), string(make([]byte, 76))} {
		v.Contents = append(v.Contents, makeContent(t, i, text))
	}
	v.refuse("version", "version", 0, func(b []byte) []byte { b[0] = 2; return b })
	v.refuse("suite", "version", 0, func(b []byte) []byte { b[1] = 2; return b })
	v.refuse("a webhook's kind", "plaintext", 0, func(b []byte) []byte { b[2] = 3; return b })
	v.refuse("a byte more", "malformed", 0, func(b []byte) []byte { return append(b, 0) })
	v.refuse("a byte less", "malformed", 1, func(b []byte) []byte { return b[:len(b)-1] })
	v.refuse("another commitment", "commitment", 0, func(b []byte) []byte { b[headerSize-1] ^= 1; return b })
	v.refuse("another conversation", "malformed", 0, func(b []byte) []byte { b[3] ^= 1; return b })
	v.refuse("a changed ciphertext", "malformed", 0, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	v.refuse("a changed signed ciphertext", "bad_signature", 1, func(b []byte) []byte { b[len(b)-65] ^= 1; return b })
	v.refuse("a changed signature", "bad_signature", 1, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	v.Pairwise = makePairwise()
	frozen.Check(t, "content.json", v)
}

func makeContent(t *testing.T, i int, text string) contentVector {
	t.Helper()
	r := frozen.Rand("content " + string(rune('a'+i)))
	h := Header{Kind: Kind(1 + i%2), Epoch: uint64(i + 1)}
	mk, f := make([]byte, 32), Frame{SentAt: 1_790_000_000_000 + uint64(i), Counter: uint64(i + 1), Plaintext: []byte(text)}
	for _, b := range [][]byte{h.Conv[:], h.MsgID[:], h.User[:], h.Device[:], h.State[:], mk, f.LastSeen[:]} {
		prim.Random(r, b)
	}
	v := contentVector{Kind: h.Kind, Conv: h.Conv, Msg: h.MsgID, User: h.User, Device: h.Device, Epoch: h.Epoch, State: h.State[:],
		MessageKey: slices.Clone(mk), SentAt: f.SentAt, Counter: f.Counter, LastSeen: f.LastSeen[:], Plaintext: f.Plaintext, Frame: f.encode()}
	var sign ed25519.PrivateKey
	if h.Kind == Group {
		prim.Random(r, h.KeyID[:])
		h.Iteration = uint32(i)
		sign, _ = prim.NewSigningKey(r)
		public := signed.PublicEd25519(sign)
		v.KeyID, v.Iteration, v.SignSeed, v.SignPublic = h.KeyID[:], h.Iteration, sign.Seed(), public[:]
	}
	content, err := Seal(r, h, mk, f, sign)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	hash := Hash(content)
	v.Nonce, v.Commit, v.Content, v.Hash = c.nonce[:], c.commit[:], content, hash[:]
	return v
}

func (v *contentVectors) refuse(why, code string, of int, change func([]byte) []byte) {
	v.Refused = append(v.Refused, refusedVector{why, code, of, change(slices.Clone(v.Contents[of].Content))})
}

func makePairwise() pairwiseVector {
	r := frozen.Rand("pairwise")
	p := Pairwise{Message: make([]byte, 40)}
	prim.Random(r, p.Session[:])
	prim.Random(r, p.Message)
	v := pairwiseVector{Session: p.Session[:], Message: p.Message, Envelope: p.Encode()}
	for i, size := range []int{32, 182} {
		l := Payload{Type: Type(i + 1), Number: uint32(i + 1), Body: make([]byte, size)}
		prim.Random(r, l.Content[:])
		prim.Random(r, l.Body)
		v.Payloads = append(v.Payloads, payloadVector{l.Type, l.Number, l.Content[:], l.Body, l.Encode()})
	}
	return v
}
