package envelope

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

var (
	testHeader = Header{Kind: DM, Conv: signed.ConvID{1}, MsgID: signed.MsgID{2}, User: signed.UserID{3}, Device: signed.DeviceID{4}, Epoch: 5, State: [32]byte{6}}
	testKey    = bytes.Repeat([]byte{7}, 32)
	testSign   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
)

func groupHeader() Header {
	h := testHeader
	h.Kind, h.KeyID, h.Iteration = Group, [16]byte{9}, 10
	return h
}

func seal(t testing.TB, h Header, plaintext []byte) []byte {
	t.Helper()
	b, err := Seal(frozen.Rand("seal"), h, slices.Clone(testKey), Frame{SentAt: 11, Counter: 12, LastSeen: [32]byte{13}, Plaintext: plaintext}, testSign)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSealedOpens(t *testing.T) {
	for _, h := range []Header{testHeader, groupHeader()} {
		for _, size := range []int{0, 1, 73, 74, 75, 5000, MaxPlaintext} {
			plaintext := bytes.Repeat([]byte{0x80}, size)
			c, err := Parse(seal(t, h, plaintext))
			if err != nil || c.Header != h {
				t.Fatalf("%+v, %v", c, err)
			}
			if h.Kind == Group && !c.Verify(signed.PublicEd25519(testSign)) {
				t.Fatal("the signature does not verify")
			}
			f, err := c.Open(slices.Clone(testKey))
			if err != nil || !bytes.Equal(f.Plaintext, plaintext) || f.SentAt != 11 || f.Counter != 12 || f.LastSeen != [32]byte{13} {
				t.Fatalf("%+v, %v", f, err)
			}
		}
	}
	if _, err := Seal(frozen.Rand(""), testHeader, testKey, Frame{Plaintext: make([]byte, MaxPlaintext+1)}, nil); err != prim.ErrTooLong {
		t.Fatal(err)
	}
}

func TestN17_OnlyTheSignersKeyVerifies(t *testing.T) {
	c, err := Parse(seal(t, groupHeader(), nil))
	if err != nil {
		t.Fatal(err)
	}
	other := signed.PublicEd25519(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)))
	if c.Verify(other) || c.Verify(signed.Ed25519Key{1}) {
		t.Fatal("another key verifies")
	}
	dm, err := Parse(seal(t, testHeader, nil))
	if err != nil || dm.Verify(signed.PublicEd25519(testSign)) {
		t.Fatal("a DM verifies as signed")
	}
}

