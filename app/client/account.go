package client

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire"
)

// Setup names the place and makes its first account, with the one-time token of the setup link.
func (c *Client) Setup(ctx context.Context, req wire.SetupRequest) error {
	return c.signIn(ctx, "/api/setup", req)
}

// Register makes an account. It has no keys until CreateKeys.
func (c *Client) Register(ctx context.Context, req wire.RegisterRequest) error {
	return c.signIn(ctx, "/api/auth/register", req)
}

// Login signs in with a password.
func (c *Client) Login(ctx context.Context, username, password string) error {
	return c.signIn(ctx, "/api/auth/login", wire.LoginRequest{Username: username, Password: password, Transport: wire.ByBody})
}

// Refresh renews the session.
func (c *Client) Refresh(ctx context.Context) error {
	return c.signIn(ctx, "/api/auth/refresh", wire.RefreshRequest{RefreshToken: c.signed.RefreshToken, Transport: wire.ByBody})
}

// Logout ends the session.
func (c *Client) Logout(ctx context.Context) error {
	return c.Do(ctx, "POST", "/api/auth/logout", wire.LogoutRequest{RefreshToken: c.signed.RefreshToken}, nil)
}

func (c *Client) signIn(ctx context.Context, path string, req any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := wire.SignedIn{}
	if err := c.Do(ctx, "POST", path, req, &answer); err != nil {
		return err
	}
	c.signed = answer
	return nil
}

// CreateKeys makes this the first device of a new account and publishes its manifest, vault and prekeys. It returns the recovery code.
func (c *Client) CreateKeys(ctx context.Context, deviceName string) (recoveryCode string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	device, err := c.reserve(ctx, deviceName)
	if err != nil {
		return "", err
	}
	made, err := c.core.CreateAccount(c.signed.User.ID, device)
	if err != nil {
		return "", err
	}
	if err := c.keep(); err != nil {
		return "", err
	}
	return made.RecoveryCode, c.publish(ctx, wire.PutManifest{
		Manifest: made.Manifest, Vault: made.Vault, VaultVersion: int64(made.VaultVersion), Recovery: made.Recovery, Prekeys: texts(made.Prekeys),
	})
}

// Recover adds this device to an account that has keys, by its recovery code.
func (c *Client) Recover(ctx context.Context, deviceName, recoveryCode string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	device, err := c.reserve(ctx, deviceName)
	if err != nil {
		return err
	}
	for {
		vault, newest := wire.Vault{}, wire.Manifest{}
		if err := errors.Join(c.Do(ctx, "GET", "/api/vault", nil, &vault), c.Do(ctx, "GET", "/api/manifests/"+c.signed.User.ID.String(), nil, &newest)); err != nil {
			return err
		}
		linked, err := c.core.RecoverAccount(c.signed.User.ID, device, recoveryCode, vault.Vault, newest.Manifest)
		if err != nil {
			return err
		}
		if err := c.keep(); err != nil {
			return err
		}
		err = c.publish(ctx, wire.PutManifest{Manifest: linked.Manifest, Prekeys: texts(linked.Prekeys)})
		if Code(err) != wire.StaleManifest {
			return err
		}
	}
}

// RecoverPassword signs in by the recovery code instead of the forgotten password, which the new one replaces. Change the code afterwards, by
// ChangeRecoveryKey: it has been typed in.
func (c *Client) RecoverPassword(ctx context.Context, username, recoveryCode, password string) error {
	proof, err := core.RecoveryProof(recoveryCode)
	if err != nil {
		return err
	}
	return c.signIn(ctx, "/api/auth/recover", wire.RecoverRequest{Username: username, Proof: proof, Password: password, Transport: wire.ByBody})
}

// ChangeRecoveryKey puts a new recovery code in the place of the old one. keep is called with it before it is in force, and must store it: when the
// answer is lost the new one may be the one that counts. It is wire.ConfirmFirst unless the session was confirmed, or begun by RecoverPassword, within
// the last five minutes.
func (c *Client) ChangeRecoveryKey(ctx context.Context, old string, keep func(recoveryCode string) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		vault, newest := wire.Vault{}, wire.Manifest{}
		if err := errors.Join(c.Do(ctx, "GET", "/api/vault", nil, &vault), c.Do(ctx, "GET", "/api/manifests/"+c.signed.User.ID.String(), nil, &newest)); err != nil {
			return err
		}
		made, err := c.core.ChangeRecoveryKey(old, vault.Vault, newest.Manifest)
		if err != nil {
			return err
		}
		if err := keep(made.RecoveryCode); err != nil {
			return err
		}
		err = c.publish(ctx, wire.PutManifest{Manifest: made.Manifest, Vault: made.Vault, VaultVersion: int64(made.VaultVersion), Recovery: made.Recovery})
		if Code(err) != wire.StaleManifest {
			return err
		}
	}
}

// RemoveDevice takes another device of this person off the signed list.
func (c *Client) RemoveDevice(ctx context.Context, device wire.DeviceID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	manifest, err := c.core.RemoveDevice(device)
	if err != nil {
		return err
	}
	if err := c.keep(); err != nil {
		return err
	}
	return c.publish(ctx, wire.PutManifest{Manifest: manifest})
}

// TopUp publishes fresh prekeys when the place holds too few, and rotates the signed one when it is due.
func (c *Client) TopUp(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := wire.PrekeyCount{}
	if err := c.Do(ctx, "GET", "/api/prekeys", nil, &left); err != nil {
		return err
	}
	prekeys, err := c.core.TopUp(left.OneTime, left.KEM)
	if err != nil || len(prekeys) == 0 {
		return err
	}
	if err := c.keep(); err != nil {
		return err
	}
	return c.Do(ctx, "POST", "/api/prekeys", wire.PutPrekeys{Prekeys: texts(prekeys)}, nil)
}

func (c *Client) reserve(ctx context.Context, name string) (wire.DeviceID, error) {
	if c.signed.DeviceID != nil {
		return *c.signed.DeviceID, nil
	}
	device := wire.Device{}
	if err := c.Do(ctx, "POST", "/api/devices", wire.NewDevice{Name: name}, &device); err != nil {
		return wire.DeviceID{}, err
	}
	c.signed.DeviceID = &device.ID
	return device.ID, nil
}

// publish uploads a manifest and applies what the place stored, so that the device knows itself active.
func (c *Client) publish(ctx context.Context, put wire.PutManifest) error {
	stored := wire.Manifest{}
	if err := c.Do(ctx, "PUT", "/api/manifests", put, &stored); err != nil {
		return err
	}
	return c.applyManifest(stored)
}

func (c *Client) applyManifest(m wire.Manifest) error {
	return c.takeManifest(m, false)
}

// meet applies a manifest that an operation brought as it stood then: an older one than this device knows is not a rollback.
func (c *Client) meet(m wire.Manifest) error {
	return c.takeManifest(m, true)
}

func (c *Client) takeManifest(m wire.Manifest, mayBeOld bool) error {
	change, err := c.core.ApplyManifest(m.UserID, m.Manifest, epochs(m.Epochs))
	if err != nil {
		return err
	}
	if err := c.keep(); err != nil {
		return err
	}
	if change.Kind == core.ManifestRefused && !(mayBeOld && change.Version > uint64(m.Version)) {
		return fmt.Errorf("the device list of %s was refused: %s", m.UserID, change.Reason)
	}
	return nil
}

func texts(raws [][]byte) []wire.Bytes {
	out := make([]wire.Bytes, len(raws))
	for i, raw := range raws {
		out[i] = raw
	}
	return out
}
