package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
	domain "github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/clock"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

// Policy answers what a server with some configuration would decide, and does nothing else: no state is opened, no tool
// runs, and of a project only the manifest is read.
type Policy struct {
	rules    *access.RuleSet
	call     cqrs.Governed[toolapp.Call, tool.Result]
	sees     *toolapp.Visible
	catalog  *tool.Catalog
	manifest *manifest.Loader // nil without a project
	journal  *latest
	bound    []access.Demand // what the call that was bound last demands beside itself
}

// Asked is something that a principal wants: a call of Tool, or else Action on Target.
type Asked struct {
	Personas   []string
	Attributes map[string][]string
	Scope      []string // of the credential, each "ACTION,... TARGET,..." as keys create takes it; none narrows nothing
	Tool       string
	Arguments  json.RawMessage
	Purpose    string
	Action     string
	Target     string // kind:name
}

// Ruling is what comes of it.
type Ruling struct {
	Allowed  bool
	Rule     string
	DeniedBy string       // as records say it; empty when allowed
	Told     *fault.Fault // what the caller would hear; nil when allowed
	Spoken   []Spoken
	Obliged  access.Obligations
	Policy   string // content hash
}

// Spoken are the rules that speak of one demand.
type Spoken struct {
	Demand  access.Demand
	Matches []access.Match
	Beyond  bool // the scope of the credential
}

// Errors of questions that cannot be decided.
var (
	errPersona = errors.New("no such persona is defined under personas")
	errTool    = errors.New("there is no such tool with this configuration")
	errTarget  = errors.New("a target is written kind:name")
)

// OpenPolicy wires the tools as a server does and puts the gate in front of them, without running any.
func OpenPolicy(s Settings) (*Policy, error) {
	p := &Policy{journal: &latest{}}
	var engine *worker.Source
	var loader *manifest.Loader
	a := fx.New(
		fx.Supply(s, s.Config), fx.NopLogger, fx.Supply(zap.NewNop()),
		fx.Provide(
			func() now { return clock.Now }, newLimiter, newLiveSecrets,
			config.Config.Policy,
			func(r *access.RuleSet) (access.Policy, access.DataPolicy) { return r, r },
			fx.Annotate(conversationstore.NewMemory, fx.As(new(conversation.Repository)), fx.As(new(conversation.Ledger))),
			fx.Annotate(newConversationTools, fx.ResultTags(`group:"tools,flatten"`)),
		),
		toolModule, metricModule,
		fx.Populate(&p.rules, &p.catalog, &p.sees, &engine, &loader),
	)
	if err := a.Err(); err != nil {
		return nil, rootCause(err)
	}
	engine.Close() // no question will be asked
	if s.Config.Metrics.ProjectDir != "" {
		p.manifest = loader
	}
	return p, p.govern()
}

// govern puts a gate in front of tools that bind as those of the server do, and then do nothing.
func (p *Policy) govern() error {
	tools := slices.Clone(p.catalog.All())
	for i := range tools {
		bind := tools[i].Bind
		tools[i].Bind = func(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
			b, err := bind(ctx, by, args)
			p.bound = b.Demands
			b.Run = func(context.Context) (tool.Result, error) { return tool.Result{}, nil }
			return b, err
		}
	}
	catalog, err := tool.NewCatalog(tools...)
	if err != nil {
		return err
	}
	gate := cqrs.NewGate(p.rules, unlimited{}, cqrs.NewRecorder(p.journal, clock.Now), zap.NewNop(), time.Minute)
	p.call, err = toolapp.NewCall(gate, p.rules, catalog,
		func(name string, s json.RawMessage) (toolapp.Check, error) { return schema.Compile(name, s) })
	return err
}

// latest is a journal of one record.
type latest struct{ record audit.Record }

// Append implements audit.Log.
func (l *latest) Append(_ context.Context, r audit.Record) error {
	l.record = r
	return nil
}

type unlimited struct{}

func (unlimited) Take(context.Context, string, string) error { return nil }

