package identitystore_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore/sqlcgen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a key in a state file of its own.
func kept(t *testing.T) (*database.DB, *identitystore.SQLite, *identity.Key, identity.Credential) {
	t.Helper()
	db := databasetest.Open(t, filepath.Join(t.TempDir(), "state.db"))
	keys := identitystore.NewSQLite(db)
	k, c := identitytest.Issue(t, "Ada", identitytest.Start)
	if err := keys.Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return db, keys, k, c
}

func TestMemory_KeepsTheContract(t *testing.T) {
	t.Parallel()
	identitytest.RunRepository(t, func(*testing.T) identity.Repository { return identitystore.NewMemory() })
}

func TestSQLite_KeepsTheContract(t *testing.T) {
	t.Parallel()
	identitytest.RunRepository(t, func(t *testing.T) identity.Repository {
		t.Helper()
		return identitystore.NewSQLite(databasetest.Open(t, filepath.Join(t.TempDir(), "state.db")))
	})
}

// The command line works on the state file beside the server; what it revokes is refused by the next request.
func TestSQLite_SeesARevocationByAnotherProcessAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	server, commandLine := identitystore.NewSQLite(databasetest.Open(t, path)), identitystore.NewSQLite(databasetest.Open(t, path))
	k, _ := identitytest.Issue(t, "Ada", identitytest.Start)
	if err := commandLine.Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	before, err := server.Get(t.Context(), k.ID())
	if err != nil {
		t.Fatal(err)
	}
	revoke := func(k *identity.Key) error { k.Revoke(identitytest.Start); return nil }
	if err := commandLine.Update(t.Context(), k.ID(), revoke); err != nil {
		t.Fatal(err)
	}
	after, err := server.Get(t.Context(), k.ID())
	if err != nil {
		t.Fatal(err)
	}
	if b, a := before.Snapshot().State(identitytest.Start), after.Snapshot().State(identitytest.Start); b != identity.Active || a != identity.Revoked {
		t.Errorf("the key is %s before and %s after", b, a)
	}
}

