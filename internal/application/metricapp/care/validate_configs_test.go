package care_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/care"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// project is a project that is validated: its catalog, and what the engine finds.
type project struct {
	snapshot  metric.Snapshot
	unread    error
	semantics []metric.ValidationIssue // found without the warehouse too
	warehouse []metric.ValidationIssue
	fails     error
	meanwhile func(*project) // while it is validated

	asked []metric.ValidationOptions
}

func (p *project) Current(context.Context) (metric.Snapshot, error) { return p.snapshot, p.unread }

func (p *project) Validate(ctx context.Context, o metric.ValidationOptions) ([]metric.ValidationIssue, error) {
	p.asked = append(p.asked, o)
	metric.Progress(ctx)(metric.StageRunning)
	if p.meanwhile != nil {
		p.meanwhile(p)
	}
	if o.SkipWarehouse {
		return p.semantics, p.fails
	}
	return append(p.warehouse, p.semantics...), p.fails
}

var (
	brokenMetric = metric.ValidationIssue{
		Severity: metric.SeverityError, Message: "The metric margin\n uses a cost that is not there.", Kind: "metric", Name: "margin", File: "models/metrics.yml", Line: 7,
	}
	noColumn = metric.ValidationIssue{Severity: metric.SeverityError, Message: "There is no column e_mail.", Kind: "dimension", Name: "customers.email"}
	oldStyle = metric.ValidationIssue{Severity: metric.SeverityFutureError, Message: "Measures will go.", File: "models/orders.yml"}
	unclear  = metric.ValidationIssue{Severity: metric.SeverityWarning, Message: "A label is used twice."}
)

type validated struct {
	Valid    bool
	Checked  []string
	Counts   map[string]int
	Issues   []map[string]any
	Withheld bool
}

func (p *project) tool(t *testing.T, policy access.DataPolicy) tool.Tool {
	t.Helper()
	if p.snapshot.Catalog == nil {
		p.snapshot = metric.Snapshot{Catalog: metricapptest.Shop(t), Hash: "one"}
	}
	return care.ValidateConfigs(p, p, policy, time.Now)
}

func (p *project) validate(t *testing.T, policy access.DataPolicy, args string) (validated, string) {
	t.Helper()
	tl := p.tool(t, policy)
	b, err := bind(t, tl, args)
	if err != nil {
		t.Fatal(err)
	}
	if !policy.Decide(ann, b.Demands...).Allowed {
		t.Fatalf("refused: %v", b.Demands)
	}
	var v validated
	r, err := run(t, tl, b, t.Context(), &v)
	if err != nil {
		t.Fatal(err)
	}
	return v, r.Text
}

var validates = rule("project.validate", "project:dbt")

func TestValidateConfigs_AsksTheWarehouseAboutSoundDefinitions(t *testing.T) {
	p := &project{warehouse: []metric.ValidationIssue{noColumn}, semantics: []metric.ValidationIssue{oldStyle, unclear}}
	got, text := p.validate(t, allowed(t, []access.Rule{seesAll, validates}, nil), `{"dw_timeout": 30, "verbose_issues": true, "semantic_validation_workers": 4}`)
	if diff := cmp.Diff(validated{
		Checked: []string{"semantics", "warehouse"}, Counts: map[string]int{"errors": 1, "future_errors": 1, "warnings": 1},
		Issues: []map[string]any{{"severity": "error", "message": noColumn.Message, "element": "dimension customers.email"}},
	}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]metric.ValidationOptions{
		{SkipWarehouse: true, ShowAll: true}, {ShowAll: true, Timeout: 30 * time.Second},
	}, p.asked); diff != "" {
		t.Error(diff)
	}
	want := "The project is not valid: 1 errors, 1 future errors, 1 warnings. Checked: semantics and warehouse.\n" +
		"- error in dimension customers.email: There is no column e_mail.\n2 that are no errors are not shown; show_all shows them.\n"
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
}

func TestValidateConfigs_LeavesTheWarehouseOutWhenDefinitionsAreBroken(t *testing.T) {
	for args, issues := range map[string][]metric.ValidationIssue{`{}`: {brokenMetric, unclear}, `{"skip_dw": true}`: {unclear}} {
		p := &project{semantics: issues, warehouse: []metric.ValidationIssue{noColumn}}
		got, _ := p.validate(t, allowed(t, []access.Rule{seesAll, validates}, nil), args)
		if diff := cmp.Diff([]string{"semantics"}, got.Checked); diff != "" || len(p.asked) != 1 || got.Valid == (args == `{}`) {
			t.Errorf("%s: %+v, asked %v", args, got, p.asked)
		}
	}
}

func TestValidateConfigs_ShowsAllAndWhere(t *testing.T) {
	p := &project{semantics: []metric.ValidationIssue{brokenMetric, oldStyle, unclear, {Severity: "unheard", Message: "?"}}}
	got, text := p.validate(t, allowed(t, []access.Rule{seesAll, validates}, nil), `{"show_all": true}`)
	if len(got.Issues) != 4 || got.Issues[0]["file"] != "models/metrics.yml" || got.Issues[0]["line"] != 7.0 || got.Issues[3]["severity"] != "error" {
		t.Errorf("%+v", got)
	}
	for _, part := range []string{
		"- error in metric margin (models/metrics.yml:7): The metric margin uses a cost that is not there.\n", "- future_error (models/orders.yml): Measures will go.\n",
		"- warning: A label is used twice.\n", "2 errors",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the text lacks %q:\n%s", part, text)
		}
	}
	p = &project{}
	if got, text := p.validate(t, allowed(t, []access.Rule{seesAll, validates}, nil), `{}`); !got.Valid || got.Withheld || !strings.HasPrefix(text, "The project is valid: 0 errors") {
		t.Errorf("%+v %s", got, text)
	}
}

