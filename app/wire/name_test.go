package wire_test

import (
	"strings"
	"testing"

	"chatalot/app/wire"
)

func TestNamesKeepWhatPeopleWrite(t *testing.T) {
	for in, want := range map[string]string{"  Gurli Birk ": "Gurli Birk", "Ægir": "Ægir", "陳大文": "陳大文", "e\u0301": "é", "👩‍👩‍👧": "👩‍👩‍👧", "محمد": "محمد",
		strings.Repeat("ø", 60): strings.Repeat("ø", 60)} {
		if got, err := wire.CleanName("name", in); err != nil || got != want {
			t.Errorf("CleanName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestNamesCannotDisguiseThemselves(t *testing.T) {
	for _, in := range []string{"", "   ", "\u3164", "a\u202eb", "a\u2066b", "a\u200eb", "a\nb", "a\x00b", "a\u2028b", "\u200d", "\u0301", "a\u200bb", "\xff", "\ufeffx", strings.Repeat("ø", 61)} {
		if got, err := wire.CleanName("name", in); err == nil {
			t.Errorf("CleanName(%q) = %q, want an error", in, got)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("  Gurli Birk ")
	f.Add("a\u202eb")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := wire.CleanName("name", s)
		if err != nil {
			return
		}
		if again, err := wire.CleanName("name", name); err != nil || again != name {
			t.Fatalf("CleanName(%q) = %q, but again %q, %v", s, name, again, err)
		}
	})
}
