package care

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/asking"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const validateDescription = `Validates the dbt project's semantic models, metrics and saved queries by MetricFlow's own rules, and then asks the warehouse whether it can compute each of them. ` +
	`Use it after the project has changed (run dbt parse first), or when queries fail for no reason that lies in the question; not before ordinary queries. ` +
	`Each issue tells what it is about and where that is written. skip_dw leaves the warehouse out and is quick. ` +
	`health_checks tells whether engine and warehouse work at all.`

// What was checked.
const (
	semantics = "semantics"
	warehouse = "warehouse"
)

const (
	patience         = 5 * time.Minute // for one validation
	longestWarehouse = 240             // seconds of it that the warehouse may take
)

// ValidateConfigs is the tool validate_configs. It needs project.validate on project:dbt.
//
// Issues name models, columns and metrics, and quote definitions and the warehouse; what of that is hidden from a
// principal cannot be told from a sentence. So only those from whom the project hides no name get the issues, and the
// others learn how many there are. As what is hidden is decided by the catalog, nobody gets the issues of a manifest
// that the catalog does not show: one that cannot be read, or that took its place meanwhile.
func ValidateConfigs(catalogs metric.Catalogs, validator metric.Validator, policy access.DataPolicy, now func() time.Time) tool.Tool {
	v := validation{catalogs: catalogs, validator: validator, policy: policy, now: now}
	return tool.Tool{
		Definition: tool.Definition{
			Name: "validate_configs", Title: "Validate the metric definitions", Description: validateDescription,
			InputSchema: schema("validate_configs.input"), OutputSchema: schema("validate_configs.output"),
			ReadOnly: true, Idempotent: true, Icon: "system", Timeout: patience, Task: tool.TaskOptional,
		},
		Bind: v.bind,
	}
}

type validation struct {
	catalogs  metric.Catalogs
	validator metric.Validator
	policy    access.DataPolicy
	now       func() time.Time
}

type validateArguments struct {
	Seconds       *int `json:"dw_timeout"`
	SkipWarehouse bool `json:"skip_dw"`
	ShowAll       bool `json:"show_all"`

	// Accepted from a former server's clients; neither has an effect.
	Verbose bool `json:"verbose_issues"`
	Workers *int `json:"semantic_validation_workers"`
}

func (v validation) bind(_ context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	a, err := metricapp.Decode[validateArguments](args)
	if err != nil {
		return tool.Bound{}, err
	}
	if a.Seconds == nil {
		a.Seconds = new(int)
		*a.Seconds = longestWarehouse
	}
	if *a.Seconds < 1 || *a.Seconds > longestWarehouse {
		return tool.Bound{}, metricapp.ErrArguments.Saying("dw_timeout is a number of seconds from 1 to %d.", longestWarehouse)
	}
	return tool.Bound{
		Demands: []access.Demand{access.On(ActionValidate, KindProject, Project)},
		Run:     func(ctx context.Context) (tool.Result, error) { return v.run(ctx, by, a) },
	}, nil
}

type validateResult struct {
	Valid      bool     `json:"valid"`
	Checked    []string `json:"checked"`
	Counts     counts   `json:"counts"`
	Issues     []issue  `json:"issues"`
	Withheld   bool     `json:"withheld"`
	DurationMS float64  `json:"duration_ms"`
}

type counts struct {
	Errors       int `json:"errors"`
	FutureErrors int `json:"future_errors"`
	Warnings     int `json:"warnings"`
}

