package senderkey

import (
	"cmp"
	"math"
	"slices"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

// Receiver reads one sender key of another device.
type Receiver struct {
	KeyID   [16]byte
	Epoch   uint64
	State   [32]byte
	Sign    signed.Ed25519Key
	Created uint64 // when it was received, ms
	chain   chain
	skipped []skipped // ascending by iteration
}

type skipped struct {
	iteration uint32
	at        uint64
	key       [32]byte
}

const skippedSize = 4 + 8 + 32

// NewReceiver begins to read at d, received at the time now (ms).
func NewReceiver(d *Distribution, now uint64) *Receiver {
	return &Receiver{KeyID: d.KeyID, Epoch: d.Epoch, State: d.State, Sign: d.Sign, Created: now, chain: chain{d.Chain, d.Iteration}}
}

// Key returns the message key of an iteration, once: ErrUsed the second time. Nothing is derived before the bounds are checked (N20). The
// receiver has changed when there is no error; a caller whose decryption fails then throws it away instead of keeping it.
func (k *Receiver) Key(iteration uint32, now uint64) (mk [32]byte, err error) {
	if iteration < k.chain.next {
		return k.take(iteration, now)
	}
	if iteration-k.chain.next > MaxJump || iteration == math.MaxUint32 {
		return mk, ErrTooFar
	}
	for n := k.chain.next; n < iteration; n++ {
		k.skipped = append(k.skipped, skipped{n, now, k.chain.step()})
	}
	k.Trim(MaxSkipped)
	return k.chain.step(), nil
}

func (k *Receiver) take(iteration uint32, now uint64) (mk [32]byte, err error) {
	i, found := slices.BinarySearchFunc(k.skipped, iteration, func(s skipped, n uint32) int { return cmp.Compare(s.iteration, n) })
	if !found || expired(k.skipped[i].at, now) {
		return mk, ErrUsed
	}
	mk = k.skipped[i].key
	k.skipped = slices.Delete(k.skipped, i, i+1)
	return mk, nil
}

// Expire drops skipped keys past their Lifetime, and reports whether the receiver itself is past its own.
func (k *Receiver) Expire(now uint64) bool {
	k.skipped = slices.DeleteFunc(k.skipped, func(s skipped) bool { return expired(s.at, now) })
	return expired(k.Created, now)
}

func expired(at, now uint64) bool { return now > at && now-at >= Lifetime }

// Skipped returns how many skipped message keys are held.
func (k *Receiver) Skipped() int { return len(k.skipped) }

// Trim forgets the oldest skipped keys until at most max are left.
func (k *Receiver) Trim(max int) {
	if extra := len(k.skipped) - max; extra > 0 {
		for i := range extra {
			prim.Wipe(k.skipped[i].key[:])
		}
		k.skipped = slices.Delete(k.skipped, 0, extra)
	}
}

// Append writes k into a record that the device keeps.
func (k *Receiver) Append(w *octet.Writer) {
	w.Raw(k.KeyID[:]).U64(k.Epoch).Raw(k.State[:]).Raw(k.Sign[:]).U64(k.Created).Raw(k.chain.key[:]).U32(k.chain.next).U16(uint16(len(k.skipped)))
	for i := range k.skipped {
		w.U32(k.skipped[i].iteration).U64(k.skipped[i].at).Raw(k.skipped[i].key[:])
	}
}

// ReadReceiver reads what Append wrote.
func ReadReceiver(r *octet.Reader) *Receiver {
	k := new(Receiver)
	r.Into(k.KeyID[:])
	k.Epoch = r.U64()
	r.Into(k.State[:])
	r.Into(k.Sign[:])
	k.Created = r.U64()
	r.Into(k.chain.key[:])
	k.chain.next = r.U32()
	k.skipped = make([]skipped, r.Count(MaxSkipped, skippedSize))
	for i := range k.skipped {
		k.skipped[i].iteration, k.skipped[i].at = r.U32(), r.U64()
		r.Into(k.skipped[i].key[:])
	}
	return k
}
