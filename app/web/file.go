package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"chatalot/app/wire"
)

// files is the web app as it was built. Nothing else can be fetched: a path is looked up in a table, never on a disk.
type files struct {
	from   fs.FS
	byPath map[string]file
}

// file is one of them. Its ETag is without quotes.
type file struct {
	name      string
	media     string
	tag       string
	immutable bool // its name holds a hash of its content
	brotli    bool // name + ".br" is beside it
}

// mediaTypes are the kinds of file a web app has. http.DetectContentType and the machine's own tables are not asked: what a browser is told must
// not depend on where the program runs.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".wasm": "application/wasm", ".json": "application/json", ".webmanifest": "application/manifest+json",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}

const shell = "index.html"

// loadFiles lists the built web app. Without one the table is empty and the file handler says how to build it.
func loadFiles(from fs.FS) (*files, error) {
	all := &files{from: from, byPath: map[string]file{}}
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".br" || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		one, err := loadFile(from, name)
		all.byPath["/"+name] = one
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the web app: %w", err)
	}
	return all, nil
}

func loadFile(from fs.FS, name string) (file, error) {
	one := file{name: name, media: mediaTypes[path.Ext(name)], tag: path.Base(name), immutable: strings.HasPrefix(name, "assets/")}
	if one.media == "" {
		return one, fmt.Errorf("%s is of no known kind: add it to mediaTypes", name)
	}
	if _, err := fs.Stat(from, name+".br"); err == nil {
		one.brotli = true
	}
	if one.immutable {
		return one, nil // hashing a whole wasm at every start would be seen on a small machine
	}
	content, err := fs.ReadFile(from, name)
	sum := sha256.Sum256(content)
	one.tag = base64.RawURLEncoding.EncodeToString(sum[:12])
	return one, err
}

// find returns the file for a path. The web app's own addresses are all the same shell, byte for byte.
func (all *files) find(p string) (file, error) {
	if len(all.byPath) == 0 {
		return file{}, wire.Fail(wire.Unavailable, "The web app is not built into this program. Run make build and start it again.")
	}
	if isView(p) {
		p = "/" + shell
	} else if p == "/"+shell {
		return file{}, wire.Missing() // it has one address
	}
	one, ok := all.byPath[p]
	if !ok {
		return file{}, wire.Missing()
	}
	return one, nil
}

// isView reports whether the web app itself answers the path.
func isView(p string) bool {
	switch p {
	case "/", "/setup", "/join", "/login", "/reset":
		return true
	}
	return strings.HasPrefix(p, "/c/")
}

func (f *Face) file(w http.ResponseWriter, r *http.Request) error {
	one, err := f.files.find(r.URL.Path)
	if err != nil {
		return err
	}
	name, tag := one.name, one.tag
	h := w.Header()
	h.Set("Content-Type", one.media)
	h.Set("Cache-Control", "no-cache")
	if one.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if one.brotli {
		h.Set("Vary", "Accept-Encoding")
		if acceptsBrotli(r) {
			h.Set("Content-Encoding", "br")
			name, tag = name+".br", tag+".br"
		}
	}
	h.Set("ETag", strconv.Quote(tag))
	return f.files.serve(w, r, name)
}

func (all *files) serve(w http.ResponseWriter, r *http.Request, name string) error {
	opened, err := all.from.Open(name)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer opened.Close()
	content, ok := opened.(io.ReadSeeker)
	info, err := opened.Stat()
	if err != nil || !ok {
		return fmt.Errorf("open %s: not a file that can be sought in (%w)", name, err)
	}
	for _, unused := range []string{"Range", "If-Range", "If-Match", "If-Unmodified-Since"} {
		r.Header.Del(unused) // a web app is fetched whole; what ServeContent answers to these has not the one shape of errors
	}
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10)) // ServeContent leaves it out of what is encoded
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// acceptsBrotli reads Accept-Encoding as RFC 9110 section 12.5.3 says, as far as "br" is concerned.
func acceptsBrotli(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
			if !strings.EqualFold(strings.TrimSpace(name), "br") {
				continue
			}
			q, given := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			n, err := strconv.ParseFloat(q, 64)
			return !given || (err == nil && n > 0)
		}
	}
	return false
}
