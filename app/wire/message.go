package wire

// NewMessage is a sealed message on its way up (SPEC.md section 7).
type NewMessage struct {
	MessageID  MsgID      `json:"message_id"`
	Epoch      int64      `json:"epoch"`
	Ciphertext Bytes      `json:"ciphertext"`          // at most 72 KiB
	Envelopes  []Envelope `json:"envelopes,omitempty"` // at most one for a device, 1000 in all, 4 KiB each
}

// Envelope is what one device needs besides the ciphertext: a Double Ratchet message that only it can open.
type Envelope struct {
	UserID   UserID   `json:"user_id"`
	DeviceID DeviceID `json:"device_id"`
	Envelope Bytes    `json:"envelope"`
}

// Message is a stored message. Envelope is the reading device's own, if there is one.
type Message struct {
	Seq            int64    `json:"seq"`
	ConversationID ConvID   `json:"conversation_id"`
	MessageID      MsgID    `json:"message_id"`
	SenderUser     UserID   `json:"sender_user"`
	SenderDevice   DeviceID `json:"sender_device"`
	Epoch          int64    `json:"epoch"`
	Ciphertext     Bytes    `json:"ciphertext"`
	Envelope       Bytes    `json:"envelope,omitempty"`
	CreatedAt      int64    `json:"created_at"`
}

// Messages is a page of a conversation, newest last.
type Messages struct {
	Messages []Message `json:"messages"`
}

// ReadMark is how far one has read a conversation.
type ReadMark struct {
	ConversationID ConvID `json:"conversation_id"`
	Seq            int64  `json:"seq"`
}

// SetRead moves one's own marker forward.
type SetRead struct {
	Seq int64 `json:"seq"`
}
