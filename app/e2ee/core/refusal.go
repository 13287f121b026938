package core

import (
	"chatalot/app/e2ee/envelope"
	"chatalot/app/e2ee/pqxdh"
	"chatalot/app/e2ee/prim"
	"chatalot/app/e2ee/ratchet"
	"chatalot/app/e2ee/senderkey"
	"chatalot/app/wire/signed"
)

// refusal is why a message was not opened, and what to do about it.
type refusal struct {
	code  string
	ask   bool // ask the sender's device for keys
	reset bool // and begin a new session with it
}

// Error makes a refusal travel as an error.
func (r *refusal) Error() string { return r.code }

func refuse(code string) error { return &refusal{code: code} }

// refusalOf maps what the lower floors say to a refusal. Where the two devices may have lost each other, they are to begin anew.
func refusalOf(err error) error {
	switch err {
	case nil:
		return nil
	case envelope.ErrVersion, signed.ErrVersion, signed.ErrSuite:
		return refuse(RefusedVersion)
	case ratchet.ErrDuplicate, senderkey.ErrUsed:
		return refuse(RefusedReplay)
	case senderkey.ErrTooFar:
		return &refusal{RefusedTooFar, true, false}
	case ratchet.ErrTooFar:
		return &refusal{RefusedTooFar, true, true}
	case pqxdh.ErrPrekey:
		return &refusal{RefusedNoKey, true, true}
	case prim.ErrCommitment:
		return refuse(RefusedCommitment)
	case errState:
		return err
	case envelope.ErrMalformed:
		return refuse(RefusedMalformed)
	}
	return &refusal{RefusedRecipient, true, true}
}