func TestSQLite_WritesKeysDurablyAndLeavesTheModeAsItWas(t *testing.T) {
	t.Parallel()
	db, store, k, _ := kept(t)
	mode := func() (m int) {
		t.Helper()
		if err := db.Write.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	const normal = 1
	if got := mode(); got != normal {
		t.Errorf("after Add the mode is %d", got)
	}
	no := errors.New("no")
	if err := store.Update(t.Context(), k.ID(), func(*identity.Key) error { return no }); !errors.Is(err, no) {
		t.Fatal(err)
	}
	if got := mode(); got != normal {
		t.Errorf("after a failed Update the mode is %d", got)
	}
}

func TestSQLite_KeepsNoKeyThatCouldBeUsed(t *testing.T) {
	t.Parallel()
	db, _, k, c := kept(t)
	var dump string
	const everything = `SELECT group_concat(id || name || environment || personas || attributes || hex(digest)) FROM api_keys`
	if err := db.Read.QueryRowContext(t.Context(), everything).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	secret := strings.Split(c.Reveal(), "_")[3]
	if !strings.Contains(dump, k.ID().String()) || strings.Contains(dump, secret[:10]) {
		t.Errorf("the table holds %s", dump)
	}
}

func BenchmarkGet(b *testing.B) {
	stores := map[string]identity.Repository{
		"memory": identitystore.NewMemory(), "sqlite": identitystore.NewSQLite(databasetest.Open(b, filepath.Join(b.TempDir(), "state.db"))),
	}
	for name, store := range stores {
		k, _ := identitytest.Issue(b, "Ada", identitytest.Start)
		if err := store.Add(b.Context(), k); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := store.Get(b.Context(), k.ID()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a secret costs to check does not depend on how many keys there are.
func BenchmarkVerify(b *testing.B) {
	for _, count := range []int{10, 1_000, 100_000} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			db := databasetest.Open(b, filepath.Join(b.TempDir(), "state.db"))
			store := identitystore.NewSQLite(db)
			authority := identitytest.Authority(b, "dev")
			k, c := identitytest.Issue(b, "Ada", identitytest.Start)
			if err := store.Add(b.Context(), k); err != nil {
				b.Fatal(err)
			}
			const copies = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				INSERT INTO api_keys (id, name, environment, personas, attributes, digest, created_us, expires_us)
				SELECT lower(hex(randomblob(8))), name, environment, personas, attributes, digest, created_us, expires_us FROM n, api_keys`
			if _, err := db.Write.ExecContext(b.Context(), copies, count-1); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				terms, err := store.Terms(b.Context(), k.ID())
				if err != nil {
					b.Fatal(err)
				}
				if err := authority.Verify(terms, c, identitytest.Start); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Whoever has not the secret of a key learns nothing of it from what it takes to refuse them: what the key grants is not read for that,
// however much it is, and whether it can be read is told to nobody else.
func TestSQLite_ReadsWhatAKeyGrantsForItsHolderOnly(t *testing.T) {
	t.Parallel()
	db, keys, k, _ := kept(t)
	for _, column := range []string{"personas", "attributes", "scope", "networks"} {
		if _, err := db.Write.ExecContext(t.Context(), "UPDATE api_keys SET "+column+" = '7'"); err != nil {
			t.Fatal(err)
		}
		if terms, err := keys.Terms(t.Context(), k.ID()); err != nil || terms != k.Terms() {
			t.Errorf("%s: the terms are %+v, %v", column, terms, err)
		}
		err := keys.Update(t.Context(), k.ID(), func(*identity.Key) error { t.Error("it is changed unread"); return nil })
		got, read := keys.Get(t.Context(), k.ID())
		if all, listed := keys.List(t.Context()); err == nil || read == nil || listed == nil {
			t.Errorf("%s: it is updated (%v), read: %v, and listed: %v", column, err, got, all)
		}
	}
}

// planned asks the database how it would run what it is given.
type planned struct {
	*sql.DB
	plan []string
	err  error
}

func (p *planned) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	p.err = p.explain(ctx, query, args)
	return p.DB.QueryRowContext(ctx, query, args...)
}

func (p *planned) explain(ctx context.Context, query string, args []any) error {
	rows, err := p.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return err
		}
		p.plan = append(p.plan, step)
	}
	return rows.Err()
}

func TestSQLite_FindsTermsInTheIndexAlone(t *testing.T) {
	t.Parallel()
	p := &planned{DB: databasetest.Open(t, filepath.Join(t.TempDir(), "state.db")).Read}
	row, err := sqlcgen.New(p).GetTerms(t.Context(), "absent")
	if err = errors.Join(err, p.err); err != nil || row.Known {
		t.Fatalf("an unknown key is %+v, %v", row, err)
	}
	const index = "SEARCH k USING COVERING INDEX api_keys_terms (id=?) LEFT-JOIN"
	if !slices.Contains(p.plan, index) || slices.ContainsFunc(p.plan, func(step string) bool { return strings.Contains(step, " k") && step != index }) {
		t.Errorf("the plan is %q", p.plan)
	}
}

func TestSQLite_FindsTheTermsOfKeysThatAnOlderVersionWrote(t *testing.T) {
	t.Parallel()
	db, keys, k, _ := kept(t)
	migrations, err := goose.NewProvider(goose.DialectSQLite3, db.Write, os.DirFS("../database/migrations"),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	const before = 6 // without the index
	if _, err := migrations.DownTo(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if terms, err := keys.Terms(t.Context(), k.ID()); err == nil {
		t.Errorf("without the index the terms are %+v", terms)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if terms, err := keys.Terms(t.Context(), k.ID()); err != nil || terms != k.Terms() {
		t.Errorf("the terms are %+v, %v", terms, err)
	}
}
