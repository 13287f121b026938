package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const (
	maxKnown   = 4         // accounts that one browser is remembered for: a family shares computers
	knownLife  = 365 * day // of the cookie
	markSize   = 16 + 16 + sha256.Size
	markChars  = (markSize*8 + 5) / 6
	trustedFor = 30 * day
)

// mark is what a device cookie holds for one account (OWASP: device cookies): that its person has signed in on this browser before. It opens
// nothing.
type mark struct {
	user   wire.UserID
	device [16]byte // random; names the browser among those of this person
	mac    [sha256.Size]byte
}

// markMAC authenticates a mark, until the marks of its person are made worthless by User.MarksEpoch: whoever knew an old password is to have no
// counter of their own at the new one.
func (k *Keys) markMAC(user store.User, device [16]byte) (mac [sha256.Size]byte) {
	h := hmac.New(sha256.New, k.subKey(deviceKey))
	h.Write(user.ID[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(user.MarksEpoch)))
	h.Write(device[:])
	h.Sum(mac[:0])
	return mac
}

// parseMarks reads a device cookie: its marks by their spelling alone, nothing verified. What is no mark is left out.
func parseMarks(cookie string) (marks []mark) {
	if len(cookie) > maxKnown*(markChars+1) || strings.ContainsAny(cookie, "\r\n") { // base64 skips line breaks
		return nil
	}
	for text := range strings.SplitSeq(cookie, ".") {
		b, err := tokenText.DecodeString(text)
		if err != nil || len(b) != markSize {
			continue
		}
		marks = append(marks, mark{wire.UserID(b[:16]), [16]byte(b[16:32]), [sha256.Size]byte(b[32:])})
	}
	return marks
}

// knows returns which of a person's devices a cookie shows; false when it shows none that these keys made, or one that is worthless by
// now.
func (k *Keys) knows(cookie string, user store.User) (device [16]byte, ok bool) {
	for _, m := range parseMarks(cookie) {
		if m.user != user.ID {
			continue
		}
		if want := k.markMAC(user, m.device); hmac.Equal(m.mac[:], want[:]) {
			return m.device, true
		}
	}
	return device, false
}

// remember returns the device cookie for a browser on which user has just signed in: their mark first, then as many of those it had of others as there
// is room for. Those are carried along as they are: they prove themselves, or do not, when their person signs in.
func (k *Keys) remember(cookie string, user store.User, device [16]byte) Secret {
	spelled := func(user wire.UserID, device [16]byte, mac [sha256.Size]byte) string {
		return tokenText.EncodeToString(append(append(append([]byte{}, user[:]...), device[:]...), mac[:]...))
	}
	all := []string{spelled(user.ID, device, k.markMAC(user, device))}
	seen := map[wire.UserID]bool{user.ID: true}
	for _, m := range parseMarks(cookie) {
		if !seen[m.user] && len(all) < maxKnown {
			all, seen[m.user] = append(all, spelled(m.user, m.device, m.mac)), true
		}
	}
	return NewSecret(strings.Join(all, "."))
}

// deviceOf is the device that user signs in on: the one that the cookie shows, or a new one.
func (k *Keys) deviceOf(user store.User, from wire.From) (device [16]byte, known bool) {
	if device, known = k.knows(from.Known, user); !known {
		device = [16]byte(random(16))
	}
	return device, known
}

// putKnown has the browser remember, when it keeps cookies at all, that user has signed in on it.
func (a *Auth) putKnown(g *Grant, user store.User, device [16]byte, from wire.From) {
	if !g.Cookie.Empty() {
		g.Known, g.KnownExpires = a.keys.remember(from.Known, user, device), a.now().Add(knownLife)
	}
}
