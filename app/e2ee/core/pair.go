package core

import (
	"bytes"
	"slices"

	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/e2ee/ratchet"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	maxArchived   = 5                   // sessions of one device pair that only receive
	archivedLife  = 7 * dayMS           // how long they do, ms
	relievedLife  = dayMS               // how long once the peer is known to use the session that sends, ms
	maxNumberJump = 1000                // by how much a peer's new session may raise the pair's session number
	repairsAnHour = 1                   // new sessions after a failure, and requests for keys, of one device pair
	repairsADay   = 5                   // (E2EE.md section 4, N26)
	maxState      = 1 << 20             // bytes of a stored session
	hourMS        = 60 * 60 * 1000      // ms
	dayMS         = 24 * 60 * 60 * 1000 // ms
)

func pairKey(a Address) string { return "pair/" + addressKey(a) }

// pair is everything between this device and another one. At most one session sends; the others finish receiving (SPEC.md section 10).
type pair struct {
	number   uint32     // the highest of any session known
	reset    bool       // the next seal begins a new session
	repairs  []uint64   // when a failure was answered by a reset or a request for keys, ms
	heeded   []uint64   // when the other device's request for keys was heeded, ms
	sessions []*session // the one that sends first, if there is one
}

// session is one session of a pair.
type session struct {
	id      [32]byte // transcript hash
	number  uint32   // above every number that its beginner knew of then
	until   uint64   // when a receive-only session ends, ms; 0 for the one that sends
	initial []byte   // own handshake, to be repeated until answered; empty otherwise
	begun   [32]byte // hash of the peer's handshake, whose repetitions must be the same; zero when this device began
	ratchet *ratchet.Session
}

func (p *pair) encode() []byte {
	w := record(2048).U32(uint32(p.skipped())).U32(p.number)
	if p.reset {
		w.U8(1)
	} else {
		w.U8(0)
	}
	appendTimes(w, p.repairs)
	appendTimes(w, p.heeded)
	w.U16(uint16(len(p.sessions)))
	for _, s := range p.sessions {
		w.Raw(s.id[:]).U32(s.number).U64(s.until).Var(s.initial).Raw(s.begun[:]).Var(s.ratchet.Encode())
	}
	return w.Bytes()
}

func readPair(r *octet.Reader) *pair {
	r.U32() // the skipped keys, counted again below; see skippedIn
	p := &pair{number: r.U32(), reset: r.U8() == 1, repairs: readTimes(r, repairsADay), heeded: readTimes(r, repairsADay)}
	p.sessions = make([]*session, r.Count(maxArchived+1, 84))
	for i := range p.sessions {
		s := new(session)
		r.Into(s.id[:])
		s.number, s.until = r.U32(), r.U64()
		s.initial = slices.Clone(r.Var(pqxdh.MaxInitial))
		r.Into(s.begun[:])
		var err error
		if s.ratchet, err = ratchet.Parse(r.Var(maxState)); err != nil {
			r.Fail(err)
		}
		p.sessions[i] = s
	}
	return p
}

func (c *Core) pair(a Address) (*pair, error) {
	p, err := load(c.state, pairKey(a), readPair)
	if p == nil && err == nil {
		p = new(pair)
	}
	return p, err
}

func (c *Core) putPair(a Address, p *pair) { c.state.put(pairKey(a), p.encode()) }

func (p *pair) skipped() (n int) {
	for _, s := range p.sessions {
		n += s.ratchet.Skipped()
	}
	return n
}

// trim halves the skipped keys, oldest first.
func (p *pair) trim(now uint64) {
	for _, s := range p.sessions {
		s.ratchet.Forget(now, s.ratchet.Skipped()/2)
	}
}

// sending returns the session that sends, or nil.
func (p *pair) sending() *session {
	if len(p.sessions) > 0 && p.sessions[0].until == 0 {
		return p.sessions[0]
	}
	return nil
}

// ready reports whether a message can be sealed without a new handshake.
func (p *pair) ready() bool { return p.sending() != nil && !p.reset }

