package toolapp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// How long a purpose is, in characters.
const (
	shortestPurpose = 3
	longestPurpose  = 200
)

// ErrPurpose answers a call that does not say what it is for, though a persona of the caller's asks for that.
var ErrPurpose = fault.New(fault.Denied, "tool.purpose",
	`Say what this call is for: put "steward/purpose" with 3 to 200 printable characters into _meta of the request's params.`)

// Obliging tells what policy asks of a principal beyond deciding what it may; access.DataPolicy does.
type Obliging interface {
	Obligations(p access.Principal) access.Obligations
}

func validPurpose(text string) bool {
	n := utf8.RuneCountInString(strings.TrimSpace(text))
	return n >= shortestPurpose && utf8.RuneCountInString(text) <= longestPurpose && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
