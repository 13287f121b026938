package core

import (
	"bytes"
	"crypto/ed25519"

	"chatalot/app/e2ee/identity"
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/vault"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	accountKey   = "account"
	firstVault   = 1   // version of a new account's vault
	maxBackups   = 64  // backup keys of one account
	maxDeviceKey = 256 // bytes of a stored device's keys
)

// account is what this device holds of its own account.
type account struct {
	address Address
	device  *identity.Device
	ssk     ed25519.PrivateKey
	backup  [][32]byte
}

func (a *account) encode() []byte {
	w := record(256).Raw(a.address.User[:]).Raw(a.address.Device[:]).Var(a.device.Encode()).Raw(a.ssk.Seed()).U16(uint16(len(a.backup)))
	for i := range a.backup {
		w.Raw(a.backup[i][:])
	}
	return w.Bytes()
}

func readAccount(r *octet.Reader) *account {
	a := new(account)
	r.Into(a.address.User[:])
	r.Into(a.address.Device[:])
	device, err := identity.ParseDevice(r.Var(maxDeviceKey))
	if err != nil {
		r.Fail(err)
	}
	a.device = device
	var seed [ed25519.SeedSize]byte
	defer prim.Wipe(seed[:])
	r.Into(seed[:])
	a.ssk = ed25519.NewKeyFromSeed(seed[:])
	a.backup = make([][32]byte, r.Count(maxBackups, 32))
	for i := range a.backup {
		r.Into(a.backup[i][:])
	}
	return a
}

// self returns this device's account. Deriving its public keys costs more than opening a message, so the last one read is remembered.
func (c *Core) self() (*account, error) {
	raw := c.state.get(accountKey)
	if raw == nil {
		return nil, fail(CodeNoAccount, "There is no account on this device yet.")
	}
	if c.own != nil && bytes.Equal(raw, c.ownRaw) {
		return c.own, nil
	}
	a, err := load(c.state, accountKey, readAccount)
	if err != nil {
		return nil, err
	}
	c.own, c.ownRaw = a, raw
	return a, nil
}

// active returns this device's account and its own person, if the device stands in the newest own manifest.
func (c *Core) active() (*account, *person, error) {
	a, err := c.self()
	if err != nil {
		return nil, nil, err
	}
	p, err := c.person(a.address.User)
	if err != nil {
		return nil, nil, err
	}
	if !p.uses(a.address.Device) {
		return nil, nil, fail(CodeInactive, "This device is not linked to your account, or was removed from it. Link it again to go on.")
	}
	return a, p, nil
}

// Status tells how this device stands. It changes nothing.
func (c *Core) Status() Status {
	a, err := c.self()
	if err != nil {
		return Status{}
	}
	s := Status{HasAccount: true, User: a.address.User, Device: a.address.Device}
	if p, err := c.person(a.address.User); err == nil {
		s.ManifestVersion, s.Active = p.manifest.Version, p.uses(a.address.Device)
	}
	s.UnusedOneTime = len(c.state.keys(prekeyPrefix(signed.PrekeyOneTime)))
	s.UnusedKEM = len(c.state.keys(prekeyPrefix(signed.PrekeyKEM)))
	if list, err := c.prekeyList(); err == nil {
		s.SignedPrekeyAge = since(list.rotated, c.cfg.Now())
	}
	return s
}

// CreateAccount makes the first device of a new account: identity, vault, manifest and prekeys.
func (c *Core) CreateAccount(user UserID, device DeviceID) (out Created, err error) {
	err = c.change(func() error {
		if c.state.get(accountKey) != nil {
			return fail(CodeAccountExists, "There already is an account on this device.")
		}
		if user == (UserID{}) || device == (DeviceID{}) {
			return because(CodeBadInput, signed.ErrID)
		}
		out, err = c.create(Address{user, device})
		return err
	})
	return out, err
}

func (c *Core) create(address Address) (out Created, err error) {
	secrets, err := identity.NewAccount(c.cfg.Rand)
	if err != nil {
		return out, because(CodeRandom, err)
	}
	code, err := vault.NewCode(c.cfg.Rand)
	if err != nil {
		return out, because(CodeRandom, err)
	}
	out.RecoveryCode, out.VaultVersion, out.Recovery = code.String(), firstVault, code.Verifier()
	if out.Vault, err = vault.Seal(c.cfg.Rand, code, address.User, firstVault, secrets); err != nil {
		return out, because(CodeRandom, err)
	}
	a, entry, err := c.enter(address, secrets)
	if err != nil {
		return out, err
	}
	m, err := identity.First(address.User, secrets, firstVault, entry)
	if err != nil {
		return out, because(CodeBadInput, err)
	}
	c.putPerson(&person{pinned: m.MSK, manifest: m})
	out.Manifest = m.Encode()
	out.Prekeys, err = c.stock(a, 0, 0)
	return out, err
}

// enter gives this device keys of its own in an account and returns the manifest entry for them. Keys made by an earlier attempt serve again.
func (c *Core) enter(address Address, secrets *identity.Account) (*account, signed.Device, error) {
	a := &account{address: address, ssk: secrets.SSK, backup: secrets.Backup}
	if had, err := c.self(); err == nil && had.address == address {
		a.device = had.device
	} else if a.device, err = identity.NewDevice(c.cfg.Rand); err != nil {
		return nil, signed.Device{}, because(CodeRandom, err)
	}
	c.state.put(accountKey, a.encode())
	return a, a.device.Entry(address.User, signed.PublicEd25519(secrets.MSK), address.Device, c.cfg.Now()), nil
}

