package toolapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var alice = access.Principal{Issuer: "key", Subject: "alice", Name: "Alice", Personas: []string{"p"}}

// surroundings are everything around the one command, in the test's hand.
type surroundings struct {
	mu      sync.Mutex
	records []audit.Record
	denied  map[string]bool // by target
	obliged access.Obligations
	classes []string
	log     *observer.ObservedLogs
	more    []toolapp.Option
}

func (s *surroundings) Append(_ context.Context, r audit.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	return nil
}

func (s *surroundings) Decide(_ access.Principal, demands ...access.Demand) access.Decision {
	for _, d := range demands {
		if s.denied[d.Target.String()] {
			return access.Decision{Denied: d, Policy: "hash"}
		}
	}
	return access.Decision{Allowed: true, Policy: "hash"}
}

func (s *surroundings) Obligations(access.Principal) access.Obligations { return s.obliged }

func (s *surroundings) Take(_ context.Context, _, class string) error {
	s.classes = append(s.classes, class)
	return nil
}

// govern makes the command over the given tools. A check refuses arguments that hold the word "unfit".
func (s *surroundings) govern(t *testing.T, tools ...tool.Tool) cqrs.Governed[toolapp.Call, tool.Result] {
	t.Helper()
	core, log := observer.New(zapcore.DebugLevel)
	s.log = log
	catalog, err := tool.NewCatalog(tools...)
	if err != nil {
		t.Fatal(err)
	}
	gate := cqrs.NewGate(s, s, cqrs.NewRecorder(s, time.Now), zap.New(core), time.Minute)
	do, err := toolapp.NewCall(gate, s, catalog, func(string, json.RawMessage) (toolapp.Check, error) {
		return func(args json.RawMessage) error {
			if strings.Contains(string(args), "unfit") {
				return fault.New(fault.Invalid, "tool.arguments", "Unfit.")
			}
			return nil
		}, nil
	}, s.more...)
	if err != nil {
		t.Fatal(err)
	}
	return do
}

func (s *surroundings) logged(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	for _, entry := range s.log.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line.Bytes())
	}
	return text.String()
}

// scripted is a tool that runs what the test wants.
func scripted(change func(*tool.Tool), run func(context.Context) (tool.Result, error)) tool.Tool {
	made := tool.Tool{
		Definition: tool.Definition{Name: "scripted", ReadOnly: true},
		Bind: func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
			return tool.Bound{Run: run}, nil
		},
	}
	if change != nil {
		change(&made)
	}
	return made
}

func fine(context.Context) (tool.Result, error) { return tool.Result{Text: "fine"}, nil }

func ask(name, args string) toolapp.Call {
	return toolapp.Call{Change: cqrs.Change{By: alice}, Tool: name, Arguments: json.RawMessage(args)}
}

func TestCall_GivesTheToolItsArgumentsAndItsCaller(t *testing.T) {
	t.Parallel()
	var s surroundings
	var got string
	do := s.govern(t, scripted(func(made *tool.Tool) {
		made.Bind = func(_ context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
			got = by.ID() + " " + string(args)
			return tool.Bound{Run: fine}, nil
		}
	}, nil))
	for args, want := range map[string]string{`{"a": 1}`: `key:alice {"a": 1}`, ``: `key:alice {}`} {
		result, err := do.Do(t.Context(), ask("scripted", args))
		if err != nil || result.Text != "fine" || got != want {
			t.Errorf("%q: %v, %v; the tool saw %q", args, result, err, got)
		}
	}
	if diff := cmp.Diff([]string{toolapp.Class, toolapp.Class}, s.classes); diff != "" {
		t.Errorf("limits drawn on (-want +got):\n%s", diff)
	}
}

func TestCall_OfAnUnknownAndAHiddenToolAreRefusedAlike(t *testing.T) {
	t.Parallel()
	s := surroundings{denied: map[string]bool{"tool:scripted": true}}
	do := s.govern(t, scripted(nil, fine))
	_, hidden := do.Do(t.Context(), ask("scripted", `{}`))
	_, unknown := do.Do(t.Context(), ask("absent", `{}`))
	if !errors.Is(hidden, toolapp.ErrUnknown) || hidden.Error() != unknown.Error() {
		t.Errorf("hidden: %v; unknown: %v", hidden, unknown)
	}
}

