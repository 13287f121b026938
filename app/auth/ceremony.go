package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"chatalot/app/wire"
)

// ceremonyLife is how long a person has, from being asked for a passkey, to show or make one.
const ceremonyLife = 5 * time.Minute

// What a ceremony is for. One cannot stand in for the other.
const (
	toAssert byte = 1 // show a passkey: to sign in, or to confirm
	toCreate byte = 2 // make one for an account
)

// ceremony is what must be known of a passkey that was asked for until it comes. The client carries it, so that strangers who ask cost no memory.
type ceremony struct {
	purpose   byte
	expires   int64       // Unix ms
	user      wire.UserID // whom it was begun for; zero with toAssert
	challenge [32]byte    // random; the authenticator signs it
}

const ceremonySize = 1 + 8 + 16 + 32

// ceremonies seals ceremonies and remembers those that have served, each until it expires. Its key is made anew at each start, so that none of
// before is taken whose use may be forgotten; whoever was in the middle of one begins again.
type ceremonies struct {
	key []byte

	mu   sync.Mutex
	used map[[32]byte]int64 // challenges of ceremonies that served, and when they expire: as many as there were successes in the last minutes
}

func newCeremonies() *ceremonies {
	return &ceremonies{key: random(32), used: map[[32]byte]int64{}}
}

func (s *ceremonies) mac(body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(body)
	return h.Sum(nil)
}

// seal spells a ceremony so that nobody can change it.
func (s *ceremonies) seal(c ceremony) string {
	body := make([]byte, 0, ceremonySize+sha256.Size)
	body = append(body, c.purpose)
	body = binary.BigEndian.AppendUint64(body, uint64(c.expires))
	body = append(body, c.user[:]...)
	body = append(body, c.challenge[:]...)
	return tokenText.EncodeToString(append(body, s.mac(body)...))
}

// open reads what seal has spelled, when it is for the purpose and in time at now (Unix ms).
func (s *ceremonies) open(text string, purpose byte, now int64) (c ceremony, ok bool) {
	if strings.ContainsAny(text, "\r\n") { // base64 skips them
		return c, false
	}
	b, err := tokenText.DecodeString(text)
	if err != nil || len(b) != ceremonySize+sha256.Size || !hmac.Equal(b[ceremonySize:], s.mac(b[:ceremonySize])) {
		return c, false
	}
	c = ceremony{purpose: b[0], expires: int64(binary.BigEndian.Uint64(b[1:])), user: wire.UserID(b[9:25]), challenge: [32]byte(b[25:57])}
	return c, c.purpose == purpose && now < c.expires && c.expires <= now+ceremonyLife.Milliseconds()
}

// use lets a ceremony serve, once.
func (s *ceremonies) use(c ceremony, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for challenge, expires := range s.used {
		if expires <= now {
			delete(s.used, challenge)
		}
	}
	if _, again := s.used[c.challenge]; again {
		return false
	}
	s.used[c.challenge] = c.expires
	return true
}
