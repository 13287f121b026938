package web

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"chatalot/app/wire"
)

const registerBody = `{"username":"ada","display_name":"Ada","password":"correct horse","transport":"body"}`

// N15 and N27, and the rest of T24.
func TestDecodeRefusesWhatParsersReadDifferently(t *testing.T) {
	with := func(more string) string { return strings.TrimSuffix(registerBody, "}") + "," + more + "}" }
	for _, c := range []struct{ name, body, field, says string }{
		{"duplicate", with(`"username":"eve"`), "username", "there twice"},
		{"upper case", with(`"USERNAME":"eve"`), "USERNAME", "not known"},
		{"long s", with(`"uſername":"eve"`), "uſername", "not known"},
		{"unknown", with(`"admin":true`), "admin", "not known"},
		{"trailing document", registerBody + `{"username":"eve"}`, "", "goes on"},
		{"trailing garbage", registerBody + "x", "", "goes on"},
		{"invalid UTF-8", strings.Replace(registerBody, "Ada", "A\xffa", 1), "", "UTF-8"},
		{"half surrogate", strings.Replace(registerBody, "Ada", `\ud83d`, 1), "", "UTF-8"},
		{"swapped surrogates", strings.Replace(registerBody, "Ada", `\ude00\ud83d`, 1), "", "UTF-8"},
		{"U+0000", strings.Replace(registerBody, "Ada", `A\u0000`, 1), "display_name", "U+0000"},
		{"null", with(`"invite":null`), "invite", "must be a text"},
		{"missing", `{"username":"ada","display_name":"Ada","transport":"body"}`, "password", "is missing"},
		{"wrong type", strings.Replace(registerBody, `"ada"`, `7`, 1), "username", "must be a text"},
		{"object for a text", strings.Replace(registerBody, `"ada"`, `{}`, 1), "username", "must be a text"},
		{"list", `[]`, "", "must be an object"},
		{"text", `"ada"`, "", "must be an object"},
		{"deep", strings.Repeat("[", 20000), "", "must be an object"},
		{"deep inside", `{"username":` + strings.Repeat("[", 20000), "username", "must be a text"},
		{"nothing", ``, "", "not valid JSON"},
		{"cut off", registerBody[:30], "", "not valid JSON"},
		{"comma before the end", strings.Replace(registerBody, "}", ",}", 1), "", "not valid JSON"},
		{"single quotes", `{'username':'ada'}`, "", "not valid JSON"},
		{"byte order mark", "\ufeff" + registerBody, "", "not valid JSON"},
	} {
		var got wire.RegisterRequest
		expect(t, c.name, unmarshal([]byte(c.body), &got), c.field, c.says)
	}
}

func TestDecodeNamesTheFieldAtFault(t *testing.T) {
	id, conv := strings.Repeat("A", 22), strings.Repeat("A", 43)
	for _, c := range []struct {
		target            any
		body, field, says string
	}{
		{&wire.NewInvite{}, `{"community_id":"` + id + `","uses":1.0,"expires_in":60}`, "uses", "whole number"},
		{&wire.NewInvite{}, `{"community_id":"` + id + `","uses":1e2,"expires_in":60}`, "uses", "whole number"},
		{&wire.NewInvite{}, `{"community_id":"` + id + `","uses":"1","expires_in":60}`, "uses", "whole number"},
		{&wire.NewInvite{}, `{"community_id":"` + id + `","uses":1,"expires_in":9223372036854775808}`, "expires_in", "whole number"},
		{&wire.NewInvite{}, `{"community_id":"` + id[1:] + `","uses":1,"expires_in":60}`, "community_id", "16 bytes"},
		{&wire.NewInvite{}, `{"community_id":"` + id[1:] + `B","uses":1,"expires_in":60}`, "community_id", "16 bytes"},
		{&wire.NewMessage{}, `{"message_id":"` + id + `","epoch":1,"ciphertext":"AA=="}`, "ciphertext", "base64url"},
		{&wire.NewMessage{}, `{"message_id":"` + id + `","epoch":1,"ciphertext":7}`, "ciphertext", "must be a text"},
		{&wire.NewMessage{}, `{"message_id":"` + id + `","epoch":1,"ciphertext":"AA","envelopes":{}}`, "envelopes", "must be a list"},
		{&wire.NewMessage{}, `{"message_id":"` + id + `","epoch":1,"ciphertext":"AA","envelopes":[{"user_id":"` + conv + `"}]}`, "envelopes[0].user_id", ""},
		{&wire.NewMessage{}, `{"message_id":"` + id + `","epoch":1,"ciphertext":"AA","envelopes":[{"user_id":"` + id + `","device_id":"` + id + `"}]}`, "envelopes[0].envelope", "missing"},
		{&wire.NewMessage{}, `{"message_id":"` + id + `","epoch":1,"ciphertext":"AA","plaintext":"hi"}`, "plaintext", "not known"},
		{&wire.ChannelChange{}, `{"name":null}`, "name", "must be a text"},
	} {
		expect(t, c.body, unmarshal([]byte(c.body), c.target), c.field, c.says)
	}
}

