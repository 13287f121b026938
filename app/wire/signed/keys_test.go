package signed

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"testing"
)

// littleEndian returns n as 32 bytes.
func littleEndian(n *big.Int) (k [32]byte) {
	for i, b := range n.FillBytes(make([]byte, 32)) {
		k[31-i] = b
	}
	return k
}

func prime() *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	return p.Sub(p, big.NewInt(19))
}

// aboveP returns all 19 encodings of field elements that are not below p, without the high bit.
func aboveP() (keys [][32]byte) {
	for i := range int64(19) {
		keys = append(keys, littleEndian(new(big.Int).Add(prime(), big.NewInt(i))))
	}
	return keys
}

func withHighBit(k [32]byte) [32]byte {
	k[31] |= 0x80
	return k
}

func TestN01LowOrderX25519KeysAreRefused(t *testing.T) {
	private, _ := ecdh.X25519().NewPrivateKey(append(make([]byte, 31), 1))
	low := []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	}
	for _, text := range low {
		b, _ := hex.DecodeString(text)
		for _, k := range [][32]byte{[32]byte(b), withHighBit([32]byte(b))} {
			public, _ := ecdh.X25519().NewPublicKey(k[:])
			if _, err := private.ECDH(public); err == nil {
				t.Fatalf("%x is not of small order: the test is wrong", k)
			}
			if X25519Key(k).Check() != ErrKey {
				t.Errorf("%x was accepted", k)
			}
		}
	}
}

func TestN03AliasesOfX25519KeysAreRefused(t *testing.T) {
	for _, k := range aboveP() {
		if X25519Key(k).Check() != ErrKey {
			t.Errorf("%x, which is not below p, was accepted", k)
		}
	}
	honest := newAccount(1).device().dh.PublicKey().Bytes()
	if X25519Key(honest).Check() != nil {
		t.Fatal("an honest key was refused")
	}
	if X25519Key(withHighBit([32]byte(honest))).Check() != ErrKey {
		t.Error("a key with the high bit set was accepted")
	}
	private, _ := ecdh.X25519().NewPrivateKey(append(make([]byte, 31), 1))
	alias := withHighBit([32]byte(honest))
	one, _ := ecdh.X25519().NewPublicKey(honest)
	two, _ := ecdh.X25519().NewPublicKey(alias[:])
	a, _ := private.ECDH(one)
	b, _ := private.ECDH(two)
	if string(a) != string(b) {
		t.Error("the standard library refuses aliases by itself now: this check's reason is gone")
	}
}

func TestTheLargestAndSmallestHonestFieldElementsPass(t *testing.T) {
	two, largest := littleEndian(big.NewInt(2)), littleEndian(new(big.Int).Sub(prime(), big.NewInt(2)))
	for _, k := range [][32]byte{two, largest, {31: 0x7f}, {30: 0xff, 31: 0x7f}, {0: 0xed, 1: 0xfe, 31: 0x7f}} {
		if X25519Key(k).Check() != nil || Ed25519Key(k).Check() != nil || Ed25519Key(withHighBit(k)).Check() != nil {
			t.Errorf("%x was refused", k)
		}
	}
}

// lowOrderEd25519 returns every encoding of the eight points of small order: the eight canonical ones, the two of x = 0
// with the wrong sign, and those with y not below p.
func lowOrderEd25519() (keys [][32]byte) {
	for _, y := range smallEd25519 {
		keys = append(keys, y, withHighBit(y))
	}
	for _, y := range aboveP()[:2] { // p and p+1 are 0 and 1
		keys = append(keys, y, withHighBit(y))
	}
	return keys
}

func TestN02SmallOrderEd25519KeysAreRefused(t *testing.T) {
	if len(lowOrderEd25519()) != 14 {
		t.Fatal("there are 14 encodings of the eight points")
	}
	forged := 0
	for _, k := range lowOrderEd25519() {
		if Ed25519Key(k).Check() != ErrKey {
			t.Errorf("%x was accepted", k)
		}
		// R = identity, S = 0 fits every message for which the hash kills the point: one in eight at least.
		sig := Signature{0: 1}
		for i := range byte(64) {
			if ed25519.Verify(k[:], []byte{i}, sig[:]) {
				forged++
			}
			if Ed25519Key(k).Verify(sig, "", []byte{i}) {
				t.Fatalf("%x verified a message that nobody signed", k)
			}
		}
	}
	if forged == 0 {
		t.Error("the standard library refuses these keys by itself now: this check's reason is gone")
	}
}

func TestN02NonCanonicalEd25519KeysAreRefused(t *testing.T) {
	for _, k := range aboveP() {
		if Ed25519Key(k).Check() != ErrKey || Ed25519Key(withHighBit(k)).Check() != ErrKey {
			t.Errorf("%x, which is not below p, was accepted", k)
		}
	}
}

func TestN02ListedPointsAreOfSmallOrder(t *testing.T) {
	// Doubled three times, each must be the identity, y = 1. On -x^2 + y^2 = 1 + d x^2 y^2 the double of (x, y) has
	// y = (y^2 + x^2) / (2 + x^2 - y^2), and x^2 = (y^2 - 1) / (d y^2 + 1).
	p := prime()
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	d.Mod(d, p)
	double := func(y *big.Int) *big.Int {
		yy := new(big.Int).Exp(y, big.NewInt(2), p)
		den := new(big.Int).Add(new(big.Int).Mul(d, yy), big.NewInt(1))
		xx := new(big.Int).Mul(new(big.Int).Sub(yy, big.NewInt(1)), new(big.Int).ModInverse(den.Mod(den, p), p))
		xx.Mod(xx, p)
		top := new(big.Int).Add(yy, xx)
		bottom := new(big.Int).Sub(new(big.Int).Add(big.NewInt(2), xx), yy)
		top.Mul(top, new(big.Int).ModInverse(bottom.Mod(bottom, p), p))
		return top.Mod(top, p)
	}
	for _, k := range smallEd25519 {
		be := make([]byte, 32)
		for i, b := range k {
			be[31-i] = b
		}
		if y := double(double(double(new(big.Int).SetBytes(be)))); y.Cmp(big.NewInt(1)) != 0 {
			t.Errorf("%x is not of order dividing 8", k)
		}
	}
}
