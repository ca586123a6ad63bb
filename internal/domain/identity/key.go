package identity

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// How long a key lives: DefaultLifetime when nothing is said, else between MinLifetime and MaxLifetime.
const (
	MinLifetime     = time.Microsecond // the least that the state can tell apart
	DefaultLifetime = 90 * 24 * time.Hour
	MaxLifetime     = 366 * 24 * time.Hour
)

// Issuer is what access.Principal.Issuer says of a principal who showed an API key.
const Issuer = "key"

const (
	maxName       = 100 // characters
	maxPersonas   = 50
	maxAttributes = 50
	maxValues     = 100 // of one attribute
	maxValueBytes = 256 // of an attribute's name or value
)

// Faults of issuing a key.
var (
	ErrName       = fault.New(fault.Invalid, "identity.name", "A key needs a name of 1 to 100 printable characters that says whose it is.")
	ErrPersonas   = fault.New(fault.Invalid, "identity.personas", "A key needs 1 to 50 different personas, by their names.")
	ErrAttributes = fault.New(fault.Invalid, "identity.attributes", "A key has at most 50 attributes of at most 100 values, each name and value 1 to 256 printable characters.")
	ErrLifetime   = fault.New(fault.Invalid, "identity.lifetime", "A key lives longer than nothing and at most 366 days.")
)

// Grant is what a new key is for.
type Grant struct {
	Name       string              // for people, who holds it
	Personas   []string            // names; whether they exist is not this package's knowledge
	Attributes map[string][]string // what policies may ask of the person
	Lifetime   time.Duration       // zero takes DefaultLifetime
}

func (g Grant) check() error {
	switch {
	case utf8.RuneCountInString(g.Name) > maxName || !printable(g.Name):
		return ErrName
	case len(g.Personas) == 0 || len(g.Personas) > maxPersonas || !distinctPersonas(g.Personas):
		return ErrPersonas
	case !ValidAttributes(g.Attributes):
		return ErrAttributes
	case g.Lifetime != 0 && (g.Lifetime < MinLifetime || g.Lifetime > MaxLifetime):
		return ErrLifetime
	}
	return nil
}

func distinctPersonas(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(slices.Compact(sorted)) == len(names) &&
		!slices.ContainsFunc(names, func(n string) bool { return !access.ValidPersonaName(n) })
}

// ValidAttributes reports whether a principal may have these attributes: no more than 50, of no more than 100 values,
// each name and value of 1 to 256 printable characters.
func ValidAttributes(attributes map[string][]string) bool {
	if len(attributes) > maxAttributes {
		return false
	}
	for name, values := range attributes {
		if len(values) > maxValues || slices.ContainsFunc(append([]string{name}, values...), badValue) {
			return false
		}
	}
	return true
}

func badValue(v string) bool { return len(v) > maxValueBytes || !printable(v) }

func printable(s string) bool {
	return s != "" && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Key is an API key as Steward keeps it: everything but the secret, of which it has a digest. Authority.Issue makes
// one; it is not safe for concurrent use.
type Key struct{ s Snapshot }

// Snapshot is a key's state, on its way to or from storage. Times are UTC and whole microseconds.
type Snapshot struct {
	ID         KeyID
	Name       string
	Env        string
	Personas   []string
	Attributes map[string][]string
	Digest     [32]byte // HMAC-SHA-256 under the pepper of the key's text without its checksum
	Created    time.Time
	Expires    time.Time
	Revoked    time.Time // zero while it is not
}

// Restore makes the key that Snapshot told of.
func Restore(s Snapshot) *Key { return &Key{s: s.clone()} }

// Snapshot tells k's state; changing it changes no key.
func (k *Key) Snapshot() Snapshot { return k.s.clone() }

func (s Snapshot) clone() Snapshot {
	s.Personas = slices.Clone(s.Personas)
	s.Attributes = maps.Clone(s.Attributes)
	for name, values := range s.Attributes {
		s.Attributes[name] = slices.Clone(values)
	}
	return s
}

// ID names the key.
func (k *Key) ID() KeyID { return k.s.ID }

// Revoke ends the key for good. A key that is revoked already keeps the time of the first revocation.
func (k *Key) Revoke(now time.Time) {
	if k.s.Revoked.IsZero() {
		k.s.Revoked = now.UTC().Truncate(time.Microsecond)
	}
}

// State says how a key stands: it never leaves expired or revoked for active.
type State string

// The states.
const (
	Active  State = "active"
	Expired State = "expired"
	Revoked State = "revoked"
)

// State is how the key stood at now. A key that is both is Revoked.
func (s Snapshot) State(now time.Time) State {
	switch {
	case !s.Revoked.IsZero():
		return Revoked
	case !now.Before(s.Expires):
		return Expired
	}
	return Active
}

// Principal is whom the key stands for.
func (k *Key) Principal() access.Principal {
	s := k.s.clone()
	return access.Principal{Issuer: Issuer, Subject: s.ID.String(), Name: s.Name, Personas: s.Personas, Attributes: s.Attributes}
}
