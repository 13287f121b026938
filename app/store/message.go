package store

import (
	"fmt"

	"chatalot/app/wire"
)

// SendFacts are what decides whether a device may send to a conversation now.
type SendFacts struct {
	Epoch    int64 // of the conversation
	Member   bool  // the sender gets this conversation's messages
	Active   bool  // the sending device stands in its owner's newest device list
	PeerGone bool  // it is a DM with somebody who has deleted their account
}

// SendFacts reads them in one statement, for the message path: ErrNotFound when there is no such conversation.
func (tx *Tx) SendFacts(id wire.ConvID, user wire.UserID, device wire.DeviceID) (f SendFacts, err error) {
	err = tx.get([]any{&f.Epoch, &f.Member, &f.Active, &f.PeerGone}, `SELECT epoch,
		EXISTS (SELECT 1 FROM conversation_member WHERE conversation_id = ?1 AND user_id = ?2 AND dropped = 0),
		EXISTS (SELECT 1 FROM device WHERE id = ?3 AND user_id = ?2 AND active = 1),
		kind = 'dm' AND EXISTS (SELECT 1 FROM conversation_member m JOIN user u ON u.id = m.user_id WHERE m.conversation_id = ?1 AND u.state = 'deleted')
		FROM conversation WHERE id = ?1`, id[:], user[:], device[:])
	return f, err
}

// ReceivingDevices lists every device that may be sent an envelope in a conversation, with its owner.
func (tx *Tx) ReceivingDevices(id wire.ConvID) (map[wire.DeviceID]wire.UserID, error) {
	list := map[wire.DeviceID]wire.UserID{}
	err := each(tx, func(s scanner) error {
		var d wire.DeviceID
		var u wire.UserID
		err := s.Scan(fixed(d[:]), fixed(u[:]))
		list[d] = u
		return err
	}, `SELECT d.id, d.user_id FROM conversation_member m JOIN device d ON d.user_id = m.user_id AND d.active = 1
		WHERE m.conversation_id = ? AND m.dropped = 0`, id[:])
	return list, err
}

const messageColumns = "m.seq, m.conversation_id, m.message_id, m.sender_user, m.sender_device, m.epoch, m.ciphertext, m.created_at"

func messageFields(m *wire.Message) []any {
	return []any{&m.Seq, fixed(m.ConversationID[:]), fixed(m.MessageID[:]), fixed(m.SenderUser[:]), fixed(m.SenderDevice[:]), &m.Epoch,
		(*[]byte)(&m.Ciphertext), &m.CreatedAt}
}

func scanDelivered(s scanner) (m wire.Message, err error) {
	err = s.Scan(append(messageFields(&m), (*[]byte)(&m.Envelope))...)
	return m, err
}

// SentBefore reads the message that already has this id, and the hash of the request that sent it: ErrNotFound when there is none.
func (tx *Tx) SentBefore(id wire.ConvID, msg wire.MsgID) (m wire.Message, request [32]byte, err error) {
	dst := append(messageFields(&m), fixed(request[:]))
	err = tx.get(dst, "SELECT "+messageColumns+", m.request_hash FROM message m WHERE m.conversation_id = ? AND m.message_id = ?", id[:], msg[:])
	return m, request, err
}

// AppendMessage stores a message with its envelopes under the next seq and returns it as stored. request is the hash that recognises a repeat.
func (tx *Tx) AppendMessage(m wire.Message, request [32]byte, envelopes []wire.Envelope) (wire.Message, error) {
	m.CreatedAt, m.Envelope = tx.now, nil
	r := Row{Kind: "message", Conversation: m.ConversationID, Message: new(wire.Message)}
	*r.Message = m
	if len(envelopes) > 0 {
		r.Envelopes = make(map[wire.DeviceID]wire.Bytes, len(envelopes))
	}
	for _, e := range envelopes {
		r.Envelopes[e.DeviceID] = e.Envelope
	}
	seq, err := tx.appendRow(r)
	if err != nil {
		return m, err
	}
	m.Seq = seq
	_, err = tx.exec(`INSERT INTO message (seq, conversation_id, message_id, sender_user, sender_device, epoch, ciphertext, request_hash, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, seq, m.ConversationID[:], m.MessageID[:], m.SenderUser[:], m.SenderDevice[:], m.Epoch,
		[]byte(m.Ciphertext), request[:], m.CreatedAt)
	if err != nil {
		return m, fmt.Errorf("append message: %w", err)
	}
	for _, e := range envelopes {
		if _, err := tx.exec("INSERT INTO envelope (seq, device_id, sealed) VALUES (?, ?, ?)", seq, e.DeviceID[:], []byte(e.Envelope)); err != nil {
			return m, fmt.Errorf("append envelope: %w", err)
		}
	}
	return m, nil
}

const selectDelivered = "SELECT " + messageColumns + ", e.sealed FROM message m LEFT JOIN envelope e ON e.seq = m.seq AND e.device_id = ? "

// Message reads a message as a device receives it, with its own envelope if there is one; device nil gets none. ErrNotFound when it is gone.
func (tx *Tx) Message(seq int64, device *wire.DeviceID) (wire.Message, error) {
	return one(tx, scanDelivered, selectDelivered+"WHERE m.seq = ?", id16(device), seq)
}

// MessagesBefore lists the newest limit messages of a conversation before a seq that are a member's to read, newest last; 0 is the newest end.
func (tx *Tx) MessagesBefore(id wire.ConvID, user wire.UserID, device *wire.DeviceID, before int64, limit int) ([]wire.Message, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	return many(tx, scanDelivered, "SELECT * FROM ("+selectDelivered+`WHERE m.conversation_id = ?2 AND m.seq < ?3 AND m.seq >= (
		SELECT joined_seq FROM conversation_member WHERE conversation_id = ?2 AND user_id = ?4 AND dropped = 0) ORDER BY m.seq DESC LIMIT ?5) ORDER BY seq`,
		id16(device), id[:], before, user[:], limit)
}
