package core

import (
	"slices"
	"strings"

	"chatalot/app/e2ee/identity"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

func personKey(user UserID) string { return "person/" + user.String() }

// person is what this device knows of somebody, or of its own user: the newest manifest, and the master key it trusts.
type person struct {
	pinned   signed.Ed25519Key
	manifest *signed.Manifest
}

func readPerson(r *octet.Reader) *person {
	p := new(person)
	r.Into(p.pinned[:])
	m, err := signed.ParseManifest(r.Var(signed.MaxManifest))
	if err != nil {
		r.Fail(err)
	}
	p.manifest = m
	return p
}

// person returns somebody whose manifest was applied, or the code "unknown_user".
func (c *Core) person(user UserID) (*person, error) {
	p, err := load(c.state, personKey(user), readPerson)
	if p == nil && err == nil {
		err = failUser(CodeUnknownUser, user, "This person's devices are not known here yet.")
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c *Core) putPerson(p *person) {
	c.state.put(personKey(p.manifest.User), record(256).Raw(p.pinned[:]).Var(p.manifest.Encode()).Bytes())
}

// accepted reports whether the newest manifest is under the pinned master key. Until it is, the person's devices neither get nor say anything.
func (p *person) accepted() bool { return p.manifest.MSK == p.pinned }

// uses reports whether the device is on the newest manifest and not removed.
func (p *person) uses(device DeviceID) bool {
	d := p.manifest.Device(device)
	return d != nil && d.Removed == 0
}

// devices returns the devices in use.
func (p *person) devices() []DeviceID {
	var list []DeviceID
	for _, d := range p.manifest.Devices {
		if d.Removed == 0 {
			list = append(list, d.ID)
		}
	}
	return list
}

// judge decides whether m may take the place of the newest manifest (SPEC.md section 3). Versions in between may be missing: a client that was away, or
// shared no conversation, never saw them, and m itself carries all that counts.
func (p *person) judge(m *signed.Manifest) (signed.Change, error) {
	change, err := m.Check(p.manifest)
	if err != signed.ErrGap {
		return change, err
	}
	switch err := m.Verify(); {
	case err != nil:
		return 0, err
	case m.MSK != p.manifest.MSK:
		return signed.ChangeIdentity, nil
	case m.VaultVersion < p.manifest.VaultVersion:
		return 0, signed.ErrRollback
	}
	return signed.ChangeUpdated, m.Keeps(p.manifest)
}

// ApplyManifest takes a person's manifest from the log or a snapshot. epochs are the conversations whose epoch grew with it. A refused
// manifest changes nothing and is not an error: the app shows it.
func (c *Core) ApplyManifest(user UserID, manifest []byte, epochs []ConvEpoch) (out ManifestChange, err error) {
	err = c.change(func() error {
		if out, err = c.applyManifest(user, manifest); err != nil || out.Kind == ManifestRefused {
			return err
		}
		return c.advanceAll(epochs)
	})
	return out, err
}

func (c *Core) applyManifest(user UserID, manifest []byte) (ManifestChange, error) {
	m, err := signed.ParseManifest(manifest)
	if err == nil && m.User != user {
		err = signed.ErrUser
	}
	prev, errPrev := load(c.state, personKey(user), readPerson)
	switch {
	case errPrev != nil:
		return ManifestChange{}, errPrev
	case err != nil:
		return prev.refuse(err), nil
	case prev == nil:
		return c.meet(m), nil
	}
	change, err := prev.judge(m)
	if err == nil && m.MSK != prev.pinned && c.isSelf(user) {
		err = signed.ErrCert // one's own account has the one identity that this device took part in
	}
	if err != nil {
		return prev.refuse(err), nil
	}
	return c.renew(prev, m, change), nil
}

func (p *person) refuse(err error) ManifestChange {
	out := ManifestChange{Kind: ManifestRefused, Reason: sentence(err)}
	if p != nil {
		out.Version = p.manifest.Version
	}
	return out
}

func (c *Core) isSelf(user UserID) bool {
	a, err := c.self()
	return err == nil && a.address.User == user
}

// meet pins somebody at first sight.
func (c *Core) meet(m *signed.Manifest) ManifestChange {
	if err := m.Verify(); err != nil {
		return (*person)(nil).refuse(err)
	}
	p := &person{pinned: m.MSK, manifest: m}
	c.putPerson(p)
	return ManifestChange{Kind: ManifestNew, Added: p.devices(), Version: m.Version}
}

// renew puts a newer manifest in place and forgets all keys shared with devices that are gone.
func (c *Core) renew(prev *person, m *signed.Manifest, change signed.Change) ManifestChange {
	next := &person{pinned: prev.pinned, manifest: m}
	out := ManifestChange{Kind: ManifestUpdated, Version: m.Version}
	switch {
	case change == signed.ChangeSame:
		out.Kind = ManifestSame
		return out
	case !next.accepted():
		out.Kind = IdentityChanged
	}
	before, after := prev.devices(), next.devices()
	if change == signed.ChangeIdentity { // the ids may be the same, the devices are not
		out.Added, out.Removed = after, before
	} else {
		out.Added, out.Removed = without(after, before), without(before, after)
	}
	c.putPerson(next)
	for _, d := range out.Removed {
		c.forgetDevice(Address{m.User, d})
	}
	c.renewSenderKeys(m.User)
	return out
}

func without(list, others []DeviceID) []DeviceID {
	return slices.DeleteFunc(slices.Clone(list), func(d DeviceID) bool { return slices.Contains(others, d) })
}

// forgetDevice erases the sessions with a device and its sender keys.
func (c *Core) forgetDevice(a Address) {
	c.state.remove(pairKey(a))
	for _, key := range c.state.keys("peer/") {
		if strings.HasSuffix(key, addressKey(a)) {
			c.state.remove(key)
		}
	}
}

// renewSenderKeys makes every conversation with a person begin a new sender key at the next seal.
func (c *Core) renewSenderKeys(user UserID) {
	for _, key := range c.state.keys("conv/") {
		if v, err := load(c.state, key, readConv); err == nil && v.group.RoleOf(user) != 0 {
			c.state.remove(ownKey(v.group.Conv))
		}
	}
}

// AcceptIdentity pins the changed identity of a person after the user compared safety numbers or chose to go on.
func (c *Core) AcceptIdentity(user UserID) error {
	return c.change(func() error {
		p, err := c.person(user)
		if err != nil || p.accepted() {
			return err
		}
		c.putPerson(&person{pinned: p.manifest.MSK, manifest: p.manifest})
		c.renewSenderKeys(user)
		return nil
	})
}

// SafetyNumber returns the 60 digits that this user and the other compare in person (SPEC.md section 3).
func (c *Core) SafetyNumber(user UserID) (string, error) {
	a, err := c.self()
	if err != nil {
		return "", err
	}
	own, err := c.person(a.address.User)
	if err != nil {
		return "", err
	}
	other, err := c.person(user)
	if err != nil {
		return "", err
	}
	return identity.SafetyNumber(a.address.User, own.pinned, user, other.manifest.MSK), nil
}
