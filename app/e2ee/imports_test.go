//go:build !js

package e2ee_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath, Dir  string
	Imports, GoFiles []string
}

// ours are the packages that this wing is made of, with what the server shares of it.
var ours = []string{"chatalot/app/e2ee/...", "chatalot/app/wire/octet", "chatalot/app/wire/signed", "chatalot/app/wire/group"}

// list returns the packages that the patterns name, with their dependencies if deps, as the browser's build has them.
func list(t *testing.T, deps bool, patterns ...string) (packages []pkg) {
	t.Helper()
	args := []string{"list", "-json=ImportPath,Dir,Imports,GoFiles"}
	if deps {
		args = append(args, "-deps")
	}
	cmd := exec.Command("go", append(args, patterns...)...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// testOnly is the one package that may use what the others may not, because only tests import it.
const testOnly = "chatalot/app/e2ee/frozen"

func TestTheCoreAsksForItsClockRandomnessAndStorage(t *testing.T) {
	kept := 0
	for _, p := range list(t, false, ours...) {
		if p.ImportPath == testOnly {
			continue
		}
		kept++
		for _, banned := range []string{"fmt", "encoding/json", "net", "net/http", "os", "time", "log", "log/slog", "syscall", "syscall/js",
			"math/rand", "math/rand/v2", "crypto/rand", "crypto/aes", "crypto/hpke", "sync", "unsafe", testOnly} {
			if slices.Contains(p.Imports, banned) {
				t.Errorf("%s imports %s", p.ImportPath, banned)
			}
		}
	}
	if kept < 10 {
		t.Fatalf("only %d packages were looked at", kept)
	}
}

func TestNoGoroutineAndNoInitInTheCore(t *testing.T) {
	for _, p := range list(t, false, ours...) {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if _, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s/%s starts a goroutine", p.ImportPath, name)
				}
				if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
					t.Errorf("%s/%s has an init function", p.ImportPath, name)
				}
				return true
			})
		}
	}
}

func TestN33N34NothingBulkyOrLeakyIsInTheBrowsersGraph(t *testing.T) {
	graph := list(t, true, "chatalot/app/e2ee/core")
	for _, p := range graph {
		switch path := p.ImportPath; {
		case path == "crypto/aes", path == "crypto/hpke", path == "encoding/json", path == "encoding/base64", path == "encoding/hex", path == "net",
			strings.HasPrefix(path, "net/"), strings.HasPrefix(path, "compress/"):
			t.Errorf("%s is in the browser's graph", path)
		case path == "chatalot/app/e2ee/frozen":
			t.Error("the tests' helper is in the browser's graph")
		case strings.HasPrefix(path, "golang.org/x/") && !allowed(path), strings.HasPrefix(path, "github.com/"):
			t.Errorf("%s was not agreed upon", path)
		}
		// crypto/rand, below crypto/ed25519, brings math/big, and that brings fmt; the linker drops both again.
		if slices.Contains(p.Imports, "fmt") && p.ImportPath != "math/big" {
			t.Errorf("%s imports fmt", p.ImportPath)
		}
	}
	if len(graph) < 50 {
		t.Fatalf("only %d packages were looked at", len(graph))
	}
}

func allowed(path string) bool {
	return strings.HasPrefix(path, "golang.org/x/crypto/") || path == "golang.org/x/sys/cpu"
}
