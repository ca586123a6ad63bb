package worker

import (
	"context"
	"errors"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// testedEngine is the engine that Steward's tests run against; testedSeries is what its version begins with.
const (
	testedEngine = "dbt-metricflow 0.15"
	testedSeries = "0.15."
)

// Status is how one check of an inspection came out.
type Status string

// The statuses. Skipped means that an earlier failure left nothing to look at.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string // interpreter, engine, adapter, project, manifest, warehouse
	Status Status
	Found  string // versions and the like; may be empty
	Reason string // why it is not ok: a sentence, without paths
	Mend   string // what to do about it
}

// Inspection is what a look at everything between Steward and the warehouse found, in the order in which the parts
// depend on each other.
type Inspection struct {
	Checks []Check
}

// Err is nil when questions can be answered, else the first reason why not.
func (i Inspection) Err() error {
	for _, c := range i.Checks {
		if c.Status == Failed {
			return errors.New(c.Name + ": " + c.Reason)
		}
	}
	return nil
}

var stages = []stage{interpreter, engine, adapter, project, manifest, warehouse}

// Inspect starts a worker when none runs, and looks at the interpreter, the engine and its version, the adapter, the
// project, the manifest and the warehouse, which it opens as a question would. It waits for its turn as a question
// does, and no longer than ctx.
func (s *Source) Inspect(ctx context.Context) Inspection {
	s.Start(ctx)
	p, err := s.acquire(ctx)
	if err != nil {
		return s.inspectFailure(err)
	}
	defer s.release(p)
	found, err := p.ask(ctx, request{Op: opHealth})
	if err != nil {
		return report(p.ready, &result{Problem: &refusal{Code: "engine"}})
	}
	return report(p.ready, found)
}

// inspectFailure tells what kept a worker from starting; what comes before that stage is well.
func (s *Source) inspectFailure(err error) Inspection {
	s.mu.Lock()
	n := s.failure
	s.mu.Unlock()
	if n == nil {
		f := fault.From(err)
		n = &notStarted{at: interpreter, fault: f, mend: "run the check again; raise metrics.ready_timeout when the start is slow"}
	}
	var checks []Check
	status := OK
	for _, at := range stages {
		c := Check{Name: string(at), Status: status}
		if at == n.at {
			c = Check{Name: string(at), Status: Failed, Reason: reasonOf(n, s.redact), Mend: n.mend}
			status = Skipped
		}
		checks = append(checks, c)
	}
	return Inspection{Checks: checks}
}

func reasonOf(n *notStarted, redact *strings.Replacer) string {
	if n.at == project && n.detail != "" {
		return n.fault.Message + " dbt says: " + redact.Replace(n.detail)
	}
	return n.fault.Message
}

func report(r ready, health *result) Inspection {
	v := r.Versions
	checks := []Check{
		{Name: string(interpreter), Status: OK, Found: "Python " + v.Python},
		{Name: string(engine), Status: OK, Found: "dbt-metricflow " + v.DBTMetricFlow + ", metricflow " + v.MetricFlow + ", dbt-core " + v.DBTCore},
		{Name: string(adapter), Status: OK, Found: "dbt-" + r.Adapter + " " + v.Adapter},
		{Name: string(project), Status: OK},
	}
	if !strings.HasPrefix(v.DBTMetricFlow, testedSeries) {
		checks[1].Status, checks[1].Reason = Warning, "Steward is tested with "+testedEngine+"."
		checks[1].Mend = "nothing, while answers are right; else install " + testedEngine
	}
	read := Check{Name: string(manifest), Status: OK, Found: health.Manifest}
	reached := Check{Name: string(warehouse), Status: OK, Found: r.Adapter}
	if health.Problem != nil {
		f := health.Problem.fault()
		if health.Manifest == "" {
			read = Check{Name: string(manifest), Status: Failed, Reason: f.Message, Mend: "run `dbt parse` in the project"}
			reached = Check{Name: string(warehouse), Status: Skipped}
		} else {
			reached = Check{Name: string(warehouse), Status: Failed, Reason: f.Message, Mend: "mend the connection in profiles.yml; `dbt debug` tells more. For a DuckDB file: run `dbt build`, and let no other process write to it"}
		}
	}
	return Inspection{Checks: append(checks, read, reached)}
}
