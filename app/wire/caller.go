package wire

// Caller is who is asking: what a valid access token proves. Auth makes it, the rules read it; it never crosses the network.
type Caller struct {
	User    UserID
	Session SessionID
	Device  *DeviceID // nil until the session has one
	Role    PlaceRole
}
