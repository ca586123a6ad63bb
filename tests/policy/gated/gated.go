// Package gated is everything between a tool call and the engine, for one policy: what tests of the metric tools call,
// and what the server calls too.
package gated

import (
	"context"
	"encoding/json"
	"fmt"
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

// Tools are the metric tools behind a gate, called by one principal. Not safe for concurrent use.
type Tools struct {
	By   access.Principal
	log  *auditlog.Memory
	call cqrs.Governed[toolapp.Call, tool.Result]
}

// New puts a gate with the personas in front of the metric tools, which ask the engine about the project that loader
// reads. A policy that does not compile is an error.
func New(loader *manifest.Loader, engine metric.Source, by access.Principal, personas ...access.Persona) (*Tools, error) {
	policy, err := access.Compile(personas)
	if err != nil {
		return nil, err
	}
	t := &Tools{By: by, log: &auditlog.Memory{}}
	gate := cqrs.NewGate(policy, unlimited{}, cqrs.NewRecorder(t.log, time.Now), zap.NewNop(), time.Minute)
	tools := append(listing.Tools(loader, loader, policy), asking.Tools(loader, engine, policy, asking.Limits{Timeout: 10 * time.Minute}, time.Now, chart.PNG)...)
	catalog, err := tool.NewCatalog(tools...)
	if err != nil {
		return nil, err
	}
	t.call, err = toolapp.NewCall(gate, policy, catalog, compiled)
	return t, err
}

// unlimited lets everything through.
type unlimited struct{}

// Take implements cqrs.Limiter.
func (unlimited) Take(context.Context, string, string) error { return nil }

var checks sync.Map // schemas compile slowly, and are the same for every policy

func compiled(name string, text json.RawMessage) (toolapp.Check, error) {
	if check, ok := checks.Load(name); ok {
		if check, is := check.(toolapp.Check); is {
			return check, nil
		}
	}
	check, err := schema.Compile(name, text)
	if err == nil {
		checks.Store(name, toolapp.Check(check))
	}
	return check, err
}

// Answer is all that a caller is told, and what was recorded of it.
type Answer struct {
	Tool, Args string
	Text       string
	Structured string // JSON; empty for a refusal
	Failure    *fault.Fault
	Record     audit.Record
}

// All is every word of it.
func (a Answer) All() string {
	if a.Failure == nil {
		return a.Text + "\n" + a.Structured
	}
	return a.Failure.Kind.String() + "\n" + a.Failure.Code + "\n" + a.Failure.Message + "\n" + strings.Join(a.Failure.Suggestions, "\n")
}

// Ask makes one call, which must leave exactly one record, closed, that agrees with the answer.
func (t *Tools) Ask(tb testing.TB, name string, args any) Answer {
	tb.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := t.Do(tb.Context(), name, text)
	if err != nil {
		tb.Errorf("%s %s: %v", name, text, err)
	}
	return a
}

// Do is Ask with arguments as they stand. Its error is about the record, not about the answer.
func (t *Tools) Do(ctx context.Context, name string, args json.RawMessage) (Answer, error) {
	before := len(t.log.Records())
	result, err := t.call.Do(ctx, toolapp.Call{Change: cqrs.Change{By: t.By}, Tool: name, Arguments: args})
	a := Answer{Tool: name, Args: string(args), Text: result.Text, Failure: fault.From(err)}
	if err == nil {
		structured, err := json.Marshal(result.Structured)
		if err != nil {
			return a, err
		}
		a.Structured = string(structured)
	} else if result.Text != "" || result.Structured != nil {
		return a, fmt.Errorf("a refusal comes with a result: %q", result.Text)
	}
	return a, t.recorded(&a, before)
}

func (t *Tools) recorded(a *Answer, before int) error {
	records := t.log.Records()[before:]
	if len(records) != 1 || records[0].Phase != audit.Closed {
		return fmt.Errorf("left %d records, want one that is closed: %+v", len(records), records)
	}
	a.Record = records[0]
	want := audit.OK
	if a.Failure != nil {
		want = a.Failure.Code
	}
	if a.Record.Outcome != want || a.Record.Actor != t.By.ID() || a.Record.Target != "tool:"+a.Tool {
		return fmt.Errorf("the record says %+v, want outcome %s", a.Record, want)
	}
	return nil
}
