package config

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestExampleUncommentedIsTheDefault(t *testing.T) {
	text, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`(?m)^#([a-z_]+ = )`)
	got, err := parse("config.example.toml", keys.ReplaceAllString(string(text), "$1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if found, want := len(keys.FindAllString(string(text), -1)), reflect.TypeFor[Config]().NumField(); found != want {
		t.Errorf("the example names %d keys, Config has %d", found, want)
	}
}

func TestEveryFieldHasAKey(t *testing.T) {
	var c Config
	if got, want := len(c.fields()), reflect.TypeFor[Config]().NumField(); got != want {
		t.Fatalf("%d keys for %d fields", got, want)
	}
}

func TestAllFaultsAreToldTogether(t *testing.T) {
	_, err := parse("place.toml", `
listen = "chat.example.org:8080"
data = 7
colour = "red"
log_level = "loud"
trusted_proxies = ["10.0.0.1"]
[tls]
cert = "x"
`, map[string]string{"data": ""})
	want := []string{
		"place.toml line 3: data: must be a text in quotes",
		"place.toml line 4: colour: there is no such key; config.example.toml lists them all",
		"place.toml line 7: tls: there is no such key; config.example.toml lists them all",
		"--data: is empty",
		`place.toml line 2: listen: "chat.example.org:8080" would serve plain HTTP to the network. Listen on localhost, or put a proxy that speaks TLS in front and set public_url to its https address`,
		`place.toml line 6: trusted_proxies: "10.0.0.1" is not a prefix like 127.0.0.0/8 or ::1/128`,
		`place.toml line 5: log_level: "loud" is none of debug, info, warn, error`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestSingleFaults(t *testing.T) {
	for text, want := range map[string]string{
		`listen = "localhost"`:                                       "is not host:port",
		`listen = "localhost:http"`:                                  "is not a number",
		`listen = "localhost:70000"`:                                 "is not a number",
		`listen = ":8080"`:                                           "plain HTTP to the network",
		`listen = "0.0.0.0:8080"`:                                    "plain HTTP to the network",
		`listen = "localhost.evil.example:80"`:                       "plain HTTP to the network",
		"listen = \":0\"\npublic_url = \"https://chat.example.org\"": "choose a port",
		`public_url = "chat.example.org"`:                            "is not an address like",
		`public_url = "https://chat.example.org/chat"`:               "more than a scheme and a host",
		`public_url = "https://me@chat.example.org"`:                 "more than a scheme and a host",
		`public_url = "https://chat.example.org#"`:                   "more than a scheme and a host",
		`public_url = "https://chat.example.org?"`:                   "more than a scheme and a host",
		`public_url = "https://chat.example.org//"`:                  "more than a scheme and a host",
		`public_url = "https://:443"`:                                "is not an address like",
		`public_url = "https://Chat.example.org"`:                    "lower case",
		`public_url = "http://chat.example.org"`:                     "plain HTTP",
		`public_url = "ftp://chat.example.org"`:                      "is not an address like",
		`backup_keep = "3"`:                                          "must be a whole number",
		`backup_keep = -1`:                                           "-1 is not from 0 to 365",
		`registration = "anyone"`:                                    "none of invite_only, open, closed",
		`lockout = "off"`:                                            "none of device, literal",
		`trusted_proxies = "127.0.0.1"`:                              "must be a list",
		`trusted_proxies = [1]`:                                      "must be a list",
		`ip_header = "x-real-ip"`:                                    "none of x-forwarded-for, cf-connecting-ip",
		`cors = "all"`:                                               "none of list, any",
		`cors_origins = ["*"]`:                                       `set cors = "any"`,
		`cors_origins = ["null"]`:                                    "is not an origin like",
		`cors_origins = ["https://Tools.example.org"]`:               "in lower case",
		`cors_origins = ["https://tools.example.org/"]`:              "nothing behind",
		`cors_origins = ["https://tools.example.org:443"]`:           "browsers leave out",
		`cors_origins = ["tools.example.org"]`:                       "is not an origin like",
		`cors_origins = "https://tools.example.org"`:                 "must be a list",
		`rate_api = "20"`:                                            "is not a rate like 20/50",
		`rate_api = "0/50"`:                                          "is not a rate like",
		`rate_api = "-1/50"`:                                         "is not a rate like",
		`rate_api = "NaN/50"`:                                        "is not a rate like",
		`rate_auth = "5/0"`:                                          "is not a rate like",
		`rate_auth = "5/10/3"`:                                       "is not a rate like",
		`rate_user = 40`:                                             "must be a text",
		`rate_messages = "Inf/1"`:                                    "is not a rate like",
		`rate_upload = "4/99999999"`:                                 "is not a rate like",
		`audit_days = 0`:                                             "is not from 1 to 3650",
		`audit_days = 3651`:                                          "is not from 1 to 3650",
		`audit_days = "90"`:                                          "a whole number without quotes",
		`admin_username = "Anna Berg"`:                               "is no sign-in name",
		`log_format = "xml"`:                                         "none of text, json",
		`data = ""`:                                                  "names no directory",
		`listen = "localhost:1`:                                      "place.toml line 1",
		"listen = \"localhost:1\"\nlisten = \"localhost:2\"":         "place.toml line 2",
	} {
		if _, err := parse("place.toml", text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s…", text, err, want)
		}
	}
}

func TestCommandLineWinsOverTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "place.toml")
	if err := os.WriteFile(path, []byte("listen = \"localhost:1000\"\ndata = \"from-file\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, map[string]string{"listen": "127.0.0.1:2000"})
	if err != nil || c.Listen != "127.0.0.1:2000" || c.Data != "from-file" {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := Load(path+".missing", nil); err == nil || !strings.Contains(err.Error(), "place.toml.missing") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestOrigin(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4321}
	for _, c := range []struct{ listen, public, want string }{
		{"localhost:0", "", "http://localhost:4321"},
		{"[::1]:0", "", "http://[::1]:4321"},
		{"0.0.0.0:8080", "https://chat.example.org/", "https://chat.example.org"},
		{"localhost:8080", "https://chat.example.org:443", "https://chat.example.org"},
		{"localhost:8080", "https://chat.example.org:8443", "https://chat.example.org:8443"},
		{"localhost:8080", "http://localhost:9000", "http://localhost:9000"},
	} {
		config := Config{Listen: c.listen, PublicURL: c.public}
		if got := config.Origin(addr); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("listen = \"localhost:1\"\n")
	f.Add("[a]\nb = [{c = 1}]\n")
	f.Add("\"\" = 1\n'x y' = 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse("f", text, nil)
		if err == nil && c.check(nil) != nil {
			t.Errorf("accepted what it refuses: %+v", c)
		}
	})
}

func TestSettingsThatOthersMayUseAreExposedButAnACLOfSystemdIsNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "place.toml")
	for _, c := range []struct {
		mode        os.FileMode
		credentials string
		exposed     bool
	}{
		{0o600, "", false}, {0o400, "", false}, {0o640, "", true}, {0o604, "", true}, {0o620, "", true},
		{0o440, dir, false}, {0o440, dir + "/", false}, {0o440, t.TempDir(), true}, {0o444, dir, true}, {0o460, dir, true},
	} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := CheckPrivate(path, c.credentials); (err != nil) != c.exposed {
			t.Errorf("%v in %q: %v", c.mode, c.credentials, err)
		}
		os.Remove(path)
	}
	if err := CheckPrivate(path, ""); err != nil {
		t.Errorf("none at all: %v", err)
	}
}
