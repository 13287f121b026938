package wire

// UserState is whether an account works: "active"; "locked" (nobody signs in anew, sessions go on); "suspended" (sessions and sockets
// have ended, nothing is sealed to this person); "deleted" (only what history needs is left).
type UserState string

// The states of an account.
const (
	Active    UserState = "active"
	Locked    UserState = "locked"
	Suspended UserState = "suspended"
	Deleted   UserState = "deleted"
)

// AdminUser is an account as the place's admins see it.
type AdminUser struct {
	User        User      `json:"user"`
	State       UserState `json:"state"`
	Devices     int       `json:"devices"` // active ones
	Sessions    int       `json:"sessions"`
	TwoStep     bool      `json:"two_step"`
	Passkeys    int       `json:"passkeys"`
	HasKeys     bool      `json:"has_keys"`     // and thereby a recovery key
	LockedUntil int64     `json:"locked_until"` // by wrong guesses from unknown devices, Unix ms; 0 when not
	CreatedAt   int64     `json:"created_at"`
	LastSeen    int64     `json:"last_seen"` // of the sessions; 0 when there are none
}

// AdminUsers is everybody, by name.
type AdminUsers struct {
	Users []AdminUser `json:"users"`
}

// AdminUserChange changes an account: any of the fields that are given.
type AdminUserChange struct {
	State  UserState `json:"state,omitempty"` // active, locked or suspended
	Role   PlaceRole `json:"role,omitempty"`
	Unlock bool      `json:"unlock,omitempty"` // forget the wrong guesses, so that a lock by guessing ends now
}

// NewResetLink asks for a one-use link by which a person chooses a new password.
type NewResetLink struct {
	TwoStep bool `json:"two_step"` // switch two-step codes off as well: the authenticator is lost too
}

// ResetLink is shown once; the link is /reset#TOKEN.
type ResetLink struct {
	Token     string `json:"token"`
	ExpiresAt int64  `json:"expires_at"` // Unix ms, 24 hours ahead
}

// PlaceChange changes the place while it runs.
type PlaceChange struct {
	Registration Registration `json:"registration"`
}

// AdminInvite is an invitation as the place's admins see it.
type AdminInvite struct {
	Invite        Invite `json:"invite"`
	CommunityName string `json:"community_name"`
	InviterName   string `json:"inviter_name"`
}

// AdminInvites is every invitation of the place, the newest first.
type AdminInvites struct {
	Invites []AdminInvite `json:"invites"`
}

// Act is what an audit entry tells of.
type Act string

// The acts. Each names what was done; AuditEntry says by whom, to whom and from where.
const (
	ActSetUp             Act = "set_up"
	ActRegistered        Act = "registered"
	ActSignedIn          Act = "signed_in"
	ActSignInFailed      Act = "sign_in_failed" // a wrong password, recovery key or code for an account that exists
	ActLockedByGuessing  Act = "locked_by_guessing"
	ActSignedOut         Act = "signed_out"
	ActSessionEnded      Act = "session_ended"  // by its owner, from another session
	ActRefreshReused     Act = "refresh_reused" // a copied session was ended
	ActPasswordChanged   Act = "password_changed"
	ActPasswordRecovered Act = "password_recovered" // by the recovery key
	ActPasswordReset     Act = "password_reset"     // by an admin's link
	ActRecoveryChanged   Act = "recovery_key_changed"
	ActTwoStepOn         Act = "two_step_on"
	ActTwoStepOff        Act = "two_step_off"
	ActBackupCodesMade   Act = "backup_codes_made"
	ActBackupCodeUsed    Act = "backup_code_used"
	ActPasskeyAdded      Act = "passkey_added"
	ActPasskeyRemoved    Act = "passkey_removed"
	ActAccountDeleted    Act = "account_deleted"
	ActUserLocked        Act = "user_locked"
	ActUserUnlocked      Act = "user_unlocked"
	ActUserSuspended     Act = "user_suspended"
	ActUserRestored      Act = "user_restored"
	ActRoleChanged       Act = "role_changed"
	ActResetLinkMade     Act = "reset_link_made"
	ActInviteMade        Act = "invite_made"
	ActInviteRevoked     Act = "invite_revoked"
	ActRegistrationMode  Act = "registration_changed"
	ActOwnerChanged      Act = "owner_changed" // of a community
	ActKeysRotated       Act = "keys_rotated"
	ActKeysRevoked       Act = "keys_revoked" // everybody signed out
)

// AuditEntry is one line of the audit log. Actor and User are absent when it was nobody with an account.
type AuditEntry struct {
	ID        int64   `json:"id"`
	At        int64   `json:"at"`
	What      Act     `json:"what"`
	Actor     *UserID `json:"actor,omitempty"`
	ActorName string  `json:"actor_name"` // as it was then
	User      *UserID `json:"user,omitempty"`
	UserName  string  `json:"user_name"`
	Detail    string  `json:"detail"`
	Address   string  `json:"address"`
}

// AuditPage is a run of the audit log, the newest first.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	More    bool         `json:"more"` // ask again with before = the last entry's id
	Days    int          `json:"days"` // how long entries are kept
}

// Grade is how a check of the place came out: "pass", "warn" or "fail".
type Grade string

// The grades.
const (
	Pass Grade = "pass"
	Warn Grade = "warn"
	Bad  Grade = "fail"
)

// Finding is one line of chatalot doctor.
type Finding struct {
	ID       string `json:"id"`    // "D1" and so on; never changes its meaning
	Title    string `json:"title"` // "Certificate"
	Grade    Grade  `json:"grade"`
	Evidence string `json:"evidence"` // what was seen, one sentence
	Why      string `json:"why"`      // why it matters, one sentence
	Fix      string `json:"fix"`      // exactly what to do; empty when it passes
}

// Checkup is the health of the place as chatalot doctor finds it. The worst grade of its findings is its own.
type Checkup struct {
	At       int64     `json:"at"` // Unix ms
	Version  string    `json:"version"`
	Grade    Grade     `json:"grade"`
	Findings []Finding `json:"findings"`
}

// Overview is the admin's first look.
type Overview struct {
	Place         Place        `json:"place"`
	StartedAt     int64        `json:"started_at"`
	People        int          `json:"people"`
	Online        int          `json:"online"`
	DatabaseBytes int64        `json:"database_bytes"`
	DiskFree      int64        `json:"disk_free"`       // bytes
	DiskTotal     int64        `json:"disk_total"`      // bytes
	FailedSignIns int          `json:"failed_sign_ins"` // in the last 7 days
	Lately        []AuditEntry `json:"lately"`          // the newest eight
}