// RecoverAccount opens the vault with the recovery code and adds this device to the manifest. Called again before the manifest came back
// (somebody else's was faster), it builds on the newer one.
func (c *Core) RecoverAccount(user UserID, device DeviceID, recoveryCode string, vaultBytes, manifest []byte) (out Linked, err error) {
	err = c.change(func() error {
		if c.Status().Active || (c.Status().HasAccount && c.Status().User != user) {
			return fail(CodeAccountExists, "There already is an account on this device.")
		}
		m, secrets, err := openVault(user, recoveryCode, vaultBytes, manifest)
		if err != nil {
			return err
		}
		out, err = c.link(Address{user, device}, m, secrets)
		return err
	})
	return out, err
}

// openVault returns an account's verified manifest and the secrets that belong to it.
func openVault(user UserID, recoveryCode string, vaultBytes, manifest []byte) (*signed.Manifest, *identity.Account, error) {
	code, err := vault.ParseCode(recoveryCode)
	if err != nil {
		return nil, nil, because(CodeRecoveryCode, err)
	}
	m, err := signed.ParseManifest(manifest)
	if err == nil {
		err = m.Verify()
	}
	if err != nil {
		return nil, nil, because(CodeVault, err)
	}
	secrets, err := vault.Open(code, user, m.VaultVersion, vaultBytes)
	switch {
	case err == vault.ErrWrong:
		return nil, nil, because(CodeRecoveryCode, err)
	case err != nil:
		return nil, nil, because(CodeVault, err)
	case m.User != user || signed.PublicEd25519(secrets.MSK) != m.MSK || signed.PublicEd25519(secrets.SSK) != m.SSK:
		return nil, nil, because(CodeVault, vault.ErrOther)
	}
	return m, secrets, nil
}

func (c *Core) link(address Address, m *signed.Manifest, secrets *identity.Account) (out Linked, err error) {
	if p, err := c.person(address.User); err == nil {
		if _, err := p.judge(m); err != nil {
			return out, because(CodeVault, err)
		}
	}
	a, entry, err := c.enter(address, secrets)
	if err != nil {
		return out, err
	}
	next, err := identity.Add(m, secrets.SSK, entry)
	switch {
	case err == signed.ErrDeviceCount:
		return out, because(CodeTooManyDevices, err)
	case err != nil:
		return out, because(CodeBadInput, err)
	}
	c.putPerson(&person{pinned: m.MSK, manifest: m})
	out.Manifest = next.Encode()
	out.Prekeys, err = c.stock(a, 0, 0)
	return out, err
}

// RecoveryProof turns a recovery code as somebody typed it into what the server accepts in the place of a forgotten password. It needs no account
// on this device: CodeRecoveryCode when the text cannot be a code.
func RecoveryProof(recoveryCode string) ([]byte, error) {
	code, err := vault.ParseCode(recoveryCode)
	if err != nil {
		return nil, because(CodeRecoveryCode, err)
	}
	return code.Proof(), nil
}

// CheckRecoveryKey returns nil when recoveryCode opens this account's vault, and CodeRecoveryCode when it is another one.
func (c *Core) CheckRecoveryKey(recoveryCode string, vaultBytes, manifest []byte) error {
	_, _, err := c.ownVault(recoveryCode, vaultBytes, manifest)
	return err
}

// ownVault opens the vault of the account of this device, which must be active.
func (c *Core) ownVault(recoveryCode string, vaultBytes, manifest []byte) (*signed.Manifest, *identity.Account, error) {
	a, p, err := c.active()
	if err != nil {
		return nil, nil, err
	}
	m, secrets, err := openVault(a.address.User, recoveryCode, vaultBytes, manifest)
	if err != nil {
		return nil, nil, err
	}
	if _, err := p.judge(m); err != nil {
		return nil, nil, because(CodeVault, err)
	}
	return m, secrets, nil
}

// ChangeRecoveryKey makes a new recovery code in the place of the one given, which opens the vault as it is now. It takes effect when the manifest
// comes back through [Core.ApplyManifest].
func (c *Core) ChangeRecoveryKey(recoveryCode string, vaultBytes, manifest []byte) (out Rekeyed, err error) {
	m, secrets, err := c.ownVault(recoveryCode, vaultBytes, manifest)
	if err != nil {
		return out, err
	}
	code, err := vault.NewCode(c.cfg.Rand)
	if err != nil {
		return out, because(CodeRandom, err)
	}
	out = Rekeyed{RecoveryCode: code.String(), VaultVersion: m.VaultVersion + 1, Recovery: code.Verifier()}
	if out.Vault, err = vault.Seal(c.cfg.Rand, code, m.User, out.VaultVersion, secrets); err != nil {
		return Rekeyed{}, because(CodeRandom, err)
	}
	next, err := identity.Reseal(m, secrets.SSK, out.VaultVersion)
	if err != nil {
		return Rekeyed{}, because(CodeBadInput, err)
	}
	out.Manifest = next.Encode()
	return out, nil
}

// RemoveDevice returns a manifest in which another own device is removed. It takes effect when it comes back through [Core.ApplyManifest].
func (c *Core) RemoveDevice(device DeviceID) (manifest []byte, err error) {
	a, p, err := c.active()
	if err != nil {
		return nil, err
	}
	if device == a.address.Device {
		return nil, fail(CodeOneself, "A device cannot remove itself: do it from another one.")
	}
	m, err := identity.Remove(p.manifest, a.ssk, device, c.cfg.Now())
	if err != nil {
		return nil, because(CodeUnknownDevice, err)
	}
	return m.Encode(), nil
}
