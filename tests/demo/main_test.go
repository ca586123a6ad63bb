package demo_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

// ceiling is metrics.max_rows of the server under test: less than the demo could answer, so that it can be seen.
const ceiling = 2000

// lab is the one server of these tests, and a client of each era for each persona.
var lab struct {
	harness.Lab
	server  *harness.Server
	clients map[string]*harness.Client
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(harness.Tests(m, serve)) }

func serve(ctx context.Context, l harness.Lab) (func() error, error) {
	lab.Lab = l
	config, err := l.Demo.Configure(filepath.Join(l.Dir, "server"), map[string]any{
		"metrics.max_rows": ceiling, "metrics.queue_depth": 1000, // there are many questions at once on many cores
	})
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for _, persona := range []string{"analyst", "regional"} {
		if keys[persona], err = harness.CreateKey(ctx, l.Binary, config, persona, persona); err != nil {
			return nil, err
		}
	}
	if lab.server, err = harness.Start(ctx, l.Binary, config); err != nil {
		return nil, err
	}
	lab.clients = map[string]*harness.Client{}
	for persona, key := range keys {
		for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
			lab.clients[persona+string(era)] = harness.NewClient(lab.server.URL, key, era)
		}
	}
	return func() error {
		for c := range maps.Values(lab.clients) {
			c.Close()
		}
		return lab.server.Stop()
	}, nil
}

func client(persona string, era harness.Era) *harness.Client { return lab.clients[persona+string(era)] }

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

// sql runs one statement on the warehouse, past the server.
func sql(t *testing.T, statement string) [][]any {
	t.Helper()
	answers, err := lab.Demo.SQL(t.Context(), lab.Demo.Warehouse, statement)
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
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
