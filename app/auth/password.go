package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"chatalot/app/wire"
)

const (
	minPassword = 10  // characters
	maxPassword = 128 // bytes, after normalising

	maxTypedPassword = 4 * maxPassword // bytes; composed otherwise (NFD) a password is longer
)

// Argon2id as RFC 9106 names its parameters; OWASP's smallest recommended set, which a Raspberry Pi can afford.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonHash    = 32 // bytes
)

// maxHashing is how many passwords are worked on at a time, so that a storm of sign-ins cannot use up a small machine's memory.
const maxHashing = 2

// hasher turns passwords into hashes, maxHashing at a time.
type hasher struct {
	slots chan struct{}
	runs  atomic.Int64 // how often a password was worked on
	dummy string       // a hash that no password has, verified when a name is unknown so that this takes as long
}

func newHasher() *hasher {
	return &hasher{slots: make(chan struct{}, maxHashing), dummy: encodeHash(random(argonSalt), random(argonHash))}
}

// hash returns the password's Argon2id hash in PHC form. It waits for its turn, at most as long as ctx lives.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := random(argonSalt)
	sum, err := h.derive(ctx, password, salt, argonMemory, argonTime, argonThreads)
	if err != nil {
		return "", err
	}
	return encodeHash(salt, sum), nil
}

// verify reports whether phc is the password's hash. An empty phc stands for an unknown name: the answer is no, after the same work.
func (h *hasher) verify(ctx context.Context, password, phc string) (bool, error) {
	known := phc != "" && len(password) <= maxTypedPassword
	if !known {
		password = "" // after one that nobody can have: strangers could otherwise have a megabyte normalised
		phc = h.dummy
	}
	p, err := decodeHash(phc)
	if err != nil {
		return false, err
	}
	sum, err := h.derive(ctx, password, p.salt, p.memory, p.time, p.threads)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, p.sum) == 1 && known, nil
}

func (h *hasher) derive(ctx context.Context, password string, salt []byte, memory, time uint32, threads uint8) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to work on a password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	h.runs.Add(1)
	return argon2.IDKey([]byte(normalPassword(password)), salt, time, memory, threads, argonHash), nil
}

// normalPassword gives one spelling to what different keyboards compose differently (RFC 8265 section 4.2.1).
func normalPassword(password string) string { return norm.NFC.String(password) }

type phcHash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

func encodeHash(salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}

var errHash = errors.New("a stored password hash is damaged")

// decodeHash reads what encodeHash wrote. The parameters are read, not assumed, so that raising them keeps old hashes good.
func decodeHash(phc string) (p phcHash, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || p.time < 1 || p.threads < 1 {
		return p, errHash
	}
	var errSalt, errSum error
	p.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	p.sum, errSum = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errSum != nil || len(p.sum) != argonHash {
		return p, errHash
	}
	return p, nil
}

// newPassword checks a password somebody chooses: its length, and that it is not one of those tried first. own are names that
// belong to the person, which are no better than any other word.
func newPassword(password string, own ...string) error {
	normal := normalPassword(password)
	switch {
	case !utf8.ValidString(password):
		return wire.FailField("password", "This password holds characters that are not text: type another.")
	case len(password) > maxPassword || len(normal) > maxPassword:
		return wire.FailField("password", "This password is too long: at most 128 bytes.")
	case utf8.RuneCountInString(normal) < minPassword:
		return wire.FailField("password", "A password has at least 10 characters. Three or four words that do not belong together are good.")
	case guessable(normal, own):
		return wire.FailField("password", "This password is among the first that anybody would try. Three or four words that do not belong together are better.")
	}
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
