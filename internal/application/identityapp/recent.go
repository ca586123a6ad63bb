package identityapp

import (
	"crypto/sha256"
	"sync"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Edition tells one state of the kept keys from another. While it is the same, no key has been changed, by whichever
// process; known is false when that cannot be told, and then nothing is taken from memory. It is called for every request.
type Edition func() (edition [48]byte, known bool)

// WithEditions lets keys be looked up only when something has changed since they last were.
func WithEditions(e Edition) Option { return func(a *Authenticator) { a.recent.edition = e } }

// maxRecent bounds the keys in memory, some 500 bytes each.
const maxRecent = 4096

// recent holds what has let somebody in since the last change of any key. It is found by the whole credential and not
// by the key's id: whoever has not the secret waits for a look-up whether there is such a key or not, and learns nothing
// from how long it took. So does whoever has one that holds no more. A look-up would find the same key, and the secret is the same;
// whether they hold at this moment and at this address is looked at anew.
type recent struct {
	edition Edition // nil: nothing is ever found

	mu   sync.RWMutex
	held [48]byte // the edition of keys
	keys map[fingerprint]identity.Proof
}

// fingerprint stands for a credential, so that no secret is kept.
type fingerprint [sha256.Size]byte

// found is a credential's place, and what is in it, if anything is.
type found struct {
	edition [48]byte
	known   bool
	print   fingerprint
	proof   identity.Proof
}

// of looks for what was presented. It asks for the edition first: what is then read from the store, and kept under it,
// is as new or newer.
func (r *recent) of(presented string) (f found) {
	if r.edition == nil {
		return f
	}
	if f.edition, f.known = r.edition(); !f.known {
		return f
	}
	f.print = sha256.Sum256([]byte(presented))
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.held == f.edition {
		f.proof = r.keys[f.print]
	}
	return f
}

// keep holds what has just let somebody in, until anything changes. A shared key is only read from then on.
func (r *recent) keep(f found, p identity.Proof) {
	if !f.known {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != f.edition || r.keys == nil || len(r.keys) >= maxRecent {
		r.held, r.keys = f.edition, make(map[fingerprint]identity.Proof)
	}
	r.keys[f.print] = p
}
