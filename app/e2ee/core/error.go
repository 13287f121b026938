package core

import "strings"

// Error is a failure that the caller can act on. Code is stable; Message is a plain sentence for a person. User and Device are set where the
// failure concerns one of them, else zero.
type Error struct {
	Code    string
	Message string
	User    UserID
	Device  DeviceID
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Message }

// The codes of [Error].
const (
	CodePending         = "pending"              // commit or discard the previous call first
	CodeState           = "state"                // the stored state cannot be read
	CodeRandom          = "random"               // the random source failed
	CodeNoAccount       = "no_account"           // make or recover the account first
	CodeAccountExists   = "account_exists"       // this state already belongs to an account
	CodeRecoveryCode    = "recovery_code"        // the recovery key is wrong
	CodeVault           = "vault"                // the vault or manifest does not belong to this account or was altered
	CodeInactive        = "inactive_device"      // this device was removed or is not yet linked
	CodeTooManyDevices  = "too_many_devices"     // remove a device first
	CodeUnknownUser     = "unknown_user"         // apply that person's manifest first
	CodeUnknownDevice   = "unknown_device"       // not a device in use of this account
	CodeUnknownConv     = "unknown_conversation" // load the conversation first
	CodeIdentityChanged = "identity_changed"     // compare safety numbers, then AcceptIdentity
	CodeNotMember       = "not_member"           // this account is not a member
	CodeTooLarge        = "too_large"            // shorten the message
	CodeNeedBundles     = "need_bundles"         // claim bundles for SealPlan's devices; Device is the first that lacks one
	CodeBadBundle       = "bad_bundle"           // the named device's bundle does not verify: exclude the device
	CodeNoRecipient     = "no_recipient"         // the other person has no reachable device
	CodeBadOp           = "bad_op"               // the membership operation does not verify or is not allowed
	CodeOldOp           = "old_op"               // already applied
	CodeForkedView      = "forked_view"          // the server shows another history than before
	CodeLastAdmin       = "last_admin"           // name another admin first
	CodeOneself         = "oneself"              // this makes no sense with one's own account or device
	CodeBadInput        = "bad_input"            // an argument is out of its range
)

func fail(code, message string) *Error { return &Error{Code: code, Message: message} }

func failUser(code string, user UserID, message string) *Error {
	return &Error{Code: code, Message: message, User: user}
}

func failDevice(code string, a Address, message string) *Error {
	return &Error{Code: code, Message: message, User: a.User, Device: a.Device}
}

// because makes an Error of a lower floor's error, whose words it keeps.
func because(code string, err error) *Error { return fail(code, sentence(err)) }

func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
