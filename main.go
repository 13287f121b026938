// Command chatalot serves a place where a family or a club talks, end-to-end encrypted.
package main

import (
	"embed"
	"io/fs"
	"os"

	"chatalot/app"
)

//go:embed schema.sql
var schema string

//go:embed config.example.toml
var example string

//go:embed all:assets/dist
var assets embed.FS

// version and built (Unix seconds) are set by the linker; see the Makefile.
var (
	version = "dev"
	built   = ""
)

func main() {
	dist, err := fs.Sub(assets, "assets/dist")
	if err != nil {
		panic(err) // the path is the one embedded above
	}
	os.Exit(app.Main(app.Program{
		Version: version, Built: built, Schema: schema, Example: example, Assets: dist,
		Args: os.Args[1:], Out: os.Stdout, Err: os.Stderr,
	}))
}
