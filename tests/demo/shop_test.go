package demo_test

import (
	"context"
	"maps"
	"path/filepath"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

// shop is the demo on one warehouse: its server, a client of each era for each persona, and a way past all of them.
type shop struct {
	warehouse string
	demo      harness.Demo
	changes   map[string]any // of the configuration
	env       []string
	ask       func(ctx context.Context, statements ...string) ([][][]any, error)

	missing error // why it cannot be had
	server  *harness.Server
	clients map[string]*harness.Client
}

func onDuckDB(l harness.Lab) *shop {
	return &shop{warehouse: "duckdb", demo: l.Demo, ask: func(ctx context.Context, statements ...string) ([][][]any, error) {
		return l.Demo.SQL(ctx, l.Demo.Warehouse, statements...)
	}}
}

// build makes the shop in a database of the server.
func (s *shop) build(ctx context.Context, server *harness.PostgresServer) error {
	demo, login, err := s.demo.OnPostgres(ctx, server, filepath.Join(lab.Dir, s.warehouse))
	s.demo = demo
	s.changes, s.env = login.ServeShop()
	s.ask = func(ctx context.Context, statements ...string) ([][][]any, error) {
		return login.SQL(ctx, demo, statements...)
	}
	return err
}

func (s *shop) serve(ctx context.Context) error {
	changes := map[string]any{
		"metrics.max_rows": ceiling, "metrics.queue_depth": 1000, // there are many questions at once on many cores
	}
	maps.Copy(changes, s.changes)
	config, err := s.demo.Configure(filepath.Join(lab.Dir, "server-"+s.warehouse), changes)
	if err != nil {
		return err
	}
	keys := map[string]string{}
	for _, persona := range []string{"analyst", "regional"} {
		if keys[persona], err = harness.CreateKeyWith(ctx, lab.Binary, config, persona, "--persona", persona, "--attribute", "region="+home); err != nil {
			return err
		}
	}
	if s.server, err = harness.Start(ctx, lab.Binary, config, s.env...); err != nil {
		return err
	}
	s.clients = map[string]*harness.Client{}
	for persona, key := range keys {
		for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
			s.clients[persona+string(era)] = harness.NewClient(s.server.URL, key, era)
		}
	}
	return nil
}

func (s *shop) stop() error {
	for c := range maps.Values(s.clients) {
		c.Close()
	}
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

func (s *shop) client(persona string, era harness.Era) *harness.Client {
	return s.clients[persona+string(era)]
}

func (s *shop) analyst() *harness.Client  { return s.client("analyst", harness.Modern) }
func (s *shop) regional() *harness.Client { return s.client("regional", harness.Modern) }

// sql runs one statement on the warehouse, past the server.
func (s *shop) sql(t *testing.T, statement string) [][]any {
	t.Helper()
	answers, err := s.ask(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

// onEach tries the same on every warehouse.
func onEach(t *testing.T, try func(*testing.T, *shop)) {
	t.Helper()
	for _, s := range []*shop{lab.duckdb, lab.postgres} {
		t.Run(s.warehouse, func(t *testing.T) {
			if s.missing != nil {
				t.Fatal(s.missing)
			}
			try(t, s)
		})
	}
}
