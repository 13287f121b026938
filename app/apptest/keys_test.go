package apptest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"chatalot/app/apptest"
	"chatalot/app/client"
	"chatalot/app/wire"
)

// lived is a place in a process of its own, with somebody in it who has a socket open.
type lived struct {
	*serving
	data, listen string
	nora         *client.Client
	socket       *websocket.Conn
}

func liveIn(t *testing.T) *lived {
	t.Helper()
	l := &lived{data: filepath.Join(t.TempDir(), "data"), listen: freePort(t)}
	l.serving = serve(t, command("serve", "--data", l.data, "--listen", l.listen))
	p := &apptest.Place{URL: "http://" + l.listen, Data: l.data}
	l.nora = p.SetUp(t, l.says)
	conn, _, err := websocket.Dial(t.Context(), "ws://"+l.listen+"/api/events", nil)
	must(t, err)
	t.Cleanup(func() { conn.CloseNow() })
	l.socket = conn
	frame, err := json.Marshal(wire.AuthFrame{T: "auth", Token: l.nora.Token()})
	must(t, err)
	must(t, conn.Write(t.Context(), websocket.MessageText, frame))
	_, _, err = conn.Read(t.Context()) // ready
	must(t, err)
	return l
}

func (l *lived) state(t *testing.T) error {
	return l.nora.Do(t.Context(), "GET", "/api/state", nil, nil)
}

func TestRevokeAllBesideARunningPlaceEndsItsSocketsAndTokens(t *testing.T) {
	l := liveIn(t)
	must(t, l.state(t))
	if got := run(t, command("keys", "revoke-all", "--data", l.data)); got.status != 0 || !strings.Contains(got.out, "1 session") || got.err != "" {
		t.Fatalf("%+v", got)
	}
	var err error
	for err == nil { // the socket reads what was on its way, then its end
		_, _, err = l.socket.Read(t.Context())
	}
	if websocket.CloseStatus(err) != 4401 {
		t.Fatalf("the socket ended with %v", err)
	}
	apptest.Refused(t, l.state(t), wire.SessionEnded)
	apptest.Refused(t, l.nora.Refresh(t.Context()), wire.SessionEnded)
	must(t, l.nora.Login(t.Context(), "nora", apptest.Password))
	must(t, l.state(t))
}

func TestRotateBesideARunningPlaceIsNoticedByNobodyEvenWhenItIsKilled(t *testing.T) {
	l := liveIn(t)
	if got := run(t, command("keys", "rotate", "--data", l.data)); got.status != 0 || got.err != "" || !strings.Contains(got.out, "Start the place again") {
		t.Fatalf("%+v", got)
	}
	demandRefusal(t, run(t, command("keys", "rotate", "--data", l.data)), 88, "not in force yet")
	must(t, l.state(t))
	l.kill()
	serve(t, command("serve", "--data", l.data, "--listen", l.listen))
	must(t, l.state(t)) // with the token of the old key
	must(t, l.nora.Refresh(t.Context()))
	must(t, l.state(t))
}

// N42 of SECURITY.md, with the page's own commands in mind: new files, start again, everybody signs in anew.
func TestKeysReplacedByHandSignEverybodyOut(t *testing.T) {
	l, other := liveIn(t), usedPlace(t)
	l.stop(t)
	for _, name := range []string{"jwt_private.pem", "jwt_public.pem"} {
		must(t, os.Rename(filepath.Join(other, "secrets", name), filepath.Join(l.data, "secrets", name)))
	}
	serve(t, command("serve", "--data", l.data, "--listen", l.listen))
	apptest.Refused(t, l.state(t), wire.Unauthorized)
	apptest.Refused(t, l.nora.Refresh(t.Context()), wire.SessionEnded)
	must(t, l.nora.Login(t.Context(), "nora", apptest.Password))
	must(t, l.state(t))
}