func TestCall_ChecksArgumentsBeforeTheToolSeesThem(t *testing.T) {
	t.Parallel()
	var s surroundings
	do := s.govern(t, scripted(func(made *tool.Tool) {
		made.Bind = func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
			t.Error("the tool saw arguments that its schema refuses")
			return tool.Bound{}, nil
		}
	}, nil))
	_, err := do.Do(t.Context(), ask("scripted", `{"x":"unfit"}`))
	if f := fault.From(err); f == nil || f.Code != "tool.arguments" {
		t.Errorf("answered %v", err)
	}
	if r := s.records; len(r) != 1 || r[0].DeniedBy != audit.ByInput || len(r[0].Arguments) != 64 || len(s.classes) != 0 {
		t.Errorf("records %+v, limits drawn on %v", r, s.classes)
	}
}

func TestCall_RefusesInTheToolsOwnWords(t *testing.T) {
	t.Parallel()
	unknownName := fault.New(fault.NotFound, "thing.unknown", "There is no such thing.")
	s := surroundings{denied: map[string]bool{"thing:hidden": true}}
	do := s.govern(t, scripted(func(made *tool.Tool) {
		made.Bind = func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
			return tool.Bound{Demands: []access.Demand{access.On("thing.read", "thing", "hidden")}, Refusal: unknownName, Run: fine}, nil
		}
	}, nil))
	if _, err := do.Do(t.Context(), ask("scripted", `{}`)); !errors.Is(err, unknownName) {
		t.Errorf("answered %v", err)
	}
	if r := s.records; len(r) != 1 || r[0].DeniedBy != audit.ByPolicy || !slices.Contains(r[0].Demands, "thing.read thing:hidden") {
		t.Errorf("records %+v", r)
	}
}

func TestCall_RecordsAnIntentUnlessTheToolReadsOnly(t *testing.T) {
	t.Parallel()
	for readOnly, want := range map[bool][]audit.Phase{true: {audit.Closed}, false: {audit.Intent, audit.Closed}} {
		var s surroundings
		do := s.govern(t, scripted(func(made *tool.Tool) { made.ReadOnly = readOnly }, fine))
		if _, err := do.Do(t.Context(), ask("scripted", `{}`)); err != nil {
			t.Fatal(err)
		}
		var phases []audit.Phase
		for _, r := range s.records {
			phases = append(phases, r.Phase)
		}
		if diff := cmp.Diff(want, phases); diff != "" {
			t.Errorf("read-only %t (-want +got):\n%s", readOnly, diff)
		}
	}
}

func TestCall_EndsAtTheToolsDeadline(t *testing.T) {
	t.Parallel()
	var s surroundings
	do := s.govern(t, scripted(func(made *tool.Tool) { made.Timeout = time.Millisecond }, func(ctx context.Context) (tool.Result, error) {
		<-ctx.Done()
		return tool.Result{}, ctx.Err()
	}))
	if _, err := do.Do(t.Context(), ask("scripted", `{}`)); !errors.Is(err, fault.ErrTimeout) {
		t.Errorf("answered %v", err)
	}
}

