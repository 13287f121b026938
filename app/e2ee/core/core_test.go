package core_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire/signed"
)

func TestTwoPeopleTalkBothWays(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	a, b := p[0], p[1]
	dm := s.dm(a, b)
	a.say(dm, "hello")
	b.wants("hello")
	b.say(dm, "hello yourself")
	a.wants("hello yourself")
	for i := range 20 {
		p[i%2].say(dm, "again")
		p[1-i%2].wants("again")
	}
}

func TestAChannelOfThreeTalks(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	ch := s.channel(signed.PolicyPrivate, p...)
	p[0].say(ch, "one")
	p[1].wants("one")
	p[2].wants("one")
	p[2].say(ch, "two")
	p[0].wants("two")
	p[1].wants("two")
}

func TestADeviceAddedByRecoveryCodeReadsAllThatIsNew(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	dm, ch := s.dm(p[0], p[1]), s.channel(signed.PolicyPrivate, p...)
	p[0].say(dm, "before")
	p[0].say(ch, "before")
	syncAll(p...)
	second := s.device(p[1])
	if st := second.Status(); !st.Active || st.ManifestVersion != 2 {
		t.Fatalf("the new device stands as %+v", st)
	}
	p[0].read, p[1].read, p[2].read = nil, nil, nil
	p[0].say(dm, "to both")
	second.wants("to both")
	p[1].wants("to both")
	second.say(dm, "from the second")
	p[0].wants("from the second")
	p[1].wants("from the second")
	p[2].say(ch, "channel to both")
	second.wants("channel to both")
	p[1].wants("channel to both")
	second.say(ch, "channel from the second")
	for _, c := range p {
		c.sync()
		if c.last().text != "channel from the second" {
			t.Fatalf("read %+v", c.last())
		}
	}
}

func TestStateSurvivesRestartAtEveryStep(t *testing.T) {
	s := newServer(t)
	p := s.people(3)
	dm, ch := s.dm(p[0], p[1]), s.channel(signed.PolicyPrivate, p...)
	for range 6 {
		for _, c := range p[:2] {
			other := p[0]
			if c == p[0] {
				other = p[1]
			}
			c.restart()
			c.say(dm, "dm")
			other.restart()
			other.wants("dm")
			c.say(ch, "channel")
			other.restart()
			other.wants("channel")
			p[2].wants("channel")
		}
	}
}

func TestAWrongRecoveryCodeIsSaidToBeWrong(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	fresh := s.open(nil)
	_, err := fresh.RecoverAccount(p[0].User, s.id(), p[1].code, s.vaults[p[0].User], s.manifests[p[0].User])
	fresh.fails(core.CodeRecoveryCode, err)
	_, err = fresh.RecoverAccount(p[0].User, s.id(), "not a code", s.vaults[p[0].User], s.manifests[p[0].User])
	fresh.fails(core.CodeRecoveryCode, err)
	_, err = fresh.RecoverAccount(p[1].User, s.id(), p[1].code, s.vaults[p[0].User], s.manifests[p[1].User])
	if code(err) != core.CodeVault && code(err) != core.CodeRecoveryCode {
		t.Fatal(err)
	}
}

func TestANewRecoveryKeyTakesThePlaceOfTheOld(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	old, oldVault, oldManifest := p[0].code, s.vaults[p[0].User], s.manifests[p[0].User]
	made, err := p[0].ChangeRecoveryKey(old, oldVault, oldManifest)
	s.must(err)
	if made.RecoveryCode == old || made.VaultVersion != 2 {
		t.Fatalf("version %d, the same key: %v", made.VaultVersion, made.RecoveryCode == old)
	}
	proof, err := core.RecoveryProof(made.RecoveryCode)
	s.must(err)
	if sum := sha256.Sum256(proof); !bytes.Equal(sum[:], made.Recovery) {
		t.Error("the proof does not match its verifier")
	}
	s.vaults[p[0].User] = made.Vault
	s.putManifest(p[0].User, made.Manifest)
	syncAll(p...)
	fresh := s.open(nil)
	_, err = fresh.RecoverAccount(p[0].User, s.id(), old, made.Vault, made.Manifest)
	fresh.fails(core.CodeRecoveryCode, err)
	p[0].fails(core.CodeRecoveryCode, p[0].CheckRecoveryKey(old, made.Vault, made.Manifest))
	p[0].fails(core.CodeVault, p[0].CheckRecoveryKey(old, oldVault, oldManifest)) // a server that serves the past
	s.must(p[0].CheckRecoveryKey(made.RecoveryCode, made.Vault, made.Manifest))
	p[0].code = made.RecoveryCode
	dm := s.dm(p[0], p[1])
	phone := s.device(p[0])
	syncAll(append(p, phone)...)
	p[1].say(dm, "to both")
	p[0].wants("to both")
	phone.wants("to both")
}

func TestOnlyTheOldRecoveryKeyMakesANewOne(t *testing.T) {
	s := newServer(t)
	p := s.people(2)
	_, err := p[0].ChangeRecoveryKey(p[1].code, s.vaults[p[0].User], s.manifests[p[0].User])
	p[0].fails(core.CodeRecoveryCode, err)
	_, err = s.open(nil).ChangeRecoveryKey(p[0].code, s.vaults[p[0].User], s.manifests[p[0].User])
	p[0].fails(core.CodeNoAccount, err)
	_, err = core.RecoveryProof("not a code")
	p[0].fails(core.CodeRecoveryCode, err)
}
