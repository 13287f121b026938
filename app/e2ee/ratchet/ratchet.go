// Package ratchet is the Double Ratchet between two devices (Signal's specification, without header encryption; SPEC.md
// section 5). A Session changes only when a message was sealed, or was opened and found authentic.
package ratchet

import (
	"errors"
	"io"
	"slices"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/signed"
)

// Limits of one session (E2EE.md section 4). They are the same whoever the peer is, one's own other device included.
const (
	MaxSkip     = 1000                     // message keys that one message may make us skip
	MaxSkipped  = 2000                     // skipped message keys kept
	MaxChains   = 5                        // receiving chains kept, the current one included
	SkippedLife = 30 * 24 * 60 * 60 * 1000 // ms that a skipped key is kept
)

const maxCounter = 1<<31 - 1

// Why a message was not sealed or opened; the session is as it was before. Open also returns signed.ErrVersion, ErrSuite and
// ErrKey, octet's errors, and prim.ErrCommitment or prim.ErrSealed for what the peer did not seal for this session,
// conversation and message id.
var (
	ErrDuplicate = errors.New("this message was opened before, or came too late to be opened")
	ErrTooFar    = errors.New("too many messages before this one are missing")
	ErrUnasked   = errors.New("the other device changed its keys out of turn")
	ErrNotReady  = errors.New("the other device has to write first in this session")
	ErrSpent     = errors.New("this session has been used up: start a new one")
	ErrTooLong   = errors.New("this is too long for one envelope")
	ErrState     = errors.New("the stored session is damaged")
)

// Address names one device.
type Address struct {
	User   signed.UserID
	Device signed.DeviceID
}

// Session is one device's side of a ratchet. It is not safe for concurrent use.
type Session struct {
	transcript [32]byte
	self, peer Address
	root       [32]byte
	send       sending
	chains     []receiving // oldest first; the last is the current one
}

// sending is our chain. While due, the peer's newest key is unanswered: private is still the key that the peer knows, and
// the next Seal replaces it.
type sending struct {
	private prim.DHPrivate
	key     [32]byte
	n, prev uint32 // messages sealed in this chain, and in the one before
	due     bool
}

// receiving is one of the peer's chains. Only the current one still has its key.
type receiving struct {
	remote  signed.X25519Key
	key     [32]byte
	next    uint32
	skipped []skipped // ascending by n; appended to or replaced, never changed in place: copies of a Session share it
}

type skipped struct {
	n       uint32
	key     [32]byte
	expires uint64 // ms
}

// Initiate starts the side that made the PQXDH secret; remote is the signed prekey it used. It may seal at once.
func Initiate(rand io.Reader, secret, transcript [32]byte, self, peer Address, remote signed.X25519Key) (*Session, error) {
	s := &Session{transcript: transcript, self: self, peer: peer, root: secret}
	return s, s.turn(rand, remote)
}

// Respond starts the side that received it; own is the private half of that prekey. It opens a message before it can seal.
func Respond(secret, transcript [32]byte, self, peer Address, own prim.DHPrivate) *Session {
	return &Session{transcript: transcript, self: self, peer: peer, root: secret, send: sending{private: own, due: true}}
}

// Seal encrypts plaintext for the peer, bound to the conversation and message id.
func (s *Session) Seal(rand io.Reader, conv signed.ConvID, msg signed.MsgID, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, ErrTooLong
	}
	next := *s
	if next.send.due {
		if len(next.chains) == 0 {
			return nil, ErrNotReady
		}
		if err := next.turn(rand, next.chains[len(next.chains)-1].remote); err != nil {
			return nil, err
		}
	}
	if next.send.n > maxCounter {
		return nil, ErrSpent
	}
	nonce, err := prim.NewNonce(rand)
	if err != nil {
		return nil, err
	}
	box := newBox(step(&next.send.key))
	m := message{Ratchet: next.send.private.Public(), Prev: next.send.prev, N: next.send.n, Nonce: nonce, Commit: box.Commit}
	next.send.n++
	m.Ciphertext = box.Seal(nonce, plaintext, next.ad(m.header(), conv, msg, next.self, next.peer))
	*s = next
	return m.encode(), nil
}

// Open decrypts what the peer's Seal returned for the same conversation and message id. now (ms) dates skipped keys.
func (s *Session) Open(now uint64, conv signed.ConvID, msg signed.MsgID, sealed []byte) ([]byte, error) {
	m, err := parseMessage(sealed)
	if err != nil {
		return nil, err
	}
	next := *s
	next.chains = slices.Clone(s.chains)
	next.prune(now, MaxSkipped)
	key, err := next.receive(now, m)
	if err != nil {
		return nil, err
	}
	ad := next.ad(m.header(), conv, msg, next.peer, next.self)
	plaintext, err := newBox(key[:]).Open(m.Nonce, m.Commit, m.Ciphertext, ad)
	if err != nil {
		return nil, err
	}
	next.prune(now, MaxSkipped)
	*s = next
	return plaintext, nil
}

