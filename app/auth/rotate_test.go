package auth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"chatalot/app/live"
	"chatalot/app/store"
	"chatalot/app/wire"
)

// keyring is a place set up by gurli over keys in a secrets directory, as serve opens them.
type keyring struct {
	*house
	files KeyFiles
}

func newKeyed(t *testing.T) (*keyring, Grant) {
	t.Helper()
	k := &keyring{house: unused(t), files: KeyFiles{Dir: filepath.Join(t.TempDir(), "secrets")}}
	k.restart()
	token, err := IssueSetupToken(t.Context(), k.store)
	if err != nil {
		t.Fatal(err)
	}
	g, err := k.Setup(t.Context(), setupRequest(token), wire.From{})
	if err != nil {
		t.Fatal(err)
	}
	return k, g
}

// restart is one of the whole process.
func (k *keyring) restart() {
	k.t.Helper()
	keys, err := OpenKeys(k.t.Context(), k.files, k.store)
	if err != nil {
		k.t.Fatal(err)
	}
	k.reopen(keys)
}

func (k *keyring) rotateKeys() {
	k.t.Helper()
	if err := RotateKeys(k.t.Context(), k.files, k.store); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keyring) acts() (list []wire.Act) {
	k.t.Helper()
	k.read(func(tx *store.Tx) error {
		entries, err := tx.AuditBefore(0, nil, 1000)
		for _, e := range entries {
			if e.What == wire.ActKeysRotated || e.What == wire.ActKeysRevoked {
				list = append(list, e.What)
			}
		}
		return err
	})
	return list
}

