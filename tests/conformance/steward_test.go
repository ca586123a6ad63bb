package conformance_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/tests/harness"
)

// only are scenarios to run in place of all; for whoever works on one.
var only = flag.String("scenario", "", "run only these scenarios, separated by commas, each in every revision that has it")

const (
	legacy = "2025-11-25"
	modern = "2026-07-28"
)

// fickle are scenarios that depend on the order of things that happen at once, by revision. Each must succeed every time, in
// so many processes of the suite: a run of one that leaves streams open has one of its own.
var fickle = []struct {
	revision, name string
	processes      int
}{
	{legacy, "tools-call-with-progress", 1},
	{legacy, "tools-call-with-logging", 1},
	{modern, "tools-call-with-progress", 1},
	{modern, "server-stateless", repeats},
}

const (
	repeats = 20 // of each
	workers = 3  // processes of the suite at a time
)

// The official suite finds nothing to complain of, not even a warning, in any scenario for servers of either revision, while
// those of both run at the same time against one process; and all that it asked is on record.
func TestSteward_PassesTheConformanceSuiteInBothRevisionsAtOnce(t *testing.T) {
	s := start(t, "")
	defer s.stop(t)
	if *only != "" {
		for name := range strings.SplitSeq(*only, ",") {
			alone(t, s, name)
		}
		return
	}
	t.Run("revisions", func(t *testing.T) {
		for _, revision := range []string{legacy, modern} {
			t.Run(revision, func(t *testing.T) {
				t.Parallel()
				whole(t, s, revision)
			})
		}
		t.Run("older", func(t *testing.T) {
			t.Parallel()
			older(t, s)
		})
	})
	t.Run("again and again", func(t *testing.T) { again(t, s) })
	s.stop(t)
	t.Run("on record", func(t *testing.T) { onRecord(t, s) })
}

// whole runs all scenarios of a revision, those included that the suite does not count.
func whole(t *testing.T, s *server, revision string) {
	t.Helper()
	r := requirementsOf(t, revision)
	var extras []string
	for _, n := range r.NotScored {
		if n.Leg == "server" {
			extras = append(extras, n.Scenario)
		}
	}
	ran, err := newRunner(t, s.wire.URL).run(t.Context(), 1, "--requirements", revision)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: required %s; not scored %s", revision, summary(ran, r.Server), summary(ran, extras))
	for _, name := range slices.Concat(r.Server, extras) {
		i := slices.IndexFunc(ran, func(s scenario) bool { return s.name == name })
		if i < 0 {
			t.Errorf("%s did not run", name)
			continue
		}
		for _, fault := range ran[i].faults() {
			t.Error(fault)
		}
	}
}

// older runs what the suite has for revisions that came before, all of which are served at the same place.
func older(t *testing.T, s *server) {
	t.Helper()
	for _, revision := range []string{"2025-03-26", "2025-06-18"} {
		ran, err := newRunner(t, s.wire.URL).run(t.Context(), 1, "--suite", "all", "--spec-version", revision)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, one := range ran {
			names = append(names, one.name)
			for _, fault := range one.faults() {
				t.Error(fault)
			}
		}
		t.Logf("%s: %s", revision, summary(ran, names))
	}
}

// alone runs a scenario in every revision that has it.
func alone(t *testing.T, s *server, name string) {
	t.Helper()
	suite, found := newRunner(t, s.wire.URL), false
	for _, revision := range []string{legacy, modern} {
		r := requirementsOf(t, revision)
		has := slices.Contains(r.Server, name)
		for _, n := range r.NotScored {
			has = has || n.Scenario == name
		}
		if !has {
			continue
		}
		found = true
		// A scenario of an extension belongs to no revision: the suite then wants to be told that it is meant.
		ran, err := suite.run(t.Context(), 1, "--scenario", name, "--spec-version", revision, "--force")
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s %s", revision, name, summary(ran, []string{name}))
		for _, fault := range ran[0].faults() {
			t.Error(fault)
		}
	}
	if !found {
		t.Errorf("no revision has a scenario %q", name)
	}
}

// What the README says of how much the suite requires is what the suite requires.
func TestSteward_SaysHowManyScenariosThereAre(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, after := len(requirementsOf(t, legacy).Server), len(requirementsOf(t, modern).Server)
	promise := fmt.Sprintf("%d of %d scenarios in %s and %d of %d in %s", before, before, legacy, after, after, modern)
	if !strings.Contains(strings.Join(strings.Fields(string(readme)), " "), promise) {
		t.Errorf("README.md does not say %q", promise)
	}
}