func expect(t *testing.T, name string, err error, field, says string) {
	t.Helper()
	fault, ok := errors.AsType[*wire.Error](err)
	if !ok || fault.Code != wire.BadRequest || fault.Field != field || !strings.Contains(fault.Message, says) {
		t.Errorf("%s: got %#v, want field %q saying %q", name, err, field, says)
	}
}

func TestDecodeTakesWhatIsRight(t *testing.T) {
	var register wire.RegisterRequest
	body := strings.Replace(registerBody, "Ada", `A\u0301da \ud83d\ude00 \\u0000 \"`, 1)
	if err := unmarshal([]byte(" "+body+"\n"), &register); err != nil || register.DisplayName != "A\u0301da 😀 \\u0000 \"" {
		t.Errorf("got %+v, %v", register, err)
	}
	var change wire.ChannelChange
	if err := unmarshal([]byte(`{"topic":""}`), &change); err != nil || change.Name != nil || change.Topic == nil {
		t.Errorf("got %+v, %v", change, err)
	}
}

func TestEndlessListsAreNotReadToTheirEnd(t *testing.T) {
	var req wire.PutPrekeys
	body := `{"prekeys":[` + strings.Repeat(`"",`, maxList-1) + `""`
	if err := unmarshal([]byte(body+"]}"), &req); err != nil || len(req.Prekeys) != maxList {
		t.Fatal(len(req.Prekeys), err)
	}
	err := unmarshal([]byte(body+`,"",!`), &req) // the fault behind the bound is not met
	if refusal, ok := errors.AsType[*wire.Error](err); !ok || refusal.Field != "prekeys" {
		t.Fatal(err)
	}
}

func TestLongUnknownNamesAreCutShort(t *testing.T) {
	err := unmarshal([]byte(`{"`+strings.Repeat("é", 5000)+`":1}`), &wire.Named{})
	if fault, ok := errors.AsType[*wire.Error](err); !ok || len(fault.Message) > 200 {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode: whatever decode accepts, encoding/json reads the same way, and encoding it again changes nothing.
func FuzzDecode(f *testing.F) {
	id := strings.Repeat("A", 22)
	f.Add(`{"message_id":"` + id + `","epoch":1,"ciphertext":"AAAA","envelopes":[{"user_id":"` + id + `","device_id":"` + id + `","envelope":"AA"}]}`)
	f.Add(`{"message_id":"` + id + `","epoch":-1,"ciphertext":"","envelopes":[]}`)
	f.Add(`{"message_id":"\u0041` + id[1:] + `","epoch":1,"ciphertext":"AAAA"}`)
	f.Fuzz(func(t *testing.T, body string) {
		var ours, theirs wire.NewMessage
		if unmarshal([]byte(body), &ours) != nil {
			return
		}
		if err := json.Unmarshal([]byte(body), &theirs); err != nil || !sameMessage(ours, theirs) {
			t.Fatalf("encoding/json reads %+v (%v), we read %+v", theirs, err, ours)
		}
	})
}

func sameMessage(a, b wire.NewMessage) bool {
	if len(a.Envelopes) == 0 && len(b.Envelopes) == 0 {
		a.Envelopes, b.Envelopes = nil, nil
	}
	ja, _ := json.Marshal(a)
	jb, _ := json.Marshal(b)
	return reflect.DeepEqual(ja, jb)
}
