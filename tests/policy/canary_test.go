package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/tests/harness"
)

// canaries fills the demo's tables with the trade of four regions that have nothing in common: no customer, product or
// store of one deals with another. Every name, code, amount and some days of the regions 2 to 4 tell whose they are. A
// second file gets the first region alone.
const canaries = `import datetime, random, sys
import duckdb

def fill(source, target, regions):
    con = duckdb.connect(target)
    con.execute("ATTACH '" + source + "' AS demo (READ_ONLY)")
    con.execute("CREATE SCHEMA marts")
    for table in ("orders", "order_items", "products", "refunds", "regions", "stores", "customers", "visits"):
        con.execute(f"CREATE TABLE marts.{table} AS SELECT * FROM demo.marts.{table} WHERE false")
    con.execute("CREATE TABLE marts.time_spine_daily AS SELECT * FROM demo.marts.time_spine_daily")
    for region in regions:
        trade(con, region, random.Random(region))
    con.close()

def insert(con, table, *values):
    con.execute(f"INSERT INTO marts.{table} VALUES ({', '.join('?' * len(values))})", values)

def trade(con, g, r):
    own = g == 1
    tag = f"canary{g}"
    names = {1: "North", 2: "South canary2", 3: "East canary3", 4: "West canary4"}
    price = lambda: r.randrange(100, 9900) / 100 if own else g * 10_000_000 + r.randrange(1000) * 1000
    def text(shared, share=50):
        return r.choice(shared) if own or r.randrange(100) < share else tag + r.choice(shared)
    insert(con, "regions", g, names[g], "Inland" if g < 3 else "Coast" + tag)
    stores = [g * 10 + i for i in range(2)]
    for s in stores:
        insert(con, "stores", s, f"{tag}store{s}", text(["flagship", "outlet"]), g, datetime.date(2019, g, 1 + s % 9), s)
    products = [g * 1000 + i for i in range(4)]
    for p in products:
        insert(con, "products", p, f"{tag}product{p}", text(["Coffee", "Tea"]), f"{tag}supplier{p % 2}", r.random() < 0.5,
            price(), price(), datetime.date(2022, g, 1 + p % 9), text(["budget", "premium"]))
    customers = [g * 100 + i for i in range(7)]
    for c in customers:
        insert(con, "customers", c, f"{tag}customer{c}", f"{tag}mail{c}@example.com", text(["consumer", "trade"]), r.choice(["gold", None]),
            text(["social", "referral"]), g, datetime.datetime(2023, 1 + g, 1 + c % 27, c % 23))
    # The first region trades from March 2024 to May 2025, the others before and after too.
    begin, days = (datetime.datetime(2024, 3, 3), 440) if own else (datetime.datetime(2023, 2, 1), 1000)
    number = 24 if own else 60
    for i in range(number):
        o = g * 100_000 + i
        c, s = r.choice(customers), r.choice(stores)
        at = begin + datetime.timedelta(days=i * days // number, seconds=g * 7919 + i * 37)
        cancelled = i % 6 == 0
        insert(con, "orders", o, c, s, g, at, text(["web", "app", "store"]), "cancelled" if cancelled else "completed", cancelled,
            text(["card", "invoice"]), None if i % 3 else (f"{tag}promo" if not own else "SPRING10"), i < 7, price(), price())
        insert(con, "visits", o, c, at - datetime.timedelta(days=i % 9, hours=1, seconds=i), text(["mobile", "desktop"]), text(["ads", "organic_search"]), 3 if own else 1000 * g, g)
        if not cancelled:
            for k in range(1 + i % 2):
                p = r.choice(products)
                insert(con, "order_items", o * 10 + k, o, p, c, s, g, at, 1 if own else 5000 * g, price(), 0 if i % 4 else price(), price(), price() / 2)
            if i % 5 == 1:
                insert(con, "refunds", o, o, p, c, s, g, at + datetime.timedelta(days=11), price(), text(["damaged", "late_delivery"]))

fill(sys.argv[1], sys.argv[2], [1, 2, 3, 4])
fill(sys.argv[1], sys.argv[3], [1])
`

