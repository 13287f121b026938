//go:build js && wasm

package main

import (
	"syscall/js"

	"chatalot/app/e2ee/core"
	"chatalot/app/wire/octet"
)

// input reads JavaScript values. After the first that is not what it should be, all else reads as zero and err says so.
type input struct{ err error }

func (in *input) fail() {
	in.err = &core.Error{Code: core.CodeBadInput, Message: "The app passed something unexpected to its cryptographic core."}
}

// field returns a property, or undefined of what is not an object.
func (in *input) field(v js.Value, name string) js.Value {
	if v.Type() != js.TypeObject {
		in.fail()
		return js.Undefined()
	}
	return v.Get(name)
}

func (in *input) text(v js.Value) string {
	if v.Type() != js.TypeString {
		in.fail()
		return ""
	}
	return v.String()
}

// bytes copies a Uint8Array.
func (in *input) bytes(v js.Value) []byte {
	if v.Type() != js.TypeObject || !v.InstanceOf(js.Global().Get("Uint8Array")) {
		in.fail()
		return nil
	}
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b
}

// maybe is bytes, or nil for null and undefined.
func (in *input) maybe(v js.Value) []byte {
	if v.IsNull() || v.IsUndefined() {
		return nil
	}
	return in.bytes(v)
}

// into fills an id, whose length must be right.
func (in *input) into(id []byte, v js.Value) {
	if b := in.bytes(v); len(b) != len(id) || copy(id, b) == 0 {
		in.fail()
	}
}

func (in *input) user(v js.Value) (id core.UserID)     { in.into(id[:], v); return id }
func (in *input) device(v js.Value) (id core.DeviceID) { in.into(id[:], v); return id }
func (in *input) msg(v js.Value) (id core.MsgID)       { in.into(id[:], v); return id }
func (in *input) conv(v js.Value) (id core.ConvID)     { in.into(id[:], v); return id }

// number reads a whole number that a float64 holds exactly.
func (in *input) number(v js.Value) uint64 {
	if v.Type() != js.TypeNumber {
		in.fail()
		return 0
	}
	f := v.Float()
	if !(f >= 0 && f <= octet.MaxU64) || f != float64(uint64(f)) {
		in.fail()
		return 0
	}
	return uint64(f)
}

func (in *input) small(v js.Value) byte {
	n := in.number(v)
	if n > 255 {
		in.fail()
	}
	return byte(n)
}

// each visits the items of an array.
func (in *input) each(v js.Value, visit func(js.Value)) {
	if v.Type() != js.TypeObject || !js.Global().Get("Array").Call("isArray", v).Bool() {
		in.fail()
		return
	}
	for i := range v.Length() {
		visit(v.Index(i))
	}
}

func (in *input) targets(v js.Value) (list []core.Target) {
	in.each(v, func(t js.Value) {
		list = append(list, core.Target{User: in.user(in.field(t, "user")), Role: in.small(in.field(t, "role"))})
	})
	return list
}

func (in *input) epochs(v js.Value) (list []core.ConvEpoch) {
	in.each(v, func(e js.Value) {
		list = append(list, core.ConvEpoch{Conv: in.conv(in.field(e, "conv")), Epoch: in.number(in.field(e, "epoch"))})
	})
	return list
}

func (in *input) bundles(v js.Value) (list []core.Bundle) {
	in.each(v, func(b js.Value) {
		list = append(list, core.Bundle{User: in.user(in.field(b, "user")), Device: in.device(in.field(b, "device")),
			Signed: in.bytes(in.field(b, "signed")), OneTime: in.maybe(in.field(b, "oneTime")), KEM: in.bytes(in.field(b, "kem"))})
	})
	return list
}

func (in *input) message(v js.Value) core.In {
	return core.In{Conv: in.conv(in.field(v, "conv")), MsgID: in.msg(in.field(v, "msgID")), SenderUser: in.user(in.field(v, "senderUser")),
		SenderDevice: in.device(in.field(v, "senderDevice")), Epoch: in.number(in.field(v, "epoch")), Content: in.bytes(in.field(v, "content")),
		Envelope: in.maybe(in.field(v, "envelope"))}
}

// object makes what becomes a JavaScript object, of names and values in turn.
func object(fields ...any) map[string]any {
	o := make(map[string]any, len(fields)/2)
	for i := 0; i < len(fields); i += 2 {
		o[fields[i].(string)] = fields[i+1]
	}
	return o
}

// octets makes a Uint8Array; null of nil.
func octets(b []byte) any {
	if b == nil {
		return nil
	}
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// list makes an array.
func list[T any](items []T, each func(T) any) any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = each(item)
	}
	return out
}

func address(a core.Address) any {
	return object("user", octets(a.User[:]), "device", octets(a.Device[:]))
}

func device(id core.DeviceID) any { return octets(id[:]) }

func target(t core.Target) any { return object("user", octets(t.User[:]), "role", t.Role) }

func write(w core.Write) any { return object("key", w.Key, "value", octets(w.Value)) }

func envelope(e core.AddressedEnvelope) any {
	return object("user", octets(e.User[:]), "device", octets(e.Device[:]), "envelope", octets(e.Envelope))
}

func channel(ch core.Channel) any {
	return object("members", list(ch.Members, target), "policy", ch.Policy, "n", ch.N, "epoch", ch.Epoch)
}

func opened(o core.Opened) any {
	return object("status", string(o.Status), "code", o.Code, "plaintext", octets(o.Plaintext), "sentAt", o.SentAt, "counter", o.Counter,
		"missing", o.Missing, "unseen", o.Unseen, "needKeyRequest", o.NeedKeyRequest)
}
