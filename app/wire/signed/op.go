package signed

import (
	"bytes"
	"crypto/ed25519"
	"errors"

	"chatalot/app/wire/octet"
)

const (
	labelOp     = "chatalot/op/v1\x00"
	labelOpHash = "chatalot/ophash/v1\x00"
	labelGroup  = "chatalot/group/v1\x00"
)

// OpType is what a membership operation does.
type OpType uint8

// The membership operations of a channel.
const (
	OpCreate OpType = 1 // starts the chain: policy, nonce, and the first members, the actor among them as admin
	OpAdd    OpType = 2 // admin: targets become members with the roles given
	OpRemove OpType = 3 // admin: targets are no longer members
	OpRole   OpType = 4 // admin: targets get the roles given
	OpLeave  OpType = 5 // the actor is no longer a member
	OpJoin   OpType = 6 // the actor becomes a member; only while the policy is public
	OpPolicy OpType = 7 // admin: sets the policy
)

// Role is what a member may do.
type Role uint8

// The roles of a member.
const (
	RoleMember Role = 1
	RoleAdmin  Role = 2
)

// Policy says who may become a member without an admin's act.
type Policy uint8

// The policies of a channel.
const (
	PolicyPrivate Policy = 1 // nobody
	PolicyPublic  Policy = 2 // everyone in the community, by OpJoin
)

// MaxTargets is how many people one operation may concern.
const MaxTargets = 1000

// MaxOp is the longest encoding of an operation, in bytes.
const MaxOp = opFixed + MaxTargets*targetSize + 64

const (
	opFixed    = 1 + 32 + 8 + 32 + 16 + 16 + 8 + 1 + 1 + 16 + 2
	targetSize = 16 + 1
)

// Why an operation was refused.
var (
	ErrOpType  = errors.New("this is not a kind of membership change that exists")
	ErrOpFirst = errors.New("only the change that creates a channel stands first, and it names no channel and no predecessor")
	ErrPolicy  = errors.New("a channel is created or set as private or public, and no other change says which")
	ErrNonce   = errors.New("a channel is created with a random number, and no other change has one")
	ErrTargets = errors.New("this membership change names no one, too many people, someone twice, or people out of order")
	ErrRole    = errors.New("this membership change gives a role that does not exist, or gives one where none belongs")
	ErrActor   = errors.New("whoever creates a channel is its first admin, and nobody adds or removes themselves")
)

// Target is one person an operation concerns.
type Target struct {
	User UserID
	Role Role // 0 in OpRemove
}

// Op is one signed link in a channel's chain of membership operations. Parsing and Verify cover what it is by itself;
// whether it may follow the operations before it is for app/wire/group.
type Op struct {
	Group     ConvID   // zero for OpCreate
	N         uint64   // place in the chain; OpCreate is 0
	PrevHash  [32]byte // Hash of the operation before; zero for OpCreate
	Actor     UserID
	Device    DeviceID // the actor's, whose key signs
	Created   uint64   // ms, by the actor's clock
	Type      OpType
	Policy    Policy   // OpCreate and OpPolicy, else 0
	Nonce     [16]byte // OpCreate, else zero: makes the channel's id unlike any other
	Targets   []Target // ascending by user
	Signature Signature
}

// ParseOp reads a whole encoding and nothing else. The signature is not verified yet.
func ParseOp(b []byte) (*Op, error) {
	r, o := octet.NewReader(b), new(Op)
	r.Const(version, ErrVersion)
	r.Into(o.Group[:])
	o.N = r.U64()
	r.Into(o.PrevHash[:])
	r.Into(o.Actor[:])
	r.Into(o.Device[:])
	o.Created, o.Type, o.Policy = r.U64(), OpType(r.U8()), Policy(r.U8())
	r.Into(o.Nonce[:])
	o.Targets = make([]Target, r.Count(MaxTargets, targetSize))
	for i := range o.Targets {
		r.Into(o.Targets[i].User[:])
		o.Targets[i].Role = Role(r.U8())
	}
	r.Into(o.Signature[:])
	return parsed(r, o)
}

