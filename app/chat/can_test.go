package chat

import (
	"errors"
	"testing"

	"chatalot/app/wire"
)

// TestRights is the whole table: every action against every kind of standing that can occur.
func TestRights(t *testing.T) {
	const y, n, f, c, b = "yes", "not_found", "forbidden", "conflict", "bad_request"
	community := []struct {
		name string
		s    Standing
	}{
		{"stranger", Standing{}},
		{"member", Standing{Role: wire.Member}},
		{"admin", Standing{Role: wire.Admin}},
		{"owner", Standing{Role: wire.Owner}},
	}
	for action, want := range map[Action][4]string{
		SeeCommunity:    {n, y, y, y},
		CreateChannel:   {n, y, y, y},
		RenameCommunity: {n, f, y, y},
		ManageGroups:    {n, f, y, y},
		DeleteCommunity: {n, f, f, y},
		LeaveCommunity:  {n, y, y, c},
	} {
		for i, c := range community {
			check(t, action, c.name, c.s, want[i])
		}
	}
	for _, target := range []struct {
		role         wire.Role
		set, removed [4]string
	}{
		{"", [4]string{n, n, n, n}, [4]string{n, n, n, n}},
		{wire.Member, [4]string{n, f, f, y}, [4]string{n, f, y, y}},
		{wire.Admin, [4]string{n, f, f, y}, [4]string{n, f, f, y}},
		{wire.Owner, [4]string{n, f, f, y}, [4]string{n, f, f, f}},
	} {
		for i, c := range community {
			c.s.Target = target.role
			check(t, SetRole, c.name+" of "+string(target.role), c.s, target.set[i])
			check(t, RemoveMember, c.name+" of "+string(target.role), c.s, target.removed[i])
		}
	}
	check(t, SetRole, "owner of self", Standing{Role: wire.Owner, Target: wire.Owner, Self: true}, c)

	conversation := []struct {
		name string
		s    Standing
		// see and append to the chain, manage, read and send
		see, manage, read string
	}{
		{"nobody of nothing", Standing{}, n, n, n},
		{"member of a direct conversation", Standing{Member: true}, n, n, y},
		{"stranger before a private channel", Standing{Channel: true}, n, n, n},
		{"stranger before a public channel", Standing{Channel: true, Public: true}, n, n, n},
		{"of the community before a private channel", Standing{Channel: true, Role: wire.Owner}, n, n, n},
		{"of the community before a public channel", Standing{Channel: true, Public: true, Role: wire.Owner}, y, f, n},
		{"member of a private channel", Standing{Channel: true, Role: wire.Member, Member: true}, y, f, y},
		{"member of a public channel", Standing{Channel: true, Public: true, Role: wire.Member, Member: true}, y, f, y},
		{"admin of a private channel", Standing{Channel: true, Role: wire.Member, Member: true, ConvAdmin: true}, y, y, y},
		{"dropped admin of a private channel", Standing{Channel: true, ConvAdmin: true}, n, n, n},
		{"dropped admin of a public channel, back in the community", Standing{Channel: true, Public: true, Role: wire.Member, ConvAdmin: true}, y, f, n},
	}
	for _, c := range conversation {
		check(t, SeeChannel, c.name, c.s, c.see)
		check(t, AppendOp, c.name, c.s, c.see)
		check(t, ManageChannel, c.name, c.s, c.manage)
		check(t, ReadConversation, c.name, c.s, c.read)
		check(t, SendMessage, c.name, c.s, c.read)
	}
	check(t, OpenDM, "stranger", Standing{}, n)
	check(t, OpenDM, "acquainted", Standing{Acquainted: true}, y)
	check(t, OpenDM, "self", Standing{Acquainted: true, Self: true}, b)
	for action := SeeCommunity; action <= OpenDM; action++ {
		if err := allowed(action, Standing{}); err == nil {
			t.Errorf("action %d is allowed to anybody", action)
		} else if _, ok := errors.AsType[*wire.Error](err); !ok {
			t.Errorf("action %d has no rule: %v", action, err)
		}
	}
}

func check(t *testing.T, action Action, name string, s Standing, want string) {
	t.Helper()
	got := "yes"
	if err := allowed(action, s); err != nil {
		e, ok := errors.AsType[*wire.Error](err)
		if !ok {
			t.Fatal(err)
		}
		got = string(e.Code)
	}
	if got != want {
		t.Errorf("action %d by %s: %s, want %s", action, name, got, want)
	}
}
