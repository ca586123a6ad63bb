package access_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// Whatever the scope, it permits nothing that would be refused without it; and what it leaves is decided as before.
func TestScope_NeverPermitsMore(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"a", "b", "*", "a*"})
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) access.Rule {
			return access.Rule{
				Actions: []string{word.Draw(t, "action")}, Targets: []string{word.Draw(t, "kind") + ":" + word.Draw(t, "name")},
			}
		}), 1, 4)
		set, err := access.Compile([]access.Persona{{Name: "p", Allow: rules.Draw(t, "allow"), Deny: rules.Draw(t, "deny")}})
		if err != nil {
			t.Fatal(err)
		}
		narrow := rules.Draw(t, "scope")
		scope, err := access.NewScope(narrow)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := access.Compile([]access.Persona{{Name: "p", Allow: narrow}})
		if err != nil {
			t.Fatal(err)
		}
		p := access.Principal{Issuer: "key", Subject: "k", Personas: []string{"p"}}
		within := p
		within.Scope = scope
		letter := rapid.SampledFrom([]string{"a", "b", "ab"})
		d := access.On(access.Action(letter.Draw(t, "does")), letter.Draw(t, "to"), letter.Draw(t, "named"))
		want := set.Decide(p, d).Allowed && alone.Decide(p, d).Allowed
		if got := set.Decide(within, d); got.Allowed != want {
			t.Fatalf("%s: %+v, want %v", d, got, want)
		}
	})
}

func TestScope_HasNoConditions(t *testing.T) {
	t.Parallel()
	rule := access.Rule{Actions: []string{"*"}, Targets: []string{"*"}, When: map[string]access.Condition{"limit": {}}}
	if _, err := access.NewScope([]access.Rule{rule}); !errors.Is(err, access.ErrScopeWhen) {
		t.Errorf("NewScope = %v", err)
	}
	if s, err := access.NewScope(nil); s != nil || err != nil {
		t.Errorf("of nothing: %v, %v", s, err)
	}
}
