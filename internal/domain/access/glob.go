package access

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// MaxPattern is the longest pattern that compiles, in bytes.
const MaxPattern = 256

// ErrPattern is why a pattern does not compile; its message says what is wrong with this one.
var ErrPattern = fault.New(fault.Invalid, "access.pattern", "The pattern is not a glob of literal characters, * and ?.")

// Glob is a compiled pattern: * stands for any run of characters, none included, ? for exactly one, every other
// character for itself, case included. It matches a whole name, never a part of one. The zero value matches only
// the empty name.
type Glob struct {
	prefix string // the literal characters before the first wildcard
	rest   string // the first wildcard and what follows
}

// ParseGlob compiles a pattern, or answers ErrPattern. Brackets, braces and backslashes are refused, because in
// other dialects they mean something, and a rule that silently never matches is a hole when it is a deny.
func ParseGlob(pattern string) (Glob, error) {
	switch {
	case pattern == "":
		return Glob{}, ErrPattern.Saying("A pattern must not be empty; * matches everything.")
	case len(pattern) > MaxPattern:
		return Glob{}, ErrPattern.Saying("A pattern has at most %d bytes.", MaxPattern)
	case !utf8.ValidString(pattern):
		return Glob{}, ErrPattern.Saying("A pattern must be valid UTF-8.")
	case strings.TrimSpace(pattern) != pattern:
		return Glob{}, ErrPattern.Saying("A pattern must not begin or end with a space.")
	case strings.ContainsFunc(pattern, unicode.IsControl):
		return Glob{}, ErrPattern.Saying("A pattern must not hold control characters.")
	case strings.ContainsAny(pattern, `[]{}\`):
		return Glob{}, ErrPattern.Saying(`A pattern knows only * and ?; write one pattern for each alternative, and ? for a literal [ ] { } or \.`)
	}
	first := strings.IndexAny(pattern, "*?")
	if first < 0 {
		first = len(pattern)
	}
	return Glob{prefix: pattern[:first], rest: pattern[first:]}, nil
}

// Match reports whether g stands for the whole of name. It does not allocate, and takes at most
// len(name) × len(pattern) steps: only the last * is ever tried again, since an earlier one that reached it
// cannot do better by taking more.
func (g Glob) Match(name string) bool {
	rest, ok := strings.CutPrefix(name, g.prefix)
	if !ok {
		return false
	}
	switch g.rest {
	case "":
		return rest == ""
	case "*":
		return true
	}
	return matchWild(g.rest, rest)
}

func matchWild(pattern, name string) bool {
	p, n := 0, 0
	star, resume := -1, 0 // the last * seen, and where its run ends at present
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, n
			p++
		case p < len(pattern) && pattern[p] == '?':
			p, n = p+1, n+width(name[n:])
		case p < len(pattern) && pattern[p] == name[n]:
			p, n = p+1, n+1
		case star >= 0:
			resume += width(name[resume:])
			p, n = star+1, resume
		default:
			return false
		}
	}
	return strings.TrimLeft(pattern[p:], "*") == ""
}

// width is the length of the first character of s; a byte that is not UTF-8 counts as a character.
func width(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
