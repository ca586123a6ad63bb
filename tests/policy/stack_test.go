package policy_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/metricapp/asking"
	"github.com/steward-mcp/steward/internal/application/metricapp/listing"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/chart"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

// stack is everything between a tool call and the engine, for one policy.
type stack struct {
	*testing.T
	log    *auditlog.Memory
	call   cqrs.Governed[toolapp.Call, tool.Result]
	by     access.Principal
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

// unlimited lets everything through.
type unlimited struct{}

func (unlimited) Take(context.Context, string, string) error { return nil }

// catalogs are the same for every stack of a manifest: reading it takes longer than asking it.
func loadCatalog(project string) (*manifest.Loader, error) {
	l := manifest.NewLoader(project, "", time.Now)
	_, err := l.Current(context.Background())
	return l, err
}

// newStack puts a gate with the personas in front of the metric tools; engine nil records instead of asking.
func newStack(t *testing.T, loader *manifest.Loader, engine metric.Source, by access.Principal, personas ...access.Persona) *stack {
	t.Helper()
	policy, err := access.Compile(personas)
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{T: t, log: &auditlog.Memory{}, by: by}
	if engine == nil {
		s.source = &recording{}
		engine = s.source
	}
	gate := cqrs.NewGate(policy, unlimited{}, cqrs.NewRecorder(s.log, time.Now), zap.NewNop(), time.Minute)
	tools := append(listing.Tools(loader, loader, policy), asking.Tools(loader, engine, policy, asking.Limits{}, time.Now, chart.PNG)...)
	catalog, err := tool.NewCatalog(tools...)
	if err != nil {
		t.Fatal(err)
	}
	if s.call, err = toolapp.NewCall(gate, catalog, compiled); err != nil {
		t.Fatal(err)
	}
	return s
}

var checks sync.Map // schemas compile slowly, and are the same for every stack

func compiled(name string, text json.RawMessage) (toolapp.Check, error) {
	if check, ok := checks.Load(name); ok {
		return check.(toolapp.Check), nil
	}
	check, err := schema.Compile(name, text)
	if err == nil {
		checks.Store(name, toolapp.Check(check))
	}
	return check, err
}

// answer is all that a caller is told.
type answer struct {
	tool, args string
	text       string
	structured string
	failure    *fault.Fault
	record     audit.Record
}

// all is every word of it.
func (a answer) all() string {
	if a.failure == nil {
		return a.text + "\n" + a.structured
	}
	return a.failure.Kind.String() + "\n" + a.failure.Code + "\n" + a.failure.Message + "\n" + strings.Join(a.failure.Suggestions, "\n")
}

// ask makes one call, which must leave exactly one record, closed.
func (s *stack) ask(name string, args any) answer {
	s.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		s.Fatal(err)
	}
	before := len(s.log.Records())
	result, err := s.call.Do(s.Context(), toolapp.Call{Change: cqrs.Change{By: s.by}, Tool: name, Arguments: text})
	a := answer{tool: name, args: string(text), text: result.Text, failure: fault.From(err)}
	if err == nil {
		structured, err := json.Marshal(result.Structured)
		if err != nil {
			s.Fatal(err)
		}
		a.structured = string(structured)
	} else if result.Text != "" || result.Structured != nil {
		s.Errorf("%s %s: a refusal comes with a result", name, text)
	}
	records := s.log.Records()[before:]
	if len(records) != 1 || records[0].Phase != audit.Closed {
		s.Fatalf("%s %s left %d records, want one that is closed: %+v", name, text, len(records), records)
	}
	a.record = records[0]
	want := audit.OK
	if a.failure != nil {
		want = a.failure.Code
	}
	if a.record.Outcome != want || a.record.Actor != s.by.ID() || a.record.Target != "tool:"+name {
		s.Errorf("%s %s: the record says %+v, want outcome %s", name, text, a.record, want)
	}
	return a
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
