package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// totpKeyFile is the master key of two-step codes inside a place's secrets directory: 32 raw bytes, mode 0600.
const totpKeyFile = "totp.key"

// openTOTPKey reads the master key of two-step codes in dir, and makes it when there is none.
func openTOTPKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, totpKeyFile)
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = random(totpKeySize)
		err = os.WriteFile(path, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if len(key) != totpKeySize {
		return nil, fmt.Errorf("%s must hold %d bytes: put it back from your backup", path, totpKeySize)
	}
	return key, nil
}
