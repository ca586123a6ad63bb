package identity

import (
	"crypto/hmac"
	"time"
)

// Terms is what decides whether a secret of a key holds, and nothing of what the key grants: to read it takes as long however
// much that is. Times are UTC and whole microseconds. The zero value is that of no key, and no secret holds under it.
type Terms struct {
	ID            KeyID
	Env           string
	Digest        [32]byte // HMAC-SHA-256 under the pepper of the key's text without its checksum
	Expires       time.Time
	Revoked       time.Time // zero while it is not
	Previous      [32]byte  // the digest of the secret before the last rotation
	PreviousUntil time.Time // until when that secret holds too; zero when there was no rotation
}

// Verify is nil when c is the credential of the key that t is of, for this environment, neither revoked nor expired at now; else
// ErrUnauthenticated. The zero Terms, a wrong secret, another environment, a revoked and an expired key take the same work
// and get the same answer. Where the key may be used from is Prove's concern: t does not say.
func (a Authority) Verify(t Terms, c Credential, now time.Time) error {
	_, err := a.verify(t, c, now)
	return err
}

// verify also tells whether the secret is the one from before the last rotation.
func (a Authority) verify(t Terms, c Credential, now time.Time) (old bool, err error) {
	if c.IsZero() {
		return false, ErrUnauthenticated.Because(errForm)
	}
	sum := a.digest(c)
	current, previous := hmac.Equal(sum[:], t.Digest[:]), hmac.Equal(sum[:], t.Previous[:]) // both, in constant time
	if reason := a.objection(t, current || previous && !t.PreviousUntil.IsZero()); reason != nil {
		return false, ErrUnauthenticated.Because(reason)
	}
	if reason := t.end(!current, now); reason != nil {
		return false, ErrUnauthenticated.Because(reason)
	}
	return !current, nil
}

// objection is asked only after the costly part is done, so that its order tells nothing from outside.
func (a Authority) objection(t Terms, holds bool) error {
	switch {
	case t.ID == KeyID{}:
		return errUnknown
	case !holds:
		return errSecret
	case t.Env != a.env:
		return errForeign
	}
	return nil
}

// end is the reason why the key's secret, or the old one, holds no more at now; nil while it does.
func (t Terms) end(old bool, now time.Time) error {
	switch {
	case !t.Revoked.IsZero():
		return errRevoked
	case !now.Before(t.Expires):
		return errExpired
	case old && !now.Before(t.PreviousUntil):
		return errRotated
	}
	return nil
}