func (p *pair) find(id [32]byte) *session {
	if i := slices.IndexFunc(p.sessions, func(s *session) bool { return s.id == id }); i >= 0 {
		return p.sessions[i]
	}
	return nil
}

// before orders sessions by who sends: the higher number, then the lower transcript hash. Both devices of a pair come to the same choice from whatever
// they have seen, in whatever order (N24).
func (s *session) before(t *session) bool {
	if s.number != t.number {
		return s.number > t.number
	}
	return bytes.Compare(s.id[:], t.id[:]) < 0
}

// admit takes up a new session: it sends, or the one that does goes on and it only receives.
func (p *pair) admit(s *session, now uint64) {
	p.number = max(p.number, s.number)
	winner, loser, list := s, p.sending(), p.sessions
	if loser != nil {
		if loser.before(s) {
			winner, loser = loser, s
		}
		loser.until, loser.initial = now+archivedLife, nil
		list = append([]*session{loser}, list[1:]...)
	}
	if winner == s {
		p.reset = false
	}
	p.sessions = append([]*session{winner}, list...)
	p.sessions = p.sessions[:min(len(p.sessions), maxArchived+1)]
}

// expire ends receive-only sessions whose time is over (N25).
func (p *pair) expire(now uint64) {
	p.sessions = slices.DeleteFunc(p.sessions, func(s *session) bool { return s.until != 0 && s.until <= now })
}

// heard notes that the peer used s: an answered session needs no handshake any more, and once the peer uses the session that sends, the others have
// little left to receive.
func (p *pair) heard(s *session, now uint64) {
	s.initial = nil
	if s.until != 0 {
		return
	}
	for _, old := range p.sessions {
		if old != s {
			old.until = min(old.until, now+relievedLife)
		}
	}
}

// repair reports whether another failure may be answered now, and if so remembers that it was.
func (p *pair) repair(now uint64) bool { return allow(&p.repairs, now) }

// heed does the same for the peer's requests.
func (p *pair) heed(now uint64) bool { return allow(&p.heeded, now) }

// allow keeps a list of moments to one an hour and five a day.
func allow(list *[]uint64, now uint64) bool {
	recent := slices.DeleteFunc(slices.Clone(*list), func(at uint64) bool { return since(at, now) >= dayMS })
	lastHour := slices.DeleteFunc(slices.Clone(recent), func(at uint64) bool { return since(at, now) >= hourMS })
	if len(recent) >= repairsADay || len(lastHour) >= repairsAnHour {
		return false
	}
	*list = append(recent, now)
	return true
}

// initiate begins a session with a device from its bundle, towards the pinned identity and no other.
func (c *Core) initiate(a *account, own, peer *person, to Address, b Bundle, number uint32) (*session, error) {
	keys, err := parseBundle(b)
	if err != nil {
		return nil, failDevice(CodeBadBundle, to, sentence(err))
	}
	self, err := pqxdh.PartyOf(own.manifest, a.address.Device)
	if err != nil {
		return nil, because(CodeInactive, err)
	}
	result, initial, err := pqxdh.Initiate(c.cfg.Rand, c.cfg.Now(), self, a.device.DH, peer.manifest, to.Device, keys)
	if err != nil {
		return nil, failDevice(CodeBadBundle, to, sentence(err))
	}
	r, err := ratchet.Initiate(c.cfg.Rand, result.Secret, result.Transcript, ratchet.Address(a.address), ratchet.Address(to), keys.Signed.X25519())
	if err != nil {
		return nil, because(CodeRandom, err)
	}
	return &session{id: result.Transcript, number: number, initial: initial.Encode(), ratchet: r}, nil
}

func parseBundle(b Bundle) (out pqxdh.Bundle, err error) {
	if out.Signed, err = signed.ParsePrekey(b.Signed); err != nil {
		return out, err
	}
	if out.KEM, err = signed.ParsePrekey(b.KEM); err != nil {
		return out, err
	}
	if b.OneTime != nil {
		out.OneTime, err = signed.ParsePrekey(b.OneTime)
	}
	return out, err
}