type issue struct {
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Element  string `json:"element,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

func (v validation) run(ctx context.Context, by access.Principal, a validateArguments) (tool.Result, error) {
	start := v.now()
	before := v.open(ctx, by)
	found, checked, err := v.validate(asking.Narrate(ctx), a)
	if err != nil {
		return tool.Result{}, err
	}
	after := v.open(ctx, by)
	r := validateResult{Checked: checked, Issues: []issue{}, Withheld: len(found) > 0 && (before == "" || before != after)}
	for _, i := range found {
		severity := known(i.Severity)
		r.Counts.add(severity)
		if !r.Withheld && (a.ShowAll || severity == metric.SeverityError) {
			r.Issues = append(r.Issues, issue{string(severity), i.Message, strings.TrimSpace(i.Kind + " " + i.Name), i.File, i.Line})
		}
	}
	r.Valid = r.Counts.Errors == 0
	r.DurationMS = metricapp.Milliseconds(v.now().Sub(start))
	return tool.Result{Text: r.text(), Structured: r}, nil
}

// open is the hash of the present manifest, if nothing that it names is hidden from the principal; else empty.
func (v validation) open(ctx context.Context, by access.Principal) string {
	snapshot, err := v.catalogs.Current(ctx)
	if err != nil || snapshot.Stale != nil || !metricapp.NewView(snapshot.Catalog, v.policy, by).SeesEverything() {
		return ""
	}
	return snapshot.Hash
}

// validate looks at the manifest, and at the warehouse only when that is well, as the engine itself does: the two parts are
// asked for apart, so that the answer can tell which were done. All severities are asked for, to be counted.
func (v validation) validate(ctx context.Context, a validateArguments) ([]metric.ValidationIssue, []string, error) {
	options := metric.ValidationOptions{SkipWarehouse: true, ShowAll: true}
	found, err := v.validator.Validate(ctx, options)
	if err != nil || a.SkipWarehouse || hasError(found) {
		return found, []string{semantics}, err
	}
	options.SkipWarehouse, options.Timeout = false, time.Duration(*a.Seconds)*time.Second
	found, err = v.validator.Validate(ctx, options)
	return found, []string{semantics, warehouse}, err
}

func hasError(found []metric.ValidationIssue) bool {
	return slices.ContainsFunc(found, func(i metric.ValidationIssue) bool { return known(i.Severity) == metric.SeverityError })
}

// known is a severity that callers know; another one is not taken lightly.
func known(s metric.Severity) metric.Severity {
	if s == metric.SeverityWarning || s == metric.SeverityFutureError {
		return s
	}
	return metric.SeverityError
}

func (c *counts) add(s metric.Severity) {
	switch s {
	case metric.SeverityError:
		c.Errors++
	case metric.SeverityFutureError:
		c.FutureErrors++
	case metric.SeverityWarning:
		c.Warnings++
	}
}

// Bounds of the text; the structured result has everything.
const (
	shownIssues  = 50
	longestIssue = 400 // runes
)

func (r validateResult) text() string {
	var b strings.Builder
	verdict := "The project is valid"
	if !r.Valid {
		verdict = "The project is not valid"
	}
	fmt.Fprintf(&b, "%s: %d errors, %d future errors, %d warnings. Checked: %s.\n",
		verdict, r.Counts.Errors, r.Counts.FutureErrors, r.Counts.Warnings, strings.Join(r.Checked, " and "))
	for _, i := range r.Issues[:min(len(r.Issues), shownIssues)] {
		b.WriteString("- " + i.text() + "\n")
	}
	hidden := r.Counts.Errors + r.Counts.FutureErrors + r.Counts.Warnings - len(r.Issues)
	switch {
	case r.Withheld:
		b.WriteString("You may not see everything in the project, or its manifest is not the one that is served, so the issues are not shown to you. Whoever looks after the project can see them.\n")
	case len(r.Issues) > shownIssues:
		fmt.Fprintf(&b, "… and %d more in the structured result.\n", len(r.Issues)-shownIssues)
	}
	if !r.Withheld && hidden > 0 {
		fmt.Fprintf(&b, "%d that are no errors are not shown; show_all shows them.\n", hidden)
	}
	return b.String()
}

func (i issue) text() string {
	text := i.Severity
	if i.Element != "" {
		text += " in " + i.Element
	}
	if i.File != "" {
		text += " (" + i.File
		if i.Line > 0 {
			text += fmt.Sprintf(":%d", i.Line)
		}
		text += ")"
	}
	message := []rune(strings.Join(strings.Fields(i.Message), " "))
	if len(message) > longestIssue {
		message = append(message[:longestIssue], '…')
	}
	return text + ": " + string(message)
}