// What the operator reads of a failure says what failed, and not what the caller wrote.
func TestCall_LogsAFailureWithoutItsArguments(t *testing.T) {
	t.Parallel()
	const args = `{"text":"canary \"quoted\"\n","deep":[{"number":424242}],"short":"an"}`
	broken := func(context.Context) (tool.Result, error) {
		return tool.Result{}, fmt.Errorf("parse %s or %q, number 424242, in an error: %w", "canary \"quoted\"\n", "canary \"quoted\"\n", os.ErrPermission)
	}
	for name, made := range map[string]tool.Tool{
		"in Run": scripted(nil, broken),
		"as what it depends on": scripted(nil, func(ctx context.Context) (tool.Result, error) {
			_, err := broken(ctx)
			return tool.Result{}, fault.ErrInternal.Because(fault.New(fault.Unavailable, "thing.away", "It is away.").Because(err))
		}),
		"in Bind": scripted(func(made *tool.Tool) {
			made.Bind = func(ctx context.Context, _ access.Principal, _ json.RawMessage) (tool.Bound, error) {
				_, err := broken(ctx)
				return tool.Bound{}, err
			}
		}, nil),
	} {
		var s surroundings
		_, err := s.govern(t, made).Do(t.Context(), ask("scripted", args))
		if !errors.Is(err, fault.ErrInternal) || err.Error() != fault.ErrInternal.Error() {
			t.Errorf("%s: answered %v", name, err)
		}
		text := s.logged(t)
		if !strings.Contains(text, "in an error: permission denied") || !strings.Contains(text, s.records[0].Request) {
			t.Errorf("%s: the log does not say what failed: %s", name, text)
		}
		if strings.Contains(text, "canary") || strings.Contains(text, "4242") {
			t.Errorf("%s: the log repeats the arguments: %s", name, text)
		}
	}
}

// A caller hears that something is away; the operator hears why.
func TestCall_LogsWhatADependencySaid(t *testing.T) {
	t.Parallel()
	var s surroundings
	away := fault.New(fault.Unavailable, "thing.away", "It is away.")
	do := s.govern(t, scripted(nil, func(context.Context) (tool.Result, error) {
		return tool.Result{}, away.After(time.Second).Because(fmt.Errorf("dial for %q: %w", "canary", os.ErrDeadlineExceeded))
	}))
	_, err := do.Do(t.Context(), ask("scripted", `{"text":"canary"}`))
	if f := fault.From(err); !errors.Is(err, away) || f.Message != away.Message || f.RetryAfter != time.Second {
		t.Errorf("answered %v", err)
	}
	text := s.logged(t)
	if !strings.Contains(text, "i/o timeout") || !strings.Contains(text, s.records[0].Request) || strings.Contains(text, "canary") {
		t.Errorf("logged %s", text)
	}
}

func TestCall_LeavesFaultsAsTheyAre(t *testing.T) {
	t.Parallel()
	var s surroundings
	want := fault.New(fault.Precondition, "thing.closed", "It is closed.").After(time.Second).Because(os.ErrClosed)
	do := s.govern(t, scripted(nil, func(context.Context) (tool.Result, error) { return tool.Result{}, fmt.Errorf("ask: %w", want) }))
	_, err := do.Do(t.Context(), ask("scripted", `{"text":"away"}`))
	if f := fault.From(err); f.Code != want.Code || f.Message != want.Message || f.RetryAfter != time.Second || !errors.Is(err, os.ErrClosed) {
		t.Errorf("answered %v", err)
	}
}

func TestNewCall_FailsOnASchemaThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	catalog, err := tool.NewCatalog(scripted(nil, fine))
	if err != nil {
		t.Fatal(err)
	}
	_, err = toolapp.NewCall(nil, &surroundings{}, catalog, func(string, json.RawMessage) (toolapp.Check, error) { return nil, errors.New("broken") })
	if err == nil || !strings.Contains(err.Error(), "scripted") {
		t.Errorf("answered %v, want an error that names the tool", err)
	}
}

func TestVisible_IsWhatTheGateWouldLetThrough(t *testing.T) {
	t.Parallel()
	s := surroundings{denied: map[string]bool{"tool:b": true}}
	named := func(name string) tool.Tool { return scripted(func(made *tool.Tool) { made.Name = name }, fine) }
	tools := []tool.Tool{named("c"), named("a"), named("b")}
	catalog, err := tool.NewCatalog(tools...)
	if err != nil {
		t.Fatal(err)
	}
	visible := toolapp.NewVisible(&s, catalog).Names(alice)
	if diff := cmp.Diff([]string{"a", "c"}, visible); diff != "" {
		t.Errorf("visible (-want +got):\n%s", diff)
	}
	do := s.govern(t, tools...)
	for _, made := range tools {
		_, err := do.Do(t.Context(), ask(made.Name, `{}`))
		if (err == nil) != slices.Contains(visible, made.Name) {
			t.Errorf("%s is listed: %t, and its call answers %v", made.Name, slices.Contains(visible, made.Name), err)
		}
	}
}
