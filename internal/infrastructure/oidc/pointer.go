package oidc

import (
	"strconv"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrPointer is what ParsePointer answers to a text that is no pointer to a claim.
var ErrPointer = fault.New(fault.Invalid, "oidc.pointer", "A claim is named by a JSON pointer: a slash before each name on the way to it, as in /groups or /realm_access/roles; a slash in a name is written ~1, a tilde ~0.")

const (
	maxPointer      = 512 // bytes
	maxPointerDepth = 16
)

// Pointer names a claim, or a value inside one (RFC 6901). The zero value names none.
type Pointer struct{ names []string }

// ParsePointer reads a pointer. The empty one, which RFC 6901 lets name all claims together, is ErrPointer here.
func ParsePointer(text string) (Pointer, error) {
	rest, ok := strings.CutPrefix(text, "/")
	if !ok || len(text) > maxPointer {
		return Pointer{}, ErrPointer
	}
	names := strings.Split(rest, "/")
	if len(names) > maxPointerDepth {
		return Pointer{}, ErrPointer
	}
	for i, name := range names {
		plain := strings.NewReplacer("~0", "", "~1", "").Replace(name)
		if strings.Contains(plain, "~") {
			return Pointer{}, ErrPointer
		}
		names[i] = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
	}
	return Pointer{names: names}, nil
}

// IsZero reports whether p names nothing.
func (p Pointer) IsZero() bool { return len(p.names) == 0 }

// find gives the value that p names in claims, nil when there is none.
func (p Pointer) find(claims map[string]any) any {
	if p.IsZero() {
		return nil
	}
	var value any = claims
	for _, name := range p.names {
		switch around := value.(type) {
		case map[string]any:
			value = around[name]
		case []any:
			value = element(around, name)
		default:
			return nil
		}
	}
	return value
}

// element follows RFC 6901 §4: digits without a leading zero.
func element(list []any, index string) any {
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(list) || strconv.Itoa(i) != index {
		return nil
	}
	return list[i]
}
