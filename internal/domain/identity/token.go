package identity

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrScope is the answer to an access token that holds, whose issuer grants rights by scopes, and which carries none
// that grants any. Its suggestions are the scopes that do.
var ErrScope = fault.New(fault.Denied, "identity.insufficient_scope", "The access token carries no scope that grants anything here; sign in again and ask for one.")

// MaxToken is the longest access token, in bytes.
const MaxToken = 8 << 10

// TokenVerifier tells whom an access token stands for.
type TokenVerifier interface {
	// Verify gives the principal of a token that holds: its issuer, the issuer's name for it, and the personas and
	// attributes that its claims stand for. It answers ErrUnauthenticated, with a Reason behind it, to every other
	// token, and also when it cannot be known whether the token holds. To one that holds and grants nothing for want of
	// a scope it answers the principal and ErrScope. Safe for concurrent use.
	Verify(ctx context.Context, token string) (access.Principal, error)
}

// IsToken reports whether text has the form of a signed access token (a JWS in compact serialization, RFC 7515 §7.1):
// three parts with a dot between them. No API key has a dot in it.
func IsToken(text string) bool { return strings.Count(text, ".") == 2 }

// Reason says why a credential does not hold. It is for the operator, and never has a byte of the credential in it.
type Reason string

func (r Reason) Error() string { return string(r) }

// OfItsHolder reports whether only whoever has the right secret of a key can be refused for this: the key was ended, has
// another secret by now, or does not hold where it was shown. Whoever it was has a key of which somebody thinks that it is
// out of use.
func (r Reason) OfItsHolder() bool {
	return slices.Contains([]Reason{errForeign, errRevoked, errExpired, errRotated, errNetwork}, r)
}

// ReasonOf is the reason behind an ErrUnauthenticated, empty when there is none.
func ReasonOf(err error) string {
	reason, _ := errors.AsType[Reason](err)
	return string(reason)
}
