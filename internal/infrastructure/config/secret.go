package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a configured secret. Whatever prints, formats or encodes it gets [redacted]; Reveal alone tells it. The
// zero value is unset, and prints as nothing.
type Secret struct {
	// Inside a function, because a struct that holds a Secret in an unexported field is printed by reflection,
	// without asking it, and fmt follows pointers under a verb that does not suit them.
	text func() string
}

// NewSecret makes a secret of text; of no text it makes an unset one.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: func() string { return text }}
}

// Reveal is the secret itself, empty when unset. It is for the moment of use.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// IsSet reports whether there is a secret.
func (s Secret) IsSet() bool { return s.text != nil }

// Equal reports whether two secrets are the same. It takes no care of timing.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return redacted
}

// Format prints String for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText gives String, to JSON as to every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML gives String.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue gives String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