// calendarCorners are metrics that the engine computes along the calendar in ways that the demo has none of.
func calendarCorners(text []byte) ([]byte, error) {
	var m object
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	byName := map[string]object{}
	for _, node := range m["metrics"].([]any) {
		byName[node.(object)["name"].(string)] = node.(object)
	}
	for _, add := range []corner{
		{"orders_filled", "orders", func(_, params object) {
			params["measure"].(object)["fill_nulls_with"], params["measure"].(object)["join_to_timespine"] = 0, true
		}},
		{"revenue_filled", "revenue", func(_, params object) {
			params["measure"].(object)["fill_nulls_with"] = 0
		}},
		{"filled_per_visit", "refund_rate", func(_, params object) {
			params["numerator"].(object)["name"], params["denominator"].(object)["name"] = "orders_filled", "visits"
		}},
		{"revenue_since_month_start", "revenue_growth_mom", func(_, params object) {
			params["metrics"].([]any)[1].(object)["offset_window"], params["metrics"].([]any)[1].(object)["offset_to_grain"] = nil, "month"
		}},
	} {
		node := clone(byName[add.like])
		node["name"] = add.name
		add.change(node, node["type_params"].(object))
		m["metrics"] = append(m["metrics"].([]any), node)
	}
	for _, node := range m["semantic_models"].([]any) {
		for _, d := range node.(object)["dimensions"].([]any) {
			if name := d.(object)["name"]; name == "email" || name == "full_name" {
				d.(object)["config"] = object{"meta": object{"pii": true}}
			}
		}
	}
	return json.Marshal(m)
}

// land is a shop and an engine in front of it.
type land struct {
	loader *manifest.Loader
	engine *worker.Source
	file   string
}

// lands are the shop of four regions, and that of the first alone.
func lands(t *testing.T) (whole, north land) {
	t.Helper()
	dir := t.TempDir()
	text, err := calendarCorners(lab.shop.manifest)
	if err != nil {
		t.Fatal(err)
	}
	raise := func(name string) land {
		l := land{file: filepath.Join(dir, name, "shop.duckdb")}
		project := filepath.Dir(l.file)
		if err := writeManifest(project, text); err != nil {
			t.Fatal(err)
		}
		if err := copyFile(filepath.Join(lab.shop.project, "dbt_project.yml"), filepath.Join(project, "dbt_project.yml")); err != nil {
			t.Fatal(err)
		}
		if err := writeProfile(project, l.file, ""); err != nil {
			t.Fatal(err)
		}
		return l
	}
	whole, north = raise("whole"), raise("north")
	if _, err := lab.Demo.Run(t.Context(), canaries, nil, lab.Demo.Warehouse, whole.file, north.file); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*land{&whole, &north} {
		project := filepath.Dir(l.file)
		if l.loader, err = loadCatalog(project); err != nil {
			t.Fatalf("%v: %v", err, unwrap(err))
		}
		l.engine, err = worker.New(worker.Config{
			ProjectDir: project, ProfilesDir: project, Python: lab.Demo.Python, Workers: 1, Spare: -1, QueueDepth: 1000, IdleRelease: time.Minute,
		}, time.Now, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.engine.Close)
	}
	return whole, north
}

// inRegion is a persona that sees the rows of its holder's regions.
func inRegion(field string, more ...access.RowFilter) access.Persona {
	rows := append([]access.RowFilter{{Field: field, Attribute: "region"}}, more...)
	return access.Persona{Name: "regional", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}, Rows: rows}
}

func manager(values ...string) access.Principal {
	by := access.Local("manager", "regional")
	by.Attributes = map[string][]string{"region": values}
	return by
}

