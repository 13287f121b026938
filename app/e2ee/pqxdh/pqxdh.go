// Package pqxdh agrees on a session's first secret while the peer is away: X3DH plus one ML-KEM-768 leg, which is never
// left out (Signal's PQXDH; SPEC.md section 4).
//
// Authentication rests on the X25519 keys in the manifests alone: the KEM leg protects what is recorded today from a quantum
// computer of tomorrow, not from one that answers in a peer's place.
package pqxdh

import (
	"errors"
	"io"

	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	labelSecret     = "chatalot/pqxdh/v1\x00"
	labelTranscript = "chatalot/pqxdh-transcript/v1\x00"
)

// Why a session could not be started. The errors of signed (ErrVersion, ErrSuite, ErrKey, those of Prekey.Verify and
// Prekey.Usable) occur too.
var (
	ErrBundle = errors.New("the keys offered for this device are not a complete set of its own")
	ErrSelf   = errors.New("a device does not start a session with itself")
	ErrPrekey = errors.New("this message was sealed to a key that this device no longer has")
)

// Party is the public identity of one side, from its verified manifest.
type Party struct {
	User    signed.UserID
	MSK     signed.Ed25519Key
	Device  signed.DeviceID
	Ed25519 signed.Ed25519Key
	X25519  signed.X25519Key
}

// PartyOf returns the identity of a device that is in use on a verified manifest: else signed.ErrDevice or ErrRemoved.
func PartyOf(m *signed.Manifest, device signed.DeviceID) (Party, error) {
	d := m.Device(device)
	switch {
	case d == nil:
		return Party{}, signed.ErrDevice
	case d.Removed != 0:
		return Party{}, signed.ErrRemoved
	}
	return Party{m.User, m.MSK, d.ID, d.Ed25519, d.X25519}, nil
}

func (p *Party) write(w *octet.Writer) {
	w.Raw(p.User[:]).Raw(p.MSK[:]).Raw(p.Device[:]).Raw(p.Ed25519[:]).Raw(p.X25519[:])
}

// same reports whether both parties are one device.
func (p *Party) same(q *Party) bool { return p.User == q.User && p.Device == q.Device }

// Bundle is what the server hands out of a device: its signed prekey, one KEM prekey, and a one-time prekey or nil.
type Bundle struct {
	Signed, OneTime, KEM *signed.Prekey
}

// verify returns why the bundle cannot start a session with the device at the time now.
func (b *Bundle) verify(now uint64, peer *signed.Manifest, device signed.DeviceID) error {
	if b.Signed == nil || b.KEM == nil || b.Signed.Kind != signed.PrekeySigned || !b.KEM.Kind.KEM() ||
		(b.OneTime != nil && b.OneTime.Kind != signed.PrekeyOneTime) {
		return ErrBundle
	}
	for _, p := range []*signed.Prekey{b.Signed, b.KEM, b.OneTime} {
		if p == nil {
			continue
		}
		if p.Device != device {
			return ErrBundle
		}
		if err := p.Verify(peer); err != nil {
			return err
		}
		if err := p.Usable(now); err != nil {
			return err
		}
	}
	return nil
}

// initial returns the public half of a handshake with the bundle.
func (b *Bundle) initial(ephemeral signed.X25519Key, ciphertext []byte) *Initial {
	i := &Initial{Ephemeral: ephemeral, SignedID: b.Signed.ID, KEMKind: b.KEM.Kind, KEMID: b.KEM.ID, Ciphertext: ciphertext}
	if b.OneTime != nil {
		i.HasOneTime, i.OneTimeID = true, b.OneTime.ID
	}
	return i
}

// Result is what both sides come to hold.
type Result struct {
	Secret     [32]byte // for ratchet.Initiate and ratchet.Respond
	Transcript [32]byte // binds every public input; also the replay cache's entry
	Replayable bool     // a leg had no one-time key: refuse this Transcript from now on, for ReusableLife + Grace
	ReducedFS  bool     // no one-time prekey was used
}