func TestN19_AnotherKeyIsNotTheOneCommittedTo(t *testing.T) {
	c, err := Parse(seal(t, testHeader, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(make([]byte, 32)); err != prim.ErrCommitment {
		t.Fatal(err)
	}
}

// sealRaw seals a padded plaintext as it is, which only a malicious client would.
func sealRaw(padded []byte) []byte {
	nonce, _ := prim.NewNonce(frozen.Rand("raw"))
	box := prim.NewBox(testKey, labelMessage, nil)
	header := testHeader.encode(nonce, box.Commit)
	return octet.NewWriter(0).Raw(header).Var(box.Seal(nonce, padded, header)).Bytes()
}

func TestN32_WhatIsWrongInsideIsUniformlyMalformed(t *testing.T) {
	good := (&Frame{Counter: 1, Plaintext: []byte("x")}).encode()
	pad := func(b []byte) []byte { p, _ := prim.Pad(b); return p }
	if _, err := open(sealRaw(pad(good))); err != nil {
		t.Fatal(err)
	}
	noMark, tooLarge, filled := make([]byte, 128), append(pad(good), make([]byte, 128)...), pad(good)
	copy(noMark, good)
	filled[127] = 1
	badVersion, noCounter, longer := slices.Clone(good), (&Frame{}).encode(), append(slices.Clone(good), 0)
	badVersion[0] = 9
	for name, padded := range map[string][]byte{"no mark": noMark, "a bucket too large": tooLarge, "bytes after the mark": filled, "no bucket": pad(good)[:100], "empty": {},
		"another frame version": pad(badVersion), "number zero": pad(noCounter), "bytes after the frame": pad(longer), "a frame cut short": pad(good[:20])} {
		if _, err := open(sealRaw(padded)); err != ErrMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	altered := sealRaw(pad(good))
	altered[len(altered)-1] ^= 1
	if _, err := open(altered); err != ErrMalformed {
		t.Errorf("an altered ciphertext: %v", err)
	}
}

func open(b []byte) (Frame, error) {
	c, err := Parse(b)
	if err != nil {
		return Frame{}, err
	}
	return c.Open(slices.Clone(testKey))
}

func TestN29N30_OnlyWholePresentDayMessagesParse(t *testing.T) {
	good := seal(t, groupHeader(), []byte("hello"))
	set := func(at int, to byte) []byte { b := slices.Clone(good); b[at] = to; return b }
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"another version": {set(0, 2), ErrVersion}, "version zero": {set(0, 0), ErrVersion}, "another suite": {set(1, 2), ErrVersion},
		"a webhook's kind": {set(2, byte(Webhook)), ErrPlaintext}, "no kind": {set(2, 0), ErrMalformed}, "an unknown kind": {set(2, 4), ErrMalformed},
		"a signed content as a DM": {set(2, byte(DM)), ErrMalformed},
		"nothing":                  {nil, ErrMalformed}, "text": {[]byte("hello"), ErrVersion}, "a byte more": {append(slices.Clone(good), 0), ErrMalformed},
		"a byte less": {good[:len(good)-1], ErrMalformed}, "too much": {append(slices.Clone(good), make([]byte, MaxContent)...), ErrMalformed},
		"an epoch beyond 2^53": {set(83, 0xff), ErrMalformed},
	} {
		if _, err := Parse(c.b); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPairwiseEnvelopesAreStrict(t *testing.T) {
	p := Pairwise{Session: [32]byte{1}, Message: []byte("message")}
	if got, err := ParsePairwise(p.Encode()); err != nil || got.Session != p.Session || !bytes.Equal(got.Message, p.Message) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, k := range []Type{TypeKey, TypeDistribution} {
		l := Payload{k, 3, [32]byte{4}, make([]byte, 32)}
		if got, err := ParsePayload(l.Encode()); err != nil || got.Type != k || got.Number != 3 || got.Content != l.Content {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	for name, l := range map[string]Payload{"type zero": {Body: make([]byte, 32)}, "an unknown type": {Type: 3}, "a short key": {Type: TypeKey, Body: make([]byte, 31)}} {
		if _, err := ParsePayload(l.Encode()); err != ErrMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(seal(f, testHeader, []byte("hello")))
	f.Add(seal(f, groupHeader(), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		w := octet.NewWriter(len(b)).Raw(c.Header.encode(c.nonce, c.commit)).Var(c.ciphertext)
		if c.Kind == Group {
			w.Raw(c.signature[:])
		}
		if !bytes.Equal(w.Bytes(), b) {
			t.Fatal("one content has two encodings")
		}
		if _, err := c.Open(make([]byte, 32)); err == nil {
			t.Fatal("opened with a key it was not sealed with")
		}
	})
}

func FuzzPairwise(f *testing.F) {
	f.Add((&Pairwise{Message: []byte("m")}).Encode())
	f.Add((&Payload{Type: TypeKey, Body: make([]byte, 32)}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePairwise(b); err == nil && !bytes.Equal(p.Encode(), b) {
			t.Fatal("one envelope has two encodings")
		}
		if p, err := ParsePayload(b); err == nil && !bytes.Equal(p.Encode(), b) {
			t.Fatal("one payload has two encodings")
		}
		if fr, err := parseFrame(b); err == nil && !bytes.Equal(fr.encode(), b) {
			t.Fatal("one frame has two encodings")
		}
	})
}
