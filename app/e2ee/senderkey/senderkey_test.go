package senderkey

import (
	"bytes"
	"math"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

func newSender(t testing.TB, name string) *Sender {
	t.Helper()
	s, err := NewSender(frozen.Rand(name), 1000, signed.ConvID{1}, 2, [32]byte{3}, signed.DeviceID{4})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAReceiverDerivesWhatTheSenderUsed(t *testing.T) {
	s := newSender(t, "derive")
	early := NewReceiver(s.Distribution(), 0)
	var keys [20][32]byte
	for i := range keys {
		mk, iteration, err := s.Next()
		if err != nil || iteration != uint32(i) {
			t.Fatal(iteration, err)
		}
		keys[i] = mk
	}
	for _, i := range []uint32{3, 0, 2, 19, 7, 1, 18} {
		if mk, err := early.Key(i, 0); err != nil || mk != keys[i] {
			t.Errorf("iteration %d: %v", i, err)
		}
		if _, err := early.Key(i, 0); err != ErrUsed {
			t.Errorf("iteration %d a second time: %v", i, err)
		}
	}
	late := NewReceiver(s.Distribution(), 0)
	if _, err := late.Key(5, 0); err != ErrUsed {
		t.Error("a later distribution opens earlier messages")
	}
}

func TestASenderKeyWearsOut(t *testing.T) {
	s := newSender(t, "wear")
	if !s.Fresh(1000, 2, [32]byte{3}) || s.Fresh(1000, 3, [32]byte{3}) || s.Fresh(1000, 2, [32]byte{4}) || s.Fresh(999, 2, [32]byte{3}) || s.Fresh(1000+MaxAge, 2, [32]byte{3}) {
		t.Error("fresh when it should not be, or not when it should")
	}
	for range MaxMessages {
		if _, _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Next(); err != ErrSpent || s.Fresh(1000, 2, [32]byte{3}) {
		t.Errorf("one more message: %v", err)
	}
}

func TestN20_JumpsAreBounded(t *testing.T) {
	d := newSender(t, "jump").Distribution()
	k := NewReceiver(d, 0)
	for _, far := range []uint32{MaxJump + 1, 1 << 31, math.MaxUint32} {
		if _, err := k.Key(far, 0); err != ErrTooFar || k.Skipped() != 0 || k.chain.next != 0 {
			t.Errorf("iteration %d: %v, %d skipped", far, err, k.Skipped())
		}
	}
	for i := range uint32(5) {
		if _, err := k.Key((i+1)*MaxJump, 0); err != nil {
			t.Fatal(err)
		}
		if k.Skipped() > MaxSkipped {
			t.Fatalf("%d keys are kept", k.Skipped())
		}
	}
	if _, err := k.Key(7, 0); err != ErrUsed {
		t.Error("the oldest was not the one to go")
	}
	d.Iteration = math.MaxUint32
	if _, err := NewReceiver(d, 0).Key(math.MaxUint32, 0); err != ErrTooFar {
		t.Error("the iteration wraps around")
	}
}

func TestSkippedKeysExpire(t *testing.T) {
	k := NewReceiver(newSender(t, "expire").Distribution(), 0)
	if _, err := k.Key(3, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Key(0, Lifetime-1); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Key(1, Lifetime); err != ErrUsed {
		t.Error("an expired key was used")
	}
	if k.Expire(Lifetime-1) || k.Skipped() != 2 || !k.Expire(Lifetime) || k.Skipped() != 0 {
		t.Error("what expires did not, or something else did")
	}
}

func TestRecordsSurviveStorage(t *testing.T) {
	s := newSender(t, "store")
	k := NewReceiver(s.Distribution(), 5)
	s.Next()
	k.Key(9, 6)
	w := octet.NewWriter(0)
	s.Append(w)
	k.Append(w)
	r := octet.NewReader(w.Bytes())
	s2, k2 := ReadSender(r), ReadReceiver(r)
	if r.Done() != nil {
		t.Fatal(r.Done())
	}
	again := octet.NewWriter(0)
	s2.Append(again)
	k2.Append(again)
	if !bytes.Equal(w.Bytes(), again.Bytes()) {
		t.Error("a record changed in storage")
	}
	a, _, _ := s.Next()
	b, _, _ := s2.Next()
	c, err := k2.Key(1, 7)
	if a != b || a != c || err != nil {
		t.Error("the keys changed in storage")
	}
}

// vector is app/e2ee/testdata/senderkey.json: one sender key, its distribution and its message keys.
type vector struct {
	Conv         signed.ConvID
	Epoch        uint64
	State        frozen.Bytes
	Device       signed.DeviceID
	KeyID        frozen.Bytes
	SignSeed     frozen.Bytes
	SignPublic   frozen.Bytes
	Chain        frozen.Bytes   // before iteration 0
	Distribution frozen.Bytes   // at iteration 0
	Later        frozen.Bytes   // the distribution at iteration 3
	MessageKeys  []frozen.Bytes // of iterations 0 to 4
}

func TestFrozenVectorsOfSenderKeys(t *testing.T) {
	s := newSender(t, "vector")
	d := s.Distribution()
	v := vector{Conv: s.Conv, Epoch: s.Epoch, State: s.State[:], Device: s.Device, KeyID: s.KeyID[:], SignSeed: s.Sign.Seed(), SignPublic: d.Sign[:],
		Chain: d.Chain[:], Distribution: d.Encode()}
	for i := range 5 {
		if i == 3 {
			v.Later = s.Distribution().Encode()
		}
		mk, _, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		v.MessageKeys = append(v.MessageKeys, mk[:])
	}
	frozen.Check(t, "senderkey.json", v)
}

func FuzzDistribution(f *testing.F) {
	f.Add(newSender(f, "fuzz").Distribution().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := ParseDistribution(b); err == nil && !bytes.Equal(d.Encode(), b) {
			t.Fatal("one distribution has two encodings")
		}
		ReadReceiver(octet.NewReader(b))
		ReadSender(octet.NewReader(b))
	})
}
