package wire

// State is everything a client needs to begin, read in one transaction at Cursor; events after Cursor continue it.
type State struct {
	Cursor      int64             `json:"cursor"`
	Place       Place             `json:"place"`
	Me          Me                `json:"me"`
	Communities []Community       `json:"communities"`
	Members     []CommunityMember `json:"members"` // of all these communities
	Groups      []Group           `json:"groups"`
	Channels    []Channel         `json:"channels"`
	Ops         []OpRecord        `json:"ops"` // whole chains of the channels one has joined, by channel and n
	DMs         []DM              `json:"dms"`
	Manifests   []Manifest        `json:"manifests"` // of everyone one shares a conversation with, and one's own
	Presence    []PresenceChange  `json:"presence"`
}

// Event is one row of the durable log. Kind names the one field that is set.
type Event struct {
	Seq  int64  `json:"seq"`
	Kind string `json:"kind"`
	At   int64  `json:"at"`

	Message             *Message         `json:"message,omitempty"`
	Op                  *OpRecord        `json:"op,omitempty"`
	Manifest            *Manifest        `json:"manifest,omitempty"`
	User                *User            `json:"user,omitempty"` // one changed
	Community           *Community       `json:"community,omitempty"`
	CommunityGone       *Gone            `json:"community_gone,omitempty"`
	CommunityMember     *CommunityMember `json:"community_member,omitempty"`
	CommunityMemberGone *Gone            `json:"community_member_gone,omitempty"`
	Group               *Group           `json:"group,omitempty"`
	GroupGone           *Gone            `json:"group_gone,omitempty"`
	Channel             *Channel         `json:"channel,omitempty"` // one became visible or changed; on joining, read its ops
	ChannelGone         *Gone            `json:"channel_gone,omitempty"`
	DM                  *DM              `json:"dm,omitempty"`
	Read                *ReadMark        `json:"read,omitempty"`
	SessionNotice       *SessionNotice   `json:"session_notice,omitempty"`
}

// SessionNotice tells a person something about how their account is guarded. What is one of "signed_in" (on a device not seen before),
// "refresh_reused" (a copied session was ended), "locked" (too many wrong guesses), "password_changed", "password_recovered", "password_reset",
// "recovery_key_changed", "two_step_on", "two_step_off", "backup_codes_made", "passkey_added", "passkey_removed", "passkey_copied" (its count of uses went back, so it
// was refused), "reset_link_made" and "role_changed". Agent and Network say where it came from, as coarsely as in the list of sessions; Session is
// the one that did it, which need not tell itself.
type SessionNotice struct {
	What    string     `json:"what"`
	Agent   string     `json:"agent,omitempty"`
	Network string     `json:"network,omitempty"`
	Session *SessionID `json:"session,omitempty"`
}

// SyncPage is a run of events for programs without a socket.
type SyncPage struct {
	Events []Event `json:"events"`
	Cursor int64   `json:"cursor"` // pass as after
	More   bool    `json:"more"`
	Reset  bool    `json:"reset,omitempty"` // after is older than what is kept: read GET /api/state again
}

// Frame is one WebSocket message, either way. T says which fields count: "auth" from the client; "ready", "events", "typing", "presence", "keys_low", "reset" from the server.
type Frame struct {
	T string `json:"t"`

	Token string `json:"token,omitempty"` // auth
	After *int64 `json:"after,omitempty"` // auth: resume after this seq

	UserID    *UserID   `json:"user_id,omitempty"`    // ready
	DeviceID  *DeviceID `json:"device_id,omitempty"`  // ready
	ExpiresAt int64     `json:"expires_at,omitempty"` // ready: of the token, Unix ms

	Present []PresenceChange `json:"present,omitempty"` // the first ready: who is there; whoever is not named is offline

	Events []Event `json:"events,omitempty"`
	Cursor int64   `json:"cursor,omitempty"` // ready, events

	Typing   *Typing         `json:"typing,omitempty"`
	Presence *PresenceChange `json:"presence,omitempty"`
	KeysLow  *PrekeyCount    `json:"keys_low,omitempty"`
}

// AuthFrame is all that a client ever sends on its socket: who it is, at the beginning and again before its token expires.
type AuthFrame struct {
	T     string `json:"t"` // "auth"
	Token string `json:"token"`
	After *int64 `json:"after,omitempty"` // resume after this seq; only in the first frame
}

// Typing is a whisper: somebody is writing. It fades after 6 s.
type Typing struct {
	ConversationID ConvID `json:"conversation_id"`
	UserID         UserID `json:"user_id"`
}

// PresenceChange is a whisper: somebody came, went quiet or left.
type PresenceChange struct {
	UserID   UserID   `json:"user_id"`
	Presence Presence `json:"presence"`
}
