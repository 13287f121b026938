package app_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors says which of our packages each package may import. A name ending in / stands for itself and everything beneath it.
var floors = []struct{ room, may string }{
	{".", "app"},
	{"app", "app/server app/doctor app/config"},
	{"app/server", "app/doctor app/web app/auth app/chat app/store app/live app/wire/ app/config"},
	{"app/web", "app/auth app/chat app/wire/"},
	{"app/doctor", "app/auth app/store app/wire/ app/config"},
	{"app/auth", "app/store app/live app/wire/"},
	{"app/chat", "app/store app/live app/wire/"},
	{"app/store", "app/wire/"},
	{"app/live", "app/wire/"},
	{"app/wire/", "app/wire/"},
	{"app/config", ""},

	{"app/e2ee/", "app/e2ee/ app/wire/"},
	{"app/client", "app/e2ee/ app/wire/"},
	{"assets/wasm", "app/e2ee/ app/wire/"},

	{"app/apptest", "app/server app/config app/client app/e2ee/ app/wire/"},
	{"app/browser", "app/apptest app/client app/wire/"},
	{"app/load", "app/client app/wire/"},
}

func TestEveryPackageStandsOnItsFloor(t *testing.T) {
	for _, line := range list(t, "{{.ImportPath}} {{join .Imports \" \"}}") {
		room, imports, _ := strings.Cut(line, " ")
		i := slices.IndexFunc(floors, func(f struct{ room, may string }) bool { return under(local(room), f.room) })
		if i < 0 {
			t.Errorf("%s stands on no floor: give it one here and in the architecture", room)
			continue
		}
		for imported := range strings.FieldsSeq(imports) {
			if name, ours := strings.CutPrefix(imported, "chatalot"); ours && !slices.ContainsFunc(strings.Fields(floors[i].may), func(may string) bool {
				return under(strings.TrimPrefix(name, "/"), may)
			}) {
				t.Errorf("%s imports %s, which is not below it", room, imported)
			}
		}
	}
}

func TestTheServerCannotDecrypt(t *testing.T) {
	deps := list(t, "{{if eq .ImportPath \"chatalot\" \"chatalot/app/server\"}}{{join .Deps \"\\n\"}}{{end}}")
	for _, dep := range deps {
		if under(local(dep), "app/e2ee/") || under(local(dep), "app/client") {
			t.Errorf("the server reaches %s", dep)
		}
	}
	if !slices.Contains(deps, "chatalot/app/store") {
		t.Error("the list of dependencies does not even hold the store: this test sees nothing")
	}
}

// list runs go list over every package of the module; format must spread over lines what is to be looked at line by line.
func list(t *testing.T, format string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", format, "chatalot/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func local(path string) string {
	if path == "chatalot" {
		return "."
	}
	return strings.TrimPrefix(path, "chatalot/")
}

func under(name, room string) bool {
	above, deep := strings.CutSuffix(room, "/")
	return name == above || deep && strings.HasPrefix(name, room)
}
