package demo_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

// ceiling is metrics.max_rows of the server under test: less than the demo could answer, so that it can be seen.
const ceiling = 2000

// lab is what the tests share: the shop on each of its warehouses. What does not depend on the warehouse is tried on
// the first.
var lab struct {
	harness.Lab
	duckdb, postgres *shop
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(harness.Tests(m, serve)) }

func serve(ctx context.Context, l harness.Lab) (func() error, error) {
	lab.Lab = l
	lab.duckdb, lab.postgres = onDuckDB(l), &shop{warehouse: "postgres", demo: l.Demo}
	server, err := harness.StartPostgres(ctx)
	if err == nil {
		err = lab.postgres.build(ctx, server)
	}
	if err == nil {
		err = lab.postgres.serve(ctx)
	}
	lab.postgres.missing = err // its tests say so; the others can do without
	stop := func() error {
		errs := []error{lab.duckdb.stop(), lab.postgres.stop()}
		if server != nil {
			errs = append(errs, server.Stop())
		}
		return errors.Join(errs...)
	}
	if err := lab.duckdb.serve(ctx); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// home is the region of the regional manager.
const home = "North"

func client(persona string, era harness.Era) *harness.Client { return lab.duckdb.client(persona, era) }

func analyst() *harness.Client  { return client("analyst", harness.Modern) }
func regional() *harness.Client { return client("regional", harness.Modern) }

// column and answer are the structured result of query.
type column struct{ Name, Type, Grain string }

type answer struct {
	Columns   []column `json:"columns"`
	Rows      [][]any  `json:"rows"`
	RowCount  int      `json:"row_count"`
	Truncated bool     `json:"truncated"`
	Manifest  struct {
		Hash string `json:"hash"`
		Age  *int64 `json:"age_seconds"`
	} `json:"manifest"`
	Duration float64  `json:"duration_ms"`
	Warnings []string `json:"warnings"`
}

func (a answer) names() []string {
	names := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		names[i] = c.Name
	}
	return names
}

// ask asks a question that must be answered.
func ask(t *testing.T, c *harness.Client, question map[string]any) (answer, harness.Result) {
	t.Helper()
	var a answer
	r, err := c.Tool(t.Context(), "query", question, &a)
	if err != nil {
		t.Fatalf("%v: %v", question, err)
	}
	return a, r
}

// refused makes a call that must be refused.
func refused(t *testing.T, c *harness.Client, tool string, args map[string]any) *harness.Failure {
	t.Helper()
	r, err := c.Tool(t.Context(), tool, args, nil)
	f, ok := errors.AsType[*harness.Failure](err)
	if !ok {
		t.Fatalf("%s %v: %v, want it refused; answered %s", tool, args, err, r.Text())
	}
	if len(r.Structured) > 0 && string(r.Structured) != "null" {
		t.Errorf("%s %v: a refusal has data: %s", tool, args, r.Structured)
	}
	if f.Request == "" || f.Request != r.Request {
		t.Errorf("%s: the refusal is of request %q, the answer of %q", tool, f.Request, r.Request)
	}
	return f
}

// listed reads a listing to its end and gives its items as they came.
func listed(t *testing.T, c *harness.Client, tool, member string, args map[string]any) []map[string]any {
	t.Helper()
	var all []map[string]any
	args = maps.Clone(args)
	if args == nil {
		args = map[string]any{}
	}
	for {
		var page map[string]any
		if _, err := c.Tool(t.Context(), tool, args, &page); err != nil {
			t.Fatalf("%s %v: %v", tool, args, err)
		}
		items, ok := page[member].([]any)
		if !ok {
			t.Fatalf("%s gives no %s: %v", tool, member, page)
		}
		for _, item := range items {
			all = append(all, item.(map[string]any))
		}
		next, _ := page["next_cursor"].(string)
		if next == "" {
			return all
		}
		args["cursor"] = next
	}
}

// namesOf lists the names of items, sorted.
func namesOf(items []map[string]any) []string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i], _ = item["name"].(string)
	}
	slices.Sort(names)
	return names
}

func texts(list any) []string {
	items, _ := list.([]any)
	all := make([]string, 0, len(items))
	for _, item := range items {
		all = append(all, item.(string))
	}
	return all
}
