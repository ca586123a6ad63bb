package access_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/access"
)

func TestGlob_MatchesWholeNames(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"revenue", "revenue", true},
		{"revenue", "revenue_total", false},
		{"revenue", "Revenue", false},
		{"revenue", "total_revenue", false},
		{"*", "", true},
		{"*", "anything at all", true},
		{"?", "", false},
		{"?", "a", true},
		{"?", "é", true},
		{"??", "é", false},
		{"*??", "€", false},
		{"customer__*", "customer__region", true},
		{"customer__*", "customer__", true},
		{"customer__*", "customer_", false},
		{"*__region", "order__customer__region", true},
		{"*__region", "region", false},
		{"a*b*c", "aXbXbc", true},
		{"a*b*c", "acb", false},
		{"**", "", true},
		{"a**?", "a", false},
		{"tool", "tool\x00", false},
		{"tool", "t\u043eol", false},
	} {
		g, err := access.ParseGlob(c.pattern)
		if err != nil {
			t.Fatalf("ParseGlob(%q): %v", c.pattern, err)
		}
		if got := g.Match(c.name); got != c.want {
			t.Errorf("%q matches %q = %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

func TestParseGlob_RefusesWhatItDoesNotKnow(t *testing.T) {
	long := strings.Repeat("a", access.MaxPattern)
	if _, err := access.ParseGlob(long); err != nil {
		t.Errorf("a pattern of %d bytes: %v", len(long), err)
	}
	for _, pattern := range []string{"", long + "a", "\xff", " a", "a\t", "a\nb", "[ab]", "{a,b}", `a\*`} {
		if _, err := access.ParseGlob(pattern); !errors.Is(err, access.ErrPattern) {
			t.Errorf("ParseGlob(%q) = %v, want ErrPattern", pattern, err)
		}
	}
}

// A matcher that backtracks without memory needs more steps than there are atoms for this one.
func TestGlob_IsNotLedAstray(t *testing.T) {
	g, err := access.ParseGlob(strings.Repeat("a*", 100) + "b")
	if err != nil {
		t.Fatal(err)
	}
	if g.Match(strings.Repeat("a", 10_000)) {
		t.Error("a pattern that ends in b matches a name without one")
	}
}

func FuzzGlob_AgreesWithTheReference(f *testing.F) {
	for _, seed := range [][2]string{{"a*b", "axxb"}, {"*?é*", "aéé"}, {"??", "\xff\xfe"}, {"*a*a*", "aaa"}, {"", ""}, {"*??", "€"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(name) > 200 {
			return
		}
		g, err := access.ParseGlob(pattern)
		if err != nil {
			return
		}
		if got, want := g.Match(name), reference(characters(pattern), characters(name)); got != want {
			t.Errorf("%q matches %q = %v, the reference says %v", pattern, name, got, want)
		}
	})
}

// reference fills the table of which beginnings of the pattern match which beginnings of the name.
func reference(pattern, name []string) bool {
	match := make([][]bool, len(pattern)+1)
	for p := range match {
		match[p] = make([]bool, len(name)+1)
		for n := range match[p] {
			switch {
			case p == 0:
				match[p][n] = n == 0
			case pattern[p-1] == "*":
				match[p][n] = match[p-1][n] || n > 0 && match[p][n-1]
			case n > 0 && (pattern[p-1] == "?" || pattern[p-1] == name[n-1]):
				match[p][n] = match[p-1][n-1]
			}
		}
	}
	return match[len(pattern)][len(name)]
}

func characters(s string) []string {
	var out []string
	for len(s) > 0 {
		_, n := utf8.DecodeRuneInString(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}
