package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"chatalot/app/wire"
)

const (
	backupCodes = 10 // that are handed out together
	backupChars = 10 // of Crockford's base32: 50 random bits
)

// newBackupCode returns a code as it is shown, XXXXX-XXXXX, and what the database keeps of it.
func (k *Keys) newBackupCode(user wire.UserID) (code string, hash [32]byte) {
	text := crockford.EncodeToString(random(inviteBytes))[:backupChars]
	return text[:backupChars/2] + "-" + text[backupChars/2:], k.backupMAC(user, text)
}

// backupMAC binds a code to its person, under a key that is not in the database: 50 bits could be tried out there.
func (k *Keys) backupMAC(user wire.UserID, text string) (mac [32]byte) {
	h := hmac.New(sha256.New, k.subKey(backupKey))
	h.Write(user[:])
	h.Write([]byte(text))
	h.Sum(mac[:0])
	return mac
}

// parseBackupCode brings a code as people type it (small letters, spaces, dashes, o for 0, i or l for 1) to its one form.
func parseBackupCode(typed string) (string, error) {
	text := ""
	if len(typed) <= 4*backupChars {
		text = crockfordTyped(typed)
	}
	if len(text) != backupChars || strings.Trim(text, crockfordAlphabet) != "" {
		return "", wire.FailField("backup_code", "A backup code has ten letters and digits, in two groups of five.")
	}
	return text, nil
}

// newBackupCodes makes a person's backup codes and what the database keeps of them.
func (k *Keys) newBackupCodes(user wire.UserID) (codes []string, hashes [][32]byte) {
	for range backupCodes {
		code, hash := k.newBackupCode(user)
		codes, hashes = append(codes, code), append(hashes, hash)
	}
	return codes, hashes
}