// check applies the rules that need neither the signature nor the chain.
func (o *Op) check() error {
	create := o.Type == OpCreate
	setsPolicy := create || o.Type == OpPolicy
	first := o.Group == ConvID{} && o.N == 0 && o.PrevHash == [32]byte{}
	switch {
	case o.Type < OpCreate || o.Type > OpPolicy:
		return ErrOpType
	case o.Actor == UserID{} || o.Device == DeviceID{}:
		return ErrID
	case create != first || (!create && (o.N == 0 || o.Group == ConvID{} || o.PrevHash == [32]byte{})):
		return ErrOpFirst
	case setsPolicy != (o.Policy != 0) || o.Policy > PolicyPublic:
		return ErrPolicy
	case create == (o.Nonce == [16]byte{}):
		return ErrNonce
	}
	return o.checkTargets()
}

func (o *Op) checkTargets() error {
	named := o.Type == OpCreate || o.Type == OpAdd || o.Type == OpRemove || o.Type == OpRole
	if named != (len(o.Targets) > 0) || len(o.Targets) > MaxTargets {
		return ErrTargets
	}
	for i, t := range o.Targets {
		if t.User == (UserID{}) {
			return ErrID
		}
		if i > 0 && bytes.Compare(o.Targets[i-1].User[:], t.User[:]) >= 0 {
			return ErrTargets
		}
		if (t.Role == 0) != (o.Type == OpRemove) || t.Role > RoleAdmin {
			return ErrRole
		}
	}
	role := o.RoleOf(o.Actor)
	if (o.Type == OpCreate && role != RoleAdmin) || ((o.Type == OpAdd || o.Type == OpRemove) && o.names(o.Actor)) {
		return ErrActor
	}
	return nil
}

// RoleOf returns the role the operation gives to user, or 0 when it gives none.
func (o *Op) RoleOf(user UserID) Role {
	for _, t := range o.Targets {
		if t.User == user {
			return t.Role
		}
	}
	return 0
}

func (o *Op) names(user UserID) bool {
	for _, t := range o.Targets {
		if t.User == user {
			return true
		}
	}
	return false
}

// Sign sets the signature by the actor's device key. It refuses what ParseOp would refuse.
func (o *Op) Sign(device ed25519.PrivateKey) error {
	if _, err := ParseOp(o.Encode()); err != nil {
		return err
	}
	o.Signature = Sign(device, labelOp, o.bytes())
	return nil
}

// Encode returns the bytes that ParseOp reads.
func (o *Op) Encode() []byte { return append(o.bytes(), o.Signature[:]...) }

func (o *Op) bytes() []byte {
	w := octet.NewWriter(opFixed + len(o.Targets)*targetSize + 64)
	w.U8(version).Raw(o.Group[:]).U64(o.N).Raw(o.PrevHash[:]).Raw(o.Actor[:]).Raw(o.Device[:]).U64(o.Created)
	w.U8(uint8(o.Type)).U8(uint8(o.Policy)).Raw(o.Nonce[:]).U16(uint16(len(o.Targets)))
	for _, t := range o.Targets {
		w.Raw(t.User[:]).U8(uint8(t.Role))
	}
	return w.Bytes()
}

// Hash returns what the next operation's PrevHash is. It covers the signature.
func (o *Op) Hash() [32]byte { return Hash(labelOpHash, o.Encode()) }

// Conv returns the conversation the operation belongs to; for OpCreate, the one that it creates.
func (o *Op) Conv() ConvID {
	if o.Type == OpCreate {
		return Hash(labelGroup, o.bytes())
	}
	return o.Group
}

// Verify reports why the operation is not one that a device of m's user signed while it was in use: ErrUser, ErrDevice,
// ErrRemoved, ErrSignature, or nil. The caller has verified m.
func (o *Op) Verify(m *Manifest) error {
	if m.User != o.Actor {
		return ErrUser
	}
	d := m.Device(o.Device)
	switch {
	case d == nil:
		return ErrDevice
	case d.Removed != 0 && o.Created >= d.Removed:
		return ErrRemoved
	case !d.Ed25519.Verify(o.Signature, labelOp, o.bytes()):
		return ErrSignature
	}
	return nil
}
