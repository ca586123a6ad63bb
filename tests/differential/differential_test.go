package differential_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/tests/harness"
	"github.com/steward-mcp/steward/tests/policy/gated"
)

// share is how many questions a world gets: plain ones, and ones by somebody restricted.
func (w *world) share() (plain, limited int) {
	switch w.Name {
	case "demo":
		return 80, 50
	case "simple_manifest":
		return 100, 70
	}
	return 8, 5
}

const (
	leastRun    = 300 // questions that both answered, whatever else happens
	mostStated  = 10  // percent that Steward may refuse by rules of its own
	reductions  = 3   // disagreements that are made smaller
	restrictSet = 1 << 32
)

// stated are the rules of Steward's own by which it refuses what the engine answers, by the code of the refusal.
var stated = map[string]string{
	"metric.rows":          "a row filter that cannot be laid on a question without metrics, whose columns must be of one table",
	"metric.metric_filter": "Metric() in a condition is not open to whoever may see some rows only",
	"metric.where":         "a text in a condition holds no template, and a metric in one is grouped by names without a time",
}

// outcome is one question with both answers.
type outcome struct {
	world   *world
	asked   question
	steward table // Error holds the code of a refusal
	message string
	engine  table
}

// disagrees says how the two differ; empty when they do not, or when Steward refuses by a rule of its own.
func (o outcome) disagrees() string {
	hidden := o.asked.restricted != nil && o.asked.restricted.hidden != ""
	switch {
	case hidden && !strings.HasPrefix(o.steward.Error, "metric.unknown_"):
		return fmt.Sprintf("%s is hidden, and the answer is %q with %d rows", o.asked.restricted.hidden, o.steward.Error, len(o.steward.Rows))
	case hidden, o.steward.Error != "" && o.engine.Error != "", o.byRule(), o.counts():
		return ""
	case o.steward.Error != "":
		return fmt.Sprintf("refused with %s (%s), and the engine answers with %d rows", o.steward.Error, o.message, len(o.engine.Rows))
	case o.engine.Error != "":
		return fmt.Sprintf("answered with %d rows, and the engine refuses: %s", len(o.steward.Rows), o.engine.Error)
	}
	if q := o.asked; q.restricted != nil && q.restricted.maxRows > 0 && !q.ordered() {
		if want := min(q.restricted.maxRows, len(o.engine.Rows)); len(o.steward.Rows) != want {
			return fmt.Sprintf("%d rows, want %d under a cap", len(o.steward.Rows), want)
		}
		return missing(o.engine, o.steward)
	}
	return different(o.engine, o.steward, o.asked.ordered())
}

// byRule reports whether Steward refused by a rule that is written down, though the engine answers.
func (o outcome) byRule() bool {
	return o.steward.Error != "" && o.engine.Error == "" && stated[o.steward.Error] != ""
}

// counts reports whether Steward hides what counts conversions from somebody with a row filter: the engine would filter
// what may convert, and not the conversions.
func (o outcome) counts() bool {
	return o.asked.restricted != nil && strings.HasPrefix(o.steward.Error, "metric.unknown_") && slices.ContainsFunc(o.world.asked(o.asked), func(name string) bool {
		return slices.ContainsFunc(o.world.Metrics, func(m subject) bool { return m.Name == name && m.Kind == "conversion" })
	})
}

// asked are the metrics of a question, or of the saved query that it runs.
func (w *world) asked(q question) []string {
	for _, saved := range w.Saved {
		if saved.Name == q.saved {
			return saved.Metrics
		}
	}
	return q.metrics
}

// answered reports whether both answered with rows.
func (o outcome) answered() bool { return o.steward.Error == "" && o.engine.Error == "" }

// everyone's questions are asked together: a project takes longer to open than to ask.
var everyone struct {
	sync.Once
	plain, limited []outcome
}

func answers(t *testing.T) (plain, limited []outcome) {
	t.Helper()
	everyone.Do(func() {
		all := map[*world][]question{}
		for i, w := range usable() {
			r, s := random(uint64(i)), random(restrictSet+uint64(i))
			plain, limited := w.share()
			for range plain {
				all[w] = append(all[w], w.aQuestion(r))
			}
			for range limited {
				all[w] = append(all[w], w.restricted(s))
			}
		}
		for _, o := range run(t, all) {
			if o.asked.restricted == nil {
				everyone.plain = append(everyone.plain, o)
			} else {
				everyone.limited = append(everyone.limited, o)
			}
		}
	})
	return everyone.plain, everyone.limited
}

// run asks both, the engine in one process and Steward in another, and gives the outcomes in the order of the questions.
func run(t *testing.T, all map[*world][]question) []outcome {
	t.Helper()
	var batches []batch
	var outcomes []outcome
	for _, w := range usable() {
		if len(all[w]) == 0 {
			continue
		}
		b := batch{Project: w.Project, Warehouse: w.Warehouse}
		for _, q := range all[w] {
			b.Questions = append(b.Questions, q.request())
			outcomes = append(outcomes, outcome{world: w, asked: q})
		}
		batches = append(batches, b)
	}
	var engine [][]table
	var failed error
	var both sync.WaitGroup
	both.Go(func() { engine, failed = oracle(t.Context(), batches) })
	both.Go(func() {
		for from := 0; from < len(outcomes); {
			to := from
			for to < len(outcomes) && outcomes[to].world == outcomes[from].world {
				to++
			}
			askSteward(t, outcomes[from:to])
			from = to
		}
	})
	both.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	for i, answer := range slices.Concat(engine...) {
		outcomes[i].engine = answer
	}
	return outcomes
}

