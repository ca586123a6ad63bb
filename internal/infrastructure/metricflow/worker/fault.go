package worker

import (
	"errors"
	"io/fs"
	"os/exec"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// refusals are the faults for the codes that worker.py answers with. Where the engine's own sentence is meant for
// whoever asked, fault keeps it; elsewhere Steward's sentence stands.
var refusals = map[string]*fault.Fault{
	"question":         metric.ErrQuestion,
	"value":            metric.ErrFilterValue,
	"too_large":        metric.ErrTooLarge,
	"busy":             metric.ErrWarehouseBusy,
	"manifest_changed": metric.ErrManifestChanged,
	"no_manifest":      metric.ErrNoManifest,
	"manifest":         metric.ErrManifest,
	"engine":           metric.ErrEngine,
	"warehouse":        metric.ErrWarehouse,
	"memory":           metric.ErrWarehouse.Saying("The warehouse ran out of memory on this question; ask for less."),
	"no_warehouse":     metric.ErrWarehouse.Saying("The warehouse's file does not exist; run `dbt build` in the project, then ask again."),
	"no_relation":      metric.ErrWarehouse.Saying("The warehouse lacks a table or column that this question reads; run `dbt build` in the project, then ask again."),
}

func (r refusal) fault() *fault.Fault {
	f, known := refusals[r.Code]
	if !known {
		return metric.ErrEngine.Because(errors.New("the worker answered with an unknown code"))
	}
	if r.Code == "question" && r.Message != "" {
		f = f.Saying("%s", r.Message)
	}
	if len(r.Suggestions) > 0 {
		f = f.Suggesting(r.Suggestions...)
	}
	if r.RetryMS > 0 {
		f = f.After(r.retry())
	}
	return f
}

// stage is how far the start of a worker came; the checks of an inspection bear the same names.
type stage string

const (
	interpreter  stage = "interpreter"
	engine       stage = "engine"
	adapter      stage = "adapter"
	project      stage = "project"
	manifestFile stage = "manifest"
	warehouse    stage = "warehouse"
)

// notStarted is why there is no worker: a fault for callers, and for the operator what to do.
type notStarted struct {
	at     stage
	fault  *fault.Fault
	detail string // the engine's own words, without paths
	mend   string
}

func (n *notStarted) Error() string { return n.fault.Error() }
func (n *notStarted) Unwrap() error { return n.fault }

const install = "python3 -m pip install 'dbt-metricflow[dbt-duckdb]' 'dbt-core<1.12' (or the adapter of your warehouse), " +
	"and point metrics.python at that interpreter"

var errNoProject = errors.New("the project's folder cannot be entered")

// cannotLaunch tells of an interpreter, or a folder to run it in, that is not there.
func cannotLaunch(err error) *notStarted {
	if errors.Is(err, errNoProject) {
		return &notStarted{
			at:    project,
			fault: metric.ErrEngineUnavailable.Saying("The dbt project's folder is not there; metrics.project_dir names it.").Because(err),
			mend:  "set metrics.project_dir to the folder that holds dbt_project.yml",
		}
	}
	message := "The Python interpreter of the metrics engine cannot be started; metrics.python names it. To get one: %s."
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		message = "The Python interpreter of the metrics engine is not there; metrics.python names it. To get one: %s."
	}
	return &notStarted{
		at:    interpreter,
		fault: metric.ErrEngineUnavailable.Saying(message, install).Because(err),
		mend:  "install Python 3.10 or newer, then: " + install,
	}
}

// cannotServe tells why a worker that runs is not ready.
func cannotServe(r refusal) *notStarted {
	n := &notStarted{detail: r.Message}
	switch r.Code {
	case "engine_missing":
		n.at, n.mend = engine, install
		n.fault = metric.ErrEngineUnavailable.Saying("The Python environment lacks the metrics engine (module %q). To get it: %s.", r.Message, install)
	case "engine_version":
		n.at, n.mend = engine, install
		n.fault = metric.ErrEngineUnavailable.Saying("The Python environment has another version of the metrics engine than Steward knows (%s). To get one: %s.", testedEngine, install)
	case "adapter_missing":
		n.at, n.mend = adapter, "install dbt-"+r.Message+" into the Python environment that metrics.python names"
		n.fault = metric.ErrEngineUnavailable.Saying("The Python environment lacks the dbt adapter for %s; install dbt-%s into it.", r.Message, r.Message)
	case "profile":
		n.at, n.mend = project, "mend profiles.yml, or point metrics.profiles_dir and metrics.target at the right one; `dbt debug` tells more"
		n.fault = metric.ErrEngineUnavailable.Saying("dbt cannot read the project's profile; `steward doctor` says why.")
	default:
		n.at, n.mend = project, "mend dbt_project.yml, or point metrics.project_dir at the right folder; `dbt debug` tells more"
		n.fault = metric.ErrEngineUnavailable.Saying("dbt cannot read the project; `steward doctor` says why.")
	}
	return n
}

// cannotGreet tells of a process that never became a worker.
func cannotGreet(err error, timedOut bool) *notStarted {
	n := &notStarted{at: engine, mend: "start the interpreter by hand and import dbt_metricflow to see what it says; Steward's debug log has its words too"}
	switch {
	case timedOut:
		n.fault = metric.ErrEngineUnavailable.Saying("The metrics engine did not start in time (metrics.ready_timeout).").Because(err)
	case errors.Is(err, errGarbage), errors.Is(err, errOversize):
		n.fault = metric.ErrEngineUnavailable.Saying("The metrics engine's process answered with something that is no answer.").Because(err)
	default:
		n.fault = metric.ErrEngineUnavailable.Saying("The metrics engine's process ended while it started.").Because(err)
	}
	return n
}

// broken is what a caller is told whose worker ended, or spoke nonsense, in the middle of a question.
func broken(err error) *fault.Fault {
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errOversize):
		return metric.ErrTooLarge.Because(err)
	}
	return metric.ErrEngineUnavailable.Saying("The metrics engine stopped in the middle of the question; ask again.").Because(err)
}
