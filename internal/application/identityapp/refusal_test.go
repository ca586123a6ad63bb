package identityapp_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

// refusals are credentials that do not hold, by what is wrong with them, and whoever refuses them.
type refusals struct {
	authn *identityapp.Authenticator
	of    map[string]string
}

// refuse keeps keys in a state file, of which one grants 200 kB. What is wrong with their credentials is wrong at once.
func refuse(t testing.TB) refusals {
	t.Helper()
	db := databasetest.Open(t, filepath.Join(t.TempDir(), "state.db"))
	keys, authority := identitystore.NewSQLite(db), identitytest.Authority(t, "dev")
	now := start
	much := map[string][]string{}
	for i := range 50 {
		much[fmt.Sprint("attribute", i)] = slices.Repeat([]string{strings.Repeat("v", 250)}, 16)
	}
	issue := func(by identity.Authority, lifetime time.Duration, attributes map[string][]string) (*identity.Key, identity.Credential) {
		t.Helper()
		k, c, err := by.Issue(identity.Grant{Name: "Ada", Personas: []string{"analyst"}, Lifetime: lifetime, Attributes: attributes}, now)
		if err == nil {
			err = keys.Add(t.Context(), k)
		}
		if err != nil {
			t.Fatal(err)
		}
		return k, c
	}
	change := func(k *identity.Key, by func(*identity.Key) error) {
		t.Helper()
		if err := keys.Update(t.Context(), k.ID(), by); err != nil {
			t.Fatal(err)
		}
	}
	_, unknown := identitytest.Issue(t, "Eve", start)
	_, small := issue(authority, 0, nil)
	_, large := issue(authority, 0, much)
	_, expired := issue(authority, time.Minute, much)
	ended, revoked := issue(authority, 0, much)
	change(ended, func(k *identity.Key) error { k.Revoke(start); return nil })
	renewed, old := issue(authority, 0, much)
	change(renewed, func(k *identity.Key) error {
		_, err := authority.Rotate(k, identity.Rotation{Overlap: time.Minute}, start)
		return err
	})
	_, foreign := issue(identitytest.Authority(t, "prod"), 0, much)
	now = start.Add(time.Hour)
	return refusals{
		authn: identityapp.NewAuthenticator(keys, authority, func() time.Time { return now }, identityapp.WithEditions(db.Edition)),
		of: map[string]string{
			"unknown": unknown.Reveal(), "wrong secret": forged(small, unknown), "wrong secret of a large key": forged(large, unknown),
			"expired": expired.Reveal(), "revoked": revoked.Reveal(), "rotated": old.Reveal(), "of another environment": foreign.Reveal(),
		},
	}
}

var errNotRefused = errors.New("not refused")

// refuse is nil when the credential was refused as every other.
func (r refusals) refuse(ctx context.Context, name string) error {
	if _, err := r.authn.Authenticate(ctx, r.of[name]); !errors.Is(err, identity.ErrUnauthenticated) {
		return fmt.Errorf("%s: %w", name, errors.Join(errNotRefused, err))
	}
	return nil
}

// Whoever is refused waits for as long whether there is such a key or not, whatever has become of it, and however much it grants.
func BenchmarkAuthenticate_Refusal(b *testing.B) {
	r := refuse(b)
	for name := range r.of {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := r.refuse(b.Context(), name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Memory can be counted, where time can only be measured. What differs may do so by two allocations: the pool of digests loses some
// of them when races are looked for.
func TestAuthenticate_RefusesEverybodyWithTheSameMemory(t *testing.T) {
	r := refuse(t)
	const margin = 2
	took := map[string]float64{}
	for name := range r.of {
		took[name] = testing.AllocsPerRun(500, func() {
			if err := r.refuse(t.Context(), name); err != nil {
				t.Error(err)
			}
		})
	}
	counts := slices.Sorted(maps.Values(took))
	least, most := counts[0], counts[len(counts)-1]
	t.Logf("allocations: %v", took)
	if most-least > margin {
		t.Errorf("they take from %v to %v allocations: %v", least, most, took)
	}
}

// The median of many refusals, in turns, so that whatever else the machine does is the same for all. The slowest may take half as
// long again as the fastest; to read a row of 200 kB takes several times as long.
func TestAuthenticate_RefusesEverybodyInTheSameTime(t *testing.T) {
	r := refuse(t)
	const (
		rounds, batch = 300, 4
		margin        = 1.5
	)
	took := map[string][]time.Duration{}
	names := slices.Collect(maps.Keys(r.of))
	for range rounds {
		// Otherwise each would always come after the same other, and find the caches as that one leaves them: to range over a small
		// map begins somewhere else each time, and goes on in the same order.
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			begun := time.Now()
			for range batch {
				if err := r.refuse(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
			took[name] = append(took[name], time.Since(begun)/batch)
		}
	}
	median := map[string]time.Duration{}
	for name, times := range took {
		slices.Sort(times)
		median[name] = times[len(times)/2]
	}
	t.Logf("medians: %v", median)
	medians := slices.Sorted(maps.Values(median))
	if least, most := medians[0], medians[len(medians)-1]; float64(most) > margin*float64(least) {
		t.Errorf("they take from %s to %s: %v", least, most, median)
	}
}
