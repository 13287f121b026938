package core

import (
	"slices"

	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/senderkey"
	"chatalot/app/wire/octet"
)

// maxSenderKeys is how many sender keys of one device are kept in one channel: the older ones for what is still under way.
const maxSenderKeys = 5

func addressKey(a Address) string           { return a.User.String() + "/" + a.Device.String() }
func peerPrefix(conv ConvID) string         { return "peer/" + conv.String() + "/" }
func peerKey(conv ConvID, a Address) string { return peerPrefix(conv) + addressKey(a) }

// peer is one device's voice in one conversation: the numbers of its messages and, in a channel, its sender keys. Opening a channel message changes
// this record and the conversation's tail, and no other.
type peer struct {
	numbers  numbers
	lastSeen [32]byte              // what the sender had seen last, as of its newest message
	keys     []*senderkey.Receiver // newest first
}

func (p *peer) encode() []byte {
	w := record(512).U32(uint32(p.skipped()))
	p.numbers.append(w)
	w.Raw(p.lastSeen[:]).U16(uint16(len(p.keys)))
	for _, k := range p.keys {
		k.Append(w)
	}
	return w.Bytes()
}

func readPeer(r *octet.Reader) *peer {
	r.U32() // the skipped keys, counted again below; see skippedIn
	p := &peer{numbers: readNumbers(r)}
	r.Into(p.lastSeen[:])
	p.keys = make([]*senderkey.Receiver, r.Count(maxSenderKeys, 1))
	for i := range p.keys {
		p.keys[i] = senderkey.ReadReceiver(r)
	}
	return p
}

func (c *Core) peer(conv ConvID, a Address) (*peer, error) {
	p, err := load(c.state, peerKey(conv, a), readPeer)
	if p == nil && err == nil {
		p = new(peer)
	}
	return p, err
}

func (p *peer) skipped() (n int) {
	for _, k := range p.keys {
		n += k.Skipped()
	}
	return n
}

// trim halves the skipped keys, oldest first.
func (p *peer) trim() {
	for _, k := range p.keys {
		k.Trim(k.Skipped() / 2)
	}
}

// key returns the sender key of a header, or nil. A key serves only the epoch and view that it was distributed for.
func (p *peer) key(h *envelope.Header) *senderkey.Receiver {
	i := slices.IndexFunc(p.keys, func(k *senderkey.Receiver) bool {
		return k.KeyID == h.KeyID && k.Epoch == h.Epoch && k.State == h.State
	})
	if i < 0 {
		return nil
	}
	return p.keys[i]
}

// learn keeps a distributed sender key. One that is already known stays as it is: its distribution was sent again, or is replayed.
func (p *peer) learn(d *senderkey.Distribution, now uint64) {
	if slices.ContainsFunc(p.keys, func(k *senderkey.Receiver) bool { return k.KeyID == d.KeyID }) {
		return
	}
	p.keys = append([]*senderkey.Receiver{senderkey.NewReceiver(d, now)}, p.keys...)
	p.keys = p.keys[:min(len(p.keys), maxSenderKeys)]
}

// expire drops what is past its time.
func (p *peer) expire(now uint64) {
	p.keys = slices.DeleteFunc(p.keys, func(k *senderkey.Receiver) bool { return k.Expire(now) })
}
