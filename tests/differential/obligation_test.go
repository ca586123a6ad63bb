package differential_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/tests/harness"
	"github.com/steward-mcp/steward/tests/policy/gated"
)

// demo is the world that is served.
func demo(t *testing.T) *world {
	t.Helper()
	for _, w := range lab.worlds {
		if w.Name == "demo" {
			return w
		}
	}
	t.Fatal("there is no demo")
	return nil
}

// overMCP is how many questions of each caller go through the whole binary.
const overMCP = 16

// TestDifferential_TheServersAnswersAreTheEnginesOwn asks the binary over MCP: the analyst, and the regional manager of
// the demo, who sees the rows of one region.
func TestDifferential_TheServersAnswersAreTheEnginesOwn(t *testing.T) {
	t.Parallel()
	w := demo(t)
	dir := filepath.Join(t.TempDir(), "server")
	config, err := lab.Demo.Configure(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	analyst, err := harness.CreateKey(t.Context(), lab.Binary, config, "analyst", "analyst")
	if err != nil {
		t.Fatal(err)
	}
	regional, err := harness.CreateKeyWith(t.Context(), lab.Binary, config, "north", "--persona", "regional", "--attribute", "region=North")
	if err != nil {
		t.Fatal(err)
	}
	server, err := harness.Start(t.Context(), lab.Binary, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	answered := map[string]int{}
	for name, key := range map[string]string{"analyst": analyst, "regional": regional} {
		client := harness.NewClient(server.URL, key, harness.Modern)
		defer client.Close()
		r := random(5<<32 + uint64(len(name)))
		var questions []question
		b := batch{Project: w.Project, Warehouse: w.Warehouse}
		for len(questions) < overMCP {
			q := w.aQuestion(r)
			if q.saved != "" || len(q.metrics) == 0 {
				continue
			}
			request := q.request()
			if name == "regional" {
				request.Where = append(request.Where, "{{ Dimension('region__name') }} = 'North'")
			}
			questions, b.Questions = append(questions, q), append(b.Questions, request)
		}
		engine, err := oracle(t.Context(), []batch{b})
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range questions {
			var structured struct {
				Columns []struct{ Name string }
				Rows    [][]any
			}
			_, err := client.Tool(t.Context(), "query", q.arguments(), &structured)
			want := engine[0][i]
			if err != nil {
				// The regional manager is also refused what the demo's persona hides.
				if want.Error == "" && name == "analyst" {
					t.Errorf("%s: %v, and the engine answers with %d rows", q, err, len(want.Rows))
				}
				continue
			}
			got := table{Rows: structured.Rows}
			for _, c := range structured.Columns {
				got.Columns = append(got.Columns, c.Name)
			}
			if want.Error != "" {
				t.Errorf("%s: %s is answered with %d rows, and the engine refuses: %s", q, name, len(got.Rows), want.Error)
			} else if why := different(want, got, q.ordered()); why != "" {
				t.Errorf("%s: %s: %s", q, name, why)
			}
			answered[name]++
		}
	}
	t.Logf("over MCP, %d questions each: answered %v", overMCP, answered)
	if answered["analyst"] < overMCP/2 || answered["regional"] < overMCP/4 {
		t.Errorf("too few questions were answered: %v", answered)
	}
}

// TestDifferential_CapsBoundWhatIsAskedAndNothingElse: a question within the caps has the engine's answer, one beyond
// them is refused.
func TestDifferential_CapsBoundWhatIsAskedAndNothingElse(t *testing.T) {
	t.Parallel()
	w := demo(t)
	loader := manifest.NewLoader(w.Project, "", time.Now)
	source, err := worker.New(worker.Config{
		ProjectDir: w.Project, ProfilesDir: w.Project, Python: lab.Demo.Python, Workers: 1, Spare: -1, IdleRelease: time.Minute,
	}, time.Now, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	ask := func(caps access.Caps, args object) gated.Answer {
		tools, err := gated.New(loader, source, access.Local("someone", "capped"), access.Persona{Name: "capped", Allow: everything(), Caps: caps})
		if err != nil {
			t.Fatal(err)
		}
		return tools.Ask(t, "query", args)
	}
	week := object{"metrics": []string{"revenue"}, "group_by": []string{"metric_time__day"}, "start_time": "2024-03-01", "end_time": "2024-03-07"}
	longer := object{"metrics": []string{"revenue"}, "start_time": "2024-03-01", "end_time": "2024-03-08"}
	open := object{"metrics": []string{"revenue"}, "start_time": "2024-03-01"}
	for name, c := range map[string]struct {
		caps access.Caps
		args object
		want string
		rows int
	}{
		"a week within a week":         {access.Caps{MaxRangeDays: 7}, week, "", 7},
		"eight days":                   {access.Caps{MaxRangeDays: 7}, longer, "metric.range", 0},
		"no end":                       {access.Caps{MaxRangeDays: 7}, open, "metric.range", 0},
		"fewer rows than there are":    {access.Caps{MaxRows: 3}, week, "", 3},
		"explained only, and run":      {access.Caps{ExplainOnly: true}, week, "metric.explain_only", 0},
		"all of them, and within all":  {access.Caps{MaxRows: 10, MaxRangeDays: 30}, week, "", 7},
		"a saved query without a time": {access.Caps{MaxRangeDays: 30}, object{"saved_query": "monthly_revenue_by_region"}, "metric.range", 0},
	} {
		a := ask(c.caps, c.args)
		code := ""
		if a.Failure != nil {
			code = a.Failure.Code
		}
		got, err := read([]byte(a.Structured))
		if code == "" && err != nil {
			t.Fatal(err)
		}
		if code != c.want || len(got.Rows) != c.rows {
			t.Errorf("%s: %q with %d rows, want %q with %d", name, code, len(got.Rows), c.want, c.rows)
		}
	}
	if a := ask(access.Caps{ExplainOnly: true}, object{"metrics": []string{"revenue"}, "mode": "sql"}); a.Failure != nil {
		t.Errorf("explaining is refused with %v", a.Failure)
	}
}
