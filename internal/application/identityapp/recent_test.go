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
	edition byte
	unknown bool
	read    int
	now     time.Time
}

func (e *edited) Get(ctx context.Context, id identity.KeyID) (*identity.Key, error) {
	e.read++
	return e.Repository.Get(ctx, id)
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
	expect("when it has expired, though nothing was changed", 3, identity.ErrUnauthenticated)
	keys.now = start
	if _, err := identityapp.Revoke(t.Context(), keys, k.ID, start); err != nil {
		t.Fatal(err)
	}
	keys.read = 3
	keys.edition++
	expect("revoked", 4, identity.ErrUnauthenticated)
	expect("still", 5, identity.ErrUnauthenticated)
}

func TestAuthenticate_LooksUpWhateverDoesNotHold(t *testing.T) {
	keys := &edited{Repository: identitystore.NewMemory()}
	_, c := create(t, keys)
	a := keys.authenticator(t)
	if _, err := a.Authenticate(t.Context(), c.Reveal()); err != nil {
		t.Fatal(err)
	}
	foreign := identitystore.NewMemory()
	_, unknown := create(t, foreign)
	for name, presented := range map[string]string{"an unknown key": unknown.Reveal(), "a key whose secret is another's": forged(c, unknown)} {
		keys.read = 0
		for range 2 {
			if _, err := a.Authenticate(t.Context(), presented); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if keys.read != 2 {
			t.Errorf("%s is told apart by %d look-ups instead of 2", name, keys.read)
		}
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

// Whoever has not the secret waits for as long whether there is such a key or not, and however much it grants.
func BenchmarkAuthenticate_Refusal(b *testing.B) {
	db := databasetest.Open(b, filepath.Join(b.TempDir(), "state.db"))
	keys, authority := identitystore.NewSQLite(db), identitytest.Authority(b, "dev")
	small, c := identitytest.Issue(b, "Ada", start)
	grant := identity.Grant{Name: "Bob", Personas: []string{"analyst"}, Attributes: map[string][]string{}}
	for i := range 50 {
		grant.Attributes[fmt.Sprint("attribute", i)] = strings.Fields(strings.Repeat("value ", 20))
	}
	large, much, err := authority.Issue(grant, start)
	if err != nil {
		b.Fatal(err)
	}
	for _, k := range []*identity.Key{small, large} {
		if err := keys.Add(b.Context(), k); err != nil {
			b.Fatal(err)
		}
	}
	_, unknown := identitytest.Issue(b, "Eve", start)
	a := identityapp.NewAuthenticator(keys, authority, func() time.Time { return start }, identityapp.WithEditions(db.Edition))
	for name, presented := range map[string]string{"unknown": unknown.Reveal(), "small": forged(c, unknown), "large": forged(much, unknown)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := a.Authenticate(b.Context(), presented); !errors.Is(err, identity.ErrUnauthenticated) {
					b.Fatal(err)
				}
			}
		})
	}
}
