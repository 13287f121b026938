// Package vault seals an account's secrets under its recovery key, for the server to keep (SPEC.md section 6).
package vault

import (
	"crypto/ed25519"
	"errors"
	"io"

	"chatalot/app/e2ee/identity"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	version    = 0x01
	labelVault = "chatalot/vault/v1\x00"
	maxBackup  = 64 // backup keys an account can come to have
)

// MaxVault is the longest sealed vault, in bytes.
const MaxVault = headerSize + 4 + 4<<10 + prim.Overhead

const headerSize = 1 + 1 + 16 + 8 + prim.NonceSize + prim.CommitSize

// Why a vault could not be sealed or opened; signed.ErrVersion, signed.ErrSuite and the errors of octet occur too.
var (
	ErrWrong   = errors.New("this recovery key belongs to another account, or was replaced by a newer one")
	ErrOther   = errors.New("the vault that came is not the one this account's device list speaks of")
	ErrDamaged = errors.New("the vault was altered after it was sealed")
	ErrFull    = errors.New("an account has between one and 64 backup keys")
)

// Seal encrypts the account's secrets as the given version of the vault of user.
func Seal(rand io.Reader, code Code, user signed.UserID, vaultVersion uint64, a *identity.Account) ([]byte, error) {
	if len(a.Backup) < 1 || len(a.Backup) > maxBackup {
		return nil, ErrFull
	}
	nonce, err := prim.NewNonce(rand)
	if err != nil {
		return nil, err
	}
	box := open(code, user, vaultVersion)
	header := octet.NewWriter(headerSize).U8(version).U8(prim.Suite).Raw(user[:]).U64(vaultVersion).
		Raw(nonce[:]).Raw(box.Commit[:]).Bytes()
	plaintext := encode(a)
	defer prim.Wipe(plaintext)
	padded, err := prim.Pad(plaintext)
	if err != nil {
		return nil, err
	}
	defer prim.Wipe(padded)
	return octet.NewWriter(MaxVault).Raw(header).Var(box.Seal(nonce, padded, ad(header))).Bytes(), nil
}

// Open decrypts what Seal returned for the same user and version, the version being the one in the user's manifest.
// Another user's or version's vault is ErrOther, another code ErrWrong, anything altered ErrDamaged.
func Open(code Code, user signed.UserID, vaultVersion uint64, vault []byte) (*identity.Account, error) {
	r := octet.NewReader(vault)
	r.Const(version, signed.ErrVersion)
	r.Const(prim.Suite, signed.ErrSuite)
	var of signed.UserID
	r.Into(of[:])
	if r.U64() != vaultVersion || of != user {
		r.Fail(ErrOther)
	}
	var nonce [prim.NonceSize]byte
	var commit [prim.CommitSize]byte
	r.Into(nonce[:])
	r.Into(commit[:])
	ciphertext := r.Var(MaxVault)
	if err := r.Done(); err != nil {
		return nil, err
	}
	padded, err := open(code, user, vaultVersion).Open(nonce, commit, ciphertext, ad(vault[:headerSize]))
	if err == prim.ErrCommitment {
		return nil, ErrWrong
	}
	if err != nil {
		return nil, ErrDamaged
	}
	defer prim.Wipe(padded)
	return decode(padded)
}

func open(code Code, user signed.UserID, vaultVersion uint64) *prim.Box {
	return prim.NewBox(code[:], labelVault, octet.NewWriter(24).Raw(user[:]).U64(vaultVersion).Bytes())
}

func ad(header []byte) []byte { return append([]byte(labelVault), header...) }

func encode(a *identity.Account) []byte {
	w := octet.NewWriter(128 + 32*len(a.Backup)).U8(version).Raw(a.MSK.Seed()).Raw(a.SSK.Seed()).U16(uint16(len(a.Backup)))
	for _, key := range a.Backup {
		w.Raw(key[:])
	}
	return w.Bytes()
}

func decode(padded []byte) (*identity.Account, error) {
	plaintext, err := prim.Unpad(padded)
	if err != nil {
		return nil, ErrDamaged
	}
	r, a := octet.NewReader(plaintext), new(identity.Account)
	r.Const(version, signed.ErrVersion)
	msk, ssk := r.Raw(ed25519.SeedSize), r.Raw(ed25519.SeedSize)
	a.Backup = make([][32]byte, r.Count(maxBackup, 32))
	for i := range a.Backup {
		r.Into(a.Backup[i][:])
	}
	if err := r.Done(); err != nil || len(a.Backup) == 0 {
		return nil, ErrDamaged
	}
	a.MSK, a.SSK = ed25519.NewKeyFromSeed(msk), ed25519.NewKeyFromSeed(ssk)
	return a, nil
}
