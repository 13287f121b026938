//go:build js && wasm

package main

import (
	"syscall/js"

	"chatalot/app/e2ee/core"
)

// action is a call whose arguments were read.
type action func() (any, error)

// binding is one method of the interface Core in core.d.ts.
type binding struct {
	name  string
	count int // of arguments
	read  func(c *core.Core, in *input, a []js.Value) action
}

func methods(c *core.Core) map[string]any {
	all := map[string]any{}
	for _, list := range [...][]binding{commits[:], accounts[:], people[:], conversations[:], messages[:]} {
		for _, b := range list {
			all[b.name] = method(b.count, func(in *input, a []js.Value) action { return b.read(c, in, a) })
		}
	}
	return all
}

// done answers a call that returns nothing.
func done(err error) (any, error) { return nil, err }

var commits = [...]binding{
	{"pending", 0, func(c *core.Core, _ *input, _ []js.Value) action {
		return func() (any, error) { return list(c.Pending(), write), nil }
	}},
	{"commit", 0, func(c *core.Core, _ *input, _ []js.Value) action {
		return func() (any, error) { c.Commit(); return nil, nil }
	}},
	{"discard", 0, func(c *core.Core, _ *input, _ []js.Value) action {
		return func() (any, error) { c.Discard(); return nil, nil }
	}},
	{"status", 0, func(c *core.Core, _ *input, _ []js.Value) action {
		return func() (any, error) { return status(c.Status()), nil }
	}},
}

func status(s core.Status) any {
	var user, device []byte
	if s.HasAccount {
		user, device = s.User[:], s.Device[:]
	}
	return object("hasAccount", s.HasAccount, "user", octets(user), "device", octets(device), "manifestVersion", s.ManifestVersion,
		"active", s.Active, "unusedOneTime", s.UnusedOneTime, "unusedKEM", s.UnusedKEM, "signedPrekeyAge", s.SignedPrekeyAge)
}

var accounts = [...]binding{
	{"createAccount", 2, func(c *core.Core, in *input, a []js.Value) action {
		user, dev := in.user(a[0]), in.device(a[1])
		return func() (any, error) {
			out, err := c.CreateAccount(user, dev)
			return object("recoveryCode", out.RecoveryCode, "manifest", octets(out.Manifest), "vault", octets(out.Vault),
				"vaultVersion", out.VaultVersion, "recovery", octets(out.Recovery), "prekeys", list(out.Prekeys, octets)), err
		}
	}},
	{"recoverAccount", 5, func(c *core.Core, in *input, a []js.Value) action {
		user, dev, code, vault, manifest := in.user(a[0]), in.device(a[1]), in.text(a[2]), in.bytes(a[3]), in.bytes(a[4])
		return func() (any, error) {
			out, err := c.RecoverAccount(user, dev, code, vault, manifest)
			return object("manifest", octets(out.Manifest), "prekeys", list(out.Prekeys, octets)), err
		}
	}},
	{"recoveryProof", 1, func(_ *core.Core, in *input, a []js.Value) action {
		code := in.text(a[0])
		return func() (any, error) { proof, err := core.RecoveryProof(code); return octets(proof), err }
	}},
	{"checkRecoveryKey", 3, func(c *core.Core, in *input, a []js.Value) action {
		code, vault, manifest := in.text(a[0]), in.bytes(a[1]), in.bytes(a[2])
		return func() (any, error) { return done(c.CheckRecoveryKey(code, vault, manifest)) }
	}},
	{"changeRecoveryKey", 3, func(c *core.Core, in *input, a []js.Value) action {
		code, vault, manifest := in.text(a[0]), in.bytes(a[1]), in.bytes(a[2])
		return func() (any, error) {
			out, err := c.ChangeRecoveryKey(code, vault, manifest)
			return object("recoveryCode", out.RecoveryCode, "manifest", octets(out.Manifest), "vault", octets(out.Vault),
				"vaultVersion", out.VaultVersion, "recovery", octets(out.Recovery)), err
		}
	}},
	{"removeDevice", 1, func(c *core.Core, in *input, a []js.Value) action {
		dev := in.device(a[0])
		return func() (any, error) { m, err := c.RemoveDevice(dev); return octets(m), err }
	}},
	{"topUp", 2, func(c *core.Core, in *input, a []js.Value) action {
		oneTime, kem := int(in.number(a[0])), int(in.number(a[1]))
		return func() (any, error) { keys, err := c.TopUp(oneTime, kem); return list(keys, octets), err }
	}},
}

