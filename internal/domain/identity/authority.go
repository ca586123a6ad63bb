package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrUnauthenticated is the one answer to every credential that does not hold, whatever the reason; its cause has
// the reason, for the operator.
var ErrUnauthenticated = fault.New(fault.Unauthenticated, "identity.unauthenticated", "No valid API key or access token was presented; ask the operator of this server for one.")

// ErrPepper is what NewPepper answers to a secret that is too short.
var ErrPepper = fault.New(fault.Invalid, "identity.pepper", "The pepper of the API keys needs at least 32 bytes; `openssl rand -hex 32` makes one.")

// MinPepper is the shortest pepper, in bytes.
const MinPepper = 32

// Pepper is the secret that turns a key's text into its digest. It is kept apart from the digests, so that whoever
// steals or edits the store can neither test guesses nor plant a key. It prints as [redacted].
type Pepper struct { // of functions, for the reason that Credential gives
	secret func() []byte
	macs   func() *sync.Pool // of hash.Hash: each has the secret in it already, which takes as long as the rest
}

// NewPepper makes a pepper of secret bytes, at least MinPepper of them.
func NewPepper(secret []byte) (Pepper, error) {
	if len(secret) < MinPepper {
		return Pepper{}, ErrPepper
	}
	own := slices.Clone(secret)
	macs := &sync.Pool{New: func() any { return hmac.New(sha256.New, own) }}
	return Pepper{secret: func() []byte { return own }, macs: func() *sync.Pool { return macs }}, nil
}

var (
	_ fmt.Formatter          = Pepper{}
	_ encoding.TextMarshaler = Pepper{}
)

// Format prints [redacted] for every verb and flag.
func (Pepper) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// MarshalText gives [redacted], to JSON as to every other encoder.
func (Pepper) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Authority issues the keys of one environment and tells whether a credential holds. It is safe for concurrent use.
type Authority struct {
	pepper Pepper
	env    string
}

// NewAuthority makes the authority of an environment: ErrEnv to a tag that is none, ErrPepper to the zero Pepper.
func NewAuthority(pepper Pepper, env string) (Authority, error) {
	if !ValidEnv(env) {
		return Authority{}, ErrEnv
	}
	if pepper.secret == nil {
		return Authority{}, ErrPepper
	}
	return Authority{pepper: pepper, env: env}, nil
}

// Issue makes a key for g and its credential, which cannot be had again. The key is not yet kept anywhere.
func (a Authority) Issue(g Grant, now time.Time) (*Key, Credential, error) {
	if err := g.check(); err != nil {
		return nil, Credential{}, err
	}
	c, err := Generate(a.env)
	if err != nil {
		return nil, Credential{}, err
	}
	if g.Lifetime == 0 {
		g.Lifetime = DefaultLifetime
	}
	created := now.UTC().Truncate(time.Microsecond)
	k := Restore(Snapshot{
		Terms: Terms{ID: c.ID(), Env: a.env, Digest: a.digest(c), Expires: created.Add(g.Lifetime)},
		Name:  g.Name, Personas: g.Personas, Attributes: g.Attributes, Created: created, Issued: created, Scope: g.Scope, Networks: g.Networks,
	})
	return k, c, nil
}

// The reasons behind ErrUnauthenticated.
const (
	errForm    = Reason("the text is neither a key nor an access token")
	errUnknown = Reason("no key has this id")
	errForeign = Reason("the key is for another environment")
	errSecret  = Reason("the secret is not the key's")
	errRevoked = Reason("the key is revoked")
	errExpired = Reason("the key has expired")
	errRotated = Reason("the key has a newer secret, and the time of the old one is over")
	errNetwork = Reason("the key does not hold at this address")
)

// Proof is that somebody has a secret of a key. It is proof of that key's state only: of a change it knows nothing.
type Proof struct {
	key *Key
	old bool // the secret is the one from before the last rotation
}

// Prove is Verify of a whole key, which is nil when there is none, used from an address: one where it does not hold is refused as
// the rest.
func (a Authority) Prove(k *Key, c Credential, from netip.Addr, now time.Time) (Proof, error) {
	old, err := a.verify(k.Terms(), c, now)
	if err != nil {
		return Proof{}, err
	}
	p := Proof{key: k, old: old}
	if err := p.Holds(from, now); err != nil {
		return Proof{}, err
	}
	return p, nil
}

// Holds is what Prove would say at another time or of another address.
func (p Proof) Holds(from netip.Addr, now time.Time) error {
	reason := p.key.s.end(p.old, now)
	if reason == nil && !p.key.s.holdsFrom(from) {
		reason = errNetwork
	}
	if reason != nil {
		return ErrUnauthenticated.Because(reason)
	}
	return nil
}

// Key is the key.
func (p Proof) Key() *Key { return p.key }

// Until is when the secret will not hold any more: with the key's term, or with the overlap if that is earlier and it is the one from
// before the last rotation.
func (p Proof) Until() time.Time {
	if p.old && p.key.s.PreviousUntil.Before(p.key.s.Expires) {
		return p.key.s.PreviousUntil
	}
	return p.key.s.Expires
}

// digest binds the secret to the id and environment beside it: a digest that is copied to another row is worthless.
func (a Authority) digest(c Credential) [32]byte {
	pool := a.pepper.macs()
	mac, _ := pool.Get().(hash.Hash)
	defer pool.Put(mac)
	mac.Reset()
	mac.Write([]byte(c.signed()))
	return [32]byte(mac.Sum(make([]byte, 0, sha256.Size)))
}
