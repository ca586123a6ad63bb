package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/tests/harness"
)

const differing = 150 // questions

// direct asks the engine without Steward: dbt reads the project, dbt-metricflow compiles and runs each question, and a
// question that the engine refuses has an error instead of rows.
const direct = `import datetime, decimal, json, logging, sys
logging.disable(logging.CRITICAL)
project = sys.argv[1]
from pathlib import Path
from dbt_metricflow.cli.cli_configuration import CLIConfiguration
from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

def text(v):
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, (datetime.date, datetime.datetime)):
        return json.dumps(v.isoformat())
    return json.dumps(v)

out, sys.stdout = sys.stdout, sys.stderr
cli = CLIConfiguration()
cli.setup(dbt_profiles_path=Path(project), dbt_project_path=Path(project), configure_file_logging=False)
answers = []
for q in json.load(sys.stdin):
    try:
        table = cli.mf.query(MetricFlowQueryRequest.create(
            saved_query_name=q.get("saved_query"), metric_names=q.get("metrics"), group_by_names=q.get("group_by"),
            where_constraints=q.get("where"), order_by_names=q.get("order_by"), limit=q.get("limit"),
            time_constraint_start=datetime.datetime.fromisoformat(q["start"]) if q.get("start") else None,
            time_constraint_end=datetime.datetime.fromisoformat(q["end"]) if q.get("end") else None,
        )).result_df
        rows = "[" + ",".join("[" + ",".join(map(text, row)) + "]" for row in table.rows) + "]"
        answers.append('{"columns":%s,"rows":%s}' % (json.dumps(list(table.column_names)), rows))
    except Exception as error:
        answers.append(json.dumps({"error": type(error).__name__ + ": " + " ".join(str(error).split())[:300]}))
print("[" + ",".join(answers) + "]", file=out)
`

// asked is one question in both languages.
type asked struct {
	args    object // of the tool
	engine  object // of the engine
	ordered bool
}

// someValues are values that fields have, by the end of their names.
var someValues = map[string][]any{
	"channel": {"web", "app", "store"}, "status": {"completed", "cancelled"}, "payment_method": {"card", "invoice"}, "segment": {"consumer", "trade"},
	"loyalty_tier": {"gold", "bronze"}, "promo_code": {"SPRING10", "HOLIDAY20"}, "category": {"Coffee", "Tea"}, "price_band": {"budget", "premium"},
	"format": {"flagship", "outlet"}, "device": {"mobile", "desktop"}, "is_first_order": {true, false}, "is_discounted": {true},
}

// builder names a field in the engine's templates, written without a look at Steward's own.
func builder(f metric.Field, grain string) string {
	parts := strings.Split(f.Name, "__")
	own := 2
	if f.Kind == metric.EntityKey || f.Name == metric.TimeField {
		own = 1
	}
	last := strings.Join(parts[max(0, len(parts)-own):], "__")
	args := "'" + last + "'"
	if f.Kind == metric.Time && grain != "" {
		args += ", '" + grain + "'"
	}
	if len(parts) > own {
		args += ", entity_path=['" + strings.Join(parts[:len(parts)-own], "', '") + "']"
	}
	return "{{ " + map[metric.FieldKind]string{metric.Categorical: "Dimension", metric.Time: "TimeDimension", metric.EntityKey: "Entity"}[f.Kind] + "(" + args + ") }}"
}

func sqlText(v any) string {
	if text, ok := v.(string); ok {
		return "'" + text + "'"
	}
	return strings.ToUpper(fmt.Sprint(v))
}

