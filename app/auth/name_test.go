package auth

import (
	"strings"
	"testing"
)

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

func TestDisplayNamesKeepWhatPeopleWrite(t *testing.T) {
	for in, want := range map[string]string{"  Gurli Birk ": "Gurli Birk", "Ægir": "Ægir", "陳大文": "陳大文", "e\u0301": "é", "👩‍👩‍👧": "👩‍👩‍👧", "محمد": "محمد",
		strings.Repeat("ø", 60): strings.Repeat("ø", 60)} {
		if got, err := displayName("display_name", in); err != nil || got != want {
			t.Errorf("displayName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestDisplayNamesCannotDisguiseThemselves(t *testing.T) {
	for _, in := range []string{"", "   ", "\u3164", "a\u202eb", "a\u2066b", "a\u200eb", "a\nb", "a\x00b", "a\u2028b", "\u200d", "\u0301", "a\u200bb", "\xff", "\ufeffx", strings.Repeat("ø", 61)} {
		if got, err := displayName("display_name", in); err == nil {
			t.Errorf("displayName(%q) = %q, want an error", in, got)
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

func FuzzDisplayName(f *testing.F) {
	f.Add("  Gurli Birk ")
	f.Add("a\u202eb")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := displayName("display_name", s)
		if err != nil {
			return
		}
		if again, err := displayName("display_name", name); err != nil || again != name {
			t.Fatalf("displayName(%q) = %q, but again %q, %v", s, name, again, err)
		}
	})
}
