package oidc_test

import (
	"errors"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Whatever is presented, the answer is the one refusal.
func FuzzVerify_LetsNobodyIn(f *testing.F) {
	for _, text := range []string{
		"", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2EifQ.AAAA",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := verifier(t, &clock{}, nil)
		if who, err := v.Verify(t.Context(), text); !who.IsZero() || !errors.Is(err, identity.ErrUnauthenticated) || identity.ReasonOf(err) == "" {
			t.Errorf("%+v, %v", who, err)
		}
	})
}
