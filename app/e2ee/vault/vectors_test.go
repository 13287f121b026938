package vault

import (
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/wire/signed"
)

// vaultVector is app/e2ee/testdata/vault.json.
type vaultVector struct {
	Code         frozen.Bytes
	Text         string
	Proof        frozen.Bytes // 6.5
	Verifier     frozen.Bytes
	Typed        []string // all of them the same key
	Refused      []string // none of them a key
	User         signed.UserID
	VaultVersion uint64
	MSKSeed      frozen.Bytes
	SSKSeed      frozen.Bytes
	Backup       []frozen.Bytes
	Vault        frozen.Bytes
}

func TestFrozenVectorsOfTheVault(t *testing.T) {
	a, code, vault := sealed(t, "vault vectors")
	text := code.String()
	v := vaultVector{Code: code[:], Text: text, User: user, VaultVersion: 3, MSKSeed: a.MSK.Seed(), SSKSeed: a.SSK.Seed(),
		Backup: []frozen.Bytes{a.Backup[0][:]}, Vault: vault,
		Proof: code.Proof(), Verifier: code.Verifier(),
		Typed:   []string{text, "  " + text[:4] + "-" + text[4:8] + " " + text[8:] + "\n"},
		Refused: []string{text[:27], text + "0", "U" + text[1:], text[:26] + "00", "8" + text[1:]}}
	for _, typed := range v.Typed {
		if c, err := ParseCode(typed); err != nil || c != code {
			t.Error(typed, err)
		}
	}
	for _, typed := range v.Refused {
		if _, err := ParseCode(typed); err == nil {
			t.Errorf("%q was taken", typed)
		}
	}
	frozen.Check(t, "vault.json", v)
}
