package doctor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"chatalot/app/auth"
)

const (
	privateKeyFile = "jwt_private.pem"
	publicKeyFile  = "jwt_public.pem"
	totpKeyFile    = "totp.key"
)

// publishedKeys are Ed25519 public keys whose private halves stand in print, where people copy them from.
var publishedKeys = []string{
	"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", // RFC 8032 section 7.1, TEST 1
	"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", // TEST 2
	"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", // TEST 3
	"19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1", // RFC 8410 section 10.3
	"3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29", // 32 zero bytes
}

// secret is where one of the key files stands.
func (p *patient) secret(name string) string {
	c := p.Config
	files := auth.KeyFiles{Dir: p.path(SecretsDir), Private: c.JWTPrivateKeyFile, Public: c.JWTPublicKeyFile, TOTP: c.TOTPKeyFile,
		Credentials: os.Getenv("CREDENTIALS_DIRECTORY")}
	private, public, totp := files.Paths()
	switch name {
	case privateKeyFile:
		return private
	case publicKeyFile:
		return public
	default:
		return totp
	}
}

// privateKey reads the key that signs access tokens.
func (p *patient) privateKey() (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(p.secret(privateKeyFile))
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it does not hold exactly one PEM block of type PRIVATE KEY")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it holds no key in PKCS#8")
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("its key is not an Ed25519 key")
	}
	return private, nil
}

// publicKey reads the other half, nil when it has no file: the place makes it again.
func (p *patient) publicKey() (ed25519.PublicKey, error) {
	text, err := os.ReadFile(p.secret(publicKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is no PEM file")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := key.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, errors.New("it holds no Ed25519 public key")
	}
	return public, nil
}

func signingKey(_ context.Context, p *patient) verdict {
	path := p.secret(privateKeyFile)
	private, err := p.privateKey()
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.health.Place.KeyFingerprint == [32]byte{}:
		return warn("Start the place once ("+p.start()+"): it makes the key.", "There is no signing key yet.")
	case errors.Is(err, fs.ErrNotExist) && p.keysElsewhere():
		return elsewhere()
	case errors.Is(err, fs.ErrNotExist):
		return fail("Put "+path+" back from your backup of the secrets directory.", "The signing key is missing, but this place has used one.")
	case errors.Is(err, fs.ErrPermission):
		return p.notReadable(path)
	case err != nil:
		return fail("Put the right file at "+path+" (openssl genpkey -algorithm ed25519 makes one; everybody then signs in again).", "The signing key cannot be used: %s.", plain(err))
	}
	public := private.Public().(ed25519.PublicKey)
	if other, err := p.publicKey(); err != nil || other != nil && !public.Equal(other) {
		return fail("Restore the pair from your backup, or delete "+p.secret(publicKeyFile)+" and start the place, which makes it again.", "%s does not belong to the private key.", publicKeyFile)
	}
	if slices.Contains(publishedKeys, hex.EncodeToString(public)) {
		return fail("Delete both files in "+p.path(SecretsDir)+" named jwt_*, put a new key there (openssl genpkey -algorithm ed25519 -out "+path+"; chmod 600 "+path+
			") and start the place again.", "The signing key is a sample from a published document, which anybody has.")
	}
	if used := p.health.Place.KeyFingerprint; used != [32]byte{} && used != sha256.Sum256(public) {
		return warn("If you have just rotated the keys, restart the place; if not, put the former file back from your backup.", "The signing key on disk is not the one in force.")
	}
	return pass("An Ed25519 key of this place's own signs access tokens, and %s belongs to it.", publicKeyFile)
}

// keysElsewhere reports whether the place runs and none of its keys is where the settings say: it would not have started without them.
func (p *patient) keysElsewhere() bool {
	_, noPrivate := os.Stat(p.secret(privateKeyFile))
	_, noTOTP := os.Stat(p.secret(totpKeyFile))
	return p.door != nil && errors.Is(noPrivate, fs.ErrNotExist) && errors.Is(noTOTP, fs.ErrNotExist)
}

// elsewhere is the verdict on keys that are not to be seen from here.
func elsewhere() verdict {
	return warn("Ask as the service does: CREDENTIALS_DIRECTORY=/run/credentials/chatalot.service chatalot doctor …, as root.",
		"The place runs, and its key is not where the settings say: systemd has given it.")
}

