package chat

import (
	"errors"
	"fmt"

	"chatalot/app/store"
	"chatalot/app/wire"
)

// Action is something a person may want to do.
type Action uint8

// The actions, and what their Object names.
const (
	SeeCommunity     Action = iota + 1 // Community
	RenameCommunity                    // Community
	DeleteCommunity                    // Community
	LeaveCommunity                     // Community
	SetRole                            // Community, User
	RemoveMember                       // Community, User
	ManageGroups                       // Community
	CreateChannel                      // Community
	SeeChannel                         // Conversation
	ManageChannel                      // Conversation: name, topic, deletion
	AppendOp                           // Conversation; the rules of the signed chain come on top
	ReadConversation                   // Conversation: messages, read marker
	SendMessage                        // Conversation; also typing
	OpenDM                             // User
)

// Object is what an action is done to. Which fields count stands beside the actions.
type Object struct {
	Community    wire.CommunityID
	Conversation wire.ConvID
	User         wire.UserID
}

// Standing is everything the rules look at, read in the same transaction as the act itself.
type Standing struct {
	Barred     bool      // the caller's account was suspended or deleted since the request was let in
	Role       wire.Role // of the caller in the community; "" outside it
	Target     wire.Role // of Object.User in the community; "" outside it
	Self       bool      // Object.User is the caller
	Channel    bool      // the conversation is a channel
	Public     bool      // and everyone of its community may find it
	Member     bool      // the caller gets the conversation's messages
	ConvAdmin  bool      // the caller is an admin of the channel
	Acquainted bool      // the caller and Object.User share a community or a conversation
}

// Can answers the one question of authorisation: nil, wire.Missing for what the caller may not know of, or wire.Forbidden with what to do.
func Can(tx *store.Tx, who wire.Caller, action Action, object Object) error {
	s, err := standing(tx, who, action, object)
	if err != nil {
		return fmt.Errorf("read standing: %w", err)
	}
	return allowed(action, s)
}

// allowed is the table of rights.
func allowed(action Action, s Standing) error {
	if s.Barred {
		return wire.SignedOut()
	}
	switch action {
	case SeeCommunity, CreateChannel:
		return member(s)
	case RenameCommunity, ManageGroups:
		return runs(s)
	case DeleteCommunity, SetRole, LeaveCommunity, RemoveMember:
		return ranks(action, s)
	case SeeChannel, AppendOp:
		return sees(s)
	case ManageChannel:
		if err := sees(s); err != nil {
			return err
		}
		return orForbidden(s.Member && s.ConvAdmin, "Only an admin of this channel can do that. Ask one of them.")
	case ReadConversation, SendMessage:
		return orMissing(s.Member)
	case OpenDM:
		if s.Self {
			return wire.FailField("user_id", "This is you: choose somebody else.")
		}
		return orMissing(s.Acquainted)
	}
	return fmt.Errorf("action %d has no rule", action)
}

func member(s Standing) error { return orMissing(s.Role != "") }

func runs(s Standing) error {
	if err := member(s); err != nil {
		return err
	}
	return orForbidden(s.Role == wire.Owner || s.Role == wire.Admin, "Only an admin of this community can do that. Ask one of them.")
}

// sees is who may know that a channel exists.
func sees(s Standing) error {
	return orMissing(s.Channel && s.Role != "" && (s.Member || s.Public))
}

// ranks are the rights that depend on who stands above whom in a community.
func ranks(action Action, s Standing) error {
	if err := member(s); err != nil {
		return err
	}
	switch action {
	case DeleteCommunity:
		return orForbidden(s.Role == wire.Owner, "Only the owner can delete this community.")
	case LeaveCommunity:
		return orConflict(s.Role != wire.Owner, "You own this community, so you cannot leave it. Hand it over to somebody first, or delete it.")
	case SetRole:
		if s.Target == "" {
			return wire.Missing()
		}
		if s.Role == wire.Owner && s.Self {
			return wire.Fail(wire.Conflict, "The owner's own role cannot be changed. Make somebody else the owner instead.")
		}
		return orForbidden(s.Role == wire.Owner, "Only the owner of this community can change roles.")
	case RemoveMember:
		if s.Target == "" {
			return wire.Missing()
		}
		above := s.Role == wire.Owner && s.Target != wire.Owner || s.Role == wire.Admin && s.Target == wire.Member
		return orForbidden(above, "Admins can remove members; only the owner can remove an admin.")
	}
	return fmt.Errorf("action %d has no rank", action)
}

func orMissing(ok bool) error {
	if !ok {
		return wire.Missing()
	}
	return nil
}

func orForbidden(ok bool, message string) error {
	if !ok {
		return wire.Fail(wire.Forbidden, message)
	}
	return nil
}

func orConflict(ok bool, message string) error {
	if !ok {
		return wire.Fail(wire.Conflict, message)
	}
	return nil
}

// standing reads what allowed looks at for this action, and nothing more.
func standing(tx *store.Tx, who wire.Caller, action Action, o Object) (s Standing, err error) {
	state, err := tx.UserState(who.User)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	if s.Barred = !store.TakesPart(state); s.Barred {
		return s, nil
	}
	s.Self = o.User == who.User
	switch action {
	case OpenDM:
		s.Acquainted, err = tx.Acquainted(who.User, o.User)
		return s, err
	case SeeChannel, ManageChannel, AppendOp, ReadConversation, SendMessage:
		return convStanding(tx, who, o.Conversation)
	case SetRole, RemoveMember:
		if s.Target, err = roleIn(tx, o.Community, o.User); err != nil {
			return s, err
		}
	}
	s.Role, err = roleIn(tx, o.Community, who.User)
	return s, err
}

func convStanding(tx *store.Tx, who wire.Caller, conv wire.ConvID) (s Standing, err error) {
	community, public, err := tx.CommunityOfChannel(conv)
	if err == nil {
		s.Channel, s.Public = true, public
		s.Role, err = roleIn(tx, community, who.User)
	} else if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	if err != nil {
		return s, err
	}
	m, err := tx.ConvMember(conv, who.User)
	if errors.Is(err, store.ErrNotFound) {
		return s, nil
	}
	s.Member, s.ConvAdmin = !m.Dropped, m.Admin
	return s, err
}

func roleIn(tx *store.Tx, id wire.CommunityID, user wire.UserID) (wire.Role, error) {
	role, err := tx.CommunityRole(id, user)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return role, err
}

// orGone turns a row that is not there into the answer for it.
func orGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return wire.Missing()
	}
	return err
}
