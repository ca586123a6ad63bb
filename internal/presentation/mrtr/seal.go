package mrtr

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrState answers a requestState that was not issued for this request of this principal, or was changed, or is too old. Which of
// these it is nobody is told.
var ErrState = fault.New(fault.Invalid, "mcp.request_state",
	"The requestState is not one that was issued for this request, or is too old; send the request again without it.")

// stateLife is how long an answer may take: a person has to read the question, and think.
const stateLife = 30 * time.Minute

// maxSealed bounds what is looked at: the longest state that a use may keep, sealed.
const maxSealed = 16 << 10

// Binding is what a state is good for: one request of one principal.
type Binding struct {
	Principal string // access.Principal.ID
	Method    string
	Target    string          // the name of a tool or prompt, the URI of a resource
	Arguments json.RawMessage // in any spelling of the same value
}

// Round is what a client carries from one round of a use to the next.
type Round struct {
	State string // the use's own
	Asked int    // how often it has asked
	First string // the request in which it asked first
}

type sealed struct {
	Until time.Time `json:"u"`
	Round Round     `json:"r"` // without the state
	State []byte    `json:"s"` // as base64, whose length depends on no character, and which keeps every byte
}

// Sealer seals rounds, so that no client can read or change one, or use it where it does not belong (AES-256-GCM, the binding as
// additional data). It can be used again until it is too old. Safe for concurrent use.
type Sealer struct {
	aead cipher.AEAD
	now  func() time.Time
}

// NewSealer makes a sealer from a key of 32 bytes.
func NewSealer(key [32]byte, now func() time.Time) *Sealer {
	blocks, _ := aes.NewCipher(key[:])              // fails on other lengths only
	aead, _ := cipher.NewGCMWithRandomNonce(blocks) // fails on other ciphers only
	return &Sealer{aead: aead, now: now}
}

// Seal is r as a requestState.
func (s *Sealer) Seal(to Binding, r Round) string {
	in := sealed{Until: s.now().Add(stateLife), Round: r, State: []byte(r.State)}
	in.Round.State = ""
	text, _ := json.Marshal(in)                                                           // texts, a number and a moment
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, to.digest())) //nolint:gosec // G407: the cipher draws its nonces itself
}

// Open reads a requestState as a client sent it. An absent one is the beginning. The error is ErrState.
func (s *Sealer) Open(to Binding, raw json.RawMessage) (Round, error) {
	if raw == nil {
		return Round{}, nil
	}
	var text string
	if len(raw) > maxSealed || json.Unmarshal(raw, &text) != nil {
		return Round{}, ErrState
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return Round{}, ErrState
	}
	opened, err := s.aead.Open(nil, nil, data, to.digest())
	if err != nil {
		return Round{}, ErrState
	}
	var in sealed
	if json.Unmarshal(opened, &in) != nil || !s.now().Before(in.Until) {
		return Round{}, ErrState
	}
	in.Round.State = string(in.State)
	return in.Round, nil
}

// digest tells bindings apart. Arguments that are the same value are the same: a client may write them anew.
func (b Binding) digest() []byte {
	text, _ := json.Marshal([]string{b.Principal, b.Method, b.Target, string(canonical(b.Arguments))})
	sum := sha256.Sum256(text)
	return sum[:]
}

func canonical(raw json.RawMessage) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if len(raw) == 0 || decoder.Decode(&value) != nil || value == nil {
		return json.RawMessage("{}")
	}
	text, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return text
}
