package wire

// Challenge answers a first step that was right, with status 202, when the account asks for a second one.
type Challenge struct {
	Challenge string `json:"challenge"`  // goes back with the code
	ExpiresAt int64  `json:"expires_at"` // Unix ms, 5 minutes ahead
}

// ChallengeRequest brings the second step of a sign-in: exactly one of Code and BackupCode.
type ChallengeRequest struct {
	Challenge  string    `json:"challenge"`
	Code       string    `json:"code,omitempty"`        // six digits of RFC 6238
	BackupCode string    `json:"backup_code,omitempty"` // as it was shown; case, spaces and dashes do not count
	Trust      bool      `json:"trust,omitempty"`       // ask this device for no code for 30 days; only with transport "cookie"
	Transport  Transport `json:"transport"`
}

// RecoverRequest sets a new password by the recovery key, which itself never leaves the person's device: Proof is made of it
// (SPEC.md section 6).
type RecoverRequest struct {
	Username  string    `json:"username"`
	Proof     Bytes     `json:"proof"` // 32 bytes
	Password  string    `json:"password"`
	Transport Transport `json:"transport"`
}

// ResetRequest sets a new password by the one-use link that an admin made.
type ResetRequest struct {
	Token     string    `json:"token"`
	Password  string    `json:"password"`
	Transport Transport `json:"transport"`
}

// ResetPreview is what the holder of a reset link sees before using it.
type ResetPreview struct {
	Username  string `json:"username"`
	ExpiresAt int64  `json:"expires_at"`
}

// ResetToken carries a reset link's token in a body, never in a URL.
type ResetToken struct {
	Token string `json:"token"`
}

// PasskeyOptions answers both ceremonies' beginnings: what navigator.credentials.get or create takes (WebAuthn Level 3,
// PublicKeyCredentialRequestOptionsJSON or PublicKeyCredentialCreationOptionsJSON), and the ceremony that goes back with the answer.
type PasskeyOptions struct {
	Ceremony string `json:"ceremony"` // good for 5 minutes and one use
	Options  any    `json:"options"`  // the object under "publicKey"
}

// PasskeyAssertion is what navigator.credentials.get answered.
type PasskeyAssertion struct {
	Ceremony          string `json:"ceremony"`
	ID                Bytes  `json:"id"`
	ClientData        Bytes  `json:"client_data"`
	AuthenticatorData Bytes  `json:"authenticator_data"`
	Signature         Bytes  `json:"signature"`
	UserHandle        Bytes  `json:"user_handle"` // the user id: keys are discoverable
}

// PasskeyLogin signs in by a passkey. It is both steps: the authenticator has asked for a finger, a face or a PIN.
type PasskeyLogin struct {
	Passkey   PasskeyAssertion `json:"passkey"`
	Transport Transport        `json:"transport"`
}

// NewPasskey adds what navigator.credentials.create answered to one's account.
type NewPasskey struct {
	Ceremony          string   `json:"ceremony"`
	Name              string   `json:"name"` // 1 to 60 characters: "My phone"
	ID                Bytes    `json:"id"`
	ClientData        Bytes    `json:"client_data"`
	AttestationObject Bytes    `json:"attestation_object"`
	Transports        []string `json:"transports"`
}

// Passkey is one of one's passkeys.
type Passkey struct {
	ID        Bytes  `json:"id"`
	Name      string `json:"name"`
	CreatedAt int64  `json:"created_at"`
	UsedAt    int64  `json:"used_at"` // 0: never
}

// Confirmation shows that it is really the person who asks, by exactly one of Password and Passkey. Dangerous changes are
// allowed to this session for 5 minutes afterwards.
type Confirmation struct {
	Password string            `json:"password,omitempty"`
	Passkey  *PasskeyAssertion `json:"passkey,omitempty"`
}

// Confirmed says until when dangerous changes are allowed, Unix ms.
type Confirmed struct {
	FreshUntil int64 `json:"fresh_until"`
}

// Security is how one's account is guarded.
type Security struct {
	PasswordAt  int64     `json:"password_at"` // when it was last changed
	TwoStep     bool      `json:"two_step"`
	BackupCodes int       `json:"backup_codes"` // left
	Passkeys    []Passkey `json:"passkeys"`
	FreshUntil  int64     `json:"fresh_until"` // of this session; 0 when it never confirmed
	State       UserState `json:"state"`
}

// PasswordChange sets a new password; whoever asks has confirmed the old one.
type PasswordChange struct {
	Password string `json:"password"`
}

// TwoStepSecret begins two-step codes: the secret for an authenticator app, as text and as the link behind a QR code.
type TwoStepSecret struct {
	Secret string `json:"secret"` // base32 without padding
	URL    string `json:"url"`    // otpauth://totp/…
}

// TwoStepCode confirms that the authenticator app makes the right codes.
type TwoStepCode struct {
	Code string `json:"code"`
}

// BackupCodes are shown once. Each opens the second step once.
type BackupCodes struct {
	Codes []string `json:"codes"`
}

// Session is one of the places where one is signed in.
type Session struct {
	ID        SessionID `json:"id"`
	Agent     string    `json:"agent"`   // "Firefox on Linux"
	Network   string    `json:"network"` // "203.0.113.0/24": coarse on purpose; empty when unknown
	Device    string    `json:"device"`  // the device's name; empty while it has none
	HasKeys   bool      `json:"has_keys"`
	Current   bool      `json:"current"`
	CreatedAt int64     `json:"created_at"`
	LastSeen  int64     `json:"last_seen"`
	ExpiresAt int64     `json:"expires_at"`
}

// Sessions is a list of sessions, the one seen last first.
type Sessions struct {
	Sessions []Session `json:"sessions"`
}