func TestNobodyNoticesARotation(t *testing.T) {
	k, g := newKeyed(t)
	asleep := k.login("gurli")
	old := k.keys.id
	k.rotateKeys()
	k.caller(g) // the running place goes on with the old key
	if k.keys.id != old || k.acts()[0] != wire.ActKeysRotated {
		t.Fatal("the rotation is in force already, or nobody wrote it down")
	}
	k.restart()
	if k.keys.id == old {
		t.Fatal("the old key is still in force")
	}
	k.caller(g)
	renewed, err := k.refresh(g.Answer.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.refresh(g.Answer.RefreshToken); err != nil || again.Answer.RefreshToken != renewed.Answer.RefreshToken {
		t.Fatalf("a lost answer across the rotation: %v", err)
	}
	if token, _ := parseRefresh(renewed.Answer.RefreshToken); !token.madeBy(k.keys.pair, g.Answer.User.ID, 1) {
		t.Fatal("the renewed token is made with the old key")
	}
	k.restart() // a second start changes nothing
	k.caller(g)
	if _, err := k.refresh(renewed.Answer.RefreshToken); err != nil {
		t.Fatal(err)
	}
	k.clock.advance(29 * 24 * time.Hour) // somebody comes home from a journey
	if _, err := k.refresh(asleep.Answer.RefreshToken); err != nil {
		t.Fatal(err)
	}
}

func TestAnAccessTokenOfTheOldKeyIsTakenForFifteenMinutesWhateverItSays(t *testing.T) {
	k, g := newKeyed(t)
	old := k.keys.pair
	k.rotateKeys()
	k.clock.advance(time.Hour) // it is the start that counts, not the rotation
	g, err := k.refresh(g.Answer.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	k.restart()
	thief := newAccessTokens(&Keys{pair: old}, k.tokens.issuer, func() time.Time { return k.clock.now().Add(4 * time.Minute) })
	c := k.caller(g)
	forged, _, err := thief.mint(c.User, c.Session, 1) // dated into the future: it says it is good for longer than the key
	if err != nil {
		t.Fatal(err)
	}
	k.clock.advance(15*time.Minute + clockLeeway - time.Second)
	if _, _, err := k.Authenticate(forged); err != nil {
		t.Fatalf("within the time of the old key: %v", err)
	}
	k.clock.advance(time.Second)
	_, _, err = k.Authenticate(forged)
	refused(t, err, wire.Unauthorized)
	_, _, err = k.Authenticate(g.Answer.AccessToken)
	refused(t, err, wire.Unauthorized)
}

func TestARefreshTokenOfTheOldKeyIsTakenForThirtyDays(t *testing.T) {
	k, g := newKeyed(t)
	c := k.caller(g)
	old := k.keys.pair
	k.rotateKeys()
	k.restart()
	token := g.Answer.RefreshToken
	for range 2 { // the session itself lives on
		k.clock.advance(refreshIdle/2 - time.Hour)
		next, err := k.refresh(token)
		if err != nil {
			t.Fatal(err)
		}
		token = next.Answer.RefreshToken
	}
	k.clock.advance(2*time.Hour - time.Millisecond)
	forged := old.mintRefresh(c.Session, 3, c.User, 1).Reveal()
	if _, ok := k.ownRefresh(forged); !ok {
		t.Fatal("within the time of the old key")
	}
	k.clock.advance(time.Millisecond)
	if _, ok := k.ownRefresh(forged); ok {
		t.Fatal("the old key makes refresh tokens after 30 days")
	}
	k.restart()
	if _, err := os.Stat(filepath.Join(k.files.Dir, previousKeyFile)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a key that opens nothing is kept: %v", err)
	}
	if _, err := k.refresh(token); err != nil {
		t.Fatal(err)
	}
}

func TestRotationsChain(t *testing.T) {
	k, _ := newKeyed(t)
	var asleep []Grant
	for range 3 {
		asleep = append(asleep, k.login("gurli"))
		k.rotateKeys()
		k.restart()
		k.clock.advance(24 * time.Hour)
	}
	for i, g := range asleep {
		if _, err := k.refresh(g.Answer.RefreshToken); err != nil {
			t.Errorf("signed in before rotation %d: %v", i+1, err)
		}
	}
}

func TestASecondRotationWaitsForTheFirstToBeInForce(t *testing.T) {
	k, g := newKeyed(t)
	k.rotateKeys()
	if err := RotateKeys(t.Context(), k.files, k.store); !errors.Is(err, ErrNotRotated) {
		t.Fatalf("%v", err)
	}
	k.restart()
	k.caller(g)
	k.rotateKeys()
}

func TestTwoRotationsAtOnceDoNotMix(t *testing.T) {
	k, g := newKeyed(t)
	unlock, err := k.files.lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := RotateKeys(t.Context(), k.files, k.store); !errors.Is(err, ErrNotRotated) {
		t.Fatalf("%v", err)
	}
	unlock()
	k.rotateKeys()
	k.restart()
	k.caller(g)
}

func TestAGivenKeyIsNotRotated(t *testing.T) {
	k, _ := newKeyed(t)
	before, err := os.ReadFile(filepath.Join(k.files.Dir, privateKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range []KeyFiles{
		{Dir: k.files.Dir, Private: filepath.Join(k.files.Dir, privateKeyFile)}, {Dir: k.files.Dir, Public: filepath.Join(k.files.Dir, publicKeyFile)},
		{Dir: k.files.Dir, Credentials: k.files.Dir}, {Dir: t.TempDir()},
	} {
		if err := RotateKeys(t.Context(), files, k.store); !errors.Is(err, ErrNotRotated) {
			t.Errorf("%+v: %v", files, err)
		}
	}
	if after, err := os.ReadFile(filepath.Join(k.files.Dir, privateKeyFile)); err != nil || string(after) != string(before) {
		t.Fatalf("the key was changed: %v", err)
	}
}

// A step is whole or not at all: each is one rename, one removal or one commit.
func TestARotationCutOffAnywhereLosesNobodyAndCanBeDoneAgain(t *testing.T) {
	steps := len((&rotation{}).steps())
	for cut := range steps + 1 {
		for _, startBetween := range []bool{true, false} {
			k, g := newKeyed(t)
			old := k.keys.id
			keys, err := OpenKeys(t.Context(), k.files, k.store)
			if err != nil {
				t.Fatal(err)
			}
			r := rotation{files: k.files, store: k.store, keys: keys}
			for _, step := range r.steps()[:cut] {
				if err := step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if startBetween {
				k.restart()
				k.caller(g)
				if (k.keys.id == old) != (cut < 5) {
					t.Errorf("cut off after %d steps, the wrong key is in force", cut)
				}
			}
			err = RotateKeys(t.Context(), k.files, k.store)
			if waits := cut >= 5 && !startBetween; waits != errors.Is(err, ErrNotRotated) || !waits && err != nil {
				t.Errorf("cut off after %d steps, then again: %v", cut, err)
			}
			k.restart()
			k.caller(g)
			if _, err := k.refresh(g.Answer.RefreshToken); err != nil || k.keys.id == old {
				t.Errorf("cut off after %d steps, then again: %v", cut, err)
			}
		}
	}
}

// replaceByHand puts a key of one's own into the secrets directory, as the hardening page says.
func (k *keyring) replaceByHand() {
	k.t.Helper()
	p, err := generatePair()
	if err == nil {
		err = errors.Join(k.files.writePrivate(p), k.files.writePublic(p))
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// N42, with a rotation before it at every point where its files could be taken for a good reason.
func TestReplacingTheKeyByHandSignsEverybodyOutInAndAfterARotationToo(t *testing.T) {
	for name, before := range map[string]func(k *keyring){
		"never rotated":      func(*keyring) {},
		"rotated":            func(k *keyring) { k.rotateKeys(); k.restart() },
		"rotation not begun": func(k *keyring) { k.rotateKeys() },
	} {
		t.Run(name, func(t *testing.T) {
			k, g := newKeyed(t)
			before(k)
			k.replaceByHand()
			k.restart()
			_, _, err := k.Authenticate(g.Answer.AccessToken)
			refused(t, err, wire.Unauthorized)
			_, err = k.refresh(g.Answer.RefreshToken)
			refused(t, err, wire.SessionEnded)
			if acts := k.acts(); acts[0] != wire.ActKeysRevoked {
				t.Errorf("the audit log says %v", acts)
			}
			g = k.login("gurli")
			k.restart() // and the files of the rotation are gone, without anybody noticing
			k.caller(g)
			if _, err := os.Stat(filepath.Join(k.files.Dir, previousKeyFile)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the key before is kept: %v", err)
			}
		})
	}
}

func TestPuttingTheRotatedKeyBackSignsEverybodyOut(t *testing.T) {
	k, g := newKeyed(t)
	old := k.keys.pair
	k.rotateKeys()
	k.restart()
	if err := errors.Join(k.files.writePrivate(old), k.files.writePublic(old)); err != nil {
		t.Fatal(err)
	}
	k.restart()
	_, err := k.refresh(g.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)
}

// besides opens the place's database as a verb of the console does.
func (k *keyring) beside() *store.Store {
	k.t.Helper()
	s, err := store.Open(context.Background(), store.Options{Path: filepath.Join(k.dir, "chatalot.db"), Beside: true, Now: k.clock.now})
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { s.Close() })
	return s
}

func (k *keyring) reload() {
	k.t.Helper()
	if err := k.Reload(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
}

func TestRevokeAllEndsEverythingAndTheKeysBeforeWithIt(t *testing.T) {
	k, g := newKeyed(t)
	c := k.caller(g)
	old := k.keys.pair
	k.rotateKeys()
	k.restart()
	sub := k.hub.Subscribe(c)
	defer sub.Close()
	if n, err := RevokeAll(t.Context(), k.beside()); err != nil || n != 1 {
		t.Fatalf("%d sessions, %v", n, err)
	}
	k.reload()
	if sub.Take(1).Kicked != live.CodeExpired {
		t.Error("the socket goes on")
	}
	_, _, err := k.Authenticate(g.Answer.AccessToken)
	refused(t, err, wire.Unauthorized) // it was of the key before
	_, err = k.refresh(g.Answer.RefreshToken)
	refused(t, err, wire.SessionEnded)
	g = k.login("gurli")
	c = k.caller(g)
	if _, ok := k.ownRefresh(old.mintRefresh(c.Session, 1, c.User, 2).Reveal()); ok {
		t.Error("the old key makes refresh tokens for sessions that began since")
	}
	forged, _, err := newAccessTokens(&Keys{pair: old}, k.tokens.issuer, k.clock.now).mint(c.User, c.Session, 2)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = k.Authenticate(forged)
	refused(t, err, wire.Unauthorized)
	if acts := k.acts(); acts[0] != wire.ActKeysRevoked {
		t.Errorf("the audit log says %v", acts)
	}
}

func TestReloadTakesOverWhatAnotherProcessChanged(t *testing.T) {
	k, g := newKeyed(t)
	gone, stays, removed := k.login("gurli"), k.login("gurli"), k.join(k.caller(g), "bosse")
	subs := map[string]*live.Sub{}
	for name, g := range map[string]Grant{"gone": gone, "stays": stays, "removed": removed} {
		subs[name] = k.hub.Subscribe(k.caller(g))
		defer subs[name].Close()
	}
	ended := k.caller(gone).Session
	stranger := raw(t, filepath.Join(k.dir, "chatalot.db"))
	stranger("DELETE FROM session WHERE id = ?", ended[:])
	stranger("UPDATE user SET state = 'suspended' WHERE username = 'bosse'")
	stranger("UPDATE user SET role = 'member' WHERE username = 'gurli'")
	k.caller(gone)
	k.reload()
	for name, want := range map[string]int{"gone": live.CodeExpired, "stays": 0, "removed": live.CodeRemoved} {
		if got := subs[name].Take(1).Kicked; got != want {
			t.Errorf("%s: the socket ended with %d, want %d", name, got, want)
		}
	}
	for _, g := range []Grant{gone, removed} {
		_, _, err := k.Authenticate(g.Answer.AccessToken)
		refused(t, err, wire.SessionEnded)
	}
	if c := k.caller(stays); c.Role != wire.PlaceMember {
		t.Errorf("still %s", c.Role)
	}
	stranger("UPDATE user SET epoch = epoch + 1")
	k.reload()
	_, _, err := k.Authenticate(stays.Answer.AccessToken)
	refused(t, err, wire.SessionEnded)
}

// N42, of what is half done.
func TestRevokeAllEndsWhatIsHalfDone(t *testing.T) {
	k, g := newKeyed(t)
	user := g.Answer.User.ID
	stranger := raw(t, filepath.Join(k.dir, "chatalot.db"))
	stranger("INSERT INTO challenge (token_hash, user_id, user_epoch, method, expires_at) VALUES (randomblob(32), ?, 1, 'password', 1)", user[:])
	stranger("INSERT INTO trusted_device (user_id, device, until) VALUES (?, randomblob(16), 1)", user[:])
	stranger("INSERT INTO reset_link (token_hash, user_id, two_step, expires_at) VALUES (randomblob(32), ?, 0, 1)", user[:])
	if _, err := RevokeAll(t.Context(), k.beside()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"session", "challenge", "trusted_device", "reset_link"} {
		if n := stranger("SELECT count(*) FROM " + table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	k.restart()
	k.login("gurli")
}

func TestRootRotatesTheKeysOfAPlaceThatRunsAsAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	k, _ := newKeyed(t)
	const other = 64321
	if err := os.Chown(k.files.Dir, other, other); err != nil {
		t.Fatal(err)
	}
	k.rotateKeys()
	for _, name := range []string{privateKeyFile, publicKeyFile, previousKeyFile} {
		info, err := os.Stat(filepath.Join(k.files.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != other || owner.Gid != other {
			t.Errorf("%s belongs to %d:%d", name, owner.Uid, owner.Gid)
		}
	}
}

func TestWhatAKilledProcessLeftHalfWrittenIsInNobodysWay(t *testing.T) {
	k, g := newKeyed(t)
	for _, name := range []string{privateKeyFile, publicKeyFile, previousKeyFile} {
		if err := os.WriteFile(filepath.Join(k.files.Dir, name+".new"), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	k.rotateKeys()
	k.restart()
	k.caller(g)
	if info, err := os.Stat(filepath.Join(k.files.Dir, privateKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(k.files.Dir, "*.new")); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// Somebody may have the key that is being replaced: revoking ends it as well when the rotation still waits for its start.
func TestRevokingWhileARotationWaitsLeavesNothingOfTheOldKey(t *testing.T) {
	k, g := newKeyed(t)
	k.rotateKeys()
	if _, err := RevokeAll(t.Context(), k.store); err != nil {
		t.Fatal(err)
	}
	k.restart()
	_, err := k.Refresh(t.Context(), wire.RefreshRequest{RefreshToken: g.Answer.RefreshToken, Transport: wire.ByBody}, "", wire.From{})
	refused(t, err, wire.SessionEnded)
	k.read(func(tx *store.Tx) error {
		retired, err := tx.RetiredKeys()
		if len(retired) > 0 {
			t.Error("the key before is still good for refresh tokens")
		}
		return err
	})
}
