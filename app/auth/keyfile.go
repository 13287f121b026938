package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// The key files inside a place's secrets directory and among its systemd credentials, the pair as openssl writes and reads it.
const (
	privateKeyFile  = "jwt_private.pem"  // PKCS#8, mode 0600
	publicKeyFile   = "jwt_public.pem"   // SubjectPublicKeyInfo, mode 0644
	previousKeyFile = "jwt_previous.pem" // PKCS#8, one after the other, mode 0600; only in the secrets directory
	totpKeyFile     = "totp.key"         // 64 hex digits, mode 0600
)

// maxKeyFile is far more than any of the files has, in bytes.
const maxKeyFile = 64 << 10

// KeyFiles says where the keys of a place are. A file named by the settings comes first, then one among systemd's credentials, then the
// one in the secrets directory. Those given in the first two ways are read and never written.
type KeyFiles struct {
	Dir         string // the secrets directory
	Private     string // jwt_private_key_file, or empty
	Public      string // jwt_public_key_file, or empty
	TOTP        string // totp_key_file, or empty
	Credentials string // systemd's $CREDENTIALS_DIRECTORY, or empty
	Insecure    bool   // files that others may use are warned about, not refused
	Log         *slog.Logger
}

// keyFile is where one key is. An empty path is nowhere.
type keyFile struct {
	path   string
	given  bool
	closed fs.FileMode // permission bits that must not be set
	want   string      // the mode to advise
}

// Paths says where each key is looked for. public is empty when there is none to look at.
func (files KeyFiles) Paths() (private, public, totp string) {
	return files.private().path, files.public().path, files.totp().path
}

func (files KeyFiles) private() keyFile { return files.find(files.Private, privateKeyFile, 0o077) }
func (files KeyFiles) totp() keyFile    { return files.find(files.TOTP, totpKeyFile, 0o077) }

// public belongs to the private key: beside one that was given alone, the one in the secrets directory is of another pair or of none.
func (files KeyFiles) public() keyFile {
	at := files.find(files.Public, publicKeyFile, 0o022)
	if files.private().given && !at.given {
		return keyFile{}
	}
	return at
}

func (files KeyFiles) previous() keyFile {
	return keyFile{filepath.Join(files.Dir, previousKeyFile), false, 0o077, "0600"}
}

func (files KeyFiles) find(set, name string, closed fs.FileMode) keyFile {
	at := keyFile{set, true, closed, fmt.Sprintf("%04o", 0o666&^closed)}
	if files.Credentials != "" && (set == "" || filepath.Dir(set) == filepath.Clean(files.Credentials)) {
		at.closed &^= 0o040 // where systemd grants a credential by an ACL, its mask shows as the group's right to read
	}
	if set != "" {
		return at
	}
	if files.Credentials != "" {
		at.path = filepath.Join(files.Credentials, name)
		if _, err := os.Stat(at.path); !errors.Is(err, fs.ErrNotExist) {
			return at
		}
	}
	return keyFile{filepath.Join(files.Dir, name), false, closed, at.want}
}

// openDir makes the secrets directory when it is missing.
func (files KeyFiles) openDir() error {
	if err := os.MkdirAll(files.Dir, 0o700); err != nil {
		return refuseKey(ErrKeyUnreadable, "the secrets directory cannot be made: %v", err)
	}
	info, err := os.Stat(files.Dir)
	if err != nil {
		return refuseKey(ErrKeyUnreadable, "the secrets directory cannot be read: %v", err)
	}
	return files.refuseOpen(keyFile{files.Dir, false, 0o077, "0700"}, info.Mode())
}

// read returns what stands in a key file, once it is sure that nobody else may use it. fs.ErrNotExist comes back as it is.
func (files KeyFiles) read(at keyFile) ([]byte, error) {
	f, err := os.OpenFile(at.path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe in the place of a file would keep the start waiting for good
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, refuseKey(ErrKeyUnreadable, "a key cannot be read: %v", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, refuseKey(ErrKeyUnreadable, "a key cannot be read: %v", err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuseKey(ErrKeyUnreadable, "%s cannot be read: it is not a file; put the key there", at.path)
	}
	if err := files.refuseOpen(at, info.Mode()); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, refuseKey(ErrKeyUnreadable, "a key cannot be read: %v", err)
	}
	return text, nil
}

// refuseOpen refuses what others on this machine may use, as ssh does for its keys.
func (files KeyFiles) refuseOpen(at keyFile, mode fs.FileMode) error {
	if mode.Perm()&at.closed == 0 {
		return nil
	}
	if files.Insecure {
		if files.Log != nil {
			files.Log.Warn("others on this machine may use a key, and --insecure-perms lets that pass", "key", filepath.Base(at.path), "mode", fmt.Sprintf("%04o", mode.Perm()))
		}
		return nil
	}
	return refuseKey(ErrKeyUnreadable, "others on this machine may use %s (mode %04o): run chmod %s %s", at.path, mode.Perm(), at.want, at.path)
}

// nextBlock returns the content of text's first PEM block, nil when that is not of the kind, and what follows it.
func nextBlock(text []byte, kind string) (der, rest []byte) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, rest
	}
	return block.Bytes, rest
}

func blank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

func (files KeyFiles) writePrivate(p *pair) error {
	return files.writePrivates(privateKeyFile, []*pair{p})
}

func (files KeyFiles) writePrivates(name string, list []*pair) error {
	var text []byte
	for _, p := range list {
		der, err := x509.MarshalPKCS8PrivateKey(p.private)
		if err != nil {
			return fmt.Errorf("encode a private key: %w", err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	}
	return files.write(name, text, 0o600)
}

func (files KeyFiles) writePublic(p *pair) error {
	der, err := x509.MarshalPKIXPublicKey(p.private.Public().(ed25519.PublicKey))
	if err != nil {
		return fmt.Errorf("encode the public key: %w", err)
	}
	return files.write(publicKeyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

// write puts a file into the secrets directory whole or not at all, even when the power fails meanwhile.
func (files KeyFiles) write(name string, text []byte, mode fs.FileMode) error {
	path := filepath.Join(files.Dir, name)
	err := writeSynced(path+".new", text, mode)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(files.Dir)
	}
	if err != nil {
		return refuseKey(ErrKeyUnreadable, "a key cannot be written: %v", err)
	}
	return nil
}

func writeSynced(path string, text []byte, mode fs.FileMode) error {
	if err := removeFile(path); err != nil { // left by a process that was killed: its mode may be any
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Chmod(mode), likeItsDirectory(f), f.Sync(), f.Close())
}

// likeItsDirectory gives a file to whom its directory belongs: root may rotate the keys of a place that runs as another user, as SQLite lets
// root write its database.
func likeItsDirectory(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// removeFile removes a file that may be missing, durably.
func removeFile(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return refuseKey(ErrKeyUnreadable, "a key file cannot be removed: %v", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
