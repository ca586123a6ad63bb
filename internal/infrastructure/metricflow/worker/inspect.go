package worker

import (
	"context"
	"errors"
	"slices"
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
	Name   string // interpreter, engine, adapter, project, manifest, warehouse, workers
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

var stages = []stage{interpreter, engine, adapter, project, manifestFile, warehouse}

// Inspect starts the workers when none run, and looks at the interpreter, the engine and its version, the adapter, the
// project, the manifest, the warehouse, which it opens as a question would, and the workers themselves. It goes before
// all questions that wait, and is back when ctx ends. Inspections that are asked for at the same time are made once.
func (s *Source) Inspect(ctx context.Context) Inspection {
	s.Start(ctx)
	i, err := s.inspected.do(ctx, struct{}{}, s.inspect)
	if err != nil {
		i = s.inspectFailure(err)
	}
	i.Checks = append(slices.Clip(i.Checks), s.inspectWorkers())
	return i
}

func (s *Source) inspect(ctx context.Context) (Inspection, error) {
	p, err := s.pool.acquire(ctx, true)
	if err != nil {
		return Inspection{}, err
	}
	defer s.pool.release(p)
	hash, err := s.manifests.Present(ctx)
	if err == nil {
		err = s.hand(ctx, p, hash)
	}
	if err != nil {
		return report(p.ready, "", fault.From(err)), nil
	}
	found, err := p.ask(ctx, request{Op: opHealth}, nil)
	switch {
	case err != nil:
		return report(p.ready, hash, broken(err)), nil
	case found.Problem != nil:
		return report(p.ready, hash, found.Problem.fault()), nil
	}
	return report(p.ready, hash, nil), nil
}

// inspectFailure tells what kept a worker from starting, or from having time; what comes before that stage is well.
func (s *Source) inspectFailure(err error) Inspection {
	n := s.pool.why()
	if r, known := s.pool.known(); known && n == nil {
		i := report(r, "", fault.From(err))
		for at := range i.Checks {
			if name := i.Checks[at].Name; name == string(manifestFile) || name == string(warehouse) {
				i.Checks[at] = Check{
					Name: name, Status: Skipped, Reason: "No worker had time: " + s.State().String() + ".",
					Mend: "run the check again; raise metrics.workers when questions often wait",
				}
			}
		}
		return i
	}
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

// inspectWorkers tells how many there are. That one fails beside another that serves is no more than a warning.
func (s *Source) inspectWorkers() Check {
	state := s.State()
	c := Check{Name: "workers", Status: OK, Found: state.String()}
	switch {
	case state.Ready == 0:
		c.Status = Skipped
	case state.Failing > 0:
		c.Status, c.Reason = Warning, state.String()+". "+state.Reason
		c.Mend = "Steward goes on trying; its log says why they end"
	}
	return c
}

func reasonOf(n *notStarted, redact *strings.Replacer) string {
	if n.at == project && n.detail != "" {
		return n.fault.Message + " dbt says: " + redact.Replace(n.detail)
	}
	return n.fault.Message
}

// report tells of a worker that runs; f is what is wrong with the manifest when there is no hash, else with the warehouse.
func report(r ready, hash string, f *fault.Fault) Inspection {
	v := r.Versions
	checks := []Check{
		{Name: string(interpreter), Status: OK, Found: "Python " + v.Python},
		{Name: string(engine), Status: OK, Found: "dbt-metricflow " + v.DBTMetricFlow + ", metricflow " + v.MetricFlow + ", dbt-core " + v.DBTCore},
		{Name: string(adapter), Status: OK, Found: "dbt-" + r.Adapter + " " + v.Adapter},
		{Name: string(project), Status: OK, Found: "dbt can read it."},
		{Name: string(manifestFile), Status: OK, Found: hash},
		{Name: string(warehouse), Status: OK, Found: r.Adapter},
	}
	if !strings.HasPrefix(v.DBTMetricFlow, testedSeries) {
		checks[1].Status, checks[1].Reason = Warning, "Steward is tested with "+testedEngine+"."
		checks[1].Mend = "nothing, while answers are right; else install " + testedEngine
	}
	switch {
	case f == nil:
	case hash == "":
		checks[4] = Check{Name: string(manifestFile), Status: Failed, Reason: f.Message, Mend: "run `dbt parse` in the project"}
		checks[5] = Check{Name: string(warehouse), Status: Skipped}
	default:
		checks[5] = Check{Name: string(warehouse), Status: Failed, Reason: f.Message, Mend: "mend the connection in profiles.yml; " +
			"`dbt debug` tells more. For a DuckDB file: run `dbt build`, and let no other process write to it"}
	}
	return Inspection{Checks: checks}
}