// tell are what only the rows of other regions hold: names, and amounts beyond all of the first region's.
var tell = regexp.MustCompile(`canary[234]|(?:^|[^.\d])[2-9]\d{7,}`)

// told are the canaries in an answer that the caller did not bring in.
func told(a answer) []string {
	text := a.text
	if a.structured != "" {
		var structured object
		if json.Unmarshal([]byte(a.structured), &structured) == nil {
			delete(structured, "manifest")
			delete(structured, "duration_ms")
			delete(structured, "vega_lite")
			rest, err := json.Marshal(structured)
			if err == nil {
				text += string(rest)
			}
		}
	} else {
		text = a.all()
	}
	return slices.DeleteFunc(tell.FindAllString(text, -1), func(found string) bool {
		return strings.Contains(a.args, found)
	})
}

// openings are conditions that try to undo a limit to one region.
var openings = []string{
	"region__name = 'North' or region__name != 'North'", "not (region__name = 'North')", "region__name is null or region__name is not null",
	"{{ Dimension('region__name') }} like '%'", "region__name in ('South canary2', 'East canary3')", "region__area like 'Coast%'", "not region__name in ('North')",
	"customer__full_name like 'canary2%' or customer__segment = 'trade'", "customer__email > 'a' or metric_time >= '2000-01-01'", "cast(region__name as varchar) <> 'North'",
	"{{ TimeDimension('metric_time', 'year') }} < '2024-01-01'", "{{ Dimension('metric_time').date_part('year') }} = 2023", "{{ Entity('region') }} = 2", "region > 1 or region is null", "customer > 199",
	"{{ Metric('revenue', group_by=['region']) }} > 1000000", "not {{ Metric('orders', group_by=['customer']) }} < 2", "customer__region__name != 'North'", "store__region__name = 'South canary2' or store__region__name is null",
	"order_id__region__name like '%canary%' or order_id__channel = 'web'",
}

// aCall is a random call of one of the tools that ask.
func aCall(r *rand.Rand, c *metric.Catalog) (name string, args object) {
	var names []string
	for _, m := range c.Metrics() {
		if m.Name != "loud_orders" && m.Name != "loud_profitable_orders" { // which the engine cannot read
			names = append(names, m.Name)
		}
	}
	metrics := []string{pick(r, names)}
	if chance(r, 20) {
		metrics = append(metrics, pick(r, names))
	}
	fields, err := c.Fields(metrics)
	if err != nil || len(fields) == 0 || len(metrics) == 2 && metrics[0] == metrics[1] {
		metrics = metrics[:1]
		fields, _ = c.Fields(metrics)
	}
	group := func() any {
		f := pick(r, fields)
		if chance(r, 30) {
			f = fields[slices.IndexFunc(fields, func(f metric.Field) bool { return f.Name == metric.TimeField })]
		}
		switch {
		case f.Kind == metric.Time && len(f.DateParts) > 0 && chance(r, 20) && strings.Count(f.Name, "__") < 2:
			return object{"name": f.Name, "date_part": pick(r, f.DateParts)}
		case f.Kind == metric.Time:
			return f.Name + "__" + pick(r, []string{"day", "month", "year", "quarter"})
		}
		return f.Name
	}
	args = object{"metrics": metrics}
	if chance(r, 55) {
		args["where"] = pick(r, openings)
	}
	switch r.IntN(10) {
	case 0, 1:
		delete(args, "metrics")
		f := pick(r, fields)
		args["dimension"], args["limit"] = f.Name, 1000
		if chance(r, 60) {
			args["metrics"] = metrics
		}
		if chance(r, 40) {
			args["search"] = pick(r, []string{"canary", "2", "o", "South"})
		}
		return "list_dimension_values", args
	case 2:
		args["period"] = object{"start_time": "2024-06-01", "end_time": "2024-12-31"}
		if chance(r, 50) {
			args["compare_to"] = pick(r, []any{"previous_year", object{"start_time": "2023-03-01", "end_time": "2023-12-31"}})
		}
		if chance(r, 60) {
			f := pick(r, fields)
			if f.Kind != metric.Time {
				args["group_by"] = []any{f.Name}
			}
		}
		return "compare_periods", args
	case 3:
		return "time_range", args
	case 4:
		queries := c.SavedQueries()
		delete(args, "metrics")
		args["saved_query"], args["limit"] = pick(r, queries).Name, 1000
		return "query", args
	case 5: // without metrics
		delete(args, "metrics")
		delete(args, "where")
		var own []any
		all, err := c.Fields(nil)
		if err != nil {
			return "query", args
		}
		first := pick(r, all)
		own = append(own, first.Name)
		if second := pick(r, all); second.Name != first.Name && chance(r, 40) {
			own = append(own, second.Name)
		}
		args["group_by"], args["limit"] = own, 1000
		return "query", args
	}
	by := []any{}
	for range r.IntN(3) {
		if g := group(); !slices.ContainsFunc(by, func(o any) bool { return fmt.Sprint(o) == fmt.Sprint(g) }) {
			by = append(by, g)
		}
	}
	args["group_by"], args["limit"] = by, 10_000
	if chance(r, 25) {
		args["start_time"], args["end_time"] = pick(r, []string{"2022-07-01", "2024-05-01"}), pick(r, []string{"2025-03-31", "2025-12-31"})
	}
	parts := slices.ContainsFunc(by, func(g any) bool { _, part := g.(object); return part })
	if chance(r, 25) && !parts { // what is cut off must not tell either; no two rows are alike in what they are ordered by
		args["order_by"], args["limit"] = append([]any{pick(r, []string{"", "-"}) + metrics[0]}, by...), 1+r.IntN(3)
	}
	if chance(r, 15) {
		args["format"] = "chart"
	}
	return "query", args
}

