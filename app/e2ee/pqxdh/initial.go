package pqxdh

import (
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/ratchet"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const (
	version     = 0x01
	kindInitial = 0x02
)

// MaxInitial is the longest encoding of an Initial, in bytes.
const MaxInitial = 1 + 1 + 1 + 32 + 4 + 1 + 4 + 1 + 4 + 4 + prim.KEMCiphertextSize + 4 + ratchet.MaxMessage

// Initial is the first message of a session: the handshake's public half around one ratchet message. It says nothing of
// who sent it to whom; both sides know that from elsewhere, and the transcript binds it.
type Initial struct {
	Ephemeral  signed.X25519Key
	SignedID   uint32
	HasOneTime bool
	OneTimeID  uint32 // 0 without a one-time prekey
	KEMKind    signed.PrekeyKind
	KEMID      uint32
	Ciphertext []byte // of ML-KEM-768
	Message    []byte // of ratchet.Session.Seal
}

// IsInitial reports whether an envelope claims to be an Initial rather than a bare ratchet message.
func IsInitial(envelope []byte) bool { return len(envelope) > 1 && envelope[1] == kindInitial }

// ParseInitial reads a whole encoding and nothing else.
func ParseInitial(b []byte) (*Initial, error) {
	r, i := octet.NewReader(b), new(Initial)
	r.Const(version, signed.ErrVersion)
	r.Const(kindInitial, signed.ErrVersion)
	r.Const(prim.Suite, signed.ErrSuite)
	r.Into(i.Ephemeral[:])
	i.SignedID = r.U32()
	marker := r.U8()
	i.HasOneTime, i.OneTimeID = marker == 1, r.U32()
	i.KEMKind, i.KEMID = signed.PrekeyKind(r.U8()), r.U32()
	i.Ciphertext = r.Var(prim.KEMCiphertextSize)
	i.Message = r.Var(ratchet.MaxMessage)
	if err := r.Done(); err != nil {
		return nil, err
	}
	if marker > 1 || (!i.HasOneTime && i.OneTimeID != 0) || !i.KEMKind.KEM() || len(i.Ciphertext) != prim.KEMCiphertextSize {
		return nil, ErrBundle
	}
	return i, i.Ephemeral.Check()
}

// Encode returns the bytes that ParseInitial reads.
func (i *Initial) Encode() []byte {
	w := octet.NewWriter(MaxInitial - ratchet.MaxMessage + len(i.Message))
	w.U8(version).U8(kindInitial).U8(prim.Suite).Raw(i.Ephemeral[:]).U32(i.SignedID)
	w.U8(marker(i.HasOneTime)).U32(i.OneTimeID).U8(uint8(i.KEMKind)).U32(i.KEMID)
	return w.Var(i.Ciphertext).Var(i.Message).Bytes()
}

// names reports whether these are the private keys that the Initial was made for, and still to be used at now.
func (i *Initial) names(now uint64, signedKey, oneTime, kem *Private) bool {
	if signedKey == nil || kem == nil || (oneTime != nil) != i.HasOneTime {
		return false
	}
	return signedKey.is(signed.PrekeySigned, i.SignedID, now) && kem.is(i.KEMKind, i.KEMID, now) &&
		(oneTime == nil || oneTime.is(signed.PrekeyOneTime, i.OneTimeID, now))
}

// transcript hashes every public input of the handshake, so that two sides that saw anything differently share no secret.
func (i *Initial) transcript(from, to *Party, keys *Bundle) [32]byte {
	w := octet.NewWriter(2900).U8(prim.Suite)
	from.write(w)
	to.write(w)
	w.Raw(i.Ephemeral[:]).U32(i.SignedID).Raw(keys.Signed.Public).U8(marker(i.HasOneTime))
	if i.HasOneTime {
		w.U32(i.OneTimeID).Raw(keys.OneTime.Public)
	}
	w.U8(uint8(i.KEMKind)).U32(i.KEMID).Raw(keys.KEM.Public).Raw(i.Ciphertext)
	return signed.Hash(labelTranscript, w.Bytes())
}

// label adds to a result what its keys mean for replay and forward secrecy.
func (i *Initial) label(r Result) Result {
	r.Replayable = !i.HasOneTime || i.KEMKind == signed.PrekeyLastResort
	r.ReducedFS = !i.HasOneTime
	return r
}

func marker(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
