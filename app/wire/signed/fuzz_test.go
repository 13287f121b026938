package signed

import (
	"bytes"
	"crypto/mlkem"
	"testing"
)

func kemAccepts(ek []byte) bool {
	_, err := mlkem.NewEncapsulationKey768(ek)
	return err == nil
}

func FuzzParsePrekey(f *testing.F) {
	a := newAccount(1)
	d := a.device()
	f.Add(a.prekey(f, d, PrekeySigned).Encode())
	f.Add(a.prekey(f, d, PrekeyKEM).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePrekey(b)
		if err != nil && p != nil {
			t.Fatal("refused, and returned")
		}
		if err == nil && (!bytes.Equal(p.Encode(), b) || len(b) > MaxPrekey) {
			t.Fatal("accepted an encoding that is not its own")
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	a := newAccount(1)
	f.Add(a.manifest(f, a.entry(a.device())).Encode())
	f.Add(a.manifest(f, sorted(a.entry(a.device()), a.entry(a.device()))...).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil && m != nil {
			t.Fatal("refused, and returned")
		}
		if err == nil && (!bytes.Equal(m.Encode(), b) || len(b) > MaxManifest) {
			t.Fatal("accepted an encoding that is not its own")
		}
	})
}

func FuzzParseOp(f *testing.F) {
	a := newAccount(1)
	f.Add(a.create(f, a.device()).Encode())
	leave := &Op{Group: ConvID{1}, N: 1, PrevHash: [32]byte{1}, Actor: a.user, Device: DeviceID{1}, Type: OpLeave}
	f.Add(leave.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOp(b)
		if err != nil && o != nil {
			t.Fatal("refused, and returned")
		}
		if err == nil && (!bytes.Equal(o.Encode(), b) || len(b) > MaxOp) {
			t.Fatal("accepted an encoding that is not its own")
		}
	})
}
