package wire

// Registration is who may make an account: "invite_only" (the default), "open" or "closed".
type Registration string

// The registration modes.
const (
	InviteOnly Registration = "invite_only"
	Open       Registration = "open"
	Closed     Registration = "closed"
)

// Transport is how the refresh token travels: "cookie" (HttpOnly, for browsers) or "body" (for everything else).
type Transport string

// The transports.
const (
	ByCookie Transport = "cookie"
	ByBody   Transport = "body"
)

// Health answers GET /api/health.
type Health struct {
	Status  string `json:"status"` // "ok"
	Version string `json:"version"`
}

// Place is what a stranger may know of this place.
type Place struct {
	Name         string       `json:"name"` // empty until set up
	Registration Registration `json:"registration"`
	SetUp        bool         `json:"set_up"`
	Version      string       `json:"version"`
}

// SetupRequest names the place and makes its first account, once; Token comes from the console's setup link.
type SetupRequest struct {
	Token       string    `json:"token"`
	PlaceName   string    `json:"place_name"` // 1 to 60 characters; also names the first community
	Username    string    `json:"username"`
	DisplayName string    `json:"display_name"`
	Password    string    `json:"password"`
	Transport   Transport `json:"transport"`
}

// RegisterRequest makes an account. Invite is needed while registration is invite_only, and joins its community whenever given.
type RegisterRequest struct {
	Username    string    `json:"username"`     // [a-z0-9_.-]{3,32} after NFKC and lower-casing
	DisplayName string    `json:"display_name"` // 1 to 60 characters
	Password    string    `json:"password"`     // 10 characters to 128 bytes
	Invite      string    `json:"invite,omitempty"`
	Transport   Transport `json:"transport"`
}

// LoginRequest signs in.
type LoginRequest struct {
	Username  string    `json:"username"`
	Password  string    `json:"password"`
	Transport Transport `json:"transport"`
}

// RefreshRequest renews a session; RefreshToken is absent when the cookie carries it.
type RefreshRequest struct {
	RefreshToken string    `json:"refresh_token,omitempty"`
	Transport    Transport `json:"transport"`
}

// LogoutRequest ends a session; RefreshToken is absent when the cookie or the bearer token names it.
type LogoutRequest struct {
	RefreshToken string `json:"refresh_token,omitempty"`
}

// SignedIn is the answer to every way of signing in.
type SignedIn struct {
	AccessToken  string    `json:"access_token"`
	ExpiresAt    int64     `json:"expires_at"`              // of the access token, Unix ms
	RefreshToken string    `json:"refresh_token,omitempty"` // only with transport "body"
	User         User      `json:"user"`
	DeviceID     *DeviceID `json:"device_id,omitempty"` // the device this session is bound to, once it has one
	HasKeys      bool      `json:"has_keys"`            // the account has a manifest and a vault
}

// PlaceRole is what a person may do to the place itself.
type PlaceRole string

// The place roles.
const (
	PlaceAdmin  PlaceRole = "admin"
	PlaceMember PlaceRole = "member"
)

// User is a person as others see them.
type User struct {
	ID          UserID      `json:"id"`
	Username    string      `json:"username"`
	DisplayName string      `json:"display_name"`
	Role        PlaceRole   `json:"role"`
	State       UserState   `json:"state,omitempty"`  // absent: active. To suspended and deleted people nothing is sealed; locked is told to admins only
	Epochs      []ConvEpoch `json:"epochs,omitempty"` // in events only: the reader's conversations whose epoch grew because the state changed
}

// Me is one's own account.
type Me struct {
	User         User      `json:"user"`
	DeviceID     *DeviceID `json:"device_id,omitempty"`
	HasKeys      bool      `json:"has_keys"`
	VaultVersion int64     `json:"vault_version"`
}

// MeChange changes one's own account.
type MeChange struct {
	DisplayName string `json:"display_name"`
}

// Presence is whether a person is there: "online", "away" or "offline".
type Presence string

// The presences. Offline is never set by a client: it is the absence of connected devices.
const (
	Online  Presence = "online"
	Away    Presence = "away"
	Offline Presence = "offline"
)

// SetPresence says whether one is there.
type SetPresence struct {
	Presence Presence `json:"presence"`
}

// NewInvite asks for an invitation to a community.
type NewInvite struct {
	CommunityID CommunityID `json:"community_id"`
	Uses        int         `json:"uses"`           // 1 to 1000
	ExpiresIn   int64       `json:"expires_in"`     // seconds, 60 to 90 days
	Role        Role        `json:"role,omitempty"` // what whoever comes by it may do in the community: member (the default), or admin, which only its owner may give
}

// Invite is an invitation as its makers see it.
type Invite struct {
	ID          InviteID    `json:"id"`
	CommunityID CommunityID `json:"community_id"`
	CreatedBy   UserID      `json:"created_by"`
	Token       string      `json:"token,omitempty"` // only in the answer that made it; the link is /join#TOKEN
	Role        Role        `json:"role"`
	Uses        int         `json:"uses"`
	Used        int         `json:"used"`
	CreatedAt   int64       `json:"created_at"`
	ExpiresAt   int64       `json:"expires_at"`
}

// InviteToken carries an invite's token in a body, never in a URL.
type InviteToken struct {
	Token string `json:"token"`
}

// InvitePreview is what the holder of an invitation sees before joining: the inviter and a count, no other names.
type InvitePreview struct {
	PlaceName     string `json:"place_name"`
	CommunityName string `json:"community_name"`
	InviterName   string `json:"inviter_name"`
	People        int    `json:"people"`
	ExpiresAt     int64  `json:"expires_at"`
}

// Invites is a list of invitations.
type Invites struct {
	Invites []Invite `json:"invites"`
}