func TestValidateConfigs_BoundsItsText(t *testing.T) {
	p := &project{}
	for i := range 200 {
		p.semantics = append(p.semantics, metric.ValidationIssue{Severity: metric.SeverityError, Message: fmt.Sprint(i) + strings.Repeat(" words", 300)})
	}
	got, text := p.validate(t, allowed(t, []access.Rule{seesAll, validates}, nil), `{}`)
	if len(got.Issues) != 200 || len(text) > 25_000 || !strings.Contains(text, "150 more") {
		t.Errorf("%d issues, %d bytes of text", len(got.Issues), len(text))
	}
}

func TestValidateConfigs_NeedsARightOfItsOwn(t *testing.T) {
	tl := (&project{}).tool(t, allowed(t, []access.Rule{seesAll}, nil))
	b, err := bind(t, tl, `{}`)
	if err != nil || len(b.Demands) != 1 || b.Demands[0].String() != "project.validate project:dbt" {
		t.Errorf("%v, %v", b.Demands, err)
	}
}

// TestValidateConfigs_CountsOnlyForWhomSomethingIsHidden also covers the manifests that the catalog does not show.
func TestValidateConfigs_CountsOnlyForWhomSomethingIsHidden(t *testing.T) {
	all := []access.Rule{seesAll, validates}
	for name, c := range map[string]struct {
		allow, deny []access.Rule
		spoil       func(*project)
		withheld    bool
	}{
		"all is seen":              {all, nil, nil, false},
		"rows are limited":         {all, nil, nil, false},
		"a metric is hidden":       {all, []access.Rule{rule("metric.query", "metric:growth")}, nil, true},
		"an ingredient is hidden":  {all, []access.Rule{rule("metric.query", "metric:raw_cost")}, nil, true},
		"a dimension is hidden":    {all, []access.Rule{rule("metric.query", "dimension:customer__email")}, nil, true},
		"a path is hidden":         {all, []access.Rule{rule("metric.query", "dimension:customer__region__name")}, nil, true},
		"an entity is hidden":      {all, []access.Rule{rule("metric.query", "entity:region")}, nil, true},
		"a saved query is hidden":  {all, []access.Rule{rule("metric.query", "saved_query:murky")}, nil, true},
		"metrics alone are seen":   {[]access.Rule{rule("metric.query", "metric:*"), validates}, nil, nil, true},
		"a manifest that is stale": {all, nil, func(p *project) { p.snapshot.Stale = metric.ErrManifest }, true},
		"one that cannot be read":  {all, nil, func(p *project) { p.unread = metric.ErrManifest }, true},
		"one that changes meanwhile": {all, nil, func(p *project) {
			p.meanwhile = func(p *project) { p.snapshot.Hash = "two" }
		}, true},
		"one that breaks meanwhile": {all, nil, func(p *project) {
			p.meanwhile = func(p *project) { p.snapshot.Stale = metric.ErrManifest }
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			policy := allowed(t, c.allow, c.deny)
			if name == "rows are limited" {
				var err error
				if policy, err = access.Compile([]access.Persona{{Name: "p", Allow: all, Rows: []access.RowFilter{{Field: "region__name", Values: []string{"x"}}}}}); err != nil {
					t.Fatal(err)
				}
			}
			p := &project{semantics: []metric.ValidationIssue{brokenMetric, unclear}}
			p.tool(t, policy)
			if c.spoil != nil {
				c.spoil(p)
			}
			got, text := p.validate(t, policy, `{"show_all": true}`)
			if got.Valid || got.Counts["errors"] != 1 || got.Counts["warnings"] != 1 || got.Withheld != c.withheld {
				t.Errorf("%+v", got)
			}
			if shown := len(got.Issues) > 0 || strings.Contains(text, "cost"); shown == c.withheld {
				t.Errorf("%+v\n%s", got, text)
			}
		})
	}
}

func TestValidateConfigs_RefusesArguments(t *testing.T) {
	tl := (&project{}).tool(t, allowed(t, nil, nil))
	for _, args := range []string{`{"dw_timeout": 0}`, `{"dw_timeout": 241}`, `{"dw_timeout": "5"}`, `{"skip": true}`, `[]`} {
		if _, err := tl.Bind(t.Context(), ann, []byte(args)); !errors.Is(err, metricapp.ErrArguments) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestValidateConfigs_PassesFaultsOn(t *testing.T) {
	p := &project{fails: metric.ErrWarehouseBusy}
	tl := p.tool(t, allowed(t, nil, nil))
	b, err := bind(t, tl, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := b.Run(t.Context()); !errors.Is(err, metric.ErrWarehouseBusy) || r.Structured != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestValidateConfigs_TellsWhoeverWaits(t *testing.T) {
	b, err := bind(t, (&project{}).tool(t, allowed(t, nil, nil)), `{"skip_dw": true}`)
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	if _, err := b.Run(tool.WithProgress(t.Context(), func(stage string) { heard = append(heard, stage) })); err != nil || len(heard) != 1 {
		t.Errorf("%q, %v", heard, err)
	}
}
