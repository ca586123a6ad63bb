package identity_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
)

func TestRotate_LetsBothSecretsInUntilTheOverlapIsOver(t *testing.T) {
	t.Parallel()
	a := identitytest.Authority(t, "dev")
	k, first := identitytest.Issue(t, "Ada", start)
	at := start.Add(30 * 24 * time.Hour)
	second, err := a.Rotate(k, identity.Rotation{Overlap: identity.DefaultOverlap}, at)
	if err != nil {
		t.Fatal(err)
	}
	if second.ID() != first.ID() || second.Reveal() == first.Reveal() {
		t.Fatalf("%s became %s", first, second)
	}
	if read, err := identity.Parse(second.Reveal()); err != nil || a.Verify(k.Terms(), read, at) != nil {
		t.Errorf("the new text is no key: %v", err)
	}
	end := at.Add(identity.DefaultLifetime)
	for _, c := range []struct {
		credential identity.Credential
		now        time.Time
		holds      bool
	}{
		{first, at, true},
		{first, at.Add(identity.DefaultOverlap - 1), true},
		{first, at.Add(identity.DefaultOverlap), false},
		{second, at, true},
		{second, at.Add(identity.DefaultOverlap), true},
		{second, end.Add(-1), true},
		{second, end, false},
	} {
		err := a.Verify(k.Terms(), c.credential, c.now)
		if (err == nil) != c.holds || err != nil && !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%v at %s: %v", c.credential.Reveal() == first.Reveal(), c.now, err)
		}
	}
	third, err := a.Rotate(k, identity.Rotation{}, at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		identity.Credential
		holds bool
	}{"the first": {first, false}, "the second": {second, false}, "the third": {third, true}} {
		if err := a.Verify(k.Terms(), c.Credential, at.Add(time.Hour)); (err == nil) != c.holds {
			t.Errorf("after a rotation without overlap %s: %v", name, err)
		}
	}
}

func TestAuthority_TellsUntilWhenASecretHolds(t *testing.T) {
	t.Parallel()
	a := identitytest.Authority(t, "dev")
	k, first := identitytest.Issue(t, "Ada", start)
	at := start.Add(24 * time.Hour)
	if got := proof(t, a, k, first, at).Until(); !got.Equal(k.Snapshot().Expires) {
		t.Errorf("the first secret holds until %s", got)
	}
	second, err := a.Rotate(k, identity.Rotation{Overlap: time.Hour}, at)
	if err != nil {
		t.Fatal(err)
	}
	if got := proof(t, a, k, first, at).Until(); !got.Equal(k.Snapshot().PreviousUntil) || !got.Before(k.Snapshot().Expires) {
		t.Errorf("the old secret holds until %s", got)
	}
	if got := proof(t, a, k, second, at).Until(); !got.Equal(k.Snapshot().Expires) {
		t.Errorf("the new secret holds until %s", got)
	}
}