const canaryCalls = 420

// TestRows_AnswersAreThoseOfAShopWithoutTheOtherRegions makes random calls as somebody who sees one region, and compares
// each answer with what somebody gets who may see everything of a shop that has only that region.
func TestRows_AnswersAreThoseOfAShopWithoutTheOtherRegions(t *testing.T) {
	t.Parallel()
	whole, north := lands(t)
	catalog, err := whole.loader.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	everyone := access.Persona{Name: "everything", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}}
	analyst := newStack(t, north.loader, north.engine, access.Local("analyst", "everything"), everyone)
	limited := map[string]*stack{
		"by name":  newStack(t, whole.loader, whole.engine, manager("North"), inRegion("region__name")),
		"by key":   newStack(t, whole.loader, whole.engine, manager("1"), inRegion("region")),
		"by both":  newStack(t, whole.loader, whole.engine, manager("North"), inRegion("region__name", access.RowFilter{Field: "region", Op: "<=", Values: []string{"1"}})),
		"by tests": newStack(t, whole.loader, whole.engine, manager("North"), inRegion("region__name", access.RowFilter{Field: "customer__full_name", Op: "not_in", Values: []string{"nobody"}})),
	}
	r := random(t, 9<<32)
	ways := []string{"by name", "by name", "by key", "by both", "by tests"}
	alike, refused, codes := 0, 0, map[string]int{}
	var texts []string
	var asked []object
	for range canaryCalls {
		name, args := aCall(r, catalog.Catalog)
		way := pick(r, ways)
		a := limited[way].ask(name, args)
		if found := told(a); len(found) > 0 {
			t.Errorf("%s %s, limited %s, tells of %q:\n%.1500s", name, a.args, way, found, a.all())
		}
		if a.failure != nil {
			refused++
			codes[a.failure.Code]++
			continue
		}
		b := analyst.ask(name, args)
		if b.failure != nil && b.failure.Is(metric.ErrWarehouse) && args["where"] == nil {
			// Without any filter the engine writes SQL that cannot run for an all-time total within a time range.
			args["where"] = "region__name is not null"
			b = analyst.ask(name, args)
			delete(args, "where")
		}
		if b.failure != nil {
			t.Errorf("%s %s, limited %s, is answered, and where there is one region refused with %v", name, a.args, way, b.failure)
			continue
		}
		if why := unlike(a, b); why != "" {
			t.Errorf("%s %s, limited %s, is not what one region alone gives: %s", name, a.args, way, why)
			continue
		}
		alike++
		if name == "query" && args["format"] == nil && args["order_by"] == nil && len(texts) < 60 {
			args["mode"] = "sql"
			if shown := limited[way].ask(name, args); shown.failure == nil {
				if found := told(shown); len(found) > 0 {
					t.Errorf("the SQL of %s tells of %q:\n%s", shown.args, found, shown.text)
				}
				texts, asked = append(texts, shown.text), append(asked, object{"args": args, "want": b.structured})
			}
		}
	}
	t.Logf("%d calls: %d answered as where there is one region alone, %d refused: %v", canaryCalls, alike, refused, codes)
	if alike < canaryCalls/3 || len(texts) == 0 {
		t.Errorf("only %d calls were answered, and %d with SQL", alike, len(texts))
	}
	showsWhatRuns(t, whole.file, texts, asked)
}

