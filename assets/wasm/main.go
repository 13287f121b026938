//go:build js && wasm

// Command wasm binds app/e2ee/core to JavaScript, one method for one method, as assets/src/crypto/core.d.ts declares it. Go cannot throw into
// JavaScript: every call answers {value} or {failure}, and assets/src/crypto/throwing.ts turns the latter into an exception.
package main

import (
	"syscall/js"

	"chatalot/app/e2ee/core"
)

func main() {
	js.Global().Call("chatalotCoreReady", object("open", method(1, open)))
	select {} // the methods are called from now on, until the worker ends
}

// open makes the one Core from the stored state.
func open(in *input, args []js.Value) action {
	stored := map[string][]byte{}
	in.each(args[0], func(entry js.Value) { stored[in.text(in.field(entry, "key"))] = in.bytes(in.field(entry, "value")) })
	return func() (any, error) {
		date := js.Global().Get("Date")
		now := func() uint64 { return uint64(date.Call("now").Float()) }
		c, err := core.New(core.Config{Rand: random{}, Now: now}, stored)
		if err != nil {
			return nil, err
		}
		return methods(c), nil
	}
}

// method makes a JavaScript function of one that reads its arguments and returns what is to be done if they were all well formed.
func method(count int, read func(in *input, args []js.Value) action) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		in := new(input)
		for len(args) < count {
			args = append(args, js.Undefined())
		}
		act := read(in, args)
		if in.err != nil {
			return failure(in.err)
		}
		value, err := act()
		if err != nil {
			return failure(err)
		}
		return object("value", value)
	})
}

func failure(err error) any {
	e, ok := err.(*core.Error)
	if !ok {
		e = &core.Error{Code: core.CodeState, Message: err.Error()}
	}
	var user, device []byte
	if e.User != (core.UserID{}) {
		user = e.User[:]
	}
	if e.Device != (core.DeviceID{}) {
		device = e.Device[:]
	}
	return object("failure", object("code", e.Code, "message", e.Message, "user", octets(user), "device", octets(device)))
}

// random reads from the browser's own generator. crypto/rand would read from it too, but brings fmt and math/big with it: 190 KB for nothing.
type random struct{}

const maxRandom = 1 << 16 // bytes that getRandomValues gives at once

// Read fills b.
func (random) Read(b []byte) (n int, err error) {
	for n < len(b) {
		part := js.Global().Get("Uint8Array").New(min(len(b)-n, maxRandom))
		js.Global().Get("crypto").Call("getRandomValues", part)
		n += js.CopyBytesToGo(b[n:], part)
	}
	return n, nil
}
