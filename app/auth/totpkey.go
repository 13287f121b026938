package auth

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
)

// openTOTPKey reads the TOTP key. A place that has never used one gets it made, unless the settings say that it stands elsewhere; for any other
// a missing key is an error, because a new one would lock out everybody with two-step codes.
func openTOTPKey(files KeyFiles, used bool) ([]byte, error) {
	at := files.totp()
	text, err := files.read(at)
	switch {
	case errors.Is(err, fs.ErrNotExist) && at.given:
		return nil, refuseKey(ErrTOTPMissing, "there is no key at %s: put it there (openssl rand -hex 32 makes one), or take totp_key_file out of the settings", at.path)
	case errors.Is(err, fs.ErrNotExist) && used:
		return nil, refuseKey(ErrTOTPMissing, "%s is missing, but this place has used it: put it back from your backup; without it two-step codes open nothing", at.path)
	case errors.Is(err, fs.ErrNotExist):
		return createTOTPKey(files)
	case err != nil:
		return nil, err
	}
	return ParseTOTPKey(at.path, text)
}

func createTOTPKey(files KeyFiles) ([]byte, error) {
	key := make([]byte, totpKeySize)
	rand.Read(key) // never fails; see crypto/rand
	return key, files.write(totpKeyFile, append(hex.AppendEncode(nil, key), '\n'), 0o600)
}

// ParseTOTPKey reads what stands in a TOTP key's file: 64 hex digits and the end of the line. path is for the error, one of ErrTOTPMalformed.
func ParseTOTPKey(path string, text []byte) ([]byte, error) {
	key, err := hex.DecodeString(string(bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))))
	if err != nil || len(key) != totpKeySize {
		return nil, refuseKey(ErrTOTPMalformed, "%s must hold exactly 64 hex digits (openssl rand -hex 32 makes them): put the right file there", path)
	}
	if patterned(key) {
		return nil, refuseKey(ErrTOTPMalformed, "%s holds an example, not a random key: openssl rand -hex 32 makes one", path)
	}
	return key, nil
}

// TOTPKeyFits reports whether key, as ParseTOTPKey read it, is the one that a place's check value (store.Place.TOTPCheck) was sealed under.
func TOTPKeyFits(key, check []byte) bool { return (&Keys{totp: key}).opensCheck(check) }

// patterned finds the keys that people type and manuals print: all zero, one text over and over, bytes that count. Of random keys it finds
// one in 10^15.
func patterned(key []byte) bool {
	seen, counts := map[byte]bool{}, true
	for i, b := range key {
		seen[b] = true
		counts = counts && (i == 0 || b-key[i-1] == key[1]-key[0])
	}
	return counts || len(seen) < totpKeySize/2
}