// askSteward asks what is about one world, as whoever each question is by.
func askSteward(t *testing.T, outcomes []outcome) {
	t.Helper()
	w := outcomes[0].world
	loader := manifest.NewLoader(w.Project, "", time.Now)
	source, err := worker.New(worker.Config{
		ProjectDir: w.Project, ProfilesDir: w.Project, Python: lab.Demo.Python, Workers: 1, Spare: -1, IdleRelease: time.Minute,
	}, time.Now, zap.NewNop())
	if err != nil {
		t.Error(err)
		return
	}
	defer source.Close()
	for i := range outcomes {
		o := &outcomes[i]
		by, personas := o.asked.principal()
		tools, err := gated.New(loader, source, by, personas...)
		if err != nil {
			t.Errorf("%s: %v", o.asked, err)
			continue
		}
		a := tools.Ask(t, "query", o.asked.arguments())
		if a.Failure != nil {
			o.steward.Error, o.message = a.Failure.Code, a.Failure.Message
			continue
		}
		if o.steward, err = read([]byte(a.Structured)); err != nil {
			t.Errorf("%s: %v", o.asked, err)
		}
	}
}

// read takes the table out of a structured answer.
func read(structured []byte) (table, error) {
	var got struct {
		Columns []struct{ Name string }
		Rows    [][]any
	}
	err := harness.Decode(structured, &got)
	t := table{Rows: got.Rows}
	for _, c := range got.Columns {
		t.Columns = append(t.Columns, c.Name)
	}
	return t, err
}

// judge reports every disagreement, the first ones made smaller, and what became of the questions.
func judge(t *testing.T, outcomes []outcome) (answered int) {
	t.Helper()
	codes := map[string]int{}
	var disagreements []outcome
	byRule := 0
	for _, o := range outcomes {
		switch why := o.disagrees(); {
		case why != "":
			disagreements = append(disagreements, o)
			t.Errorf("%s: %s: %s", o.world.Name, o.asked, why)
		case o.byRule():
			byRule++
			codes["by rule "+o.steward.Error]++
			t.Logf("refused by rule, about %s: %s: %s", o.world.Name, o.asked, o.message)
		case o.answered():
			answered++
		case o.counts() && o.engine.Error == "":
			codes["conversions "+o.steward.Error]++
		default:
			codes["both "+o.steward.Error]++
			if strings.HasPrefix(o.steward.Error, "metric.engine") || o.steward.Error == "metric.warehouse" {
				t.Logf("refused by both, about %s: %s: %s: %s", o.world.Name, o.asked, o.message, o.engine.Error)
			}
		}
	}
	t.Logf("seed %d: %d questions about %d projects; both answered %d alike, and refused %v", *seed, len(outcomes), len(usable()), answered, codes)
	if byRule*100 > mostStated*len(outcomes) {
		t.Errorf("Steward refused %d of %d questions by rules of its own", byRule, len(outcomes))
	}
	for _, o := range disagreements[:min(reductions, len(disagreements))] {
		reduce(t, o)
	}
	return answered
}

// reduce looks for the smallest question that still disagrees.
func reduce(t *testing.T, o outcome) {
	t.Helper()
	for parts := o.asked.smaller(); len(parts) > 0; parts = o.asked.smaller() {
		smaller := run(t, map[*world][]question{o.world: parts})
		at := slices.IndexFunc(smaller, func(s outcome) bool { return s.disagrees() != "" })
		if at < 0 {
			break
		}
		o = smaller[at]
	}
	t.Logf("the smallest that disagrees, about %s: %s: %s; the engine was asked %+v", o.world.Name, o.asked, o.disagrees(), o.asked.request())
}

// TestDifferential_AnswersAreTheEnginesOwn asks as somebody who may see everything.
func TestDifferential_AnswersAreTheEnginesOwn(t *testing.T) {
	plain, _ := answers(t)
	if answered := judge(t, plain); answered < leastRun*2/3 {
		t.Errorf("only %d questions were answered", answered)
	}
}

// TestDifferential_RestrictedAnswersAreTheEnginesFiltered asks as people who may see some rows only: the answer is the
// engine's to the question with the filter beside it, which is written here.
func TestDifferential_RestrictedAnswersAreTheEnginesFiltered(t *testing.T) {
	_, limited := answers(t)
	if answered := judge(t, limited); answered < leastRun/3 {
		t.Errorf("only %d questions were answered", answered)
	}
}

// TestWorlds_AreAllThatTheEngineShips: one manifest of the package is meant to be wrong.
func TestWorlds_AreAllThatTheEngineShips(t *testing.T) {
	t.Parallel()
	var unusable []string
	for _, w := range lab.worlds {
		if w.Unusable != "" {
			unusable = append(unusable, w.Name)
		}
	}
	if len(lab.worlds) < 18 || !slices.Equal(unusable, []string{"config_linter_manifest"}) {
		t.Errorf("%d projects, of which the engine cannot use %v", len(lab.worlds), unusable)
	}
}
