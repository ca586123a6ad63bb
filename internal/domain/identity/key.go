package identity

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
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

// A key is said to be expiring in the last sixth of its term, or in its last 15 days if that is less.
const (
	warning      = 15 * 24 * time.Hour
	warningShare = 6
)

// Issuer is what access.Principal.Issuer says of a principal who showed an API key.
const Issuer = "key"

const (
	maxName       = 100 // characters
	maxPersonas   = 50
	maxAttributes = 50
	maxValues     = 100 // of one attribute
	maxValueBytes = 256 // of an attribute's name or value
	maxNetworks   = 50
	maxScope      = 50 // rules
)

// Faults of issuing a key.
var (
	ErrName       = fault.New(fault.Invalid, "identity.name", "A key needs a name of 1 to 100 printable characters that says whose it is.")
	ErrPersonas   = fault.New(fault.Invalid, "identity.personas", "A key needs 1 to 50 different personas, by their names.")
	ErrAttributes = fault.New(fault.Invalid, "identity.attributes", "A key has at most 50 attributes of at most 100 values, each name and value 1 to 256 printable characters.")
	ErrNetworks   = fault.New(fault.Invalid, "identity.networks", "A key has at most 50 networks, each written as its first address and its length, such as 10.1.0.0/16.")
	ErrNarrowing  = fault.New(fault.Invalid, "identity.scope", "A key's scope is at most 50 rules, each of actions and targets as personas have them.")
	ErrLifetime   = fault.New(fault.Invalid, "identity.lifetime", "A key lives longer than nothing and at most 366 days.")
)

// Grant is what a new key is for.
type Grant struct {
	Name       string              // for people, who holds it
	Personas   []string            // names; whether they exist is not this package's knowledge
	Attributes map[string][]string // what policies may ask of the person
	Lifetime   time.Duration       // zero takes DefaultLifetime
	Scope      []access.Rule       // what of the personas' rights the key carries; empty for all of them
	Networks   []netip.Prefix      // from where the key holds; empty for everywhere
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
	case len(g.Networks) > maxNetworks || slices.ContainsFunc(g.Networks, badNetwork):
		return ErrNetworks
	case len(g.Scope) > maxScope:
		return ErrNarrowing
	}
	if _, err := access.NewScope(g.Scope); err != nil {
		return ErrNarrowing.Saying("The scope cannot be used: %s", err.Error())
	}
	return nil
}

func badNetwork(n netip.Prefix) bool { return !n.IsValid() || n != n.Masked() || n.Addr().Is4In6() }

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
type Key struct {
	s     Snapshot
	scope func() *access.Scope // s.Scope, compiled once
}

// Snapshot is a key's state, on its way to or from storage. Times are UTC and whole microseconds.
type Snapshot struct {
	Terms
	Name       string
	Personas   []string
	Attributes map[string][]string
	Created    time.Time
	Issued     time.Time // when the term began that ends with Expires: with Created, or with the last rotation
	Scope      []access.Rule
	Networks   []netip.Prefix

	Used     time.Time // when the key was last let in, to about a minute; zero when it never was
	UsedFrom string    // the address that it came from then
}

// Restore makes the key that Snapshot told of.
func Restore(s Snapshot) *Key {
	k := &Key{s: s.clone()}
	k.scope = sync.OnceValue(func() *access.Scope { return compiled(k.s.Scope) })
	return k
}

func compiled(rules []access.Rule) *access.Scope {
	scope, err := access.NewScope(rules)
	if err != nil {
		return &access.Scope{}
	}
	return scope
}

// Snapshot tells k's state; changing it changes no key.
func (k *Key) Snapshot() Snapshot { return k.s.clone() }

// Terms is what decides whether a secret of k holds; of nil they are the zero Terms.
func (k *Key) Terms() Terms {
	if k == nil {
		return Terms{}
	}
	return k.s.Terms
}

func (s Snapshot) clone() Snapshot {
	s.Personas = slices.Clone(s.Personas)
	s.Attributes = cloneAttributes(s.Attributes)
	s.Networks = slices.Clone(s.Networks)
	s.Scope = access.CloneRules(s.Scope)
	return s
}

func cloneAttributes(attributes map[string][]string) map[string][]string {
	attributes = maps.Clone(attributes)
	for name, values := range attributes {
		attributes[name] = slices.Clone(values)
	}
	return attributes
}

// UsedFrom is the address that the key was last used from, as far as the store knows; empty when it never was.
func (k *Key) UsedFrom() string { return k.s.UsedFrom }

// ID names the key.
func (k *Key) ID() KeyID { return k.s.ID }

// Revoke ends the key for good. A key that is revoked already keeps the time of the first revocation.
func (k *Key) Revoke(now time.Time) {
	if k.s.Revoked.IsZero() {
		k.s.Revoked = now.UTC().Truncate(time.Microsecond)
	}
}

// State says how a key stands. An expiring key is active still, and a rotation makes it active again; nothing leaves
// expired or revoked.
type State string

// The states.
const (
	Active   State = "active"
	Expiring State = "expiring"
	Expired  State = "expired"
	Revoked  State = "revoked"
)

// Holds reports whether a key in this state lets its holder in.
func (s State) Holds() bool { return s == Active || s == Expiring }

// State is how the key stood at now. A key that is both is Revoked.
func (s Snapshot) State(now time.Time) State {
	switch {
	case !s.Revoked.IsZero():
		return Revoked
	case !now.Before(s.Expires):
		return Expired
	case !now.Before(s.Expires.Add(-min(warning, s.Expires.Sub(s.Issued)/warningShare))):
		return Expiring
	}
	return Active
}

// holdsFrom reports whether the key may be used from that address.
func (s Snapshot) holdsFrom(from netip.Addr) bool {
	return len(s.Networks) == 0 ||
		slices.ContainsFunc(s.Networks, func(n netip.Prefix) bool { return n.Contains(from.Unmap().WithZone("")) })
}

// UnusedSince reports whether the key holds at now but has let nobody in since that moment, nor was issued since.
func (s Snapshot) UnusedSince(moment, now time.Time) bool {
	return s.State(now).Holds() && s.Used.Before(moment) && s.Issued.Before(moment)
}

// Principal is whom the key stands for at now; changing it changes no key. A scope that no longer compiles carries no right at
// all. Safe for concurrent use as long as nothing changes the key.
func (k *Key) Principal(now time.Time) access.Principal {
	p := access.Principal{
		Issuer: Issuer, Subject: k.s.ID.String(), Name: k.s.Name, Personas: slices.Clone(k.s.Personas),
		Attributes: cloneAttributes(k.s.Attributes), Scope: k.scope(), Expires: k.s.Expires,
	}
	if k.s.State(now) == Expiring {
		p.Expiring = p.Expires
	}
	return p
}
