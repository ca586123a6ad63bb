package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	released  = regexp.MustCompile(`(?m)^## \[(Unreleased|\d+\.\d+)(?:\.\d+)?\]`)
	supported = regexp.MustCompile(`(?m)^\| (Unreleased|\d+\.\d+)(?:\.x)? \| yes`)
)

// unsupported is the newest version of a changelog, if a policy does not say that it gets security fixes.
func unsupported(changelog, policy string) string {
	var newest string
	for _, m := range released.FindAllStringSubmatch(changelog, -1) {
		if newest == "" || newest == "Unreleased" {
			newest = m[1]
		}
	}
	for _, m := range supported.FindAllStringSubmatch(policy, -1) {
		if m[1] == newest {
			return ""
		}
	}
	return newest
}

func TestSecurity_SupportsTheNewestVersion(t *testing.T) {
	if left := unsupported(read(t, "CHANGELOG.md"), read(t, "SECURITY.md")); left != "" {
		t.Errorf("SECURITY.md does not say that %s gets security fixes", left)
	}
	const policy = "| Version | Gets security fixes |\n|---|---|\n| 1.4.x | yes |\n| 1.3.x | no |\n"
	for changelog, want := range map[string]string{
		"## [Unreleased]\n## [1.4.2] - 2026-01-01\n## [1.3.0]": "", "## [1.4.0]": "", "## [Unreleased]\n## [1.5.0]\n## [1.4.2]": "1.5",
		"## [1.3.9]": "1.3", "## [Unreleased]": "Unreleased",
	} {
		if got := unsupported(changelog, policy); got != want {
			t.Errorf("of %q %q is left out, want %q", changelog, got, want)
		}
	}
}

// Whoever reports a weakness is promised each of the terms once: two numbers for one thing would be none.
func TestSecurity_PromisesEachTermOnce(t *testing.T) {
	reporting, _, _ := strings.Cut(read(t, "SECURITY.md"), "## Supported versions")
	var terms []string
	for _, m := range regexp.MustCompile(`(?m)^\| within (\d+ (?:hours|days)) \|`).FindAllStringSubmatch(reporting, -1) {
		terms = append(terms, m[1])
	}
	if want := []string{"48 hours", "7 days", "30 days", "90 days"}; !slices.Equal(terms, want) || strings.Count(reporting, "within") != len(want) {
		t.Errorf("the terms are %q, want %q", terms, want)
	}
	for _, word := range []string{"privately", "not in a public issue", "what you did", "advisory", "names whoever reported"} {
		if !strings.Contains(strings.ToLower(reporting), word) {
			t.Errorf("nothing is said of %q", word)
		}
	}
}
