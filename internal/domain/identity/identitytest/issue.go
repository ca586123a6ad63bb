package identitytest

import (
	"bytes"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Start is the moment at which the keys of this package are issued.
var Start = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)

// Authority is one with a pepper that every test knows.
func Authority(t testing.TB, env string) identity.Authority {
	t.Helper()
	pepper, err := identity.NewPepper(bytes.Repeat([]byte{7}, identity.MinPepper))
	if err != nil {
		t.Fatal(err)
	}
	a, err := identity.NewAuthority(pepper, env)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Issue makes a key of env dev at now.
func Issue(t testing.TB, name string, now time.Time) (*identity.Key, identity.Credential) {
	t.Helper()
	k, c, err := Authority(t, "dev").Issue(identity.Grant{
		Name: name, Personas: []string{"analyst", "regional"},
		Attributes: map[string][]string{"regions": {"north", "süd"}, "team": {"sales"}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	return k, c
}
