package group

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

var ann, ben, cal, dee = signed.UserID{1}, signed.UserID{2}, signed.UserID{3}, signed.UserID{4}

func create(policy signed.Policy, targets ...signed.Target) *signed.Op {
	return &signed.Op{Actor: ann, Device: signed.DeviceID{1}, Type: signed.OpCreate, Policy: policy, Nonce: [16]byte{1}, Targets: targets}
}

func start(t testing.TB, policy signed.Policy) State {
	t.Helper()
	s, err := Create(create(policy, signed.Target{User: ann, Role: signed.RoleAdmin}, signed.Target{User: ben, Role: signed.RoleMember}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// next is an operation in its place.
func (s State) next(actor signed.UserID, kind signed.OpType, targets ...signed.Target) *signed.Op {
	o := s.Next()
	o.Actor, o.Device, o.Type, o.Targets = actor, signed.DeviceID{1}, kind, targets
	return &o
}

func TestWhoMayDoWhat(t *testing.T) {
	private, public := start(t, signed.PolicyPrivate), start(t, signed.PolicyPublic)
	plain, admin, out := func(u signed.UserID) signed.Target { return signed.Target{User: u, Role: signed.RoleMember} },
		func(u signed.UserID) signed.Target { return signed.Target{User: u, Role: signed.RoleAdmin} },
		func(u signed.UserID) signed.Target { return signed.Target{User: u} }
	policy := func(s State, actor signed.UserID, p signed.Policy) *signed.Op {
		o := s.next(actor, signed.OpPolicy)
		o.Policy = p
		return o
	}
	for name, c := range map[string]struct {
		s    State
		op   *signed.Op
		want error
	}{
		"an admin adds":                   {private, private.next(ann, signed.OpAdd, plain(cal)), nil},
		"an admin adds two":               {private, private.next(ann, signed.OpAdd, plain(cal), admin(dee)), nil},
		"an admin adds a member":          {private, private.next(ann, signed.OpAdd, plain(ben)), ErrMember},
		"a member adds":                   {private, private.next(ben, signed.OpAdd, plain(cal)), ErrNotAdmin},
		"a stranger adds":                 {private, private.next(cal, signed.OpAdd, plain(cal)), ErrNotMember},
		"an admin removes":                {private, private.next(ann, signed.OpRemove, out(ben)), nil},
		"an admin removes a stranger":     {private, private.next(ann, signed.OpRemove, out(cal)), ErrNotMember},
		"a member removes":                {private, private.next(ben, signed.OpRemove, out(ann)), ErrNotAdmin},
		"an admin promotes":               {private, private.next(ann, signed.OpRole, admin(ben)), nil},
		"an admin promotes a stranger":    {private, private.next(ann, signed.OpRole, admin(cal)), ErrNotMember},
		"an admin changes nothing":        {private, private.next(ann, signed.OpRole, plain(ben)), ErrNoChange},
		"a member promotes himself":       {private, private.next(ben, signed.OpRole, admin(ben)), ErrNotAdmin},
		"the last admin steps down":       {private, private.next(ann, signed.OpRole, plain(ann)), ErrLastAdmin},
		"the last admin leaves":           {private, private.next(ann, signed.OpLeave), ErrLastAdmin},
		"the last admin hands over":       {private, private.next(ann, signed.OpRole, plain(ann), admin(ben)), nil},
		"a member leaves":                 {private, private.next(ben, signed.OpLeave), nil},
		"a stranger leaves":               {private, private.next(cal, signed.OpLeave), ErrNotMember},
		"a stranger joins a private one":  {private, private.next(cal, signed.OpJoin), ErrNotPublic},
		"a stranger joins a public one":   {public, public.next(cal, signed.OpJoin), nil},
		"a member joins":                  {public, public.next(ben, signed.OpJoin), ErrMember},
		"an admin opens it":               {private, policy(private, ann, signed.PolicyPublic), nil},
		"an admin opens an open one":      {public, policy(public, ann, signed.PolicyPublic), ErrNoChange},
		"a member opens it":               {private, policy(private, ben, signed.PolicyPublic), ErrNotAdmin},
		"an operation of another channel": {private, public.next(ann, signed.OpAdd, plain(cal)), ErrGroup},
		"a second create":                 {private, create(signed.PolicyPublic, admin(ann)), ErrChain},
		"an operation from further on":    {private, func() *signed.Op { o := private.next(ben, signed.OpLeave); o.N++; return o }(), ErrChain},
		"an operation after another head": {private, func() *signed.Op { o := private.next(ben, signed.OpLeave); o.PrevHash[0]++; return o }(), ErrChain},
	} {
		before := slices.Clone(c.s.Members)
		after, err := c.s.Apply(c.op)
		if err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if !slices.Equal(before, c.s.Members) || (err != nil && after.N != c.s.N) || (err == nil && (after.N != c.s.N+1 || after.Head != c.op.Hash())) {
			t.Errorf("%s: the state is not as it must be", name)
		}
	}
}

func TestTheLastOneMayLeave(t *testing.T) {
	s, err := start(t, signed.PolicyPrivate).Apply(start(t, signed.PolicyPrivate).next(ben, signed.OpLeave))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = s.Apply(s.next(ann, signed.OpLeave)); err != nil || len(s.Members) != 0 {
		t.Fatal(s, err)
	}
	if _, err = s.Apply(s.next(ann, signed.OpAdd, signed.Target{User: ann, Role: signed.RoleAdmin})); err != ErrNotMember {
		t.Fatal("somebody came back from nowhere")
	}
}

func TestN15_ARemovalIsNotUndoneByPlayingTheAddAgain(t *testing.T) {
	s := start(t, signed.PolicyPrivate)
	add := s.next(ann, signed.OpAdd, signed.Target{User: cal, Role: signed.RoleMember})
	for _, op := range []func() *signed.Op{func() *signed.Op { return add }, func() *signed.Op { return s.next(ann, signed.OpRemove, signed.Target{User: cal}) }} {
		var err error
		if s, err = s.Apply(op()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Apply(add); err != ErrChain || s.RoleOf(cal) != 0 {
		t.Fatal(err)
	}
}

func TestTheStateHashCoversEverything(t *testing.T) {
	hash := func(s State, epoch uint64, m byte) [32]byte {
		return s.Hash(epoch, func(u signed.UserID) [32]byte { return [32]byte{u[0], m} })
	}
	s := start(t, signed.PolicyPrivate)
	seen := map[[32]byte]string{hash(s, 1, 0): "as it is"}
	for name, change := range map[string]func(s *State) (uint64, byte){
		"the conversation": func(s *State) (uint64, byte) { s.Conv[0]++; return 1, 0 }, "the epoch": func(*State) (uint64, byte) { return 2, 0 },
		"the number": func(s *State) (uint64, byte) { s.N++; return 1, 0 }, "the head": func(s *State) (uint64, byte) { s.Head[0]++; return 1, 0 },
		"a member": func(s *State) (uint64, byte) { s.Members[1].User[1]++; return 1, 0 }, "a role": func(s *State) (uint64, byte) { s.Members[1].Role = 2; return 1, 0 },
		"a manifest": func(*State) (uint64, byte) { return 1, 1 }, "a member less": func(s *State) (uint64, byte) { s.Members = s.Members[:1]; return 1, 0 },
	} {
		changed := s
		changed.Members = slices.Clone(s.Members)
		epoch, m := change(&changed)
		if other, ok := seen[hash(changed, epoch, m)]; ok {
			t.Errorf("%s changed and the hash is that of %s", name, other)
		}
		seen[hash(changed, epoch, m)] = name
	}
}

func FuzzChain(f *testing.F) {
	s := start(f, signed.PolicyPublic)
	f.Add(s.next(cal, signed.OpJoin).Encode())
	f.Add(s.next(ann, signed.OpRemove, signed.Target{User: ben}).Encode())
	w := octet.NewWriter(0)
	s.Append(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := signed.ParseOp(b); err == nil {
			if after, err := s.Apply(o); err == nil && len(after.Members) > 0 && !slices.ContainsFunc(after.Members, func(m Member) bool { return m.Role == signed.RoleAdmin }) {
				t.Fatal("a channel without an admin")
			}
			Create(o)
		}
		r := octet.NewReader(b)
		if kept := Read(r); r.Done() == nil {
			w := octet.NewWriter(len(b))
			if kept.Append(w); !bytes.Equal(w.Bytes(), b) {
				t.Fatal("one state has two encodings")
			}
		}
	})
}

// vectors is app/e2ee/testdata/group.json: a channel's chain and a DM, with the state hash at each epoch.
type vectors struct {
	Signers []signer
	Chain   []link
	Refused []refused // each after the whole chain
	DM      dmVector
}

type signer struct {
	User   signed.UserID
	Device signed.DeviceID
	Seed   frozen.Bytes
	Public frozen.Bytes
	// Manifest stands for the hash of the person's manifest.
	Manifest frozen.Bytes
}

type link struct {
	Why   string
	Op    frozen.Bytes
	Hash  frozen.Bytes // of the operation
	Conv  signed.ConvID
	Epoch uint64
	State frozen.Bytes // state hash at Epoch
}

type refused struct {
	Why string
	Op  frozen.Bytes
}

type dmVector struct {
	A, B  signed.UserID
	Conv  signed.ConvID
	Epoch uint64
	State frozen.Bytes
}

func TestFrozenVectorsOfMembership(t *testing.T) {
	r := frozen.Rand("group")
	var v vectors
	keys := map[signed.UserID]ed25519.PrivateKey{}
	for range 3 {
		p := signer{Manifest: make([]byte, 32)}
		prim.Random(r, p.User[:])
		prim.Random(r, p.Device[:])
		prim.Random(r, p.Manifest)
		key, _ := prim.NewSigningKey(r)
		public := signed.PublicEd25519(key)
		p.Seed, p.Public, keys[p.User] = key.Seed(), public[:], key
		v.Signers = append(v.Signers, p)
	}
	slices.SortFunc(v.Signers, func(a, b signer) int { return bytes.Compare(a.User[:], b.User[:]) })
	manifest := func(u signed.UserID) [32]byte {
		i := slices.IndexFunc(v.Signers, func(p signer) bool { return p.User == u })
		return [32]byte(v.Signers[i].Manifest)
	}
	a, b, c := v.Signers[0], v.Signers[1], v.Signers[2]
	s := State{}
	op := func(p signer, kind signed.OpType, policy signed.Policy, targets ...signed.Target) signed.Op {
		o := s.Next()
		if kind == signed.OpCreate {
			o = signed.Op{Nonce: [16]byte{1, 2, 3}}
		}
		o.Actor, o.Device, o.Created, o.Type, o.Policy, o.Targets = p.User, p.Device, 1_790_000_000_000+s.N, kind, policy, targets
		if err := o.Sign(keys[p.User]); err != nil {
			t.Fatal(err)
		}
		return o
	}
	add := func(why string, o signed.Op) {
		var err error
		if o.Type == signed.OpCreate {
			s, err = Create(&o)
		} else {
			s, err = s.Apply(&o)
		}
		if err != nil {
			t.Fatal(why, err)
		}
		epoch := uint64(len(v.Chain) + 1)
		hash, state := o.Hash(), s.Hash(epoch, manifest)
		v.Chain = append(v.Chain, link{why, o.Encode(), hash[:], s.Conv, epoch, state[:]})
	}
	add("create", op(a, signed.OpCreate, signed.PolicyPrivate, signed.Target{User: a.User, Role: 2}, signed.Target{User: b.User, Role: 1}))
	add("role", op(a, signed.OpRole, 0, signed.Target{User: b.User, Role: 2}))
	add("policy", op(b, signed.OpPolicy, signed.PolicyPublic))
	add("join", op(c, signed.OpJoin, 0))
	add("remove", op(a, signed.OpRemove, 0, signed.Target{User: c.User}))
	add("add", op(b, signed.OpAdd, 0, signed.Target{User: c.User, Role: 1}))
	add("leave", op(a, signed.OpLeave, 0))
	for why, o := range map[string]signed.Op{"the last admin leaves": op(b, signed.OpLeave, 0)} {
		v.Refused = append(v.Refused, refused{why, o.Encode()})
	}
	stale, err := signed.ParseOp(v.Chain[3].Op)
	if err != nil {
		t.Fatal(err)
	}
	v.Refused = append(v.Refused, refused{"a join played again", stale.Encode()})
	byMember := op(c, signed.OpRemove, 0, signed.Target{User: b.User})
	v.Refused = append(v.Refused, refused{"a member removes an admin", byMember.Encode()})
	for _, x := range v.Refused {
		o, err := signed.ParseOp(x.Op)
		if err == nil {
			_, err = s.Apply(o)
		}
		if err == nil {
			t.Errorf("%s was taken", x.Why)
		}
	}
	dm := State{Conv: signed.DMConv(b.User, a.User), Members: []Member{{a.User, 1}, {b.User, 1}}}
	state := dm.Hash(9, manifest)
	v.DM = dmVector{a.User, b.User, dm.Conv, 9, state[:]}
	frozen.Check(t, "group.json", v)
}
