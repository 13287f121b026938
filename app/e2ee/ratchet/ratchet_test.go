package ratchet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const now = 1_800_000_000_000

// pair is a session seen from both ends. conv and id are where every message belongs unless a test says otherwise.
type pair struct {
	rand io.Reader
	a, b *Session
	conv signed.ConvID
	id   signed.MsgID
}

var (
	alice = Address{signed.UserID{1}, signed.DeviceID{2}}
	bob   = Address{signed.UserID{3}, signed.DeviceID{4}}
)

func newPair(t testing.TB, name string) *pair {
	t.Helper()
	p := &pair{rand: frozen.Rand(name), conv: signed.ConvID{5}, id: signed.MsgID{6}}
	var secret, transcript [32]byte
	prim.Random(p.rand, secret[:])
	prim.Random(p.rand, transcript[:])
	prekey, err := prim.NewDHPrivate(p.rand)
	if err != nil {
		t.Fatal(err)
	}
	if p.a, err = Initiate(p.rand, secret, transcript, alice, bob, prekey.Public()); err != nil {
		t.Fatal(err)
	}
	p.b = Respond(secret, transcript, bob, alice, prekey)
	return p
}

func (p *pair) seal(t testing.TB, from *Session, text string) []byte {
	t.Helper()
	sealed, err := from.Seal(p.rand, p.conv, p.id, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func (p *pair) open(to *Session, sealed []byte) (string, error) {
	plain, err := to.Open(now, p.conv, p.id, sealed)
	return string(plain), err
}

// says seals text at one end and opens it at the other.
func (p *pair) says(t testing.TB, from, to *Session, text string) {
	t.Helper()
	if got, err := p.open(to, p.seal(t, from, text)); err != nil || got != text {
		t.Fatalf("%q arrived as %q: %v", text, got, err)
	}
}

// refuses checks that opening sealed fails with want (any error if nil) and leaves the session as it was.
func (p *pair) refuses(t testing.TB, to *Session, sealed []byte, want error) {
	t.Helper()
	before := to.Encode()
	got, err := p.open(to, sealed)
	if err == nil || got != "" || (want != nil && err != want) {
		t.Fatalf("opened as %q with %v, want %v", got, err, want)
	}
	if !bytes.Equal(before, to.Encode()) {
		t.Fatal("a refused message changed the session")
	}
}

func TestTwoDevicesTalk(t *testing.T) {
	p := newPair(t, "talk")
	for range 3 {
		p.says(t, p.a, p.b, "one")
		p.says(t, p.a, p.b, "")
		p.says(t, p.b, p.a, "two")
	}
	if !p.a.Answered() || !p.b.Answered() || p.a.Skipped()+p.b.Skipped() != 0 {
		t.Error("after a plain talk nothing is open")
	}
	if p.a.Transcript() != p.b.Transcript() || p.a.Peer() != bob || p.b.Peer() != alice {
		t.Error("the ends disagree on who they are")
	}
}

func TestTheResponderWaitsForTheFirstMessage(t *testing.T) {
	p := newPair(t, "wait")
	if _, err := p.b.Seal(p.rand, p.conv, p.id, nil); err != ErrNotReady {
		t.Fatal(err)
	}
	if p.b.Answered() || p.a.Answered() {
		t.Error("nobody has answered yet")
	}
}

func TestTwoDevicesTalkWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(40) {
		dice := rand.New(rand.NewPCG(seed, 1))
		p := newPair(t, "network")
		ends := [2]*Session{p.a, p.b}
		var queues [2][][]byte // to each end, in the order of sealing
		opened := 0
		p.says(t, p.a, p.b, "hello")
		for range 300 {
			who := dice.IntN(2)
			switch dice.IntN(5) {
			case 0, 1:
				queues[1-who] = append(queues[1-who], p.seal(t, ends[who], "text"))
			case 2: // lose one, but seldom enough that no gap grows past MaxSkip
				if len(queues[who]) > 0 && dice.IntN(8) == 0 {
					queues[who] = queues[who][1:]
				}
			default:
				if n := len(queues[who]); n > 0 {
					at := dice.IntN(n)
					m := queues[who][at]
					queues[who] = slices.Delete(queues[who], at, at+1)
					if got, err := p.open(ends[who], m); err != nil || got != "text" {
						t.Fatalf("seed %d: %q, %v", seed, got, err)
					}
					opened++
					p.refuses(t, ends[who], m, nil) // each message opens once
				}
			}
			who = dice.IntN(2)
			kept, err := Parse(ends[who].Encode())
			if err != nil {
				t.Fatal(err)
			}
			*ends[who] = *kept // a restart in between changes nothing
		}
		if opened < 50 {
			t.Fatalf("only %d messages arrived: the test shows little", opened)
		}
	}
}

func TestMessagesOpenInAnyOrderWithinFiveChains(t *testing.T) {
	p := newPair(t, "order")
	var late [][]byte
	for range MaxChains {
		late = append(late, p.seal(t, p.a, "late"))
		p.says(t, p.a, p.b, "now")
		p.says(t, p.b, p.a, "answer")
	}
	for i := range late {
		if got, err := p.open(p.b, late[len(late)-1-i]); err != nil || got != "late" {
			t.Fatalf("message of chain %d: %v", len(late)-1-i, err)
		}
	}
	if p.b.Skipped() != 0 {
		t.Error("used keys were kept")
	}
}

func TestN20AnOlderChainThanFiveIsForgotten(t *testing.T) {
	p := newPair(t, "chains")
	var late [][]byte
	for range 3 * MaxChains {
		late = append(late, p.seal(t, p.a, "late"))
		p.says(t, p.a, p.b, "now")
		p.says(t, p.b, p.a, "answer")
	}
	if len(p.b.chains) != MaxChains || p.b.Skipped() != MaxChains {
		t.Fatalf("%d chains, %d keys kept", len(p.b.chains), p.b.Skipped())
	}
	p.refuses(t, p.b, late[0], nil)
	if got, err := p.open(p.b, late[len(late)-1]); err != nil || got != "late" {
		t.Fatal(err)
	}
}

func TestN20CountersAreCheckedBeforeAnythingIsDerived(t *testing.T) {
	p := newPair(t, "far")
	p.says(t, p.a, p.b, "hello")
	m := p.seal(t, p.a, "far")
	for _, n := range []uint32{MaxSkip + 2, 1 << 20, maxCounter} {
		p.refuses(t, p.b, edit(t, m, func(m *message) { m.N = n }), ErrTooFar)
	}
	p.refuses(t, p.b, edit(t, m, func(m *message) { m.N = 1 << 31 }), ErrTooFar)
	p.says(t, p.b, p.a, "answer")
	m = p.seal(t, p.a, "new chain")
	p.refuses(t, p.b, edit(t, m, func(m *message) { m.N = MaxSkip + 1 }), ErrTooFar)
	p.refuses(t, p.b, edit(t, m, func(m *message) { m.Prev = 1 << 31 }), ErrTooFar)
	p.refuses(t, p.b, edit(t, m, func(m *message) { m.N, m.Prev = MaxSkip/2+2, MaxSkip/2+2 }), ErrTooFar)
	if got, err := p.open(p.b, m); err != nil || got != "new chain" {
		t.Fatal(err)
	}
}

func TestN20ExactlyMaxSkipMayBeMissing(t *testing.T) {
	p := newPair(t, "most")
	p.says(t, p.a, p.b, "hello")
	for range MaxSkip {
		p.seal(t, p.a, "lost")
	}
	last := p.seal(t, p.a, "last")
	beyond := p.seal(t, p.a, "beyond")
	p.refuses(t, p.b, beyond, ErrTooFar)
	if got, err := p.open(p.b, last); err != nil || got != "last" || p.b.Skipped() != MaxSkip {
		t.Fatal(err, p.b.Skipped())
	}
}

func TestN20AtMostTwoThousandKeysAreKept(t *testing.T) {
	p := newPair(t, "bound")
	var first []byte
	for round := range 4 {
		for i := range MaxSkip {
			if m := p.seal(t, p.a, "lost"); round == 0 && i == 0 {
				first = m
			}
		}
		p.says(t, p.a, p.b, "through")
	}
	if p.b.Skipped() != MaxSkipped || len(p.b.Encode()) > 100_000 {
		t.Fatalf("%d keys in %d bytes", p.b.Skipped(), len(p.b.Encode()))
	}
	p.refuses(t, p.b, first, ErrDuplicate)
	p.b.Forget(now, 7)
	if p.b.Skipped() != 7 || p.b.chains[0].skipped[6].n != 4*(MaxSkip+1)-2 {
		t.Error("Forget keeps the newest")
	}
	p.says(t, p.a, p.b, "on")
}

func TestSkippedKeysExpire(t *testing.T) {
	p := newPair(t, "expiry")
	p.says(t, p.a, p.b, "hello")
	one, two := p.seal(t, p.a, "one"), p.seal(t, p.a, "two")
	p.says(t, p.a, p.b, "three")
	if _, err := p.b.Open(now+SkippedLife-1, p.conv, p.id, one); err != nil {
		t.Fatal("a key died early", err)
	}
	if _, err := p.b.Open(now+SkippedLife, p.conv, p.id, two); err != ErrDuplicate {
		t.Fatal("a key outlived its time", err)
	}
	p.b.Forget(now+SkippedLife, MaxSkipped)
	if p.b.Skipped() != 0 {
		t.Error("Forget kept an expired key")
	}
}

// edit returns the message with its header changed.
func edit(t testing.TB, sealed []byte, change func(*message)) []byte {
	t.Helper()
	m, err := parseMessage(bytes.Clone(sealed))
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	return m.encode()
}

func TestN21NoBitFlipPoisonsTheSession(t *testing.T) {
	p := newPair(t, "flips")
	p.says(t, p.a, p.b, "hello")
	p.seal(t, p.a, "lost")
	p.says(t, p.a, p.b, "leaves a skipped key")
	sealed := p.seal(t, p.a, "true")
	flips := func() {
		for i := range len(sealed) * 8 {
			bad := bytes.Clone(sealed)
			bad[i/8] ^= 1 << (i % 8)
			p.refuses(t, p.b, bad, nil)
		}
	}
	flips()
	p.says(t, p.b, p.a, "answer")
	old := sealed
	sealed = p.seal(t, p.a, "turned") // now the ratchet key is new: every flip reaches the root step
	flips()
	for text, m := range map[string][]byte{"true": old, "turned": sealed} {
		if got, err := p.open(p.b, m); err != nil || got != text {
			t.Fatalf("after all the flips %q is %q: %v", text, got, err)
		}
	}
	p.says(t, p.b, p.a, "still talking")
}

func TestN21DamagedLateMessagesUseUpNoSkippedKey(t *testing.T) {
	p := newPair(t, "late damage")
	late := [][]byte{p.seal(t, p.a, "0"), p.seal(t, p.a, "1"), p.seal(t, p.a, "2")}
	p.says(t, p.a, p.b, "3")
	for _, m := range late {
		p.refuses(t, p.b, edit(t, m, func(m *message) { m.Ciphertext[0] ^= 1 }), prim.ErrSealed)
		p.refuses(t, p.b, edit(t, m, func(m *message) { m.Commit[0] ^= 1 }), prim.ErrCommitment)
	}
	for i, m := range late {
		if got, err := p.open(p.b, m); err != nil || got != string(rune('0'+i)) {
			t.Fatal(i, got, err)
		}
	}
}

func TestKeysOfTheUsedPastAreGone(t *testing.T) {
	p := newPair(t, "past")
	p.seal(t, p.a, "lost") // keeps the chain
	p.says(t, p.a, p.b, "hello")
	past := [][]byte{bytes.Clone(p.b.root[:]), bytes.Clone(p.b.chains[0].key[:]), bytes.Clone(p.b.send.private[:])}
	p.says(t, p.b, p.a, "turn")
	past = append(past, bytes.Clone(p.b.send.key[:]))
	p.says(t, p.b, p.a, "step")
	p.says(t, p.a, p.b, "turn")
	for i, key := range past {
		if bytes.Contains(p.b.Encode(), key) {
			t.Errorf("key %d of the past is still there", i)
		}
	}
}

func TestN21HundredsOfThousandsOfDamagedMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	p := newPair(t, "damage")
	p.says(t, p.a, p.b, "hello")
	sealed := p.seal(t, p.a, "true")
	before := p.b.Encode()
	dice := rand.New(rand.NewPCG(21, 21))
	bad := make([]byte, len(sealed))
	for range 300_000 {
		copy(bad, sealed)
		for range 1 + dice.IntN(3) {
			bad[dice.IntN(len(bad))] ^= byte(1 + dice.IntN(255))
		}
		if bytes.Equal(bad, sealed) {
			continue
		}
		if _, err := p.open(p.b, bad); err == nil {
			t.Fatalf("a damaged message opened: %x", bad)
		}
	}
	if !bytes.Equal(before, p.b.Encode()) {
		t.Fatal("the session changed")
	}
	if got, err := p.open(p.b, sealed); err != nil || got != "true" {
		t.Fatal(err)
	}
}

