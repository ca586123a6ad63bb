package identityapp_test

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

// edited is a store that counts how often it is read, and says which edition it is.
type edited struct {
	identity.Repository
	edition   byte
	unknown   bool
	read      int // terms
	whole     int // keys
	now       time.Time
	meanwhile func() // between the terms and the key, once
	after     func() // when the key has been read, once
}

func (e *edited) Terms(ctx context.Context, id identity.KeyID) (identity.Terms, error) {
	e.read++
	terms, err := e.Repository.Terms(ctx, id)
	if e.meanwhile != nil {
		e.meanwhile()
		e.meanwhile = nil
	}
	return terms, err
}

func (e *edited) Get(ctx context.Context, id identity.KeyID) (*identity.Key, error) {
	e.whole++
	k, err := e.Repository.Get(ctx, id)
	if e.after != nil {
		e.after()
		e.after = nil
	}
	return k, err
}

func (e *edited) authenticator(t *testing.T) *identityapp.Authenticator {
	t.Helper()
	e.now = start
	return identityapp.NewAuthenticator(e, identitytest.Authority(t, "dev"), func() time.Time { return e.now },
		identityapp.WithEditions(func() ([48]byte, bool) { return [48]byte{1, e.edition}, !e.unknown }))
}

func TestAuthenticate_LooksAKeyUpAgainWhenAnythingHasChanged(t *testing.T) {
	keys := &edited{Repository: identitystore.NewMemory()}
	k, c := create(t, keys)
	a := keys.authenticator(t)
	keys.read = 0
	expect := func(when string, read int, want error) {
		t.Helper()
		if _, err := a.Authenticate(t.Context(), c.Reveal()); !errors.Is(err, want) || keys.read != read {
			t.Errorf("%s: %v after %d look-ups, want %v after %d", when, err, keys.read, want, read)
		}
	}
	expect("at first", 1, nil)
	expect("unchanged", 1, nil)
	keys.edition++
	expect("when another key was changed", 2, nil)
	expect("unchanged again", 2, nil)
	keys.unknown = true
	expect("when nobody can tell", 3, nil)
	keys.unknown = false
	keys.now = k.Expires
	expect("when it has expired, though nothing was changed", 4, identity.ErrUnauthenticated)
	keys.now = start
	if _, err := identityapp.Revoke(t.Context(), keys, k.ID, start); err != nil {
		t.Fatal(err)
	}
	keys.read = 3
	keys.edition++
	expect("revoked", 4, identity.ErrUnauthenticated)
	expect("still", 5, identity.ErrUnauthenticated)
	if keys.whole != 3 {
		t.Errorf("the key was read whole %d times, want once for each time that it let somebody in by a look-up", keys.whole)
	}
}

func TestAuthenticate_LooksUpWhateverDoesNotHold(t *testing.T) {
	keys := &edited{Repository: identitystore.NewMemory()}
	_, c := create(t, keys)
	a := keys.authenticator(t)
	if _, err := a.Authenticate(t.Context(), c.Reveal()); err != nil {
		t.Fatal(err)
	}
	_, unknown := create(t, identitystore.NewMemory())
	gone, revoked := create(t, keys)
	if _, err := identityapp.Revoke(t.Context(), keys, gone.ID, start); err != nil {
		t.Fatal(err)
	}
	foreign, ours := identitytest.Authority(t, "prod"), identitytest.Authority(t, "dev")
	elsewhere, theirs, err := foreign.Issue(grant, start)
	if err != nil {
		t.Fatal(err)
	}
	renewed, old := identitytest.Issue(t, "Bob", start)
	if _, err := ours.Rotate(renewed, identity.Rotation{}, start); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(keys.Add(t.Context(), elsewhere), keys.Add(t.Context(), renewed)); err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]struct {
		text string
		at   time.Time
	}{
		"an unknown key":                     {unknown.Reveal(), start},
		"a key whose secret is another's":    {forged(c, unknown), start},
		"a revoked key":                      {revoked.Reveal(), start},
		"a key of another environment":       {theirs.Reveal(), start},
		"a secret that is over":              {old.Reveal(), start},
		"an expired key that let in before":  {c.Reveal(), start.Add(identity.DefaultLifetime)},
		"an expired key, and another secret": {forged(c, unknown), start.Add(identity.DefaultLifetime)},
	} {
		keys.read, keys.whole, keys.now = 0, 0, shown.at
		for range 2 {
			if _, err := a.Authenticate(t.Context(), shown.text); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if keys.read != 2 || keys.whole != 0 {
			t.Errorf("%s is told apart by %d look-ups instead of 2, and %d of the whole key", name, keys.read, keys.whole)
		}
	}
}

