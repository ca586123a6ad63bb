package listing

import (
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	deepestFormula  = 8   // levels of a formula that are spelled out
	largestFormula  = 200 // metrics in one formula that are spelled out
	hiddenCondition = "(a condition that is not shown to you)"
	hiddenExpr      = "(an expression that is not shown to you)"
)

// formula is one level of how a metric is computed.
type formula struct {
	Type          string         `json:"type"`
	Expr          string         `json:"expr,omitempty"`
	Aggregation   string         `json:"aggregation,omitempty"`
	SemanticModel string         `json:"semantic_model,omitempty"`
	TimeDimension string         `json:"time_dimension,omitempty"`
	Measure       string         `json:"measure,omitempty"`
	Window        string         `json:"window,omitempty"`
	GrainToDate   string         `json:"grain_to_date,omitempty"`
	PeriodAgg     string         `json:"period_agg,omitempty"`
	Entity        string         `json:"entity,omitempty"`
	Calculation   string         `json:"calculation,omitempty"`
	Filters       []string       `json:"filters,omitempty"`
	Inputs        []formulaInput `json:"inputs,omitempty"`
}

// formulaInput is one input with its own formula, which is left out below a bound.
type formulaInput struct {
	Metric        string   `json:"metric,omitempty"`
	Role          string   `json:"role,omitempty"`
	Alias         string   `json:"alias,omitempty"`
	Filters       []string `json:"filters,omitempty"`
	OffsetWindow  string   `json:"offset_window,omitempty"`
	OffsetToGrain string   `json:"offset_to_grain,omitempty"`
	Formula       *formula `json:"formula,omitempty"`
}

// formulas spells out the formula of a visible metric, all of whose public inputs are visible too. Conditions,
// expressions, time dimensions and entities in it are shown only as far as the viewer may ask what they name.
type formulas struct {
	view    *metricapp.View
	catalog *metric.Catalog
	root    string
	count   int
}

func (f *formulas) of(m metric.Metric, depth int) formula {
	f.count++
	definedIn := m.Name
	if m.Private {
		definedIn = f.root
	}
	out := formula{
		Type: string(m.Kind), Expr: m.Formula.Expr, Window: m.Formula.Window, GrainToDate: m.Formula.GrainToDate,
		PeriodAgg: m.Formula.PeriodAgg, Calculation: m.Formula.Calculation, Filters: f.conditions(m.Filters, definedIn),
	}
	if e := m.Formula.Entity; e != "" && f.view.MayName(e, definedIn) {
		out.Entity = e
	}
	if a := m.Formula.Aggregation; a != nil {
		f.aggregate(&out, *a)
	}
	for _, in := range m.Formula.Inputs {
		out.Inputs = append(out.Inputs, f.input(in, definedIn, depth))
	}
	return out
}

func (f *formulas) input(in metric.Ingredient, definedIn string, depth int) formulaInput {
	out := formulaInput{
		Metric: in.Metric, Role: in.Role, Alias: in.Alias, Filters: f.conditions(in.Filters, definedIn),
		OffsetWindow: in.OffsetWindow, OffsetToGrain: in.OffsetToGrain,
	}
	if in.Aggregation != nil {
		below := formula{Type: string(metric.Simple)}
		f.aggregate(&below, *in.Aggregation)
		out.Formula = &below
		return out
	}
	if m, ok := f.catalog.Definition(in.Metric); ok && depth < deepestFormula && f.count < largestFormula {
		below := f.of(m, depth+1)
		out.Formula = &below
	}
	return out
}

func (f *formulas) conditions(texts []string, definedIn string) []string {
	var shown []string
	for _, text := range texts {
		if !f.view.MaySee(text, definedIn) {
			text = hiddenCondition
		}
		shown = append(shown, text)
	}
	return shown
}

func (f *formulas) aggregate(o *formula, a metric.Aggregation) {
	o.Expr, o.Aggregation, o.SemanticModel, o.TimeDimension, o.Measure = a.Expr, a.Function, a.Model, a.TimeDimension, a.Measure
	if !f.view.MayRead(a.Expr, a.Model) {
		o.Expr = hiddenExpr
	}
	if !f.view.MayRead(a.TimeDimension, a.Model) {
		o.TimeDimension = ""
	}
}

// write adds the formula to the text, one line a step, deeper steps further in.
func (o formula) write(t *text, indent string) {
	var words []string
	add := func(format string, value string) {
		if value != "" {
			words = append(words, strings.ReplaceAll(format, "%", oneLine(value)))
		}
	}
	switch {
	case o.Aggregation != "":
		words = append(words, o.Aggregation+"("+oneLine(o.Expr)+") of "+o.SemanticModel)
		add("by %", o.TimeDimension)
	case o.Expr != "":
		add("= %", o.Expr)
	default:
		words = append(words, o.Type)
	}
	add("over %", o.Window)
	add("since the start of the %", o.GrainToDate)
	add("as %", o.Calculation)
	add("per %", o.Entity)
	for _, condition := range o.Filters {
		add("where %", condition)
	}
	t.line("%s%s", indent, strings.Join(words, " "))
	for _, in := range o.Inputs {
		in.write(t, indent+"  ")
	}
}

func (in formulaInput) write(t *text, indent string) {
	var b strings.Builder
	b.WriteString(in.Metric)
	if in.Alias != "" {
		b.WriteString(" as " + in.Alias)
	}
	if in.OffsetWindow != "" {
		b.WriteString(", " + in.OffsetWindow + " earlier")
	}
	if in.OffsetToGrain != "" {
		b.WriteString(", at the start of the " + in.OffsetToGrain)
	}
	for _, condition := range in.Filters {
		b.WriteString(" where " + oneLine(condition))
	}
	t.line("%s%s:", indent, strings.TrimSpace(in.Role+" "+b.String()))
	if in.Formula != nil {
		in.Formula.write(t, indent+"  ")
	}
}
