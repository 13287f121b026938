package wire

// Visibility is who finds a channel: "public" (everyone of its community, who may join) or "private" (its members).
// It follows the policy in the channel's signed operations.
type Visibility string

// The visibilities.
const (
	Public  Visibility = "public"
	Private Visibility = "private"
)

// NewChannel makes a channel. Op is the signed create operation; the channel's id is its hash (SPEC.md section 9).
type NewChannel struct {
	Name  string `json:"name"`            // 1 to 60 characters, unique in its community
	Topic string `json:"topic,omitempty"` // at most 250 characters
	Op    Bytes  `json:"op"`
}

// ChannelChange renames a channel or changes its topic; what is absent stays.
type ChannelChange struct {
	Name  *string `json:"name,omitempty"`
	Topic *string `json:"topic,omitempty"`
}

// Channel is a channel as the reader may see it. Members is empty in a public channel the reader has not joined.
type Channel struct {
	ID          ConvID          `json:"id"`
	CommunityID CommunityID     `json:"community_id"`
	GroupID     GroupID         `json:"group_id"`
	Name        string          `json:"name"`
	Topic       string          `json:"topic"`
	Visibility  Visibility      `json:"visibility"`
	Joined      bool            `json:"joined"`
	Epoch       int64           `json:"epoch"`
	N           int64           `json:"n"` // of the newest operation
	Members     []ChannelMember `json:"members,omitempty"`
	ReadSeq     int64           `json:"read_seq"`
	CreatedAt   int64           `json:"created_at"`
}

// ChannelMember is one person's place in a channel, as the signed operations say.
type ChannelMember struct {
	UserID UserID `json:"user_id"`
	Admin  bool   `json:"admin"`
}

// NewOp appends a signed membership operation.
type NewOp struct {
	Op Bytes `json:"op"`
}

// OpRecord is a membership operation where the server put it. Manifests, in events only, are those of its actor and of whoever it made a
// member, as they stood then: others may never have met them.
type OpRecord struct {
	ConversationID ConvID      `json:"conversation_id"`
	N              int64       `json:"n"`
	Op             Bytes       `json:"op"`
	Epochs         []ConvEpoch `json:"epochs,omitempty"` // the conversation's epoch after it
	Manifests      []Manifest  `json:"manifests,omitempty"`
}

// Ops is a run of a channel's operations, the epoch after the newest, and the manifests of everyone they name, all read at one moment: what a
// device needs to take up the channel.
type Ops struct {
	Ops       []OpRecord `json:"ops"`
	Epoch     int64      `json:"epoch"`
	Manifests []Manifest `json:"manifests"`
}

// NewDM opens the conversation with one person.
type NewDM struct {
	UserID UserID `json:"user_id"`
}

// DM is the conversation of two people. Manifests, in the answer to POST /api/dms only, are theirs as they stand at Epoch.
type DM struct {
	ID        ConvID `json:"id"`
	Peer      User   `json:"peer"`
	Epoch     int64  `json:"epoch"`
	ReadSeq   int64  `json:"read_seq"`
	CreatedAt int64  `json:"created_at"`

	Manifests []Manifest `json:"manifests,omitempty"`
}