// The terms of a key are read before the key: what is read last decides, and none is let in, nor kept in memory, by what has been.
func TestAuthenticate_JudgesAKeyThatChangesMeanwhileByWhatItIsNow(t *testing.T) {
	rotated := func(k *identity.Key) error {
		_, err := identitytest.Authority(t, "dev").Rotate(k, identity.Rotation{}, start)
		return err
	}
	for name, c := range map[string]struct {
		change func(*identity.Key) error // nil takes the key away
		want   identity.Reason
	}{
		"a revoked key": {func(k *identity.Key) error { k.Revoke(start); return nil }, "the key is revoked"},
		"a rotated key": {rotated, "the key has a newer secret, and the time of the old one is over"},
		"a removed key": {nil, "no key has this id"},
	} {
		keys := &edited{Repository: identitystore.NewMemory()}
		k, credential := create(t, keys)
		id, err := identity.ParseKeyID(k.ID)
		if err != nil {
			t.Fatal(err)
		}
		a := keys.authenticator(t)
		keys.meanwhile = func() {
			if c.change == nil {
				keys.Repository = identitystore.NewMemory()
			} else if err := keys.Update(t.Context(), id, c.change); err != nil {
				t.Error(err)
			}
		}
		for _, when := range []string{"meanwhile", "afterwards"} {
			p, err := a.Authenticate(t.Context(), credential.Reveal())
			if !errors.Is(err, identity.ErrUnauthenticated) || err.Error() != identity.ErrUnauthenticated.Error() || !p.IsZero() {
				t.Errorf("%s, %s: %+v, %v", name, when, p, err)
			}
			if got := identity.ReasonOf(err); got != string(c.want) {
				t.Errorf("%s, %s: because %q", name, when, got)
			}
		}
		if keys.read != 2 || keys.whole != 1 {
			t.Errorf("%s: its terms were read %d times and the key %d times", name, keys.read, keys.whole)
		}
	}
}

// What was read before a change is kept under the edition from before it, where nobody finds it any more.
func TestAuthenticate_KeepsNothingForAnEditionThatIsNewerThanWhatWasRead(t *testing.T) {
	keys := &edited{Repository: identitystore.NewMemory()}
	k, c := create(t, keys)
	a := keys.authenticator(t)
	keys.after = func() {
		if _, err := identityapp.Revoke(t.Context(), keys, k.ID, start); err != nil {
			t.Error(err)
		}
		keys.edition++
	}
	if _, err := a.Authenticate(t.Context(), c.Reveal()); err != nil {
		t.Errorf("a request that was there before the revocation: %v", err)
	}
	if p, err := a.Authenticate(t.Context(), c.Reveal()); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("the next one: %+v, %v", p, err)
	}
}

// forged is the id of one key with the secret of another.
func forged(id, secret identity.Credential) string {
	const checksumLen = 7
	signed := strings.Join(append(strings.Split(id.Reveal(), "_")[:3], strings.Split(secret.Reveal(), "_")[3]), "_")
	signed = signed[:len(signed)-checksumLen]
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(signed)))
	return signed + base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).EncodeToString(sum)
}

// What a key costs to check depends neither on how many there are nor, while nothing changes, on the store.
func BenchmarkAuthenticate(b *testing.B) {
	for _, count := range []int{10, 1_000, 100_000} {
		db := databasetest.Open(b, filepath.Join(b.TempDir(), "state.db"))
		keys := identitystore.NewSQLite(db)
		k, c := identitytest.Issue(b, "Ada", start)
		if err := keys.Add(b.Context(), k); err != nil {
			b.Fatal(err)
		}
		const copies = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO api_keys (id, name, environment, personas, attributes, digest, created_us, expires_us)
			SELECT lower(hex(randomblob(8))), name, environment, personas, attributes, digest, created_us, expires_us FROM n, api_keys`
		if _, err := db.Write.ExecContext(b.Context(), copies, count-1); err != nil {
			b.Fatal(err)
		}
		for name, more := range map[string][]identityapp.Option{"looked up": nil, "unchanged": {identityapp.WithEditions(db.Edition)}} {
			a := identityapp.NewAuthenticator(keys, identitytest.Authority(b, "dev"), func() time.Time { return start }, more...)
			b.Run(fmt.Sprintf("%d keys/%s", count, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := a.Authenticate(b.Context(), c.Reveal()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
