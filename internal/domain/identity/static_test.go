package identity_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
)

const chosen = "chosen-by_the-operator_0123456789"

func static(t *testing.T, a identity.Authority) identity.StaticKey {
	t.Helper()
	k, err := a.Static("compat", chosen, "analyst")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestStatic_KnowsItsHolder(t *testing.T) {
	a := identitytest.Authority(t, "dev")
	k := static(t, a)
	want := access.Principal{Issuer: "key", Subject: "compat", Name: "compat", Personas: []string{"analyst"}}
	for range 2 {
		got, err := a.Recognize(k, chosen)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		got.Personas[0] = "admin" // a copy, so the next one is as it was
	}
}

func TestStatic_RefusesAllOthersAlike(t *testing.T) {
	a := identitytest.Authority(t, "dev")
	pepper, err := identity.NewPepper(bytes.Repeat([]byte{8}, identity.MinPepper))
	if err != nil {
		t.Fatal(err)
	}
	other, err := identity.NewAuthority(pepper, "dev")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 513)
	for name, c := range map[string]struct {
		key       identity.StaticKey
		presented string
	}{
		"nothing":                   {static(t, a), ""},
		"another text":              {static(t, a), strings.Repeat("x", len(chosen))},
		"one character less":        {static(t, a), chosen[1:]},
		"one character more":        {static(t, a), chosen + "x"},
		"another case":              {static(t, a), strings.ToUpper(chosen)},
		"far too long a text":       {static(t, a), long},
		"the key of another pepper": {static(t, other), chosen},
		"no key is configured":      {identity.StaticKey{}, chosen},
		"nothing to no key":         {identity.StaticKey{}, ""},
	} {
		p, err := a.Recognize(c.key, c.presented)
		if !errors.Is(err, identity.ErrUnauthenticated) || err.Error() != identity.ErrUnauthenticated.Error() || !p.IsZero() {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// The text itself is in nothing that is kept: neither in the key's print nor in an error.
func TestStatic_KeepsADigestOnly(t *testing.T) {
	a := identitytest.Authority(t, "dev")
	_, err := a.Recognize(static(t, a), chosen+"x")
	_, refused := a.Static("compat", chosen+".")
	for _, printed := range []any{static(t, a), err, refused} {
		if text := fmt.Sprintf("%v %+v %#v %s %x", printed, printed, printed, printed, printed); strings.Contains(text, chosen[:10]) || strings.Contains(text, fmt.Sprintf("%x", chosen[:10])) {
			t.Errorf("%T prints as %s", printed, text)
		}
	}
}

func TestStatic_RefusesWeakTexts(t *testing.T) {
	a := identitytest.Authority(t, "dev")
	for text, holds := range map[string]bool{
		chosen: true, strings.Repeat("a", 32): true, strings.Repeat("Z", 512): true,
		"": false, strings.Repeat("a", 31): false, strings.Repeat("a", 513): false, chosen + " ": false, chosen + "ü": false,
		chosen + "\n": false, chosen + ".": false, "stw_" + chosen: false,
	} {
		_, err := a.Static("compat", text)
		if holds != (err == nil) || !holds && !errors.Is(err, identity.ErrStaticSecret) || holds != identity.ValidStaticSecret(text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		kept := generate(t, rapid.StringMatching(`[a-z][a-z0-9]{0,15}`).Draw(r, "environment")).Reveal()
		if _, err := a.Static("compat", kept); !errors.Is(err, identity.ErrStaticSecret) {
			r.Errorf("a key of Steward's own making may be a static one: %v", err)
		}
	})
}
