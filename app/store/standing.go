package store

import "chatalot/app/wire"

// There is one rule of whom a conversation reaches: everyone its chain names, but for those who left the community (dropped) and those whose
// account is suspended or deleted. Both kinds are told in the same way too, by TellMembers.
const takesPart = ` m.dropped = 0 AND EXISTS (SELECT 1 FROM user p WHERE p.id = m.user_id AND p.state IN ('active', 'locked')) `

// seenState is a person's state as others are told it (wire.User): nothing, unless they are suspended or deleted. u is the user's row.
const seenState = " iif(u.state IN ('suspended', 'deleted'), u.state, '') "

// TakesPart reports whether conversations reach people of that state.
func TakesPart(state wire.UserState) bool { return state == wire.Active || state == wire.Locked }

// UserState reads the state of an account: ErrNotFound when there is none.
func (tx *Tx) UserState(id wire.UserID) (state wire.UserState, err error) {
	err = tx.get([]any{&state}, "SELECT state FROM user WHERE id = ?", id[:])
	return state, err
}

// SetUserState puts an account into another state. One that ends sessions (suspended, deleted) starts the person's next epoch as well, so that no
// token made before is good ever again.
func (tx *Tx) SetUserState(id wire.UserID, state wire.UserState) error {
	return tx.execOne("UPDATE user SET state = ?, epoch = epoch + ? WHERE id = ?", string(state), !TakesPart(state), id[:])
}

// EndSessionsOf removes every login of a person.
func (tx *Tx) EndSessionsOf(user wire.UserID) error {
	_, err := tx.exec("DELETE FROM session WHERE user_id = ?", user[:])
	return err
}

// DropOpenDoors removes what a person who is suspended could still come in by, or have others come in by: unfinished sign-ins, a reset link,
// devices that bring no code, and the invitations they made. It returns how many invitations there were.
func (tx *Tx) DropOpenDoors(user wire.UserID) (invites int64, err error) {
	for _, table := range []string{"challenge", "reset_link", "trusted_device"} {
		if _, err := tx.exec("DELETE FROM "+table+" WHERE user_id = ?", user[:]); err != nil {
			return 0, err
		}
	}
	return tx.exec("DELETE FROM invite WHERE created_by = ?", user[:])
}

// Deserted reports whether everyone whom the chain of a conversation names has left. Those who are suspended may come back.
func (tx *Tx) Deserted(id wire.ConvID) (deserted bool, err error) {
	err = tx.get([]any{&deserted}, "SELECT NOT EXISTS (SELECT 1 FROM conversation_member WHERE conversation_id = ? AND dropped = 0)", id[:])
	return deserted, err
}

// TellMembers starts a conversation's next epoch because it reaches other people than before though nobody signed an operation. A channel is
// told with its members as they are now; clients seal to those alone, with new sender keys.
func (tx *Tx) TellMembers(id wire.ConvID) (reached wire.ConvEpoch, err error) {
	reached.ConversationID = id
	if reached.Epoch, err = tx.GrowEpoch(id); err != nil {
		return reached, err
	}
	switch ch, err := tx.ChannelAt(id, false); err {
	case nil:
		_, err = tx.AppendLog("channel", ToConversation(id), ch)
		return reached, err
	case ErrNotFound: // of a direct conversation its two people are all there is to know
		return reached, nil
	default:
		return reached, err
	}
}

// TellStanding tells every conversation of a person that it reaches them no more, or again: user is the account after the change. Those who
// only share a community are the caller's to tell.
func (tx *Tx) TellStanding(user User) error {
	convs, err := many(tx, scanConvID, "SELECT conversation_id FROM conversation_member WHERE user_id = ? AND dropped = 0 ORDER BY conversation_id", user.ID[:])
	if err != nil {
		return err
	}
	for _, id := range convs {
		reached, err := tx.TellMembers(id)
		if err != nil {
			return err
		}
		told := user.Wire()
		told.Epochs = []wire.ConvEpoch{reached}
		if _, err := tx.AppendLog("user", ToConversation(id), told); err != nil {
			return err
		}
	}
	return nil
}

// SetPlaceRole makes a person an admin of the place or a member.
func (tx *Tx) SetPlaceRole(id wire.UserID, role wire.PlaceRole) error {
	return tx.execOne("UPDATE user SET role = ? WHERE id = ?", string(role), id[:])
}

// CountAdmins counts the admins of the place who can act: those whose account is active.
func (tx *Tx) CountAdmins() (n int, err error) {
	err = tx.get([]any{&n}, "SELECT count(*) FROM user WHERE role = 'admin' AND state = 'active'")
	return n, err
}

// GiveRole gives a member of a community another role and tells it: everybody receives community_member, the person their community as they
// see it now.
func (tx *Tx) GiveRole(id wire.CommunityID, user wire.UserID, role wire.Role) (m wire.CommunityMember, err error) {
	if err := tx.SetCommunityRole(id, user, role); err != nil {
		return m, err
	}
	if m, err = tx.CommunityMember(id, user); err != nil {
		return m, err
	}
	if _, err := tx.AppendLog("community_member", ToCommunity(id), m); err != nil {
		return m, err
	}
	own, err := tx.Community(id, user)
	if err != nil {
		return m, err
	}
	_, err = tx.AppendLog("community", ToUser(user), own)
	return m, err
}