// Rule decides what is asked. Its error says that the question makes no sense; a refusal is none.
func (p *Policy) Rule(ctx context.Context, a Asked) (Ruling, error) {
	who, err := p.principal(a)
	if err != nil {
		return Ruling{}, err
	}
	if a.Tool != "" {
		return p.ruleCall(ctx, who, a)
	}
	kind, name, ok := strings.Cut(a.Target, ":")
	if !ok || a.Action == "" {
		return Ruling{}, errTarget
	}
	demand := p.known(ctx, access.On(access.Action(a.Action), kind, name))
	d := p.rules.Decide(who, demand)
	r := p.ruling(who, demand)
	r.Allowed, r.Rule = d.Allowed, d.Rule
	if !d.Allowed {
		r.DeniedBy, r.Told = audit.ByPolicy, cqrs.ErrDenied
	}
	return r, nil
}

func (p *Policy) principal(a Asked) (access.Principal, error) {
	for _, name := range a.Personas {
		if !p.rules.Has(name) {
			return access.Principal{}, errPersona
		}
	}
	who := access.Local("somebody", a.Personas...)
	who.Attributes, who.Under = a.Attributes, p.rules
	rules, err := ParseScope(a.Scope)
	if err == nil {
		who.Scope, err = access.NewScope(rules)
	}
	return who, err
}

// ParseScope reads rules of a credential's scope as the command line has them: "tool.call,metric.query tool:query,metric:*".
func ParseScope(written []string) ([]access.Rule, error) {
	var rules []access.Rule
	for _, text := range written {
		sides := strings.Fields(text)
		if len(sides) != 2 {
			return nil, fmt.Errorf("the scope %q is not written \"ACTION,... TARGET,...\"", text)
		}
		rules = append(rules, access.Rule{Actions: strings.Split(sides[0], ","), Targets: strings.Split(sides[1], ",")})
	}
	return rules, nil
}

// ruleCall sends the call the way that it goes in a server, and reads from its record what came of it.
func (p *Policy) ruleCall(ctx context.Context, who access.Principal, a Asked) (Ruling, error) {
	name, ok := p.catalog.Plain(a.Tool)
	if !ok {
		if _, ok = p.catalog.Find(a.Tool); !ok {
			return Ruling{}, errTool
		}
		name = a.Tool
	}
	p.bound = nil
	call := toolapp.Call{Change: cqrs.Change{By: who}, Tool: name, Arguments: a.Arguments, Reason: a.Purpose}
	_, err := p.call.Do(ctx, call)
	record := p.journal.record
	r := p.ruling(who, append([]access.Demand{call.Demand()}, p.bound...)...)
	r.Allowed, r.Rule, r.DeniedBy, r.Told = err == nil, record.Rule, record.DeniedBy, fault.From(err)
	return r, nil
}

func (p *Policy) ruling(who access.Principal, demands ...access.Demand) Ruling {
	r := Ruling{Obliged: p.rules.Obligations(who), Policy: p.rules.Hash()}
	for _, d := range demands {
		r.Spoken = append(r.Spoken, Spoken{Demand: d, Matches: p.rules.Explain(who, d), Beyond: !who.Scope.Permits(d)})
	}
	return r
}

// known is d with what the project says of its target.
func (p *Policy) known(ctx context.Context, d access.Demand) access.Demand {
	c := p.project(ctx)
	if c == nil || d.Action != metricapp.ActionQuery {
		return d
	}
	if m, ok := c.Definition(d.Target.Name); ok && d.Target.Kind == metricapp.KindMetric {
		return d.Tagged(m.Tags)
	}
	for _, f := range c.Everything() {
		if of := demandOn(f); of.Target.Kind == d.Target.Kind && of.Target.Name == d.Target.Name {
			return of
		}
	}
	return d
}

// project is the catalog of the metrics; nil when there is none, or none that can be read.
func (p *Policy) project(ctx context.Context) *domain.Catalog {
	if p.manifest == nil {
		return nil
	}
	c, err := p.manifest.Current(ctx)
	if err != nil {
		return nil
	}
	return c.Catalog
}

func demandOn(f domain.Field) access.Demand {
	kind := metricapp.KindDimension
	if f.Kind == domain.EntityKey {
		kind = metricapp.KindEntity
	}
	return access.On(metricapp.ActionQuery, kind, f.Name, f.Aliases...).Tagged(f.Tags)
}
