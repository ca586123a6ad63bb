package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrStaticSecret is what Authority.Static answers to a text that may not be a key.
var ErrStaticSecret = fault.New(fault.Invalid, "identity.static_secret", "A key of one's own choice has 32 to 512 characters of A-Z, a-z, 0-9, _ and -, and does not begin with stw_; `openssl rand -hex 32` makes one.")

const (
	minStaticSecret = 32
	maxStaticSecret = 512
	// staticDomain keeps the digests of static keys apart from those of kept ones, whose input begins with scheme.
	staticDomain = "static" + separator
)

// ValidStaticSecret reports whether text may be a static key: long enough not to be guessed, made of characters that
// every client can send, and not to be confused with a key that Steward made.
func ValidStaticSecret(text string) bool {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	return len(text) >= minStaticSecret && len(text) <= maxStaticSecret && strings.Trim(text, characters) == "" &&
		!strings.HasPrefix(text, scheme+separator)
}

// StaticKey is an API key that is configured rather than issued: its holder's choice of a text, of which only the
// digest is kept, and only for as long as the process runs. It holds until it is configured otherwise. The zero value
// is no key, and nobody's text is its.
type StaticKey struct {
	digest [32]byte
	holder access.Principal
}

// Static makes the key whose text is secret, or answers ErrStaticSecret. name is the subject of its principal. It is no
// KeyID, so the principals of two keys are never the same.
func (a Authority) Static(name, secret string, personas ...string) (StaticKey, error) {
	if !ValidStaticSecret(secret) {
		return StaticKey{}, ErrStaticSecret
	}
	holder := access.Principal{Issuer: Issuer, Subject: name, Name: name, Personas: slices.Clone(personas)}
	return StaticKey{digest: a.staticDigest(secret), holder: holder}, nil
}

// Recognize gives the principal of k when presented is its text, else ErrUnauthenticated, with the reason of a text
// that is no key. What is too long to be any static key takes no work; all else takes the same, whether there is a
// key or not, and wherever the two texts first differ.
func (a Authority) Recognize(k StaticKey, presented string) (access.Principal, error) {
	if len(presented) > maxStaticSecret {
		return access.Principal{}, ErrUnauthenticated.Because(errForm)
	}
	sum := a.staticDigest(presented)
	holds := hmac.Equal(sum[:], k.digest[:]) // in constant time
	if !holds || k.holder.IsZero() {
		return access.Principal{}, ErrUnauthenticated.Because(errForm)
	}
	holder := k.holder
	holder.Personas = slices.Clone(holder.Personas)
	return holder, nil
}

func (a Authority) staticDigest(text string) [32]byte {
	mac := hmac.New(sha256.New, a.pepper.secret())
	mac.Write([]byte(staticDomain + text))
	var sum [32]byte
	mac.Sum(sum[:0])
	return sum
}