// showsWhatRuns runs the SQL that was shown past everything, and finds the rows that the question has.
func showsWhatRuns(t *testing.T, file string, texts []string, asked []object) {
	t.Helper()
	answers, err := lab.Demo.SQL(t.Context(), file, texts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, rows := range answers {
		want := rowsOf(t, asked[i]["want"].(string))
		// A metric may come in another place than its name has; the sum of a row's texts does not.
		if len(rows) != len(want) {
			t.Errorf("the SQL of %v gives %d rows, want %d", asked[i]["args"], len(rows), len(want))
		}
		text, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		if found := tell.FindAllString(string(text), -1); len(found) > 0 && !strings.Contains(fmt.Sprint(asked[i]["args"]), found[0]) {
			t.Errorf("the SQL of %v gives rows with %q", asked[i]["args"], found)
		}
	}
	t.Logf("%d texts of SQL give the rows of one region", len(texts))
}

func rowsOf(t *testing.T, structured string) [][]any {
	t.Helper()
	var got struct{ Rows [][]any }
	if err := harness.Decode([]byte(structured), &got); err != nil {
		t.Fatal(err)
	}
	return got.Rows
}

// unlike says how two answers differ, but for what is each call's own.
func unlike(a, b answer) string {
	var x, y object
	for answer, into := range map[*answer]*object{&a: &x, &b: &y} {
		if err := harness.Decode([]byte(answer.structured), into); err != nil {
			return err.Error()
		}
		for _, own := range []string{"manifest", "duration_ms", "chart", "vega_lite", "warnings"} {
			delete(*into, own)
		}
	}
	for _, member := range []string{"rows", "values"} {
		rows, ok := x[member].([]any)
		others, same := y[member].([]any)
		if !ok || !same {
			continue
		}
		if err := harness.SameRows(asRows(others), asRows(rows), false); err != nil {
			return err.Error()
		}
		delete(x, member)
		delete(y, member)
	}
	left, err := json.Marshal(x)
	if err != nil {
		return err.Error()
	}
	right, err := json.Marshal(y)
	if err != nil {
		return err.Error()
	}
	if string(left) != string(right) {
		return fmt.Sprintf("%s, want %s", left, right)
	}
	return ""
}

func asRows(items []any) [][]any {
	rows := make([][]any, len(items))
	for i, item := range items {
		row, is := item.([]any)
		if !is {
			text, _ := json.Marshal(item) // came from JSON
			row = []any{string(text)}
		}
		rows[i] = row
	}
	return rows
}
