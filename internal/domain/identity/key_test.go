package identity_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
)

var start = identitytest.Start

func TestAuthority_VerifiesTheKeysHolder(t *testing.T) {
	k, c := identitytest.Issue(t, "Ada", start)
	a := identitytest.Authority(t, "dev")
	for _, now := range []time.Time{start, start.Add(identity.DefaultLifetime - time.Second)} {
		if err := a.Verify(k.Terms(), c, now); err != nil {
			t.Errorf("at %s: %v", now, err)
		}
		if p, err := a.Prove(k, c, netip.Addr{}, now); err != nil || p.Key() != k {
			t.Errorf("at %s the key itself: %v", now, err)
		}
	}
	want := access.Principal{
		Issuer: "key", Subject: k.ID().String(), Name: "Ada", Personas: []string{"analyst", "regional"},
		Attributes: map[string][]string{"regions": {"north", "süd"}, "team": {"sales"}},
		Expires:    k.Snapshot().Expires,
	}
	if diff := cmp.Diff(want, k.Principal(start)); diff != "" {
		t.Error(diff)
	}
}

func TestAuthority_AnswersEveryFailureAlike(t *testing.T) {
	k, c := identitytest.Issue(t, "Ada", start)
	_, other := identitytest.Issue(t, "Bob", start)
	revoked := identity.Restore(k.Snapshot())
	revoked.Revoke(start)
	moved := k.Snapshot()
	moved.ID = other.ID()
	otherPepper, err := identity.NewPepper(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	peppered, err := identity.NewAuthority(otherPepper, "dev")
	if err != nil {
		t.Fatal(err)
	}
	dev := identitytest.Authority(t, "dev")
	undigested := identity.Snapshot{Terms: identity.Terms{ID: c.ID(), Env: "dev", Expires: start.Add(time.Hour)}}
	for name, shown := range map[string]struct {
		to identity.Authority
		of *identity.Key
		c  identity.Credential
		at time.Time
	}{
		"no credential":           {dev, k, identity.Credential{}, start},
		"an unknown key":          {dev, nil, c, start},
		"another key's secret":    {dev, k, other, start},
		"a digest that was moved": {dev, identity.Restore(moved), other, start},
		"a revoked key":           {dev, revoked, c, start},
		"an expired key":          {dev, k, c, start.Add(identity.DefaultLifetime)},
		"another environment":     {identitytest.Authority(t, "prod"), k, c, start},
		"another pepper":          {peppered, k, c, start},
		"a key without a digest":  {dev, identity.Restore(undigested), c, start},
	} {
		proof, proved := shown.to.Prove(shown.of, shown.c, netip.Addr{}, shown.at)
		if proof.Key() != nil {
			t.Errorf("%s is proof of a key", name)
		}
		for _, got := range []error{shown.to.Verify(shown.of.Terms(), shown.c, shown.at), proved} {
			f := fault.From(got)
			if f == nil || f.Error() != identity.ErrUnauthenticated.Error() || f.Kind != fault.Unauthenticated {
				t.Errorf("%s: %v", name, got)
			}
			if f != nil && f.Unwrap() == nil {
				t.Errorf("%s: the operator is not told the reason", name)
			}
		}
	}
}

func TestAuthority_RefusesGrantsItCannotKeep(t *testing.T) {
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprint("p", i)
	}
	good := func(change func(*identity.Grant)) identity.Grant {
		g := identity.Grant{Name: "Ada", Personas: []string{"analyst"}}
		change(&g)
		return g
	}
	for name, c := range map[string]struct {
		grant identity.Grant
		want  *fault.Fault
	}{
		"no name":           {good(func(g *identity.Grant) { g.Name = "" }), identity.ErrName},
		"an endless name":   {good(func(g *identity.Grant) { g.Name = strings.Repeat("a", 101) }), identity.ErrName},
		"a name with lines": {good(func(g *identity.Grant) { g.Name = "a\nb" }), identity.ErrName},
		"no persona":        {good(func(g *identity.Grant) { g.Personas = nil }), identity.ErrPersonas},
		"a persona twice":   {good(func(g *identity.Grant) { g.Personas = []string{"a", "b", "a"} }), identity.ErrPersonas},
		"an impossible one": {good(func(g *identity.Grant) { g.Personas = []string{"A"} }), identity.ErrPersonas},
		"too many personas": {good(func(g *identity.Grant) { g.Personas = many }), identity.ErrPersonas},
		"an empty value":    {good(func(g *identity.Grant) { g.Attributes = map[string][]string{"r": {""}} }), identity.ErrAttributes},
		"too many values":   {good(func(g *identity.Grant) { g.Attributes = map[string][]string{"r": append(many, many...)} }), identity.ErrAttributes},
		"a life too long":   {good(func(g *identity.Grant) { g.Lifetime = identity.MaxLifetime + 1 }), identity.ErrLifetime},
		"a negative life":   {good(func(g *identity.Grant) { g.Lifetime = -1 }), identity.ErrLifetime},
		"a life too short":  {good(func(g *identity.Grant) { g.Lifetime = identity.MinLifetime - 1 }), identity.ErrLifetime},
	} {
		if _, _, err := identitytest.Authority(t, "dev").Issue(c.grant, start); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestSnapshot_TellsTheState(t *testing.T) {
	k, _ := identitytest.Issue(t, "Ada", start)
	end := start.Add(identity.DefaultLifetime)
	before := map[time.Time]identity.State{start: identity.Active, end.Add(-15*24*time.Hour - 1): identity.Active, end.Add(-15 * 24 * time.Hour): identity.Expiring, end.Add(-1): identity.Expiring, end: identity.Expired}
	for now, want := range before {
		if got := k.Snapshot().State(now); got != want {
			t.Errorf("at %s: %s, want %s", now, got, want)
		}
	}
	k.Revoke(start.Add(time.Hour))
	k.Revoke(start.Add(2 * time.Hour))
	if s := k.Snapshot(); s.State(end) != identity.Revoked || !s.Revoked.Equal(start.Add(time.Hour)) {
		t.Errorf("revoked twice: %s at %s", s.State(end), s.Revoked)
	}
}

func TestPepper_RefusesShortSecretsAndHidesLongOnes(t *testing.T) {
	if _, err := identity.NewPepper(make([]byte, 31)); !errors.Is(err, identity.ErrPepper) {
		t.Errorf("NewPepper of 31 bytes = %v", err)
	}
	if _, err := identity.NewAuthority(identity.Pepper{}, "dev"); !errors.Is(err, identity.ErrPepper) {
		t.Errorf("NewAuthority without pepper = %v", err)
	}
	secret := "0123456789abcdef0123456789abcdef"
	p, err := identity.NewPepper([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	a, err := identity.NewAuthority(p, "dev")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", p, p, p, p), fmt.Sprintf("%v %+v %#v %s", a, a, a, a)} {
		if strings.Contains(text, secret) || strings.Contains(text, "48 49 50") || strings.Contains(text, "0x30, 0x31") {
			t.Errorf("the pepper shows in %s", text)
		}
	}
}

func BenchmarkAuthority_Verify(b *testing.B) {
	k, c := identitytest.Issue(b, "Ada", start)
	a := identitytest.Authority(b, "dev")
	for name, terms := range map[string]identity.Terms{"known": k.Terms(), "unknown": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = a.Verify(terms, c, start)
			}
		})
	}
}