// again repeats what could go well by chance.
func again(t *testing.T, s *server) {
	t.Helper()
	suite := newRunner(t, s.wire.URL)
	var pool sync.WaitGroup
	work := make(chan func())
	for range workers {
		pool.Go(func() {
			for run := range work {
				run()
			}
		})
	}
	for _, f := range slices.Backward(fickle) { // the longest first
		for range f.processes {
			work <- func() {
				ran, err := suite.run(t.Context(), repeats/f.processes, "--scenario", f.name, "--spec-version", f.revision)
				if err != nil {
					t.Error(err)
				}
				for _, one := range ran {
					for _, fault := range one.faults() {
						t.Errorf("%s: %s", f.revision, fault)
					}
				}
			}
		}
	}
	close(work)
	pool.Wait()
}

// onRecord holds the journal against what went over the wire: every request has one closed record, and has it at once.
func onRecord(t *testing.T, s *server) {
	t.Helper()
	report, err := auditlog.Verify(t.Context(), s.journal, auditlog.Trust{}, nil)
	if err != nil || report.Bad != nil || report.OpenIntents != 0 {
		t.Errorf("the journal does not hold: %+v, %v", report, err)
	}
	records, err := harness.Journal(s.journal)
	if err != nil {
		t.Fatal(err)
	}
	closed, opened := harness.ByRequest(records, "closed"), harness.ByRequest(records, "intent")
	passed := s.wire.passed(t)
	asked := 0
	for _, e := range passed {
		want := 1
		if e.unrecorded() {
			want = 0
		} else {
			asked++
		}
		if of := closed[e.request]; e.request == "" || len(of) != want {
			t.Errorf("%s %s (HTTP %d) is the request %q, which has the closed records %+v", e.method, e.rpc, e.status, e.request, of)
		}
	}
	for id, of := range opened {
		if len(of) != 1 || len(closed[id]) != 1 {
			t.Errorf("the request %s was begun %d times and closed %d times", id, len(of), len(closed[id]))
		}
	}
	if asked == 0 {
		t.Error("nothing was held against the journal")
	}
	t.Logf("%d answers on the wire, %d of them to requests that are recorded; %d closed records in %d of the journal", len(passed), asked, len(closed), report.Records)
}

// What a context adds is governed without its doing: a tool that the persona may not call is refused, which the suite finds at
// once, and the refusal is on record.
func TestSteward_GovernsWhatAModuleOfOnesOwnAdds(t *testing.T) {
	s := start(t, `{action: tool.call, target: "tool:test_simple_text"}`)
	defer s.stop(t)
	ran, err := newRunner(t, s.wire.URL).run(t.Context(), 1, "--scenario", "tools-call-simple-text", "--spec-version", modern)
	if err != nil {
		t.Fatal(err)
	}
	if faults := strings.Join(ran[0].faults(), "\n"); !strings.Contains(faults, "FAILURE tools-call-simple-text") {
		t.Errorf("the suite finds no fault with a tool that is forbidden: %s", faults)
	}
	records, err := harness.Journal(s.journal)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(records, func(r harness.Record) bool {
		return r.Phase == "closed" && r.Method == "tools/call" && r.Target == "tool:test_simple_text" && r.Outcome != "ok" && r.Rule != ""
	}) {
		t.Errorf("no refusal is on record: %+v", records)
	}
}

func TestFaults_AreAllThatIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		checks []check
		want   int
	}{
		"a success":                 {[]check{{ID: "a", Status: "SUCCESS"}}, 0},
		"a failure":                 {[]check{{ID: "a", Status: "SUCCESS"}, {ID: "b", Status: "FAILURE"}}, 1},
		"a warning":                 {[]check{{ID: "a", Status: "SUCCESS"}, {ID: "b", Status: "WARNING"}}, 1},
		"what was skipped":          {[]check{{ID: "a", Status: "SUCCESS"}, {ID: "b", Status: "SKIPPED"}}, 1},
		"what was not looked at":    {[]check{{ID: "a", Status: "INFO"}}, 1},
		"what nobody ever heard of": {[]check{{ID: "a", Status: "success"}, {ID: "b"}}, 2},
		"what is dismissed":         {[]check{{ID: "server-sse-streams-functional", Status: "INFO"}}, 0},
		"a failure of the same id":  {[]check{{ID: "server-sse-streams-functional", Status: "FAILURE"}}, 1},
		"a tale of a success":       {[]check{{ID: "a", Status: "SUCCESS"}, {ID: "stream-closed", Status: "INFO"}}, 0},
		"a tale alone":              {[]check{{ID: "stream-closed", Status: "INFO"}}, 1},
		"a tale of a failure":       {[]check{{ID: "a", Status: "FAILURE"}, {ID: "stream-closed", Status: "INFO"}}, 1},
		"nothing":                   {nil, 1},
	} {
		if got := (scenario{name, c.checks}).faults(); len(got) != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
