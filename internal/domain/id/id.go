// Package id gives each kind of thing its own identifier type: distinct at compile time, refused at parse time,
// and easy to find in a log by its prefix.
package id

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Kind names what an identifier identifies; kinds.go lists them.
type Kind interface{ prefix() string }

// ID identifies one thing of kind K: the kind's prefix, an underscore, and 160 random bits in lower-case base32.
// The bits make it unguessable. The zero value identifies nothing.
type ID[K Kind] struct{ text string }

// ErrMalformed is what Parse answers to text that no New ever printed.
var ErrMalformed = fault.New(fault.Invalid, "id.malformed", "The identifier is not one that Steward issued.")

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const randomBytes = 20

// New makes a fresh identifier.
func New[K Kind]() ID[K] {
	var bits [randomBytes]byte
	_, _ = rand.Read(bits[:]) // crypto/rand.Read never fails on supported systems (Go 1.24)
	var k K
	return ID[K]{text: k.prefix() + "_" + encoding.EncodeToString(bits[:])}
}

// Derive makes the identifier of what is known by its parts: the same parts give the same identifier, everywhere and
// always, and others another one. Whoever knows the parts can make it, so it is no secret.
func Derive[K Kind](parts ...string) ID[K] {
	var all []byte
	for _, part := range parts { // with its length, so that no part runs into the next
		all = append(binary.BigEndian.AppendUint64(all, uint64(len(part))), part...)
	}
	digest := sha256.Sum256(all)
	var k K
	return ID[K]{text: k.prefix() + "_" + encoding.EncodeToString(digest[:randomBytes])}
}

// Parse reads what String printed. Anything else is ErrMalformed.
func Parse[K Kind](text string) (ID[K], error) {
	var k K
	rest, ok := strings.CutPrefix(text, k.prefix()+"_")
	if !ok {
		return ID[K]{}, ErrMalformed
	}
	bits, err := encoding.DecodeString(rest)
	if err != nil || len(bits) != randomBytes || encoding.EncodeToString(bits) != rest {
		return ID[K]{}, ErrMalformed
	}
	return ID[K]{text: text}, nil
}

func (i ID[K]) String() string { return i.text }

// IsZero reports whether i identifies nothing.
func (i ID[K]) IsZero() bool { return i.text == "" }
