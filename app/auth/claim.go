package auth

import (
	"context"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
	"chatalot/app/wire/signed"
)

// ClaimPrekeys hands out what is needed to start ratchet sessions with devices of people the caller shares a community or a conversation
// with. Each one-time key is handed out once. Asking again for a device within 24 h gets its lasting keys only, so that one account cannot
// drain another's supply; asking more than ten times within an hour is wire.TooMany. Devices that do not exist, are not the caller's to
// know of, or have published nothing are left out.
func (a *Auth) ClaimPrekeys(ctx context.Context, c wire.Caller, req wire.ClaimPrekeys) (out wire.Bundles, err error) {
	if err := checkClaim(req); err != nil {
		return out, err
	}
	out.Bundles = []wire.Bundle{}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		for _, address := range req.Devices {
			bundle, err := a.claim(tx, c.User, address)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			out.Bundles = append(out.Bundles, bundle)
		}
		return nil
	})
	if err != nil {
		return wire.Bundles{}, fmt.Errorf("claim prekeys: %w", err)
	}
	return out, nil
}

func checkClaim(req wire.ClaimPrekeys) error {
	if len(req.Devices) < 1 || len(req.Devices) > maxClaim {
		return wire.FailField("devices", "Name 1 to 100 devices.")
	}
	seen := map[wire.DeviceAddress]bool{}
	for _, d := range req.Devices {
		if seen[d] {
			return wire.FailField("devices", "Name each device once.")
		}
		seen[d] = true
	}
	return nil
}

// claim makes the bundle of one device: store.ErrNotFound when it has to be left out.
func (a *Auth) claim(tx *store.Tx, user wire.UserID, to wire.DeviceAddress) (b wire.Bundle, err error) {
	if err := mayClaim(tx, user, to); err != nil {
		return b, err
	}
	past, err := tx.Claims(user, to.DeviceID, tx.Now()-claimWindow.Milliseconds(), tx.Now()-spendWindow.Milliseconds())
	if err != nil {
		return b, err
	}
	if past.Count >= claimsAnHour {
		wait := past.Oldest + claimWindow.Milliseconds() - tx.Now()
		return b, &wire.Error{Code: wire.TooMany, RetryAfter: int((wait + 999) / 1000),
			Message: "The keys of a device were asked for more than ten times within an hour. Wait before trying again."}
	}
	last, err := lasting(tx, to, &b)
	if err != nil {
		return b, err
	}
	spent, err := spend(tx, to.DeviceID, past.Spent, &b)
	if err != nil {
		return b, err
	}
	if b.KEM == nil {
		b.KEM = last
	}
	if spent {
		err = a.warnIfLow(tx, to)
	}
	return b, errors.Join(err, tx.AddClaim(user, to.DeviceID, spent, tx.Now()-spendWindow.Milliseconds()))
}

func mayClaim(tx *store.Tx, user wire.UserID, to wire.DeviceAddress) error {
	device, err := tx.Device(to.DeviceID)
	if err != nil {
		return err
	}
	state, err := tx.UserState(device.User)
	if err != nil {
		return err
	}
	known, err := tx.Acquainted(user, to.UserID)
	if err == nil && (!known || device.User != to.UserID || !device.Active || !store.TakesPart(state)) {
		return store.ErrNotFound
	}
	return err
}

// lasting fills in the signed prekey and returns the last-resort one.
func lasting(tx *store.Tx, to wire.DeviceAddress, b *wire.Bundle) (wire.Bytes, error) {
	signedKey, err := tx.LastingPrekey(to.DeviceID, signed.PrekeySigned)
	if err != nil {
		return nil, err
	}
	last, err := tx.LastingPrekey(to.DeviceID, signed.PrekeyLastResort)
	b.UserID, b.DeviceID, b.Signed = to.UserID, to.DeviceID, signedKey.Body
	return last.Body, err
}

// spend fills in one-time keys, as far as there are any, unless the account had one of this device lately.
func spend(tx *store.Tx, device wire.DeviceID, hadOne bool, b *wire.Bundle) (spent bool, err error) {
	if hadOne {
		return false, nil
	}
	oneTime, err := tx.SpendPrekey(device, signed.PrekeyOneTime)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	kem, err := tx.SpendPrekey(device, signed.PrekeyKEM)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	b.OneTime, b.KEM = oneTime.Body, kem.Body
	return b.OneTime != nil || b.KEM != nil, nil
}

// warnIfLow whispers to a device that is running out of one-time keys. One that is away counts them when it comes back.
func (a *Auth) warnIfLow(tx *store.Tx, to wire.DeviceAddress) error {
	left, _, err := tx.CountPrekeys(to.DeviceID)
	if err == nil && (left.OneTime < lowPrekeys || left.KEM < lowPrekeys) {
		tx.OnCommit(func() {
			a.live.WhisperDevice(to.UserID, to.DeviceID, wire.Frame{T: "keys_low", KeysLow: &left})
		})
	}
	return err
}
