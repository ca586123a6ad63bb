package care

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const healthDescription = `Checks everything that answers depend on, really and now: the metrics engine and its Python, the dbt project and its manifest, ` +
	`the warehouse by a statement that runs on it, and Steward's own parts. Use it when a query fails with "unavailable" or an internal error, or when asked whether the system works; ` +
	`not before ordinary queries. Something that does not work is part of the answer, with what mends it, and no error.`

// Status is how one check came out.
type Status string

// The statuses. Skipped means that an earlier failure left nothing to look at.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Finding is what was found out about one thing.
type Finding struct {
	Name   string // of the thing: warehouse
	Status Status
	Text   string // a sentence: what was found, or why it is not well; no path, no secret
	Mend   string // what to do about it; empty when there is nothing to do
}

// Probe looks at one thing, or at several that depend on each other. Look really looks, honours ctx, changes nothing, and
// may be called by several at once.
type Probe struct {
	Name string // of what is told when Look finds nothing to say
	Look func(ctx context.Context) []Finding
}

// Asked is the Probe of something that is well when ask answers no error. Of an error only a fault's own words are told;
// the rest is for logs.
func Asked(name string, ask func(ctx context.Context) error) Probe {
	return Probe{Name: name, Look: func(ctx context.Context) []Finding {
		err := ask(ctx)
		if err == nil {
			return []Finding{{Name: name, Status: OK}}
		}
		f := Finding{Name: name, Status: Failed, Text: "It does not work; the operator's log says why."}
		if told, ok := errors.AsType[*fault.Fault](err); ok {
			f.Text = told.Message
		}
		return []Finding{f}
	}}
}

// HealthChecks is the tool health_checks. Everyone who may call it learns how each check came out; the words, which may
// quote dbt and name what policy hides, are for those who have project.inspect on project:dbt.
func HealthChecks(probes []Probe, policy access.Policy, now func() time.Time) tool.Tool {
	h := health{probes: probes, policy: policy, now: now}
	return tool.Tool{
		Definition: tool.Definition{
			Name: "health_checks", Title: "Check what answers depend on", Description: healthDescription,
			InputSchema: schema("health_checks.input"), OutputSchema: schema("health_checks.output"),
			ReadOnly: true, Idempotent: true, Icon: "system", Timeout: probeTime + 10*time.Second,
		},
		Bind: h.bind,
	}
}

// probeTime is how long one probe may look. It is less than the call may take, so that one that hangs keeps nobody from
// learning of the others; starting an engine takes the longest.
const probeTime = 80 * time.Second

type health struct {
	probes []Probe
	policy access.Policy
	now    func() time.Time
}

type healthArguments struct{}

func (h health) bind(_ context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	if _, err := metricapp.Decode[healthArguments](args); err != nil {
		return tool.Bound{}, err
	}
	inspects := h.policy.Decide(by, access.On(ActionInspect, KindProject, Project)).Allowed
	return tool.Bound{Run: func(ctx context.Context) (tool.Result, error) {
		r := h.look(ctx)
		if !inspects {
			r = r.withoutWords()
		}
		return tool.Result{Text: r.text(), Structured: r}, nil
	}}, nil
}

type healthResult struct {
	Healthy    bool    `json:"healthy"`
	Checks     []check `json:"checks"`
	DurationMS float64 `json:"duration_ms"`
}

type check struct {
	Name       string  `json:"name"`
	Status     Status  `json:"status"`
	Message    string  `json:"message"`
	Mend       string  `json:"mend,omitempty"`
	DurationMS float64 `json:"duration_ms"`
}

// look lets all probes look at once, and tells what they found in their own order.
func (h health) look(ctx context.Context) healthResult {
	start := h.now()
	found := make([][]check, len(h.probes))
	var all sync.WaitGroup
	for i, p := range h.probes {
		all.Go(func() { found[i] = h.probe(ctx, p) })
	}
	all.Wait()
	r := healthResult{Healthy: true, Checks: []check{}}
	for _, checks := range found {
		for _, c := range checks {
			r.Checks = append(r.Checks, c)
			r.Healthy = r.Healthy && c.Status != Failed
		}
	}
	r.DurationMS = metricapp.Milliseconds(h.now().Sub(start))
	return r
}

// probe is what one probe found. One that panics has failed: on a goroutine of its own it would end the process.
func (h health) probe(ctx context.Context, p Probe) (checks []check) {
	start := h.now()
	defer func() {
		if v := recover(); v != nil {
			checks = []check{{Name: p.Name, Status: Failed, Message: "Steward failed to look at it: a bug.", DurationMS: metricapp.Milliseconds(h.now().Sub(start))}}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	found := p.Look(ctx)
	if len(found) == 0 {
		found = []Finding{{Name: p.Name, Status: Skipped}}
	}
	took := metricapp.Milliseconds(h.now().Sub(start))
	for _, f := range found {
		c := check{Name: f.Name, Status: f.Status, Message: f.Text, Mend: f.Mend, DurationMS: took}
		if c.Message == "" {
			c.Message = words[f.Status]
		}
		checks = append(checks, c)
	}
	return checks
}

// words are what is said of a check whose finding says nothing, and to those who may not read the finding.
var words = map[Status]string{
	OK: "It works.", Warning: "It works, but needs attention.", Failed: "It does not work.", Skipped: "There was nothing to look at.",
}

const askOperator = "whoever runs Steward sees why with `steward doctor`"

func (r healthResult) withoutWords() healthResult {
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Message, c.Mend = words[c.Status], ""
		if c.Status == Failed || c.Status == Warning {
			c.Mend = askOperator
		}
	}
	return r
}

func (r healthResult) text() string {
	var b strings.Builder
	if r.Healthy {
		b.WriteString("Everything that answers depend on works.\n")
	} else {
		b.WriteString("Something that answers depend on does not work.\n")
	}
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "- %s %s: %s", c.Status, c.Name, strings.Join(strings.Fields(c.Message), " "))
		if c.Mend != "" {
			fmt.Fprintf(&b, " To do: %s", c.Mend)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
