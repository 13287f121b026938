package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"chatalot/app/wire"
)

const (
	refreshIdle = 30 * 24 * time.Hour  // from one renewal to the next
	refreshLife = 180 * 24 * time.Hour // from signing in
)

// tokenText is how random tokens are spelled: base64url without padding, one spelling for each.
var tokenText = base64.RawURLEncoding.Strict()

// refreshSize is the length of a refresh token's bytes: session, n, HMAC.
const refreshSize = 16 + 8 + sha256.Size

// refreshToken is what a refresh token says. Its mac is only as good as checking it against the user and epoch of the session's row.
type refreshToken struct {
	session wire.SessionID
	n       int64
	mac     [sha256.Size]byte
}

// mintRefresh returns token n of a session. It is a function of its arguments, so that a client whose answer got lost can be given
// the same successor again, and nothing that opens an account stands in the database (SECURITY.md S3).
func (p *pair) mintRefresh(session wire.SessionID, n int64, user wire.UserID, epoch int64) Secret {
	mac := p.refreshMAC(session, n, user, epoch)
	b := binary.BigEndian.AppendUint64(session[:], uint64(n))
	return NewSecret(tokenText.EncodeToString(append(b, mac[:]...)))
}

func (p *pair) refreshMAC(session wire.SessionID, n int64, user wire.UserID, epoch int64) (mac [sha256.Size]byte) {
	h := hmac.New(sha256.New, p.refresh)
	h.Write(session[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	h.Write(user[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(epoch)))
	h.Sum(mac[:0])
	return mac
}

// madeBy reports whether the token was made with p for a session of this user and epoch.
func (t refreshToken) madeBy(p *pair, user wire.UserID, epoch int64) bool {
	want := p.refreshMAC(t.session, t.n, user, epoch)
	return hmac.Equal(t.mac[:], want[:])
}

// parseRefresh reads the spelling of a refresh token. Nothing is verified yet.
func parseRefresh(text string) (t refreshToken, ok bool) {
	if strings.ContainsAny(text, "\r\n") { // base64 skips them
		return t, false
	}
	b, err := tokenText.DecodeString(text)
	if err != nil || len(b) != refreshSize {
		return t, false
	}
	copy(t.session[:], b)
	t.n = int64(binary.BigEndian.Uint64(b[16:]))
	copy(t.mac[:], b[24:])
	return t, t.n > 0
}
