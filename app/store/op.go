package store

import (
	"fmt"

	"chatalot/app/wire"
)

func scanOp(s scanner) (o wire.OpRecord, err error) {
	err = s.Scan(fixed(o.ConversationID[:]), &o.N, (*[]byte)(&o.Op))
	return o, err
}

// AppendOp keeps an operation of actor as number n of its chain, told under seq.
func (tx *Tx) AppendOp(id wire.ConvID, n int64, actor wire.UserID, op []byte, seq int64) error {
	if _, err := tx.exec("INSERT INTO op (conversation_id, n, actor, body, seq) VALUES (?, ?, ?, ?, ?)", id[:], n, actor[:], op, seq); err != nil {
		return fmt.Errorf("append operation %d: %w", n, err)
	}
	return nil
}

// Op reads operation n of a chain: ErrNotFound when it is not that long.
func (tx *Tx) Op(id wire.ConvID, n int64) (wire.OpRecord, error) {
	return one(tx, scanOp, "SELECT conversation_id, n, body FROM op WHERE conversation_id = ? AND n = ?", id[:], n)
}

// OpsBy lists the operations of one person in all channels, encoded.
func (tx *Tx) OpsBy(actor wire.UserID) ([][]byte, error) {
	return many(tx, func(s scanner) (body []byte, err error) {
		err = s.Scan(&body)
		return body, err
	}, "SELECT body FROM op WHERE actor = ?", actor[:])
}

// Ops lists the operations of a chain after number n, the conversation's epoch, and the device lists it takes to verify the whole chain.
func (tx *Tx) Ops(id wire.ConvID, after int64) (o wire.Ops, err error) {
	if err = tx.get([]any{&o.Epoch}, "SELECT epoch FROM conversation WHERE id = ?", id[:]); err != nil {
		return o, err
	}
	o.Ops, err = many(tx, scanOp, "SELECT conversation_id, n, body FROM op WHERE conversation_id = ? AND n > ? ORDER BY n", id[:], after)
	if err != nil {
		return o, err
	}
	o.Manifests, err = tx.ManifestsOf(id)
	return o, err
}

// OpsFor lists the whole chains of the channels a person is in, by channel and number.
func (tx *Tx) OpsFor(user wire.UserID) ([]wire.OpRecord, error) {
	return many(tx, scanOp, `SELECT o.conversation_id, o.n, o.body FROM conversation_member m JOIN op o USING (conversation_id)
		WHERE m.user_id = ? AND m.dropped = 0 ORDER BY o.conversation_id, o.n`, user[:])
}
