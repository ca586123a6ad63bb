package policy_test

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/tests/policy/gated"
)

// stack is everything between a tool call and the engine, for one policy.
type stack struct {
	*testing.T
	tools  *gated.Tools
	source *recording // nil where the real engine answers
}

// recording keeps the questions that came through, and answers each with one row of a value for every column.
type recording struct {
	mu        sync.Mutex
	questions int
}

func (r *recording) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.questions
}

func (r *recording) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.questions++
}

func (r *recording) Answer(_ context.Context, q metric.Question) (metric.Table, error) {
	r.ask()
	var t metric.Table
	for _, g := range q.GroupBy {
		t.Columns = append(t.Columns, metric.Column{Name: g.Name, Type: "string", Grain: g.Grain})
	}
	for _, m := range q.Metrics {
		t.Columns = append(t.Columns, metric.Column{Name: m, Type: "integer"})
	}
	t.Rows = [][]any{make([]any, len(t.Columns))}
	return t, nil
}

func (r *recording) Compile(context.Context, metric.Question) (string, error) {
	r.ask()
	return "SELECT 1", nil
}

func (r *recording) Values(context.Context, metric.Listing) (metric.Table, error) {
	r.ask()
	return metric.Table{Columns: []metric.Column{{Name: "value", Type: "string"}}, Rows: [][]any{{"a"}}}, nil
}

// catalogs are the same for every stack of a manifest: reading it takes longer than asking it.
func loadCatalog(project string) (*manifest.Loader, error) {
	l := manifest.NewLoader(project, "", time.Now)
	_, err := l.Current(context.Background())
	return l, err
}

// newStack puts a gate with the personas in front of the metric tools; engine nil records instead of asking.
func newStack(t *testing.T, loader *manifest.Loader, engine metric.Source, by access.Principal, personas ...access.Persona) *stack {
	t.Helper()
	s := &stack{T: t}
	if engine == nil {
		s.source = &recording{}
		engine = s.source
	}
	var err error
	if s.tools, err = gated.New(loader, engine, by, personas...); err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is all that a caller is told.
type answer struct {
	gated.Answer
	tool, args string
	text       string
	structured string
	failure    *fault.Fault
	record     audit.Record
}

// all is every word of it.
func (a answer) all() string { return a.All() }

// ask makes one call, which must leave exactly one record, closed.
func (s *stack) ask(name string, args any) answer {
	s.Helper()
	a := s.tools.Ask(s.T, name, args)
	return answer{Answer: a, tool: a.Tool, args: a.Args, text: a.Text, structured: a.Structured, failure: a.Failure, record: a.Record}
}

// must is the structured result of a call that has to succeed.
func (s *stack) must(name string, args any) object {
	s.Helper()
	a := s.ask(name, args)
	if a.failure != nil {
		s.Fatalf("%s %s: %v", name, a.args, a.failure)
	}
	var structured object
	if err := json.Unmarshal([]byte(a.structured), &structured); err != nil {
		s.Fatal(err)
	}
	return structured
}

// names reads the whole of a listing.
func (s *stack) items(name, member string, args object) []object {
	s.Helper()
	var all []object
	page := object{}
	maps.Copy(page, args)
	for {
		got := s.must(name, page)
		for _, item := range got[member].([]any) {
			all = append(all, item.(object))
		}
		next, _ := got["next_cursor"].(string)
		if next == "" {
			return all
		}
		page["cursor"] = next
	}
}

func (s *stack) names(name, member string, args object) []string {
	s.Helper()
	all := []string{}
	for _, item := range s.items(name, member, args) {
		all = append(all, item["name"].(string))
	}
	return all
}

// project writes a folder that has nothing but a manifest.
func project(t *testing.T, text []byte) *manifest.Loader {
	t.Helper()
	dir := t.TempDir()
	if err := writeManifest(dir, text); err != nil {
		t.Fatal(err)
	}
	l, err := loadCatalog(dir)
	if err != nil {
		t.Fatalf("%v: %v", err, unwrap(err))
	}
	return l
}