// receive finds or derives the key of m, and moves the chains as m demands. It checks every counter before it derives.
func (s *Session) receive(now uint64, m *message) ([32]byte, error) {
	at := slices.IndexFunc(s.chains, func(c receiving) bool { return c.remote == m.Ratchet })
	switch {
	case at < 0:
		if err := s.follow(now, m); err != nil {
			return [32]byte{}, err
		}
		at = len(s.chains) - 1
	case m.N < s.chains[at].next:
		return s.chains[at].take(m.N)
	case at < len(s.chains)-1:
		return [32]byte{}, ErrDuplicate // the peer itself said that this chain ended before
	case m.N-s.chains[at].next > MaxSkip:
		return [32]byte{}, ErrTooFar
	}
	c := &s.chains[at]
	c.skip(m.N, now)
	c.next++
	return [32]byte(step(&c.key)), nil
}

// follow ends the current receiving chain where m says that it ended, and begins the one of m's new ratchet key.
func (s *Session) follow(now uint64, m *message) error {
	var current *receiving
	missed := m.N
	if len(s.chains) > 0 {
		if s.send.due {
			return ErrUnasked
		}
		if current = &s.chains[len(s.chains)-1]; m.Prev > current.next {
			missed += m.Prev - current.next
		}
	}
	if missed > MaxSkip {
		return ErrTooFar
	}
	shared, err := s.send.private.Exchange(m.Ratchet)
	if err != nil {
		return err
	}
	if current != nil {
		current.skip(m.Prev, now)
		current.key = [32]byte{}
	}
	fresh := receiving{remote: m.Ratchet}
	s.root, fresh.key = turnRoot(s.root, shared, nil)
	s.chains = append(s.chains, fresh)
	s.send.due = true
	return nil
}

// turn begins a new sending chain towards the peer's newest ratchet key.
func (s *Session) turn(rand io.Reader, remote signed.X25519Key) error {
	private, err := prim.NewDHPrivate(rand)
	if err != nil {
		return err
	}
	shared, err := private.Exchange(remote)
	if err != nil {
		return err
	}
	fresh := sending{private: private, prev: s.send.n}
	s.root, fresh.key = turnRoot(s.root, shared, nil)
	s.send = fresh
	return nil
}

// skip keeps the keys of the messages before n that have not come.
func (c *receiving) skip(n uint32, now uint64) {
	for ; c.next < n; c.next++ {
		c.skipped = append(c.skipped, skipped{c.next, [32]byte(step(&c.key)), now + SkippedLife})
	}
}

// take removes and returns the skipped key of message n.
func (c *receiving) take(n uint32) ([32]byte, error) {
	i, found := slices.BinarySearchFunc(c.skipped, n, func(k skipped, n uint32) int { return int(k.n) - int(n) })
	if !found {
		return [32]byte{}, ErrDuplicate
	}
	key := c.skipped[i].key
	c.skipped = slices.Concat(c.skipped[:i], c.skipped[i+1:])
	return key, nil
}

// Transcript returns the hash of the PQXDH handshake that the session came from: of two sessions the lower one sends.
func (s *Session) Transcript() [32]byte { return s.transcript }

// Peer returns the device at the other end.
func (s *Session) Peer() Address { return s.peer }

// Answered reports whether a message of the peer was opened in this session: its handshake need not be repeated any more.
func (s *Session) Answered() bool { return len(s.chains) > 0 }

// Skipped returns how many skipped message keys the session keeps.
func (s *Session) Skipped() (total int) {
	for _, c := range s.chains {
		total += len(c.skipped)
	}
	return total
}

// Forget drops the skipped keys that expire by now (ms), and of the others the oldest until at most keep are left.
func (s *Session) Forget(now uint64, keep int) {
	s.chains = slices.Clone(s.chains)
	s.prune(now, keep)
}

// prune does what Forget says, and drops chains that have nothing left to open. s.chains is the caller's own copy.
func (s *Session) prune(now uint64, keep int) {
	for i := range s.chains {
		c := &s.chains[i]
		if slices.ContainsFunc(c.skipped, func(k skipped) bool { return k.expires <= now }) {
			c.skipped = slices.DeleteFunc(slices.Clone(c.skipped), func(k skipped) bool { return k.expires <= now })
		}
	}
	current := len(s.chains) - 1
	excess := s.Skipped() - keep
	kept := s.chains[:0]
	for i, c := range s.chains {
		drop := max(0, min(excess, len(c.skipped)))
		if current-i >= MaxChains {
			drop = len(c.skipped)
		}
		excess -= drop
		c.skipped = c.skipped[drop:]
		if i == current || len(c.skipped) > 0 {
			kept = append(kept, c)
		}
	}
	s.chains = kept
}
