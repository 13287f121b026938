package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const tools = "https://tools.example.org"

func fromOrigin(origin string) func(*http.Request) { return header("Origin", origin) }

func asking(method string) func(*http.Request) {
	return header("Access-Control-Request-Method", method)
}

// Every route of every class, for every kind of origin, asked outright and by preflight.
func TestOtherOriginsReadOnlyWhatTakesABearerToken(t *testing.T) {
	for _, anyOrigin := range []bool{false, true} {
		p := openPlace(t, t.TempDir(), "", builtApp(), func(o *Options) { o.CORS = CORS{Any: anyOrigin, Origins: []string{tools}} })
		p.setUp()
		listed := map[string]bool{p.url: true, tools: true, "tauri://localhost": true, "http://tauri.localhost": true, "https://tauri.localhost": true}
		for _, origin := range []string{"", p.url, tools, "tauri://localhost", "http://tauri.localhost", "https://tauri.localhost", "https://evil.example",
			"null", tools + ".evil.example", "https://Tools.example.org", tools + ":443", tools + "/", "http://tools.example.org", "tauri://evil"} {
			want := ""
			if anyOrigin {
				want = "*"
			} else if listed[origin] {
				want = origin
			}
			for _, r := range p.face.routes {
				name := r.method + " " + r.pattern + " from " + origin
				path := fillIn(r.pattern)
				got := p.call(r.method, path, "", nil, fromOrigin(origin))
				asked := p.call("OPTIONS", path, "", nil, fromOrigin(origin), asking(r.method))
				if got.header.Get("Access-Control-Allow-Credentials") != "" || asked.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s: with credentials", name)
				}
				if !r.class.bearer() {
					if corsHeaders(got) != "" || corsHeaders(asked) != "" || asked.status != 405 {
						t.Errorf("%s (%s): %s; preflight %d %s", name, r.class, corsHeaders(got), asked.status, corsHeaders(asked))
					}
					continue
				}
				if got.header.Get("Access-Control-Allow-Origin") != want || !slices.Contains(got.header.Values("Vary"), "Origin") {
					t.Errorf("%s: allows %q, want %q; %v", name, got.header.Get("Access-Control-Allow-Origin"), want, got.header)
				}
				preflighted(t, name, asked, r.method, origin, want)
			}
		}
	}
}

func preflighted(t *testing.T, name string, asked answer, method, origin, want string) {
	t.Helper()
	h := asked.header
	if !slices.Contains(h.Values("Vary"), "Origin") || h.Get("Set-Cookie") != "" {
		t.Errorf("%s: preflight %v", name, h)
	}
	switch {
	case origin == "":
		if asked.status != 405 || !strings.Contains(h.Get("Allow"), method) {
			t.Errorf("%s: OPTIONS that is no preflight: %d %v", name, asked.status, h)
		}
	case want == "":
		if asked.status != 403 || corsHeaders(asked) != "" {
			t.Errorf("%s: preflight %d %s", name, asked.status, corsHeaders(asked))
		}
	case asked.status != 204 || h.Get("Access-Control-Allow-Origin") != want || !slices.Contains(strings.Split(h.Get("Access-Control-Allow-Methods"), ", "), method) ||
		h.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type" || h.Get("Access-Control-Max-Age") != "7200":
		t.Errorf("%s: preflight %d %v", name, asked.status, h)
	}
}

// corsHeaders is every header of an answer that lets another origin do something.
func corsHeaders(a answer) string {
	var found []string
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			found = append(found, name)
		}
	}
	return strings.Join(found, " ")
}

func TestTheSocketTakesTheListToo(t *testing.T) {
	for _, anyOrigin := range []bool{false, true} { // what "any" opens is what a page can call with a token in a header
		p := openPlace(t, t.TempDir(), "", builtApp(), func(o *Options) { o.CORS = CORS{Any: anyOrigin, Origins: []string{tools}} })
		p.setUp()
		for origin, want := range map[string]int{tools: 101, "tauri://localhost": 101, "http://tauri.localhost": 101, "https://evil.example": 403, "null": 403, tools + ".evil.example": 403} {
			_, res, _ := p.dial(func(h http.Header) { h.Set("Origin", origin) })
			if res == nil || res.StatusCode != want {
				t.Errorf("%s: %v, want %d", origin, res, want)
			}
		}
	}
}

func TestTheListOpensNoCookieRoute(t *testing.T) {
	p := openPlace(t, t.TempDir(), "", builtApp(), func(o *Options) { o.CORS = CORS{Any: true, Origins: []string{tools}} })
	p.setUp()
	for _, origin := range []string{tools, "tauri://localhost"} {
		if got := p.call("POST", "/api/auth/login", "", loginByCookie, fromOrigin(origin)); got.status != 403 || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s signs in: %d %v", origin, got.status, got.header)
		}
	}
}
