package wire

import "net/http"

// Code is a failure's name for programs. Codes never change their meaning.
type Code string

// The codes. The comment beside each is what the caller can do about it.
const (
	BadRequest           Code = "bad_request"            // mend the named field
	TooLarge             Code = "too_large"              // send less
	UnsupportedMediaType Code = "unsupported_media_type" // send application/json
	MethodNotAllowed     Code = "method_not_allowed"     // use the method the protocol names
	NotFound             Code = "not_found"              // it does not exist, or is not yours to see
	Unauthorized         Code = "unauthorized"           // refresh the access token, or sign in
	SessionEnded         Code = "session_ended"          // sign in again
	BadCredentials       Code = "bad_credentials"        // wrong sign-in name or password
	AccountLocked        Code = "account_locked"         // too many wrong guesses: wait retry_after seconds, or use a passkey
	ChallengeGone        Code = "challenge_gone"         // the second step expired or had five wrong codes: begin with the password again
	BadCode              Code = "bad_code"               // the two-step code is wrong or was used
	BadPasskey           Code = "bad_passkey"            // the passkey does not verify, or is not known here
	ConfirmFirst         Code = "confirm_first"          // POST /api/me/confirm, then try again
	AccountPaused        Code = "account_paused"         // an admin locked or suspended the account: ask them
	ResetGone            Code = "reset_gone"             // the link was used or has expired: ask for a new one
	OwnsCommunities      Code = "owns_communities"       // hand them over first
	LastAdmin            Code = "last_admin"             // make somebody else an admin first
	TwoStepOn            Code = "two_step_on"            // switch it off first
	TwoStepOff           Code = "two_step_off"           // switch it on first
	Forbidden            Code = "forbidden"              // ask somebody with the right to
	CrossSite            Code = "cross_site"             // another website asked; refused
	NotSetUp             Code = "not_set_up"             // open the setup link
	SetupToken           Code = "setup_token"            // ask the console for a fresh setup link
	SetupDone            Code = "setup_done"             // sign in instead
	RegistrationClosed   Code = "registration_closed"    // nobody can join just now
	InviteRequired       Code = "invite_required"        // ask for an invitation
	InviteGone           Code = "invite_gone"            // expired, used up or withdrawn: ask for a new one
	UsernameTaken        Code = "username_taken"         // choose another
	StaleManifest        Code = "stale_manifest"         // read the newest, rebuild, try again
	BadManifest          Code = "bad_manifest"           // the signed device list does not verify
	BadPrekey            Code = "bad_prekey"             // a prekey does not verify
	StaleOp              Code = "stale_op"               // read the newest operations, rebuild, try again
	BadOp                Code = "bad_op"                 // the signed operation does not verify, or the rules forbid it
	StaleEpoch           Code = "stale_epoch"            // read the newest events, seal again, try again
	BadEnvelopes         Code = "bad_envelopes"          // an envelope is for a device outside the conversation
	MessageIDTaken       Code = "message_id_taken"       // choose a new message id
	NotEmpty             Code = "not_empty"              // empty it first
	Conflict             Code = "conflict"               // somebody else was faster: read again
	LimitReached         Code = "limit_reached"          // there are as many of these as one place may hold
	TooMany              Code = "too_many_requests"      // wait retry_after seconds
	Unhealthy            Code = "unhealthy"              // the place cannot reach its database
	Unavailable          Code = "unavailable"            // try again in a moment
	Internal             Code = "internal"               // something broke; the operator's log says what
)

// Error is a failure a person or a program can act on: the one error shape of the protocol.
type Error struct {
	Code       Code   `json:"code"`
	Message    string `json:"message"`
	Field      string `json:"field,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
}

// ErrorReply is the body of every answer that is not a success.
type ErrorReply struct {
	Error *Error `json:"error"`
}

// Fail makes an Error of a code and a sentence that says what to do next.
func Fail(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// FailField is Fail for one input at fault.
func FailField(field, message string) *Error {
	return &Error{Code: BadRequest, Field: field, Message: message}
}

// Missing is the one answer for what does not exist and for what the caller may not see.
func Missing() *Error { return Fail(NotFound, "There is nothing here, or it is not yours to see.") }

// SignedOut is the answer to whoever holds what a session gave them after it has ended.
func SignedOut() *Error { return Fail(SessionEnded, "You have been signed out. Sign in again.") }

// Unconfirmed refuses a dangerous change to a session whose person has not shown their password or passkey within the last minutes.
func Unconfirmed() *Error {
	return Fail(ConfirmFirst, "Show that it is you: enter your password again, then try once more.")
}

// Error gives the sentence, so that a wire.Error travels as an ordinary error.
func (e *Error) Error() string { return e.Message }

// Status is the HTTP status of the error's code.
func (e *Error) Status() int {
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

var statuses = map[Code]int{
	BadRequest: 400, BadManifest: 400, BadPrekey: 400, BadOp: 400, BadEnvelopes: 400,
	Unauthorized: 401, SessionEnded: 401, BadCredentials: 401, BadCode: 401, ChallengeGone: 401, BadPasskey: 401,
	Forbidden: 403, ConfirmFirst: 403, AccountPaused: 403, CrossSite: 403, SetupToken: 403, RegistrationClosed: 403, InviteRequired: 403,
	NotFound: 404, MethodNotAllowed: 405,
	UsernameTaken: 409, StaleManifest: 409, StaleOp: 409, StaleEpoch: 409, MessageIDTaken: 409, NotEmpty: 409, Conflict: 409, LimitReached: 409,
	OwnsCommunities: 409, LastAdmin: 409, TwoStepOn: 409, TwoStepOff: 409,
	InviteGone: 410, ResetGone: 410, SetupDone: 410,
	TooLarge: 413, UnsupportedMediaType: 415, TooMany: 429, AccountLocked: 429,
	Internal: 500, NotSetUp: 503, Unhealthy: 503, Unavailable: 503,
}
