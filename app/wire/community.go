package wire

// Role is what a person may do in a community: "owner", "admin" or "member".
type Role string

// The community roles.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Member Role = "member"
)

// Community is a circle of people with groups of channels.
type Community struct {
	ID        CommunityID `json:"id"`
	Name      string      `json:"name"`
	Role      Role        `json:"role"` // the reader's own
	CreatedAt int64       `json:"created_at"`
}

// Named is a body that only names a thing: 1 to 60 characters.
type Named struct {
	Name string `json:"name"`
}

// CommunityMember is one person's place in a community.
type CommunityMember struct {
	CommunityID CommunityID `json:"community_id"`
	User        User        `json:"user"`
	Role        Role        `json:"role"`
}

// CommunityMembers is a list of people.
type CommunityMembers struct {
	Members []CommunityMember `json:"members"`
}

// RoleChange gives somebody another role: "admin" or "member"; or "owner", which hands the community over to them.
type RoleChange struct {
	Role Role `json:"role"`
}

// Group is a heading under which a community keeps channels.
type Group struct {
	ID          GroupID     `json:"id"`
	CommunityID CommunityID `json:"community_id"`
	Name        string      `json:"name"`
	CreatedAt   int64       `json:"created_at"`
}

// Gone tells that a thing is no more, or no longer the reader's to see. Exactly one id is set; UserID goes with CommunityID. Epochs are the
// reader's conversations whose epoch grew because a person left the community: nobody seals to that person there any more.
type Gone struct {
	CommunityID    *CommunityID `json:"community_id,omitempty"`
	GroupID        *GroupID     `json:"group_id,omitempty"`
	ConversationID *ConvID      `json:"conversation_id,omitempty"`
	UserID         *UserID      `json:"user_id,omitempty"`
	Epochs         []ConvEpoch  `json:"epochs,omitempty"`
}