// randomQuestion is about one to three metrics, or none. A few are about what the metrics do not have.
func randomQuestion(r *rand.Rand, u *universe) asked {
	q := asked{args: object{"limit": 100_000}, engine: object{}}
	metrics := []string{}
	for range []int{0, 1, 1, 1, 1, 2, 2, 3}[r.IntN(8)] {
		if m := pick(r, u.metrics); !slices.Contains(metrics, m) {
			metrics = append(metrics, m)
		}
	}
	fields, err := u.shop.catalog.Fields(metrics)
	if err != nil {
		panic(err)
	}
	if len(metrics) == 0 { // without a metric, columns of different tables have nothing in common
		owner := pick(r, []string{"customer__", "store__", "product__", "region__"})
		fields = slices.DeleteFunc(slices.Clone(fields), func(f metric.Field) bool {
			return !strings.HasPrefix(f.Name, owner) || strings.Count(f.Name, "__") > 1 || f.Kind == metric.EntityKey
		})
	} else {
		q.args["metrics"], q.engine["metrics"] = metrics, metrics
	}
	order := q.groups(r, fields, len(metrics) == 0)
	if len(metrics) > 0 {
		q.filters(r, fields)
		if r.IntN(5) == 0 {
			q.args["start_time"], q.engine["start"] = "2024-03-01", "2024-03-01"
			q.args["end_time"], q.engine["end"] = "2025-02-28", "2025-02-28"
		}
	}
	if len(order) > 0 && r.IntN(2) == 0 {
		q.ordered = true
		by := make([]string, len(order))
		for i, name := range order {
			by[i] = pick(r, []string{"", "-"}) + name
		}
		q.args["order_by"], q.engine["order_by"] = by, by
		if r.IntN(2) == 0 {
			n := 1 + r.IntN(40)
			q.args["limit"], q.engine["limit"] = n, n
		}
	}
	return q
}

// groups adds group-bys, and gives the names to order by so that no two rows are alike.
func (q *asked) groups(r *rand.Rand, fields []metric.Field, least bool) []string {
	var args []any
	var engine, order []string
	total := r.IntN(4)
	if least {
		total = 1 + r.IntN(2)
	}
	byPart := false
	for range total {
		if len(fields) == 0 {
			break
		}
		f := pick(r, fields)
		if f.Kind != metric.Time && fine(f) || slices.ContainsFunc(engine, func(n string) bool { return strings.Contains(n, f.Name) }) {
			continue
		}
		switch {
		case f.Kind != metric.Time:
			args, engine, order = append(args, f.Name), append(engine, f.Name), append(order, f.Name)
		case r.IntN(4) == 0 && len(f.DateParts) > 0:
			part := pick(r, f.DateParts)
			byPart = true
			args = append(args, object{"name": f.Name, "date_part": part})
			engine = append(engine, fmt.Sprintf("TimeDimension('%s', date_part_name='%s')", f.Name, part))
		default:
			name := f.Name + "__" + pick(r, []string{"week", "month", "quarter", "year", "month", "year", "hour"})
			args, engine, order = append(args, name), append(engine, name), append(order, name)
		}
	}
	if len(args) > 0 {
		q.args["group_by"], q.engine["group_by"] = args, engine
	}
	if byPart {
		return nil
	}
	return order
}

func (q *asked) filters(r *rand.Rand, fields []metric.Field) {
	var args []object
	var engine []string
	for range r.IntN(3) {
		f := pick(r, fields)
		if f.Kind == metric.Time {
			grain := pick(r, []string{"day", "month", "year"})
			if r.IntN(2) == 0 {
				args = append(args, object{"field": f.Name, "grain": grain, "op": ">=", "value": "2024-06-01"})
				engine = append(engine, builder(f, grain)+" >= '2024-06-01'")
			} else {
				args = append(args, object{"field": f.Name, "grain": grain, "op": "between", "values": []any{"2024-01-01", "2025-06-30"}})
				engine = append(engine, builder(f, grain)+" BETWEEN '2024-01-01' AND '2025-06-30'")
			}
			continue
		}
		parts := strings.Split(f.Name, "__")
		values := someValues[parts[len(parts)-1]]
		switch {
		case values == nil || r.IntN(5) == 0:
			args = append(args, object{"field": f.Name, "op": "is_not_null"})
			engine = append(engine, builder(f, "")+" IS NOT NULL")
		case r.IntN(2) == 0:
			op := pick(r, []string{"=", "!="})
			args = append(args, object{"field": f.Name, "op": op, "value": values[0]})
			engine = append(engine, builder(f, "")+" "+op+" "+sqlText(values[0]))
		default:
			texts := make([]string, len(values))
			for i, v := range values {
				texts[i] = sqlText(v)
			}
			args = append(args, object{"field": f.Name, "op": "in", "values": values})
			engine = append(engine, builder(f, "")+" IN ("+strings.Join(texts, ", ")+")")
		}
	}
	if len(args) > 0 {
		q.args["filters"], q.engine["where"] = args, engine
	}
}

