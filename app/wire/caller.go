package wire

import "net/netip"

// Caller is who is asking: what a valid access token proves, and where the request came from. Auth and the face make it, the rules read it; it
// never crosses the network.
type Caller struct {
	User    UserID
	Session SessionID
	Device  *DeviceID // nil until the session has one
	Role    PlaceRole
	Fresh   bool // the person has confirmed their password within the last minutes
	From    From
}

// From is where a request came from. The device cookies are what a browser brought to show that its person has signed in on it before.
type From struct {
	Address netip.Addr // not valid when a trusted proxy left it out
	Agent   string     // the User-Agent header; only "Firefox on Linux" of it is kept
	Known   string     // the device cookie, as it came; empty when there is none
}

// Place is the address as the audit log keeps it, empty when it is not known.
func (f From) Place() string {
	if !f.Address.IsValid() {
		return ""
	}
	return f.Address.Unmap().String()
}