func TestN22MessagesOpenOnceAndOnlyWhereTheyBelong(t *testing.T) {
	p := newPair(t, "place")
	p.says(t, p.a, p.b, "hello")
	p.says(t, p.b, p.a, "hello")
	m := p.seal(t, p.a, "here")
	before := p.b.Encode()
	if _, err := p.b.Open(now, signed.ConvID{9}, p.id, m); err != prim.ErrSealed {
		t.Errorf("in another conversation: %v", err)
	}
	if _, err := p.b.Open(now, p.conv, signed.MsgID{9}, m); err != prim.ErrSealed {
		t.Errorf("under another message id: %v", err)
	}
	for name, change := range map[string]func(*Session){
		"from another user":   func(s *Session) { s.peer.User[0]++ },
		"from another device": func(s *Session) { s.peer.Device[0]++ },
		"to another user":     func(s *Session) { s.self.User[0]++ },
		"to another device":   func(s *Session) { s.self.Device[0]++ },
		"in another session":  func(s *Session) { s.transcript[0]++ },
		"both ends swapped":   func(s *Session) { s.self, s.peer = s.peer, s.self },
	} {
		other, _ := Parse(before)
		change(other)
		if _, err := p.open(other, m); err != prim.ErrSealed {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.refuses(t, p.a, m, nil) // reflected to its sender
	if !bytes.Equal(before, p.b.Encode()) {
		t.Fatal("the session changed")
	}
	if got, err := p.open(p.b, m); err != nil || got != "here" {
		t.Fatal(err)
	}
	p.refuses(t, p.b, m, ErrDuplicate)
}

func TestN01UnsafeRatchetKeysAreRefused(t *testing.T) {
	p := newPair(t, "unsafe")
	p.says(t, p.a, p.b, "hello")
	p.says(t, p.b, p.a, "hello")
	m := p.seal(t, p.a, "turn")
	minusOne := signed.X25519Key(bytes.Repeat([]byte{0xff}, 32))
	minusOne[0], minusOne[31] = 0xec, 0x7f
	for _, key := range []signed.X25519Key{{}, {1}, minusOne} {
		p.refuses(t, p.b, edit(t, m, func(m *message) { m.Ratchet = key }), signed.ErrKey)
	}
	p.refuses(t, p.b, edit(t, m, func(m *message) { m.Ratchet[31] |= 0x80 }), signed.ErrKey) // N03
	if _, err := Initiate(p.rand, [32]byte{}, [32]byte{}, alice, bob, signed.X25519Key{}); err != signed.ErrKey {
		t.Errorf("as a prekey: %v", err)
	}
}

func TestN30UnknownVersionsSuitesAndCriticalExtensionsAreRefused(t *testing.T) {
	p := newPair(t, "versions")
	m := p.seal(t, p.a, "hello")
	for at, want := range []error{signed.ErrVersion, signed.ErrVersion, signed.ErrSuite} {
		for _, v := range []byte{0, 2, 0xff} {
			bad := bytes.Clone(m)
			bad[at] = v
			p.refuses(t, p.b, bad, want)
		}
	}
	for name, list := range map[string][]extension{
		"critical":     {{critical, nil}},
		"twice":        {{1, nil}, {1, nil}},
		"out of order": {{2, nil}, {1, nil}},
	} {
		if _, err := parseMessage(edit(t, m, func(m *message) { m.Extensions = list })); err != signed.ErrVersion {
			t.Errorf("%s: %v", name, err)
		}
	}
	added := edit(t, m, func(m *message) { m.Extensions = []extension{{1, []byte("kem")}, {2, nil}} })
	if _, err := parseMessage(added); err != nil {
		t.Errorf("extensions that one may overlook: %v", err)
	}
	p.refuses(t, p.b, added, prim.ErrSealed) // well-formed, but the sender did not write them
}

func TestExtensionsOfALaterVersionAreAuthenticatedAndOverlooked(t *testing.T) {
	p := newPair(t, "later")
	key := p.a.send.key
	nonce, _ := prim.NewNonce(p.rand)
	box := newBox(step(&key))
	m := message{Ratchet: p.a.send.private.Public(), Nonce: nonce, Commit: box.Commit, Extensions: []extension{{3, []byte("offer")}}}
	m.Ciphertext = box.Seal(nonce, []byte("hello"), p.a.ad(m.header(), p.conv, p.id, alice, bob))
	if got, err := p.open(p.b, m.encode()); err != nil || got != "hello" {
		t.Fatal(err)
	}
}

func TestKeysDoNotChangeOutOfTurn(t *testing.T) {
	p := newPair(t, "turns")
	p.says(t, p.a, p.b, "hello")
	remote := p.b.send.private.Public()
	if err := p.a.turn(p.rand, remote); err != nil {
		t.Fatal(err)
	}
	p.refuses(t, p.b, p.seal(t, p.a, "unasked"), ErrUnasked)
}

func TestEachTurnHealsTheSession(t *testing.T) {
	p := newPair(t, "heal")
	p.says(t, p.a, p.b, "hello")
	clone, err := Parse(p.b.Encode()) // stolen
	if err != nil {
		t.Fatal(err)
	}
	m := p.seal(t, p.a, "read by the thief")
	if _, err := p.open(clone, m); err != nil {
		t.Fatal("the test proves nothing", err)
	}
	p.open(p.b, m)
	p.says(t, p.b, p.a, "turn")
	p.refuses(t, clone, p.seal(t, p.a, "not any more"), nil)
	forged := p.seal(t, clone, "by the thief")
	p.refuses(t, p.a, forged, nil)
}

func TestN27ARestoredCopyNeverRepeatsANonce(t *testing.T) {
	p := newPair(t, "restored")
	p.says(t, p.a, p.b, "hello")
	copyOfA, _ := Parse(p.a.Encode())
	one, _ := parseMessage(p.seal(t, p.a, "one"))
	two, _ := parseMessage(p.seal(t, copyOfA, "two"))
	if one.Commit != two.Commit || one.Nonce == two.Nonce {
		t.Fatal("the same message key needs another nonce")
	}
}

func TestSealingFailsWhole(t *testing.T) {
	p := newPair(t, "whole")
	p.says(t, p.a, p.b, "hello")
	before := p.b.Encode()
	for _, n := range []int64{0, 16, 32, 40} { // the turn's key and the nonce: each may be where randomness ends
		if _, err := p.b.Seal(io.LimitReader(p.rand, n), p.conv, p.id, nil); err != prim.ErrRandom {
			t.Errorf("with %d random bytes: %v", n, err)
		}
	}
	if _, err := p.b.Seal(p.rand, p.conv, p.id, make([]byte, MaxPlaintext+1)); err != ErrTooLong {
		t.Error(err)
	}
	p.b.send.due, p.b.send.n = false, maxCounter+1
	if _, err := p.b.Seal(p.rand, p.conv, p.id, nil); err != ErrSpent {
		t.Error(err)
	}
	p.b, _ = Parse(before)
	long := string(make([]byte, MaxPlaintext))
	p.says(t, p.b, p.a, long)
	if _, err := Initiate(iotest.ErrReader(errors.New("broken")), [32]byte{}, [32]byte{}, alice, bob, signed.X25519Key{9}); err != prim.ErrRandom {
		t.Error(err)
	}
}

func TestDamagedStateIsRefused(t *testing.T) {
	p := newPair(t, "state")
	p.says(t, p.a, p.b, "hello")
	p.seal(t, p.a, "lost")
	p.seal(t, p.a, "lost")
	p.says(t, p.a, p.b, "there")
	good := p.b.Encode()
	for i := range good {
		if _, err := Parse(good[:i]); err == nil {
			t.Fatalf("state cut to %d bytes was taken", i)
		}
	}
	if _, err := Parse(append(bytes.Clone(good), 0)); err != octet.ErrTrailing {
		t.Error(err)
	}
	for name, change := range map[string]func(*Session){
		"unsafe key":    func(s *Session) { s.chains[0].remote = signed.X25519Key{} },
		"key not yet":   func(s *Session) { s.chains[0].skipped[1].n = s.chains[0].next },
		"out of order":  func(s *Session) { slices.Reverse(s.chains[0].skipped) },
		"a chain twice": func(s *Session) { s.chains = append(s.chains, s.chains[0]) },
	} {
		s, _ := Parse(good)
		change(s)
		if _, err := Parse(s.Encode()); err != ErrState {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	p := newPair(f, "fuzz")
	f.Add(p.b.Encode())
	p.says(f, p.a, p.b, "hello")
	p.seal(f, p.a, "lost")
	p.says(f, p.a, p.b, "there")
	f.Add(p.b.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Parse(b); err == nil && !bytes.Equal(s.Encode(), b) {
			t.Fatal("accepted a state that is not its own encoding")
		}
	})
}

func FuzzOpen(f *testing.F) {
	p := newPair(f, "fuzz")
	f.Add(p.seal(f, p.a, "hello"))
	state := p.b.Encode()
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseMessage(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Fatal("accepted a message that is not its own encoding")
		}
		s, _ := Parse(state)
		if _, err := p.open(s, b); err != nil && !bytes.Equal(s.Encode(), state) {
			t.Fatal("a refused message changed the session")
		}
	})
}