// TestDifferential_AnswersAreTheEnginesOwn asks Steward and the engine the same questions. Columns and rows are the
// same, and what one refuses the other refuses too.
func TestDifferential_AnswersAreTheEnginesOwn(t *testing.T) {
	t.Parallel()
	u, _ := shopUniverse(t)
	r := random(t, 6<<32)
	var all []asked
	for range differing {
		if q := randomQuestion(r, u); q.args["metrics"] != nil || q.args["group_by"] != nil {
			all = append(all, q)
		}
	}
	for _, q := range u.saved {
		all = append(all, asked{args: object{"saved_query": q.Name, "limit": 100_000}, engine: object{"saved_query": q.Name}, ordered: q.Name == "category_profitability"})
		if q.Limit > 0 {
			all[len(all)-1].args = object{"saved_query": q.Name}
		}
	}
	expected := engineAnswers(t, all)
	refusedByBoth := 0
	for i, q := range all {
		text, err := json.Marshal(q.args)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Columns []struct{ Name string }
			Rows    [][]any
		}
		_, err = lab.client.Tool(t.Context(), "query", q.args, &got)
		want := expected[i]
		switch {
		case err != nil && want.Error != "":
			refusedByBoth++
			continue
		case err != nil:
			t.Errorf("%s: refused with %v, and answered by the engine with %d rows", text, err, len(want.Rows))
			continue
		case want.Error != "":
			t.Errorf("%s: answered with %d rows, and refused by the engine: %s", text, len(got.Rows), want.Error)
			continue
		}
		names := make([]string, len(got.Columns))
		for i, c := range got.Columns {
			names[i] = c.Name
		}
		gotRows, gotNames := harness.ByColumnName(names, got.Rows)
		wantRows, wantNames := harness.ByColumnName(want.Columns, want.Rows)
		if diff := cmp.Diff(wantNames, gotNames); diff != "" {
			t.Errorf("%s: columns (-engine +steward):\n%s", text, diff)
		} else if err := harness.SameRows(wantRows, gotRows, q.ordered); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	t.Logf("%d questions, of which both refuse %d", len(all), refusedByBoth)
	if answered := len(all) - refusedByBoth; answered < 100 {
		t.Errorf("only %d questions were answered", answered)
	}
}

type engineAnswer struct {
	Columns []string
	Rows    [][]any
	Error   string
}

func engineAnswers(t *testing.T, all []asked) []engineAnswer {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "engine")
	for _, file := range []string{"dbt_project.yml", "target/semantic_manifest.json"} {
		if err := copyFile(filepath.Join(lab.shop.project, file), filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeProfile(dir, lab.shop.warehouse, "      config_options: {access_mode: READ_ONLY}"); err != nil {
		t.Fatal(err)
	}
	requests := make([]object, len(all))
	for i, q := range all {
		requests[i] = q.engine
	}
	input, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	out, err := lab.Demo.Run(t.Context(), direct, bytes.NewReader(input), dir)
	if err != nil {
		t.Fatal(err)
	}
	var answers []engineAnswer
	if err := harness.Decode(out, &answers); err != nil || len(answers) != len(all) {
		t.Fatalf("the engine answered %d questions of %d: %v", len(answers), len(all), err)
	}
	return answers
}
