// Package identity is about API keys: how one is made, written and read, and how the holder of one proves to be the
// principal it stands for. What a principal may do is decided elsewhere (access); where keys are kept is the
// Repository's concern.
//
// A key reads stw_<env>_<id>_<secret><checksum>: the environment it is for, 80 bits that name it, 256 random bits
// that nobody keeps but its holder, and a CRC-32 of all that, which finds typing errors and proves nothing. Random
// parts are lower-case base32 (RFC 4648 §6), so a double click selects the key and no two characters look alike.
package identity

import (
	"crypto/rand"
	"encoding"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

const (
	scheme        = "stw"
	separator     = "_"
	idBytes       = 10
	secretBytes   = 32
	checksumBytes = 4
	maxEnv        = 16
	idLen         = 16 // base32 of idBytes
	secretLen     = 52 // base32 of secretBytes
	checksumLen   = 7  // base32 of checksumBytes
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Faults of names and texts.
var (
	ErrMalformed = fault.New(fault.Invalid, "identity.malformed", "The text is not an API key of Steward; a character may be missing or mistyped.")
	ErrKeyID     = fault.New(fault.Invalid, "identity.key_id", "A key id is 16 characters of a-z and 2-7, as the list of keys shows it.")
	ErrEnv       = fault.New(fault.Invalid, "identity.environment", "An environment tag is a lower-case letter and up to 15 more lower-case letters or digits.")
)

// KeyID names a key. It is no secret: lists and records show it. The zero value names none.
type KeyID struct{ text string }

// ParseKeyID reads what String printed; anything else is ErrKeyID.
func ParseKeyID(text string) (KeyID, error) {
	if _, ok := decode(text, idLen); !ok {
		return KeyID{}, ErrKeyID
	}
	return KeyID{text: text}, nil
}

func (k KeyID) String() string { return k.text }

// Credential is an API key as its holder has it, the secret included. It prints without the secret, whatever the
// verb or encoder; Reveal alone tells it. The zero value is no credential.
type Credential struct {
	env string
	id  KeyID
	// Inside a function, because a struct that holds a Credential in an unexported field is printed by reflection,
	// without asking it, and fmt follows pointers under a verb that does not suit them.
	secret func() [secretBytes]byte
}

// Generate makes a credential for an environment, or answers ErrEnv.
func Generate(env string) (Credential, error) {
	if !ValidEnv(env) {
		return Credential{}, ErrEnv
	}
	var name [idBytes]byte
	var secret [secretBytes]byte
	_, _ = rand.Read(name[:]) // crypto/rand.Read never fails on supported systems (Go 1.24)
	_, _ = rand.Read(secret[:])
	return newCredential(env, KeyID{text: alphabet.EncodeToString(name[:])}, secret), nil
}

func newCredential(env string, id KeyID, secret [secretBytes]byte) Credential {
	return Credential{env: env, id: id, secret: func() [secretBytes]byte { return secret }}
}

// Parse reads what Reveal told, exactly: every other text is ErrMalformed, and whoever repeats one back learns
// nothing about keys that exist.
func Parse(text string) (Credential, error) {
	if !IsKey(text) {
		return Credential{}, ErrMalformed
	}
	parts := strings.Split(text, separator)
	if len(parts) != 4 || !ValidEnv(parts[1]) || len(parts[3]) != secretLen+checksumLen {
		return Credential{}, ErrMalformed
	}
	id, err := ParseKeyID(parts[2])
	secret, ok := decode(parts[3][:secretLen], secretLen)
	signed := text[:len(text)-checksumLen]
	if err != nil || !ok || checksum(signed) != text[len(signed):] {
		return Credential{}, ErrMalformed
	}
	return newCredential(parts[1], id, [secretBytes]byte(secret)), nil
}

// IsKey reports whether text begins as every key does and is no longer than any. Parse says whether it is one.
func IsKey(text string) bool {
	const longest = len(scheme) + maxEnv + idLen + secretLen + checksumLen + 3*len(separator)
	return len(text) <= longest && strings.HasPrefix(text, scheme+separator)
}

// ValidEnv reports whether env may tag an environment.
func ValidEnv(env string) bool {
	if env == "" || len(env) > maxEnv || env[0] < 'a' || env[0] > 'z' {
		return false
	}
	return strings.Trim(env, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// ID is the name of the key that c claims to be.
func (c Credential) ID() KeyID { return c.id }

// IsZero reports whether c is no credential.
func (c Credential) IsZero() bool { return c.secret == nil }

// Reveal is the whole key, secret included. It is for the one moment when the key is handed to its holder, and for
// clients. It is empty for the zero value.
func (c Credential) Reveal() string {
	if c.IsZero() {
		return ""
	}
	signed := c.signed()
	return signed + checksum(signed)
}

// signed is the text that checksum and digest cover: all but the checksum.
func (c Credential) signed() string {
	secret := c.secret()
	return strings.Join([]string{scheme, c.env, c.id.text, alphabet.EncodeToString(secret[:])}, separator)
}

// String names the key and hides its secret.
func (c Credential) String() string {
	if c.IsZero() {
		return ""
	}
	return strings.Join([]string{scheme, c.env, c.id.text, "[redacted]"}, separator)
}

var (
	_ fmt.Formatter          = Credential{}
	_ encoding.TextMarshaler = Credential{}
)

// Format prints String for every verb and flag.
func (c Credential) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// MarshalText gives String, to JSON as to every other encoder.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// decode reads base32 of a fixed length and refuses the spellings that Encode would not choose.
func decode(text string, length int) ([]byte, bool) {
	if len(text) != length {
		return nil, false
	}
	bits, err := alphabet.DecodeString(text)
	return bits, err == nil && alphabet.EncodeToString(bits) == text
}

func checksum(signed string) string {
	var sum [checksumBytes]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE([]byte(signed)))
	return alphabet.EncodeToString(sum[:])
}
