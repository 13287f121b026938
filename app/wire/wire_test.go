package wire_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"chatalot/app/wire"
)

func TestIDsAndBytesHaveOneSpelling(t *testing.T) {
	id := wire.CommunityID{0xfb, 0xff, 15: 1}
	text, _ := id.MarshalText()
	var back wire.CommunityID
	if err := back.UnmarshalText(text); err != nil || back != id {
		t.Fatalf("%s came back as %v, %v", text, back, err)
	}
	for _, bad := range []string{"", "AAAA", string(text) + "=", string(text) + "\n", strings.ReplaceAll(string(text), "-", "+"), string(text[:21]) + "B"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as an id", bad)
		}
	}
	var b wire.Bytes
	for _, bad := range []string{`"AB=="`, `"A"`, `"AA\n"`, `"AB"`, `"+/8"`} {
		if err := json.Unmarshal([]byte(bad), &b); err == nil {
			t.Errorf("%s was read as bytes", bad)
		}
	}
}

// A code without a status would be answered as an internal error.
func TestEveryCodeHasAStatus(t *testing.T) {
	source, err := os.ReadFile("error.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code = "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 30 {
		t.Fatalf("found only %d codes", len(codes))
	}
	for _, m := range codes {
		status := wire.Fail(wire.Code(m[1]), "").Status()
		if (status == 500) != (m[1] == "internal") {
			t.Errorf("code %s answers %d", m[1], status)
		}
	}
}

// An event's kind names its one field, so that a reader can switch on either.
func TestEveryEventFieldIsAKindInTheProtocol(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`(?m)^Kinds of event: .*$`).FindString(string(page))
	event := reflect.TypeFor[wire.Event]()
	for i := 3; i < event.NumField(); i++ {
		name, _, _ := strings.Cut(event.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(kinds, "`"+name+"`") {
			t.Errorf("the protocol does not name the event kind %q", name)
		}
	}
}
