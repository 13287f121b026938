package store

import (
	"bytes"
	"testing"

	"chatalot/app/wire"
)

// T4: every table through which a suspended person, or somebody by their leave, could still come in is emptied of what is theirs, and of nothing else.
func TestOpenDoorsOfOnePersonAreShut(t *testing.T) {
	s := open(t)
	ann, bob := wire.UserID{1}, wire.UserID{2}
	err := s.Write(t.Context(), func(tx *Tx) error {
		for _, id := range []wire.UserID{ann, bob} {
			hash := bytes.Repeat(id[:1], 32)
			if err := tx.CreateUser(User{ID: id, Username: string('a' + id[0]), Role: wire.PlaceMember}); err != nil {
				return err
			}
			c, err := tx.CreateCommunity("Home", id)
			if err != nil {
				return err
			}
			if err := tx.CreateInvite(wire.Invite{ID: wire.NewID[wire.InviteID](), CommunityID: c.ID, CreatedBy: id, Role: wire.Member, Uses: 1}, [32]byte(hash)); err != nil {
				return err
			}
			if err := tx.PutResetLink(ResetLink{User: id, ExpiresAt: 1}, [32]byte(hash)); err != nil {
				return err
			}
			for _, q := range []string{
				"INSERT INTO challenge (token_hash, user_id, user_epoch, method, expires_at) VALUES (?1, ?2, 1, 'password', 1)",
				"INSERT INTO trusted_device (user_id, device, until) VALUES (?2, substr(?1, 1, 16), 1)",
			} {
				if _, err := tx.exec(q, hash, id[:]); err != nil {
					return err
				}
			}
		}
		n, err := tx.DropOpenDoors(ann)
		if n != 1 {
			t.Errorf("%d invitations", n)
		}
		for _, table := range []string{"challenge WHERE user_id", "reset_link WHERE user_id", "trusted_device WHERE user_id", "invite WHERE created_by"} {
			for id, want := range map[wire.UserID]int{ann: 0, bob: 1} {
				var got int
				if err := tx.get([]any{&got}, "SELECT count(*) FROM "+table+" = ?", id[:]); err != nil || got != want {
					t.Errorf("%s: %d of %d, %v", table, got, id[0], err)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
