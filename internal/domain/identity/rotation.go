package identity

import (
	"crypto/rand"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// How long the old secret of a key that is rotated holds beside the new one: DefaultOverlap when nothing is said to the
// operator's commands, at most MaxOverlap.
const (
	DefaultOverlap = 24 * time.Hour
	MaxOverlap     = 7 * 24 * time.Hour
)

// Faults of rotating a key.
var (
	ErrOverlap = fault.New(fault.Invalid, "identity.overlap", "The old secret of a key holds beside the new one for at most 7 days (168h); 0 ends it at once.")
	ErrEnded   = fault.New(fault.Precondition, "identity.ended", "The key is revoked or has expired, and nothing brings it back; create another one.")
)

// Rotation says how a key gets a new secret.
type Rotation struct {
	Overlap  time.Duration // how long the old secret goes on, though never beyond the end of its term; zero ends it at once
	Lifetime time.Duration // of the new term; zero takes the length of the term before
}

// Rotate gives k another secret and another term, and returns the credential, which cannot be had again. Whom the key
// stands for does not change. A secret that was on its way out before ends at once: at most two hold at a time. It
// answers ErrEnded to a key that does not hold any more.
func (a Authority) Rotate(k *Key, r Rotation, now time.Time) (Credential, error) {
	if !k.s.State(now).Holds() {
		return Credential{}, ErrEnded
	}
	if r.Overlap < 0 || r.Overlap > MaxOverlap {
		return Credential{}, ErrOverlap
	}
	if r.Lifetime == 0 {
		r.Lifetime = k.s.Expires.Sub(k.s.Issued)
	}
	if r.Lifetime < MinLifetime || r.Lifetime > MaxLifetime {
		return Credential{}, ErrLifetime
	}
	var secret [secretBytes]byte
	_, _ = rand.Read(secret[:]) // crypto/rand.Read never fails on supported systems (Go 1.24)
	c := newCredential(k.s.Env, k.s.ID, secret)
	now = now.UTC().Truncate(time.Microsecond)
	until := now.Add(r.Overlap)
	if k.s.Expires.Before(until) {
		until = k.s.Expires
	}
	k.s.Previous, k.s.PreviousUntil = k.s.Digest, until
	k.s.Digest, k.s.Issued, k.s.Expires = a.digest(c), now, now.Add(r.Lifetime)
	return c, nil
}
