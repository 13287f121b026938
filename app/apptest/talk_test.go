package apptest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/wire"
)

var (
	must  = apptest.Must
	texts = apptest.Texts
	say   = apptest.Say
)

func expect(t *testing.T, c *client.Client, want ...string) {
	t.Helper()
	if got := texts(t, c); !slices.Equal(got, want) {
		t.Fatalf("%s read %q, want %q", c.User().Username, got, want)
	}
}

func TestThreePeopleTalkInAChannel(t *testing.T) {
	p := apptest.Run(t)
	nora := p.SetUp(t, "")
	tomas, _ := p.Join(t, "tomas")
	ines, _ := p.Join(t, "ines")
	texts(t, nora)
	texts(t, tomas)
	say(t, nora, p.General.ID, "hello")
	expect(t, tomas, "hello")
	expect(t, ines, "hello")
	say(t, tomas, p.General.ID, "hi")
	say(t, ines, p.General.ID, "good morning")
	say(t, ines, p.General.ID, "again")
	expect(t, nora, "hi", "good morning", "again")
	expect(t, tomas, "good morning", "again")
}

func TestTwoPeopleTalkDirectly(t *testing.T) {
	p := apptest.Run(t)
	nora := p.SetUp(t, "")
	tomas, _ := p.Join(t, "tomas")
	ctx := context.Background()
	dm, err := nora.OpenDM(ctx, tomas.User().ID)
	must(t, err)
	say(t, nora, dm, "just us")
	expect(t, tomas, "just us")
	for i := range 20 {
		say(t, tomas, dm, fmt.Sprint("answer ", i))
		say(t, nora, dm, fmt.Sprint("question ", i))
	}
	if got := texts(t, nora); len(got) != 20 || got[19] != "answer 19" {
		t.Fatalf("nora read %q", got)
	}
	if got := texts(t, tomas); len(got) != 20 || got[19] != "question 19" {
		t.Fatalf("tomas read %q", got)
	}
}

func TestAMemberWhoWasAwayMissesNothing(t *testing.T) {
	p := apptest.Run(t)
	nora := p.SetUp(t, "")
	tomas, _ := p.Join(t, "tomas")
	var want []string
	for i := range 30 {
		text := fmt.Sprint("message ", i)
		say(t, nora, p.General.ID, text)
		want = append(want, text)
		if i%10 == 5 { // membership changes in between, and with it every key
			p.Join(t, fmt.Sprint("guest", i))
		}
	}
	expect(t, tomas, want...)
}

func TestARemovedMemberSeesNothingNew(t *testing.T) {
	p := apptest.Run(t)
	nora := p.SetUp(t, "")
	tomas, _ := p.Join(t, "tomas")
	ines, _ := p.Join(t, "ines")
	ctx := context.Background()
	say(t, nora, p.General.ID, "before")
	expect(t, tomas, "before")
	must(t, nora.Remove(ctx, p.General.ID, tomas.User().ID))
	stored := say(t, nora, p.General.ID, "after")
	expect(t, tomas)
	expect(t, ines, "before", "after")
	_, err := tomas.Send(ctx, p.General.ID, []byte("still here"))
	if err == nil {
		t.Fatal("a removed member could send")
	}
	apptest.Refused(t, tomas.Do(ctx, "GET", "/api/conversations/"+p.General.ID.String()+"/messages", nil, nil), wire.NotFound)
	if stored.Epoch == 0 {
		t.Fatal("the stored message names no epoch")
	}
}

func TestAPersonRemovedFromTheCommunityIsSealedToNoMore(t *testing.T) {
	p := apptest.Run(t)
	nora := p.SetUp(t, "")
	tomas, _ := p.Join(t, "tomas")
	ines, _ := p.Join(t, "ines")
	ctx := context.Background()
	say(t, ines, p.General.ID, "before")
	expect(t, tomas, "before")
	expect(t, nora, "before")
	must(t, nora.Do(ctx, "DELETE", fmt.Sprintf("/api/communities/%s/members/%s", p.Start.Communities[0].ID, tomas.User().ID), nil, nil))
	expect(t, ines)
	sealed, err := ines.Seal(ctx, p.General.ID, []byte("after"))
	must(t, err)
	for _, e := range sealed.Envelopes {
		if e.UserID == tomas.User().ID {
			t.Error("ines still seals to tomas")
		}
	}
	must(t, ines.Do(ctx, "POST", "/api/conversations/"+p.General.ID.String()+"/messages", sealed, nil))
	expect(t, nora, "after")
	expect(t, tomas)
}

func TestASecondDeviceReceivesEverythingNew(t *testing.T) {
	p := apptest.Run(t)
	nora := p.SetUp(t, "")
	tomas, code := p.Join(t, "tomas")
	ctx := context.Background()
	say(t, nora, p.General.ID, "old")
	expect(t, tomas, "old")
	phone := p.Client(t)
	must(t, phone.Login(ctx, "tomas", apptest.Password))
	if err := phone.Recover(ctx, "phone", strings.Repeat("0", 28)); err == nil {
		t.Fatal("a wrong recovery code opened the vault")
	}
	must(t, phone.Recover(ctx, "phone", strings.ToLower(code[:4]+"-"+code[4:])))
	_, err := phone.Load(ctx)
	must(t, err)
	say(t, nora, p.General.ID, "new")
	dm, err := nora.OpenDM(ctx, tomas.User().ID)
	must(t, err)
	say(t, nora, dm, "direct")
	expect(t, tomas, "new", "direct")
	expect(t, phone, "new", "direct")
	say(t, phone, dm, "from the phone")
	say(t, phone, p.General.ID, "from the phone too")
	expect(t, nora, "from the phone", "from the phone too")
	expect(t, tomas, "from the phone", "from the phone too")
}

// N39 at the level of the server: what people write is in no byte of the place's files or log.
func TestN39NothingThatPeopleWriteIsOnTheServer(t *testing.T) {
	p := apptest.Run(t)
	nora := p.SetUp(t, "")
	tomas, code := p.Join(t, "tomas")
	const canary = "canary-in-the-coal-mine"
	say(t, nora, p.General.ID, canary)
	dm, err := nora.OpenDM(context.Background(), tomas.User().ID)
	must(t, err)
	say(t, nora, dm, canary)
	expect(t, tomas, canary, canary)
	p.DemandAbsent(t, canary, code, apptest.Password, tomas.Token(), tomas.SignedIn().RefreshToken)
}
