package chat

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// Bounds of one message (app/wire/README.md).
const (
	maxCiphertext = 72 << 10
	maxEnvelopes  = 1000
	maxEnvelope   = 4 << 10
)

// Send stores a sealed message and has it delivered. The same message again answers what was stored, created false; the same id with
// other bytes is refused.
func (c *Chat) Send(ctx context.Context, who wire.Caller, id wire.ConvID, in wire.NewMessage) (m wire.Message, created bool, err error) {
	if who.Device == nil {
		return m, false, wire.Fail(wire.Forbidden, "This session has no keys yet. Add this device to your account first.")
	}
	if err := checkMessage(in); err != nil {
		return m, false, err
	}
	m = wire.Message{ConversationID: id, MessageID: in.MessageID, SenderUser: who.User, SenderDevice: *who.Device, Epoch: in.Epoch, Ciphertext: in.Ciphertext}
	request := requestHash(*who.Device, in)
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		m, created, err = send(tx, m, request, in.Envelopes)
		return err
	})
	return m, created && err == nil, err
}

func send(tx *store.Tx, m wire.Message, request [32]byte, envelopes []wire.Envelope) (wire.Message, bool, error) {
	facts, err := tx.SendFacts(m.ConversationID, m.SenderUser, m.SenderDevice)
	if err != nil {
		return m, false, orGone(err)
	}
	if !facts.Member {
		return m, false, wire.Missing()
	}
	switch known, hash, err := tx.SentBefore(m.ConversationID, m.MessageID); {
	case err == nil && hash == request && known.SenderUser == m.SenderUser:
		return known, false, nil
	case err == nil:
		return m, false, wire.Fail(wire.MessageIDTaken, "Another message has this id. Choose a new one and send again.")
	case !errors.Is(err, store.ErrNotFound):
		return m, false, err
	}
	if !facts.Active {
		return m, false, wire.Fail(wire.Forbidden, "This device is not on your device list, so nobody would believe its messages. Add it to your account first.")
	}
	if facts.PeerGone {
		return m, false, peerGone()
	}
	if facts.Epoch != m.Epoch {
		return m, false, wire.Fail(wire.StaleEpoch, "The members or their devices have changed. Read the newest events and seal the message again.")
	}
	if err := checkEnvelopes(tx, m.ConversationID, envelopes); err != nil {
		return m, false, err
	}
	m, err = tx.AppendMessage(m, request, envelopes)
	return m, true, err
}

// checkMessage checks what needs no database.
func checkMessage(in wire.NewMessage) error {
	switch {
	case in.MessageID == wire.MsgID{}:
		return wire.FailField("message_id", "A message needs an id of its own: 16 random bytes.")
	case len(in.Ciphertext) == 0:
		return wire.FailField("ciphertext", "A message needs its ciphertext.")
	case len(in.Ciphertext) > maxCiphertext:
		return &wire.Error{Code: wire.TooLarge, Field: "ciphertext", Message: fmt.Sprintf("A message has at most %d KiB. Send less at once.", maxCiphertext>>10)}
	case len(in.Envelopes) > maxEnvelopes:
		return &wire.Error{Code: wire.TooLarge, Field: "envelopes", Message: fmt.Sprintf("A message reaches at most %d devices.", maxEnvelopes)}
	}
	seen := make(map[wire.DeviceID]bool, len(in.Envelopes))
	for _, e := range in.Envelopes {
		switch {
		case len(e.Envelope) == 0 || len(e.Envelope) > maxEnvelope:
			return wire.FailField("envelopes", fmt.Sprintf("An envelope has 1 byte to %d KiB.", maxEnvelope>>10))
		case seen[e.DeviceID]:
			return wire.FailField("envelopes", "Two envelopes are for the same device.")
		}
		seen[e.DeviceID] = true
	}
	return nil
}

// checkEnvelopes refuses an envelope for anything but an active device of somebody who receives the conversation.
func checkEnvelopes(tx *store.Tx, id wire.ConvID, envelopes []wire.Envelope) error {
	if len(envelopes) == 0 {
		return nil
	}
	devices, err := tx.ReceivingDevices(id)
	if err != nil {
		return err
	}
	for _, e := range envelopes {
		if owner, ok := devices[e.DeviceID]; !ok || owner != e.UserID {
			return wire.Fail(wire.BadEnvelopes, "An envelope is for a device that is not in this conversation. Read the newest events and seal the message again.")
		}
	}
	return nil
}

// requestHash recognises a request sent again: everything in it, each part with its length.
func requestHash(device wire.DeviceID, in wire.NewMessage) (sum [32]byte) {
	h := sha256.New()
	var n [8]byte
	part := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part(device[:])
	part(in.MessageID[:])
	part(binary.BigEndian.AppendUint64(nil, uint64(in.Epoch)))
	part(in.Ciphertext)
	for _, e := range in.Envelopes {
		part(e.UserID[:])
		part(e.DeviceID[:])
		part(e.Envelope)
	}
	h.Sum(sum[:0])
	return sum
}

// Bounds of a page of messages.
const (
	defaultMessages = 50
	maxMessages     = 100
)

// Messages reads a page of a conversation's ciphertexts before a seq (0: the newest), newest last, none from before the caller joined.
// limit 0 means 50; at most 100.
func (c *Chat) Messages(ctx context.Context, who wire.Caller, id wire.ConvID, before int64, limit int) (out wire.Messages, err error) {
	if limit == 0 {
		limit = defaultMessages
	}
	if limit < 1 || limit > maxMessages {
		return out, wire.FailField("limit", fmt.Sprintf("A page has 1 to %d messages.", maxMessages))
	}
	return read(ctx, c, func(tx *store.Tx) (out wire.Messages, err error) {
		if err := Can(tx, who, ReadConversation, Object{Conversation: id}); err != nil {
			return out, err
		}
		out.Messages, err = tx.MessagesBefore(id, who.User, who.Device, before, limit)
		return out, err
	})
}
