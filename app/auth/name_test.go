package auth

import (
	"strings"
	"testing"
)

// N26.
func TestUsernamesHaveOneSpelling(t *testing.T) {
	for in, want := range map[string]string{"Gurli": "gurli", "ＡＢＣ": "abc", "a.b-c_9": "a.b-c_9", "\u212bke": "", "\u212aai": "kai", "İbo": "ibo"} {
		got, err := username(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("username(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

// Test 26 of SECURITY.md.
func TestUsernamesThatLookAlikeAreRefused(t *testing.T) {
	for _, in := range []string{"", "a", "ab", strings.Repeat("a", 33), "\u0430dmin", "admin\x00", "ad min", "admin\n", "a\u0301bc", "admin\u200b", "\xffabc", "émile"} {
		if got, err := username(in); err == nil {
			t.Errorf("username(%q) = %q, want an error", in, got)
		}
	}
}

func FuzzUsername(f *testing.F) {
	for _, s := range []string{"Gurli", "ＡＢＣ", "\u0130bo", "\u212a--", "a\u0345bc", "ﬃ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := username(s)
		if err != nil {
			return
		}
		if len(name) < minUsername || len(name) > maxUsername || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "" {
			t.Fatalf("username(%q) = %q, outside the set", s, name)
		}
		if again, err := username(name); err != nil || again != name {
			t.Fatalf("username(%q) = %q, but again %q, %v", s, name, again, err)
		}
	})
}
