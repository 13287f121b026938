package ratchet

import (
	"slices"

	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	stateVersion = 0x01
	chainSize    = 32 + 32 + 4 + 2
	skippedSize  = 4 + 32 + 8
)

// Encode returns the whole state, which is secret. Parse reads it.
func (s *Session) Encode() []byte {
	w := octet.NewWriter(256 + len(s.chains)*chainSize + s.Skipped()*skippedSize)
	w.U8(stateVersion).Raw(s.transcript[:]).Raw(s.self.User[:]).Raw(s.self.Device[:]).Raw(s.peer.User[:]).Raw(s.peer.Device[:])
	w.Raw(s.root[:]).Raw(s.send.private[:]).Raw(s.send.key[:]).U32(s.send.n).U32(s.send.prev).U8(flag(s.send.due))
	w.U16(uint16(len(s.chains)))
	for _, c := range s.chains {
		w.Raw(c.remote[:]).Raw(c.key[:]).U32(c.next).U16(uint16(len(c.skipped)))
		for _, k := range c.skipped {
			w.U32(k.n).Raw(k.key[:]).U64(k.expires)
		}
	}
	return w.Bytes()
}

// Parse reads what Encode returned; all else is ErrState, signed.ErrVersion or an error of octet.
func Parse(state []byte) (*Session, error) {
	r, s := octet.NewReader(state), new(Session)
	r.Const(stateVersion, signed.ErrVersion)
	for _, field := range [][]byte{s.transcript[:], s.self.User[:], s.self.Device[:], s.peer.User[:], s.peer.Device[:],
		s.root[:], s.send.private[:], s.send.key[:]} {
		r.Into(field)
	}
	s.send.n, s.send.prev = r.U32(), r.U32()
	due := r.U8()
	s.send.due = due == 1
	s.chains = make([]receiving, r.Count(MaxChains, chainSize))
	for i := range s.chains {
		s.chains[i].read(r)
	}
	if due > 1 || s.Skipped() > MaxSkipped || s.repeats() {
		r.Fail(ErrState)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *receiving) read(r *octet.Reader) {
	r.Into(c.remote[:])
	r.Into(c.key[:])
	c.next = r.U32()
	c.skipped = make([]skipped, r.Count(MaxSkipped, skippedSize))
	for i := range c.skipped {
		k := &c.skipped[i]
		k.n = r.U32()
		r.Into(k.key[:])
		k.expires = r.U64()
		if k.n >= c.next || (i > 0 && k.n <= c.skipped[i-1].n) {
			r.Fail(ErrState)
		}
	}
	if c.remote.Check() != nil {
		r.Fail(ErrState)
	}
}

// repeats reports whether two chains claim the same ratchet key.
func (s *Session) repeats() bool {
	for i, c := range s.chains {
		if slices.ContainsFunc(s.chains[:i], func(d receiving) bool { return d.remote == c.remote }) {
			return true
		}
	}
	return false
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
