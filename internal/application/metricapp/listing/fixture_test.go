package listing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/application/metricapp/listing"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var analyst = metricapptest.Analyst

type deny = metricapptest.Deny

// catalogs always has the one snapshot, or the one fault.
type catalogs struct {
	metric.Snapshot
	err error
}

func (c *catalogs) Current(context.Context) (metric.Snapshot, error) { return c.Snapshot, c.err }

// definitions knows where some metrics are.
type definitions map[string]metric.Location

func (d definitions) Locate(_ context.Context, name string) (metric.Location, bool) {
	at, ok := d[name]
	return at, ok
}

// tools are the listings over the shop.
type tools struct {
	*testing.T
	catalogs *catalogs
	all      []tool.Tool
}

func listings(t *testing.T, policy access.DataPolicy) *tools {
	t.Helper()
	c := &catalogs{Snapshot: metric.Snapshot{Catalog: metricapptest.Shop(t), Hash: strings.Repeat("ab", 32), Age: 90 * time.Second}}
	at := definitions{"revenue": {File: "models/metrics.yml", Line: 3}, "orders": {File: "models/metrics.yml"}}
	return &tools{T: t, catalogs: c, all: listing.Tools(c, at, policy)}
}

func (ts *tools) bind(name, args string) (tool.Bound, error) {
	ts.Helper()
	for _, tl := range ts.all {
		if tl.Name == name {
			return tl.Bind(ts.Context(), analyst, json.RawMessage(args))
		}
	}
	ts.Fatalf("there is no tool %s", name)
	return tool.Bound{}, nil
}

// call runs a tool, checks arguments and answer against its schemas, and gives the answer.
func (ts *tools) call(name, args string) (map[string]any, string) {
	ts.Helper()
	ts.validate(name, "input", []byte(args))
	b, err := ts.bind(name, args)
	if err != nil {
		ts.Fatalf("%s %s: %v", name, args, err)
	}
	r, err := b.Run(ts.Context())
	if err != nil {
		ts.Fatalf("%s %s: %v", name, args, err)
	}
	data, err := json.Marshal(r.Structured)
	if err != nil {
		ts.Fatal(err)
	}
	ts.validate(name, "output", data)
	var structured map[string]any
	if err := json.Unmarshal(data, &structured); err != nil {
		ts.Fatal(err)
	}
	return structured, r.Text
}

func (ts *tools) validate(name, which string, value []byte) {
	ts.Helper()
	for _, tl := range ts.all {
		if tl.Name != name {
			continue
		}
		schema := tl.InputSchema
		if which == "output" {
			schema = tl.OutputSchema
		}
		compiled := compile(ts.T, name+" "+which, schema)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
		if err != nil {
			ts.Fatal(err)
		}
		if err := compiled.Validate(instance); err != nil {
			ts.Errorf("%s of %s: %v\n%s", which, name, err, value)
		}
	}
}

func compile(t *testing.T, name string, schema json.RawMessage) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("test:///schema", document); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	compiled, err := c.Compile("test:///schema")
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return compiled
}

// names are the names in a listing's answer.
func names(structured map[string]any, member string) []string {
	found := []string{}
	items, _ := structured[member].([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		name, _ := fields["name"].(string)
		found = append(found, name)
	}
	return found
}

// face is what a caller sees of a fault.
func face(f *fault.Fault) []any { return []any{f.Kind, f.Code, f.Message, f.Suggestions} }