func keyPermissions(_ context.Context, p *patient) verdict {
	dir := p.path(SecretsDir)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return warn("Start the place once ("+p.start()+"): it makes the directory.", "There is no secrets directory yet.")
	}
	for _, one := range []struct {
		path      string
		forbidden fs.FileMode
		mode      string
	}{
		{dir, 0o077, "700"}, {p.secret(privateKeyFile), 0o077, "600"}, {p.secret(publicKeyFile), 0o022, "644"},
	} {
		if v, ok := p.modeOf(one.path, one.forbidden, one.mode); !ok {
			return v
		}
	}
	return pass("secrets is closed to everybody but its owner, and so is %s.", privateKeyFile)
}

// modeOf judges a file's permissions and owner. What is not there passes: another check misses it.
func (p *patient) modeOf(path string, forbidden fs.FileMode, mode string) (verdict, bool) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return verdict{}, true
	case errors.Is(err, fs.ErrPermission):
		return p.notReadable(path), false
	case err != nil:
		return fail("Look at the disk of this machine.", "%s cannot be looked at: %s.", filepath.Base(path), plain(err)), false
	case info.Mode().Perm()&forbidden != 0:
		return fail("chmod "+mode+" "+path, "Others on this machine may use %s (mode %04o).", filepath.Base(path), info.Mode().Perm()), false
	}
	if owner, its := ownerOf(p.Config.Data), ownerOf(path); owner >= 0 && its >= 0 && its != owner && its != 0 {
		return fail(fmt.Sprintf("chown %d %s", owner, path), "%s belongs to another user (%d) than the data directory (%d).", filepath.Base(path), its, owner), false
	}
	return verdict{}, true
}

// ownerOf is the number of the user who owns path, -1 when that is not to be seen.
func ownerOf(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

func (p *patient) notReadable(path string) verdict {
	return warn("Ask again as the user who runs the place, or as root.", "%s cannot be read by the user who asks.", filepath.Base(path))
}

func settingsFile(_ context.Context, p *patient) verdict {
	if p.Fault != nil {
		first, more, _ := strings.Cut(p.Fault.Error(), "\n")
		if more != "" {
			first += " (and more)"
		}
		fix := "Mend the settings; chatalot config prints every key with its default."
		if p.Settings != "" {
			if v, ok := p.modeOf(p.Settings, 0o077, "600"); !ok {
				fix = v.fix
			}
		}
		return fail(fix, "The place does not start with these settings: %s.", strings.TrimSuffix(first, "."))
	}
	if p.Settings == "" {
		return pass("There is no settings file: every setting is its default or stands on the command line.")
	}
	if v, ok := p.modeOf(p.Settings, 0o077, "600"); !ok {
		return v
	}
	return pass("The settings are in order, and their file is closed to everybody but its owner.")
}

func twoStepKey(_ context.Context, p *patient) verdict {
	path := p.secret(totpKeyFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.health.Place.TOTPCheck != nil && p.keysElsewhere():
		return elsewhere()
	case errors.Is(err, fs.ErrNotExist) && p.health.Place.TOTPCheck != nil:
		return fail("Put "+path+" back from your backup of the secrets directory.", "The two-step key is missing, but this place has used one: people with two-step codes cannot sign in.")
	case errors.Is(err, fs.ErrNotExist):
		return warn("Start the place ("+p.start()+"): it makes the key.", "There is no two-step key yet.")
	case errors.Is(err, fs.ErrPermission):
		return p.notReadable(path)
	case err != nil:
		return fail("Look at the disk of this machine.", "The two-step key cannot be read: %s.", plain(err))
	}
	if v, ok := p.modeOf(path, 0o077, "600"); !ok {
		return v
	}
	key, err := auth.ParseTOTPKey(path, text)
	switch {
	case err != nil:
		return fail("Put "+path+" back from your backup.", "The two-step key cannot be used: %s.", plain(err))
	case p.health.Place.TOTPCheck != nil && !auth.TOTPKeyFits(key, p.health.Place.TOTPCheck):
		return fail("Put "+path+" back from your backup.", "The two-step key is not the one this place has used: people with two-step codes cannot sign in.")
	}
	return pass("The two-step key is there, %d random bytes, the one this place has used, closed to everybody but its owner.", len(key))
}

// plain is err without the path in front, which the sentence around it names already.
func plain(err error) string {
	if fault, ok := errors.AsType[*fs.PathError](err); ok {
		err = fault.Err
	}
	return strings.TrimSuffix(err.Error(), ".")
}
