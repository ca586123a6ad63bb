package identity

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Faults of a Repository.
var (
	ErrNotFound = fault.New(fault.NotFound, "identity.not_found", "No key has this id.")
	ErrExists   = fault.New(fault.Conflict, "identity.exists", "A key of this id is kept already.")
)

// Lookup finds a key for whoever presents its credential. It reads what a Repository wrote, under the same promises.
type Lookup interface {
	// Terms gives the terms of the key of that id, the zero Terms when there is none: that is no error, so that it goes the same
	// way. Its cost depends neither on whether there is such a key nor on what it grants, nor grows with the number of keys.
	Terms(ctx context.Context, id KeyID) (Terms, error)
	// Get gives the whole key of that id, or ErrNotFound. Its cost does not grow with the number of keys, but with what the key
	// grants: it is for whoever has shown by its terms that they hold the key.
	Get(ctx context.Context, id KeyID) (*Key, error)
}

// Repository keeps keys. What a call that returned has written is what every later call reads, in this process and
// in every other on the same store: a revocation holds at once. Keys go in and come out as copies. Safe for
// concurrent use; a ctx that has ended stops any call.
type Repository interface {
	Lookup
	// Add keeps a new key; ErrExists when its id is taken, whereupon nothing has changed.
	Add(ctx context.Context, k *Key) error
	// List gives all keys, oldest first, keys of the same moment by id.
	List(ctx context.Context) ([]*Key, error)
	// Update loads, changes and saves a key as one step, except for when it was used; ErrNotFound when there is none. Nothing is saved when
	// change fails, and its error is returned. change may run more than once, so it does nothing but change the key.
	Update(ctx context.Context, id KeyID, change func(*Key) error) error
	// Touch notes when keys were last used. Keys that are not kept are passed over, as is a use before the one that is
	// noted. Unlike the others it may be forgotten in a power failure, and does not hurry.
	Touch(ctx context.Context, uses []Use) error
}

// Use is one time that a key let its holder in.
type Use struct {
	Key  KeyID
	At   time.Time
	From string // the address
}