var people = [...]binding{
	{"applyManifest", 3, func(c *core.Core, in *input, a []js.Value) action {
		user, manifest, epochs := in.user(a[0]), in.bytes(a[1]), in.epochs(a[2])
		return func() (any, error) {
			out, err := c.ApplyManifest(user, manifest, epochs)
			return object("kind", string(out.Kind), "added", list(out.Added, device), "removed", list(out.Removed, device),
				"version", out.Version, "reason", out.Reason), err
		}
	}},
	{"acceptIdentity", 1, func(c *core.Core, in *input, a []js.Value) action {
		user := in.user(a[0])
		return func() (any, error) { return done(c.AcceptIdentity(user)) }
	}},
	{"safetyNumber", 1, func(c *core.Core, in *input, a []js.Value) action {
		user := in.user(a[0])
		return func() (any, error) { return c.SafetyNumber(user) }
	}},
	{"dmConversation", 1, func(c *core.Core, in *input, a []js.Value) action {
		user := in.user(a[0])
		return func() (any, error) { id := c.DMConversation(user); return octets(id[:]), nil }
	}},
}

var conversations = [...]binding{
	{"loadDM", 2, func(c *core.Core, in *input, a []js.Value) action {
		peer, epoch := in.user(a[0]), in.number(a[1])
		return func() (any, error) { return done(c.LoadDM(peer, epoch)) }
	}},
	{"makeOp", 4, func(c *core.Core, in *input, a []js.Value) action {
		var conv core.ConvID
		if !a[0].IsNull() {
			conv = in.conv(a[0])
		}
		kind, policy, targets := in.small(a[1]), in.small(a[2]), in.targets(a[3])
		return func() (any, error) {
			op, id, err := c.MakeOp(conv, kind, policy, targets)
			return object("op", octets(op), "conv", octets(id[:])), err
		}
	}},
	{"loadChannel", 4, func(c *core.Core, in *input, a []js.Value) action {
		conv, epoch, read := in.conv(a[0]), in.number(a[2]), in.number(a[3])
		var ops [][]byte
		in.each(a[1], func(op js.Value) { ops = append(ops, in.bytes(op)) })
		return func() (any, error) { ch, err := c.LoadChannel(conv, ops, epoch, read); return channel(ch), err }
	}},
	{"applyOp", 3, func(c *core.Core, in *input, a []js.Value) action {
		conv, op, epoch := in.conv(a[0]), in.bytes(a[1]), in.number(a[2])
		return func() (any, error) {
			out, err := c.ApplyOp(conv, op, epoch)
			return object("n", out.N, "type", out.Type, "actor", octets(out.Actor[:]), "targets", list(out.Targets, target)), err
		}
	}},
	{"absent", 3, func(c *core.Core, in *input, a []js.Value) action {
		conv, epoch := in.conv(a[0]), in.number(a[2])
		var users []core.UserID
		in.each(a[1], func(user js.Value) { users = append(users, in.user(user)) })
		return func() (any, error) { return done(c.Absent(conv, users, epoch)) }
	}},
	{"dropConversation", 1, func(c *core.Core, in *input, a []js.Value) action {
		conv := in.conv(a[0])
		return func() (any, error) { return done(c.DropConversation(conv)) }
	}},
	{"channel", 1, func(c *core.Core, in *input, a []js.Value) action {
		conv := in.conv(a[0])
		return func() (any, error) { ch, err := c.Channel(conv); return channel(ch), err }
	}},
}

var messages = [...]binding{
	{"sealPlan", 1, func(c *core.Core, in *input, a []js.Value) action {
		conv := in.conv(a[0])
		return func() (any, error) { plan, err := c.SealPlan(conv); return list(plan, address), err }
	}},
	{"seal", 5, func(c *core.Core, in *input, a []js.Value) action {
		conv, id, plaintext, bundles := in.conv(a[0]), in.msg(a[1]), in.bytes(a[2]), in.bundles(a[3])
		var excluded []core.DeviceID
		in.each(a[4], func(d js.Value) { excluded = append(excluded, in.device(d)) })
		return func() (any, error) {
			out, err := c.Seal(conv, id, plaintext, bundles, excluded)
			return object("epoch", out.Epoch, "content", octets(out.Content), "envelopes", list(out.Envelopes, envelope)), err
		}
	}},
	{"abandon", 2, func(c *core.Core, in *input, a []js.Value) action {
		conv, id := in.conv(a[0]), in.msg(a[1])
		return func() (any, error) { return done(c.Abandon(conv, id)) }
	}},
	{"keyRequested", 3, func(c *core.Core, in *input, a []js.Value) action {
		conv, user, dev := in.conv(a[0]), in.user(a[1]), in.device(a[2])
		return func() (any, error) { return done(c.KeyRequested(conv, user, dev)) }
	}},
	{"open", 1, func(c *core.Core, in *input, a []js.Value) action {
		m := in.message(a[0])
		return func() (any, error) { out, err := c.Open(m); return opened(out), err }
	}},
	{"openMany", 1, func(c *core.Core, in *input, a []js.Value) action {
		var all []core.In
		in.each(a[0], func(m js.Value) { all = append(all, in.message(m)) })
		return func() (any, error) { outs, err := c.OpenMany(all); return list(outs, opened), err }
	}},
}