// Initiate makes the secret for a device on peer, its user's verified and pinned manifest. The Initial lacks its Message:
// set a ratchet message in a copy of it, for each one sealed until the peer has answered.
func Initiate(rand io.Reader, now uint64, self Party, own prim.DHPrivate, peer *signed.Manifest, device signed.DeviceID,
	bundle Bundle) (Result, *Initial, error) {
	return initiate(rand, now, self, own, peer, device, bundle, prim.Encapsulate)
}

// initiate is Initiate with the encapsulation as a parameter, so that frozen vectors can fix its randomness.
func initiate(rand io.Reader, now uint64, self Party, own prim.DHPrivate, peer *signed.Manifest, device signed.DeviceID,
	bundle Bundle, encapsulate func([]byte) (secret, ciphertext []byte, err error)) (Result, *Initial, error) {
	party, err := PartyOf(peer, device)
	if err == nil && self.same(&party) {
		err = ErrSelf
	}
	if err == nil {
		err = bundle.verify(now, peer, device)
	}
	if err != nil {
		return Result{}, nil, err
	}
	ephemeral, err := prim.NewDHPrivate(rand)
	if err != nil {
		return Result{}, nil, err
	}
	secret, ciphertext, err := encapsulate(bundle.KEM.Public)
	if err != nil {
		return Result{}, nil, err
	}
	initial := bundle.initial(ephemeral.Public(), ciphertext)
	legs := []leg{{own, bundle.Signed.X25519()}, {ephemeral, party.X25519}, {ephemeral, bundle.Signed.X25519()}}
	if bundle.OneTime != nil {
		legs = append(legs, leg{ephemeral, bundle.OneTime.X25519()})
	}
	result, err := agree(legs, secret, initial.transcript(&self, &party, &bundle))
	if err != nil {
		return Result{}, nil, err
	}
	return initial.label(result), initial, nil
}

// Accept makes the same secret from an Initial. sender is the party whom the surrounding message names, from its pinned
// manifest; the keys are those whose ids the Initial gives, oneTime nil exactly when it gives none: ErrPrekey if any is not,
// or is too old. The caller opens the ratchet message first, then in one commit stores the session and deletes oneTime and
// a one-time kem.
func Accept(now uint64, self Party, own prim.DHPrivate, sender Party, initial *Initial, signedKey, oneTime, kem *Private) (Result, error) {
	if self.same(&sender) {
		return Result{}, ErrSelf
	}
	if !initial.names(now, signedKey, oneTime, kem) {
		return Result{}, ErrPrekey
	}
	secret, err := kem.kem().Decapsulate(initial.Ciphertext)
	if err != nil {
		return Result{}, err
	}
	bundle := Bundle{Signed: signedKey.Statement, KEM: kem.Statement}
	legs := []leg{{signedKey.DH(), sender.X25519}, {own, initial.Ephemeral}, {signedKey.DH(), initial.Ephemeral}}
	if oneTime != nil {
		bundle.OneTime = oneTime.Statement
		legs = append(legs, leg{oneTime.DH(), initial.Ephemeral})
	}
	result, err := agree(legs, secret, initial.transcript(&sender, &self, &bundle))
	if err != nil {
		return Result{}, err
	}
	return initial.label(result), nil
}

// leg is one Diffie-Hellman exchange.
type leg struct {
	private prim.DHPrivate
	public  signed.X25519Key
}

// agree derives the secret of the legs, in their order, and the KEM's secret. The 32 bytes 0xff in front are X3DH's: no
// encoding of a curve point starts so.
func agree(legs []leg, kemSecret []byte, transcript [32]byte) (Result, error) {
	w := octet.NewWriter(32 * 6)
	for range 32 {
		w.U8(0xff)
	}
	for _, l := range legs {
		shared, err := l.private.Exchange(l.public)
		if err != nil {
			return Result{}, err
		}
		w.Raw(shared)
		prim.Wipe(shared)
	}
	input := w.Raw(kemSecret).Bytes()
	defer prim.Wipe(input, kemSecret)
	return Result{Secret: [32]byte(prim.Derive(input, nil, labelSecret, transcript[:], 32)), Transcript: transcript}, nil
}
