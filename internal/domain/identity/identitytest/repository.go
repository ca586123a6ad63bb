// Package identitytest is the contract that every identity.Repository fulfils, and keys for tests.
package identitytest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// RunRepository holds a repository to the contract. open gives an empty one that lives as long as its test.
func RunRepository(t *testing.T, open func(t *testing.T) identity.Repository) {
	for name, test := range map[string]func(*testing.T, identity.Repository){
		"what is added is found as it was":            keepsWhatWasAdded,
		"a taken id is refused and nothing changes":   refusesATakenID,
		"an unknown id is not found":                  knowsNoOtherKeys,
		"the oldest key is listed first":              listsTheOldestFirst,
		"an update is kept":                           keepsAnUpdate,
		"a failed update is not kept":                 dropsAFailedUpdate,
		"what was given away is a copy":               givesCopies,
		"a revocation beside other updates survives":  losesNoUpdate,
		"an ended context stops every call":           heedsTheContext,
		"a rotation is kept, scope and networks too":  keepsARotation,
		"the last use is kept, whatever else changes": keepsTheLastUse,
		"the terms of a key are found beside it":      tellsTheTerms,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func add(t *testing.T, r identity.Repository, name string, now time.Time) *identity.Key {
	t.Helper()
	k, _ := Issue(t, name, now)
	if err := r.Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return k
}

func expect(t *testing.T, r identity.Repository, want *identity.Key) {
	t.Helper()
	got, err := r.Get(t.Context(), want.ID())
	if err != nil {
		t.Fatal(err)
	}
	if diff := compare([]*identity.Key{want}, []*identity.Key{got}); diff != "" {
		t.Error(diff)
	}
	terms, err := r.Terms(t.Context(), want.ID())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Terms(), terms, sameIDs); diff != "" {
		t.Errorf("its terms:\n%s", diff)
	}
}

var sameIDs = cmp.Comparer(func(a, b identity.KeyID) bool { return a == b })

func compare(want, got []*identity.Key) string {
	return cmp.Diff(snapshots(want), snapshots(got), sameIDs,
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateEmpty())
}

func snapshots(keys []*identity.Key) []identity.Snapshot {
	var out []identity.Snapshot
	for _, k := range keys {
		out = append(out, k.Snapshot())
	}
	return out
}

func keepsWhatWasAdded(t *testing.T, r identity.Repository) {
	expect(t, r, add(t, r, "Ada's laptop", Start))
	plain, _, err := Authority(t, "prod").Issue(identity.Grant{Name: "plain", Personas: []string{"p"}}, Start)
	if err != nil {
		t.Fatal(err)
	}
	plain.Revoke(Start.Add(time.Hour))
	if err := r.Add(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	expect(t, r, plain)
}

func refusesATakenID(t *testing.T, r identity.Repository) {
	first := add(t, r, "first", Start)
	s := first.Snapshot()
	s.Name = "second"
	if err := r.Add(t.Context(), identity.Restore(s)); !errors.Is(err, identity.ErrExists) {
		t.Errorf("Add = %v, want ErrExists", err)
	}
	expect(t, r, first)
}

func knowsNoOtherKeys(t *testing.T, r identity.Repository) {
	add(t, r, "present", Start)
	absent, _ := Issue(t, "absent", Start)
	if _, err := r.Get(t.Context(), absent.ID()); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	for _, id := range []identity.KeyID{absent.ID(), {}} {
		if got, err := r.Terms(t.Context(), id); err != nil || got != (identity.Terms{}) {
			t.Errorf("the terms of no key are %+v, %v", got, err)
		}
	}
	err := r.Update(t.Context(), absent.ID(), func(*identity.Key) error { t.Error("change is called"); return nil })
	if !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("Update = %v, want ErrNotFound", err)
	}
}

func listsTheOldestFirst(t *testing.T, r identity.Repository) {
	empty, err := r.List(t.Context())
	if err != nil || len(empty) != 0 {
		t.Fatalf("an empty repository lists %v, %v", empty, err)
	}
	later := add(t, r, "later", Start.Add(time.Hour))
	a, b := add(t, r, "a", Start), add(t, r, "b", Start)
	if a.ID().String() > b.ID().String() {
		a, b = b, a
	}
	got, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := compare([]*identity.Key{a, b, later}, got); diff != "" {
		t.Error(diff)
	}
}

func keepsAnUpdate(t *testing.T, r identity.Repository) {
	k := add(t, r, "k", Start)
	bystander := add(t, r, "bystander", Start)
	now := Start.Add(time.Minute)
	if err := r.Update(t.Context(), k.ID(), func(k *identity.Key) error { k.Revoke(now); return nil }); err != nil {
		t.Fatal(err)
	}
	k.Revoke(now)
	expect(t, r, k)
	expect(t, r, bystander)
}

func dropsAFailedUpdate(t *testing.T, r identity.Repository) {
	k := add(t, r, "k", Start)
	no := errors.New("no")
	err := r.Update(t.Context(), k.ID(), func(k *identity.Key) error { k.Revoke(Start); return no })
	if !errors.Is(err, no) {
		t.Errorf("Update = %v, want the error of change", err)
	}
	expect(t, r, k)
}

func givesCopies(t *testing.T, r identity.Repository) {
	k := add(t, r, "k", Start)
	got, err := r.Get(t.Context(), k.ID())
	if err != nil {
		t.Fatal(err)
	}
	untouched := identity.Restore(k.Snapshot())
	got.Revoke(Start)
	k.Revoke(Start)
	got.Principal(Start).Attributes["regions"][0] = "everywhere"
	expect(t, r, untouched)
}

func losesNoUpdate(t *testing.T, r identity.Repository) {
	var keys []*identity.Key
	for i := range 8 {
		keys = append(keys, add(t, r, fmt.Sprint("k", i), Start))
	}
	var wg sync.WaitGroup
	for i, k := range keys {
		for range 2 {
			wg.Go(func() {
				at := Start.Add(time.Duration(i) * time.Minute)
				if err := r.Update(t.Context(), k.ID(), func(k *identity.Key) error { k.Revoke(at); return nil }); err != nil {
					t.Error(err)
				}
				if got, err := r.Get(t.Context(), k.ID()); err != nil || !got.Snapshot().Revoked.Equal(at) {
					t.Errorf("after a revocation: %v, %v", got, err)
				}
			})
		}
	}
	wg.Wait()
}

func keepsARotation(t *testing.T, r identity.Repository) {
	a := Authority(t, "dev")
	k, _, err := a.Issue(identity.Grant{
		Name: "narrow", Personas: []string{"p"}, Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")},
		Scope: []access.Rule{{Actions: []string{"tool.call"}, Targets: []string{"tool:echo", "tool:query"}}},
	}, Start)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	expect(t, r, k)
	err = r.Update(t.Context(), k.ID(), func(k *identity.Key) error {
		_, err := a.Rotate(k, identity.Rotation{Overlap: time.Hour}, Start.Add(time.Minute))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Get(t.Context(), k.ID())
	if err != nil {
		t.Fatal(err)
	}
	before, after := k.Snapshot(), got.Snapshot()
	if after.Previous != before.Digest || after.Digest == before.Digest || !after.PreviousUntil.Equal(Start.Add(time.Minute+time.Hour)) ||
		!after.Issued.Equal(Start.Add(time.Minute)) || !after.Expires.Equal(after.Issued.Add(identity.DefaultLifetime)) {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func keepsTheLastUse(t *testing.T, r identity.Repository) {
	k := add(t, r, "k", Start)
	absent, _ := Issue(t, "absent", Start)
	at := Start.Add(time.Hour)
	touch := func(at time.Time, from string) {
		t.Helper()
		if err := r.Touch(t.Context(), []identity.Use{{Key: absent.ID(), At: at, From: from}, {Key: k.ID(), At: at, From: from}}); err != nil {
			t.Fatal(err)
		}
	}
	touch(at, "192.0.2.7")
	touch(at.Add(-time.Minute), "192.0.2.8")
	if err := r.Update(t.Context(), k.ID(), func(k *identity.Key) error { k.Revoke(at); return nil }); err != nil {
		t.Fatal(err)
	}
	want := k.Snapshot()
	want.Used, want.UsedFrom, want.Revoked = at, "192.0.2.7", at
	expect(t, r, identity.Restore(want))
}

// A secret that holds by the terms of a key holds by the key, whatever has been done to it.
func tellsTheTerms(t *testing.T, r identity.Repository) {
	a := Authority(t, "dev")
	k, first := Issue(t, "k", Start)
	if err := r.Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	add(t, r, "bystander", Start)
	var second identity.Credential
	now := Start.Add(time.Minute)
	tell := func(when string, firstHolds, secondHolds bool) {
		t.Helper()
		whole, err := r.Get(t.Context(), k.ID())
		if err != nil {
			t.Fatal(err)
		}
		expect(t, r, whole)
		terms, err := r.Terms(t.Context(), k.ID())
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Verify(terms, first, now) == nil; got != firstHolds {
			t.Errorf("%s, the first secret holds: %v", when, got)
		}
		if got := a.Verify(terms, second, now) == nil; got != secondHolds {
			t.Errorf("%s, the second secret holds: %v", when, got)
		}
	}
	change := func(change func(*identity.Key) error) {
		t.Helper()
		if err := r.Update(t.Context(), k.ID(), change); err != nil {
			t.Fatal(err)
		}
	}
	tell("at first", true, false)
	change(func(k *identity.Key) (err error) {
		second, err = a.Rotate(k, identity.Rotation{Overlap: time.Hour}, Start)
		return err
	})
	tell("rotated", true, true)
	now = Start.Add(time.Hour)
	tell("after the overlap", false, true)
	if err := r.Touch(t.Context(), []identity.Use{{Key: k.ID(), At: now, From: "192.0.2.7"}}); err != nil {
		t.Fatal(err)
	}
	tell("used", false, true)
	change(func(k *identity.Key) error { k.Revoke(now); return nil })
	tell("revoked", false, false)
}

func heedsTheContext(t *testing.T, r identity.Repository) {
	k := add(t, r, "k", Start)
	other, _ := Issue(t, "other", Start)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := r.Get(ctx, k.ID())
	_, listErr := r.List(ctx)
	_, termsErr := r.Terms(ctx, k.ID())
	for call, err := range map[string]error{
		"Add": r.Add(ctx, other), "Get": getErr, "List": listErr, "Terms": termsErr,
		"Update": r.Update(ctx, k.ID(), func(k *identity.Key) error { k.Revoke(Start); return nil }),
		"Touch":  r.Touch(ctx, []identity.Use{{Key: k.ID(), At: Start}}),
	} {
		if err == nil {
			t.Errorf("%s succeeds", call)
		}
	}
	expect(t, r, k)
	if _, err := r.Get(t.Context(), other.ID()); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("Get of what was never added = %v", err)
	}
}
