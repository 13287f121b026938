package identity

import (
	"bytes"
	"strings"
	"testing"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

const now = 1_800_000_000_000

var user = signed.UserID{7}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// found returns an account with its first manifest, whose device has the id {100}.
func found(t *testing.T, name string) (*Account, *signed.Manifest, func(id byte) signed.Device) {
	t.Helper()
	rand := frozen.Rand(name)
	a, err := NewAccount(rand)
	must(t, err)
	entry := func(id byte) signed.Device {
		d, err := NewDevice(rand)
		must(t, err)
		return d.Entry(user, signed.PublicEd25519(a.MSK), signed.DeviceID{id}, now)
	}
	m, err := First(user, a, 1, entry(100))
	must(t, err)
	return a, m, entry
}

func TestDevicesComeAndGoAndEveryStepVerifies(t *testing.T) {
	a, m, entry := found(t, "devices")
	if change, err := m.Check(nil); err != nil || change != signed.ChangeNew {
		t.Fatal(err)
	}
	for _, id := range []byte{50, 150, 120} { // before, behind and between the others
		next, err := Add(m, a.SSK, entry(id))
		must(t, err)
		if change, err := next.Check(m); err != nil || change != signed.ChangeUpdated || !next.Active(signed.DeviceID{id}) {
			t.Fatal("add", id, err)
		}
		m = next
	}
	for _, id := range []byte{150, 50} {
		next, err := Remove(m, a.SSK, signed.DeviceID{id}, now+5)
		must(t, err)
		if change, err := next.Check(m); err != nil || change != signed.ChangeUpdated || next.Active(signed.DeviceID{id}) {
			t.Fatal("remove", id, err)
		}
		if !m.Active(signed.DeviceID{id}) {
			t.Fatal("the manifest before changed too")
		}
		m = next
	}
	if len(m.Devices) != 4 || m.Version != 6 {
		t.Error("removed devices stay on the list")
	}
}

func TestWhatCannotStandOnAListIsRefused(t *testing.T) {
	a, m, entry := found(t, "refused")
	if _, err := Remove(m, a.SSK, signed.DeviceID{1}, now); err != signed.ErrDevice {
		t.Errorf("a device that is not there: %v", err)
	}
	if _, err := Remove(m, a.SSK, signed.DeviceID{100}, now); err != signed.ErrDeviceCount {
		t.Errorf("the last device: %v", err)
	}
	if _, err := Add(m, a.SSK, entry(100)); err != signed.ErrDeviceOrder {
		t.Errorf("an id again: %v", err)
	}
	var err error
	for id := range byte(9) {
		m, err = Add(m, a.SSK, entry(id+1))
		must(t, err)
	}
	if _, err := Add(m, a.SSK, entry(11)); err != signed.ErrDeviceCount {
		t.Errorf("an eleventh: %v", err)
	}
	m, err = Remove(m, a.SSK, signed.DeviceID{100}, now-1000) // a clock set back
	must(t, err)
	if m.Device(signed.DeviceID{100}).Removed != now {
		t.Error("removed before it was added")
	}
	if _, err := Remove(m, a.SSK, signed.DeviceID{100}, now); err != signed.ErrRemoved {
		t.Errorf("removed twice: %v", err)
	}
	m, err = Add(m, a.SSK, entry(11))
	must(t, err)
	must(t, m.Verify())
}

func TestDeviceKeysSurviveStorage(t *testing.T) {
	d, err := NewDevice(frozen.Rand("storage"))
	must(t, err)
	back, err := ParseDevice(d.Encode())
	if err != nil || !bytes.Equal(back.Sign, d.Sign) || back.DH != d.DH {
		t.Fatal(err)
	}
	for want, b := range map[error][]byte{octet.ErrShort: d.Encode()[:64], octet.ErrTrailing: append(d.Encode(), 0), signed.ErrVersion: {2}} {
		if _, err := ParseDevice(b); err != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func FuzzParseDevice(f *testing.F) {
	d, _ := NewDevice(frozen.Rand("fuzz"))
	f.Add(d.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := ParseDevice(b); err == nil && !bytes.Equal(d.Encode(), b) {
			t.Fatal("accepted an encoding that is not its own")
		}
	})
}

func TestSafetyNumbersAreSharedAndTellEveryoneApart(t *testing.T) {
	a, b, c := signed.UserID{1}, signed.UserID{2}, signed.UserID{3}
	key, other := signed.Ed25519Key{4}, signed.Ed25519Key{5}
	number := SafetyNumber(a, key, b, other)
	if number != SafetyNumber(b, other, a, key) {
		t.Error("the two people see different numbers")
	}
	if len(number) != 60 || strings.Trim(number, "0123456789") != "" || number[:30] > number[30:] {
		t.Errorf("not 60 digits, the lower half first: %q", number)
	}
	for name, n := range map[string]string{
		"another user":        SafetyNumber(c, key, b, other),
		"another key":         SafetyNumber(a, other, b, other),
		"keys changed places": SafetyNumber(a, other, b, key),
	} {
		if n == number {
			t.Errorf("%s: the same number", name)
		}
	}
}
