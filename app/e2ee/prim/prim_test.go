package prim

import (
	"bytes"
	"crypto/mlkem"
	"encoding/hex"
	"errors"
	"testing"
	"testing/iotest"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/wire/signed"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDeriveIsRFC5869(t *testing.T) {
	// RFC 5869 appendix A.1; its info is no label of ours, so it is passed as the context.
	got := Derive(bytes.Repeat([]byte{0x0b}, 22), unhex(t, "000102030405060708090a0b0c"), "", unhex(t, "f0f1f2f3f4f5f6f7f8f9"), 42)
	want := "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
	if hex.EncodeToString(got) != want {
		t.Fatalf("got %x", got)
	}
}

func TestExchangeIsRFC7748(t *testing.T) {
	alice := DHPrivate(unhex(t, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")) // section 6.1
	bob := signed.X25519Key(unhex(t, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
	public := alice.Public()
	if hex.EncodeToString(public[:]) != "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a" {
		t.Errorf("public key %x", public)
	}
	shared, err := alice.Exchange(bob)
	if err != nil || hex.EncodeToString(shared) != "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" {
		t.Errorf("shared secret %x, %v", shared, err)
	}
}

func TestBoxesCommitToTheirKey(t *testing.T) {
	rand := frozen.Rand("box")
	nonce, _ := NewNonce(rand)
	seal := func() (*Box, []byte) {
		box := NewBox([]byte("secret"), "chatalot/test/v1\x00", nil)
		return box, box.Seal(nonce, []byte("hello"), []byte("ad"))
	}
	box, sealed := seal()
	same := func() *Box { return NewBox([]byte("secret"), "chatalot/test/v1\x00", nil) }
	if p, err := same().Open(nonce, box.Commit, sealed, []byte("ad")); err != nil || string(p) != "hello" {
		t.Fatal(err)
	}
	for name, other := range map[string]*Box{
		"another secret":  NewBox([]byte("Secret"), "chatalot/test/v1\x00", nil),
		"another label":   NewBox([]byte("secret"), "chatalot/tests/v1\x00", nil),
		"another context": NewBox([]byte("secret"), "chatalot/test/v1\x00", []byte{0}),
	} {
		if _, err := other.Open(nonce, box.Commit, sealed, []byte("ad")); err != ErrCommitment {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := same().Open(nonce, box.Commit, sealed, []byte("AD")); err != ErrSealed {
		t.Errorf("other associated data: %v", err)
	}
	nonce[0]++
	if _, err := same().Open(nonce, box.Commit, sealed, []byte("ad")); err != ErrSealed {
		t.Errorf("another nonce: %v", err)
	}
}

func TestASpentBoxHoldsNoKey(t *testing.T) {
	box := NewBox([]byte("secret"), "chatalot/test/v1\x00", nil)
	box.Seal([NonceSize]byte{}, nil, nil)
	if box.key != [KeySize]byte{} {
		t.Fatal("the key is still there")
	}
}

func TestPadLengthensToTheNextBucket(t *testing.T) {
	for n, want := range map[int]int{0: 128, 1: 128, 127: 128, 128: 256, 255: 256, 256: 512, 4095: 4096, 4096: 8192, 32768: 65536, 65535: 65536} {
		plain := bytes.Repeat([]byte{0x80}, n)
		padded, err := Pad(plain)
		if err != nil || len(padded) != want {
			t.Errorf("%d bytes became %d, want %d: %v", n, len(padded), want, err)
		}
		if back, err := Unpad(padded); err != nil || !bytes.Equal(back, plain) {
			t.Errorf("%d bytes did not come back: %v", n, err)
		}
	}
	if _, err := Pad(make([]byte, MaxPadded)); err != ErrTooLong {
		t.Errorf("64 KiB: %v", err)
	}
}

func TestN32WrongPaddingIsOneError(t *testing.T) {
	good, _ := Pad([]byte("hello"))
	with := func(change func([]byte) []byte) []byte { return change(bytes.Clone(good)) }
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"only zeros":           make([]byte, 128),
		"no mark":              with(func(b []byte) []byte { b[5] = 0; return b }),
		"another mark":         with(func(b []byte) []byte { b[5] = 0x40; return b }),
		"a byte after it":      with(func(b []byte) []byte { b[127] = 1; return b }),
		"a byte short":         good[:127],
		"a byte long":          append(bytes.Clone(good), 0),
		"too large a bucket":   append(bytes.Clone(good), make([]byte, 128)...),
		"beyond the largest":   append([]byte{0x80}, make([]byte, 2*MaxPadded-1)...),
		"65536 bytes unpadded": append(bytes.Repeat([]byte{1}, MaxPadded), append([]byte{0x80}, make([]byte, MaxPadded-1)...)...),
	} {
		if _, err := Unpad(b); err != ErrPadding {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzUnpadAcceptsOnlyWhatPadMade(f *testing.F) {
	good, _ := Pad([]byte("hello"))
	f.Add(good)
	f.Add(make([]byte, 256))
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := Unpad(b)
		if err != nil {
			return
		}
		if again, err := Pad(plain); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted %x, which Pad never makes", b)
		}
	})
}

func TestN01ExchangeRefusesUnsafeKeys(t *testing.T) {
	private, err := NewDHPrivate(frozen.Rand("dh"))
	if err != nil {
		t.Fatal(err)
	}
	high := private.Public()
	high[31] |= 0x80
	for _, k := range []signed.X25519Key{{}, {1}, high} {
		if shared, err := private.Exchange(k); err != signed.ErrKey || shared != nil {
			t.Errorf("%x: %v", k, err)
		}
	}
}

func TestKEMSecretsAgreeAndForgedCiphertextsDoNot(t *testing.T) {
	private, err := NewKEMPrivate(frozen.Rand("kem"))
	if err != nil {
		t.Fatal(err)
	}
	secret, ciphertext, err := Encapsulate(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := private.Decapsulate(ciphertext); err != nil || !bytes.Equal(got, secret) {
		t.Fatal("the two sides disagree", err)
	}
	ciphertext[0] ^= 1
	if got, err := private.Decapsulate(ciphertext); err != nil || bytes.Equal(got, secret) {
		t.Fatal("a forged ciphertext gave the true secret", err)
	}
	if _, err := private.Decapsulate(ciphertext[1:]); err != signed.ErrKey {
		t.Fatal("a short ciphertext was taken", err)
	}
	bad := bytes.Repeat([]byte{0xff}, mlkem.EncapsulationKeySize768)
	for _, key := range [][]byte{nil, bad, private.Public()[1:]} {
		if _, _, err := Encapsulate(key); err != signed.ErrKey {
			t.Errorf("encapsulated to a key that is none: %v", err)
		}
	}
}

func TestAFailingRandomSourceMakesNothing(t *testing.T) {
	broken := iotest.ErrReader(errors.New("broken"))
	_, e1 := NewDHPrivate(broken)
	_, e2 := NewKEMPrivate(broken)
	_, e3 := NewSigningKey(broken)
	_, e4 := NewNonce(broken)
	_, e5 := NewNonce(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(make([]byte, 5)))))
	for i, err := range []error{e1, e2, e3, e4, e5} {
		if err != ErrRandom {
			t.Errorf("case %d: %v", i, err)
		}
	}
}