func proof(t *testing.T, a identity.Authority, k *identity.Key, c identity.Credential, now time.Time) identity.Proof {
	t.Helper()
	p, err := a.Prove(k, c, netip.Addr{}, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRotate_BringsNoKeyBackAndOutlivesNoTerm(t *testing.T) {
	t.Parallel()
	a := identitytest.Authority(t, "dev")
	end := start.Add(identity.DefaultLifetime)
	k, first := identitytest.Issue(t, "Ada", start)
	if _, err := a.Rotate(k, identity.Rotation{}, end); !errors.Is(err, identity.ErrEnded) {
		t.Errorf("an expired key: %v", err)
	}
	for _, overlap := range []time.Duration{-1, identity.MaxOverlap + 1} {
		if _, err := a.Rotate(k, identity.Rotation{Overlap: overlap}, start); !errors.Is(err, identity.ErrOverlap) {
			t.Errorf("an overlap of %s: %v", overlap, err)
		}
	}
	if _, err := a.Rotate(k, identity.Rotation{Lifetime: identity.MaxLifetime + 1}, start); !errors.Is(err, identity.ErrLifetime) {
		t.Errorf("a term too long: %v", err)
	}
	if _, err := a.Rotate(k, identity.Rotation{Overlap: identity.MaxOverlap}, end.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(k.Terms(), first, end); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("the old secret after its own term: %v", err)
	}
	k.Revoke(end)
	if _, err := a.Rotate(k, identity.Rotation{}, end); !errors.Is(err, identity.ErrEnded) {
		t.Errorf("a revoked key: %v", err)
	}
	if err := a.Verify(k.Terms(), first, start); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("the old secret of a revoked key: %v", err)
	}
}

func TestProve_HoldsAKeyToItsNetworks(t *testing.T) {
	t.Parallel()
	a := identitytest.Authority(t, "dev")
	k, c, err := a.Issue(identity.Grant{
		Name: "Ada", Personas: []string{"analyst"}, Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")},
	}, start)
	if err != nil {
		t.Fatal(err)
	}
	for address, holds := range map[string]bool{
		"10.1.255.255": true, "::ffff:10.1.0.1": true, "2001:db8:ffff::1": true, "10.2.0.0": false, "127.0.0.1": false, "2001:db9::": false, "": false,
	} {
		from, _ := netip.ParseAddr(address)
		if _, err := a.Prove(k, c, from, start); (err == nil) != holds {
			t.Errorf("from %q: %v", address, err)
		}
	}
	for _, network := range []string{"10.1.2.3/16", "::ffff:10.0.0.0/104"} {
		g := identity.Grant{Name: "Ada", Personas: []string{"analyst"}, Networks: []netip.Prefix{netip.MustParsePrefix(network)}}
		if _, _, err := a.Issue(g, start); !errors.Is(err, identity.ErrNetworks) {
			t.Errorf("%s: %v", network, err)
		}
	}
}

// A key that is kept in memory tells many requests of its holder, and none of them can change what the next one is told.
func TestKey_IsNotChangedByWhatItTells(t *testing.T) {
	t.Parallel()
	scope := []access.Rule{{Actions: []string{"tool.call"}, Targets: []string{"tool:a"}}}
	grant := identity.Grant{Name: "Ada", Personas: []string{"analyst"}, Attributes: map[string][]string{"regions": {"north"}}, Scope: scope}
	k, _, err := identitytest.Authority(t, "dev").Issue(grant, start)
	if err != nil {
		t.Fatal(err)
	}
	before, s := k.Snapshot().Scope, k.Snapshot()
	scope[0].Targets[0], s.Scope[0].Targets[0] = "*", "*"
	p := k.Principal(start)
	p.Scope.Rules()[0].Targets[0] = "*"
	p.Personas[0], p.Attributes["regions"][0] = "admin", "south"
	p.Attributes["more"] = []string{"x"}
	if diff := cmp.Diff(before, k.Snapshot().Scope); diff != "" {
		t.Errorf("kept:\n%s", diff)
	}
	again := k.Principal(start)
	if diff := cmp.Diff(before, again.Scope.Rules()); diff != "" || again.Personas[0] != "analyst" || len(again.Attributes) != 1 || again.Attributes["regions"][0] != "north" {
		t.Errorf("told: %+v\n%s", again, diff)
	}
	if again.Scope.Permits(access.On("tool.call", "tool", "b")) {
		t.Error("the scope has become wider")
	}
	if again.Scope != p.Scope {
		t.Error("the scope is compiled for every request")
	}
}

func TestKey_CarriesNoMoreThanItsScope(t *testing.T) {
	t.Parallel()
	rules, err := access.Compile([]access.Persona{{
		Name: "analyst", Allow: []access.Rule{{Actions: []string{"tool.call"}, Targets: []string{"tool:*"}}},
		Deny: []access.Rule{{Actions: []string{"tool.call"}, Targets: []string{"tool:b"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a := identitytest.Authority(t, "dev")
	grant := identity.Grant{Name: "narrow", Personas: []string{"analyst"}, Scope: []access.Rule{{
		Actions: []string{"tool.call", "metric.query"}, Targets: []string{"tool:a", "tool:b", "metric:*"},
	}}}
	k, _, err := a.Issue(grant, start)
	if err != nil {
		t.Fatal(err)
	}
	p := identity.Restore(k.Snapshot()).Principal(start)
	for _, c := range []struct {
		demand access.Demand
		rule   string // empty when it is allowed
	}{
		{access.On("tool.call", "tool", "a"), ""},
		{access.On("tool.call", "tool", "b"), "analyst/deny[0]"},
		{access.On("tool.call", "tool", "c"), access.ByScope},
		{access.On("metric.query", "metric", "revenue"), access.ByDefault}, // a scope gives nothing
	} {
		d := rules.Decide(p, c.demand)
		if d.Allowed != (c.rule == "") || !d.Allowed && d.Rule != c.rule {
			t.Errorf("%s: %+v, want %q", c.demand, d, c.rule)
		}
	}
	both := rules.Decide(p, access.On("tool.call", "tool", "a"), access.On("tool.call", "tool", "c"))
	if both.Allowed || both.Denied.Target.Name != "c" {
		t.Errorf("one within and one beyond: %+v", both)
	}
	for name, rule := range map[string]access.Rule{
		"nothing": {}, "a bad pattern": {Actions: []string{"["}, Targets: []string{"*"}}, "a target without a kind": {Actions: []string{"*"}, Targets: []string{"a"}},
	} {
		grant.Scope = []access.Rule{rule}
		if _, _, err := a.Issue(grant, start); !errors.Is(err, identity.ErrNarrowing) {
			t.Errorf("a scope of %s: %v", name, err)
		}
	}
	broken := k.Snapshot()
	broken.Scope = []access.Rule{{Actions: []string{"["}, Targets: []string{"*"}}}
	if d := rules.Decide(identity.Restore(broken).Principal(start), access.On("tool.call", "tool", "a")); d.Allowed {
		t.Error("a scope that cannot be read carries a right")
	}
}

func TestProof_OfAnOldSecretEndsWithTheNewTermAtTheLatest(t *testing.T) {
	a := identitytest.Authority(t, "dev")
	k, first := identitytest.Issue(t, "Ada", start)
	if _, err := a.Rotate(k, identity.Rotation{Overlap: 24 * time.Hour, Lifetime: time.Hour}, start); err != nil {
		t.Fatal(err)
	}
	p := proof(t, a, k, first, start)
	if got := p.Until(); !got.Equal(start.Add(time.Hour)) || p.Holds(netip.Addr{}, got) == nil {
		t.Errorf("it is said to hold until %v", got)
	}
}
