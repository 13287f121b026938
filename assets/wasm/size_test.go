//go:build !js

package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

// budget is how many bytes of brotli a browser has to fetch for the core.
const budget = 850 << 10

func TestTheCoreFitsItsBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compresses the whole core")
	}
	wasm := filepath.Join(t.TempDir(), "core.wasm")
	build := exec.Command("make", "-s", "core="+wasm, wasm)
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	raw, err := os.ReadFile(wasm)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := brotli.NewWriterLevel(&packed, brotli.BestCompression)
	w.Write(raw)
	w.Close()
	t.Logf("%d bytes, %d of brotli", len(raw), packed.Len())
	if packed.Len() > budget {
		t.Errorf("the core is %d bytes of brotli: %d over its budget", packed.Len(), packed.Len()-budget)
	}
}

func TestTheBindingAddsNothingBulky(t *testing.T) {
	list := exec.Command("go", "list", "-f", "{{join .Imports \" \"}}", ".")
	list.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if path != "syscall/js" && !strings.HasPrefix(path, "chatalot/app/e2ee/") && !strings.HasPrefix(path, "chatalot/app/wire/") {
			t.Errorf("the binding imports %s", path)
		}
	}
}
