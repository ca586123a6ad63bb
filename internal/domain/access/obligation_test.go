package access_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/access"
)

var (
	free     = access.Persona{Name: "free", Allow: rules("metric.query", "*")}
	north    = access.Persona{Name: "north", Rows: []access.RowFilter{{Field: "region__name", Values: []string{"North"}}}, Caps: access.Caps{MaxRows: 100, MaxRangeDays: 31}}
	homely   = access.Persona{Name: "homely", Rows: []access.RowFilter{{Field: "region__name", Op: "=", Attribute: "home", Metrics: []string{"rev*", "orders"}}}, Caps: access.Caps{MaxRows: 50}}
	planning = access.Persona{Name: "planning", Caps: access.Caps{ExplainOnly: true, MaxRangeDays: 366}}
)

var ignoreGlobs = cmpopts.IgnoreUnexported(access.Row{})

func TestRuleSet_AddsUpObligations(t *testing.T) {
	set := compile(t, free, north, homely, planning)
	who := as("homely", "north", "planning", "nobody", "free", "north")
	who.Attributes = map[string][]string{"home": {"South"}}
	want := access.Obligations{
		Rows: []access.Row{
			{Rule: "homely/rows[0]", Field: "region__name", Op: "=", Values: []string{"South"}},
			{Rule: "north/rows[0]", Field: "region__name", Op: "in", Values: []string{"North"}},
		},
		MaxRows: 50, MaxRange: 31 * 24 * time.Hour, RangeRule: "north/max_range_days", ExplainOnly: "planning/explain_only",
	}
	if diff := cmp.Diff(want, set.Obligations(who), ignoreGlobs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(access.Obligations{}, set.Obligations(as("free", "nobody")), ignoreGlobs); diff != "" {
		t.Error(diff)
	}
}

// A filter without values lets no row pass; it must not look like one that is not there.
func TestRuleSet_KeepsARowFilterWhoseAttributeIsMissing(t *testing.T) {
	rows := compile(t, homely).Obligations(as("homely")).Rows
	if len(rows) != 1 || len(rows[0].Values) != 0 {
		t.Errorf("%+v", rows)
	}
}

func TestRow_GovernsTheMetricsThatItNames(t *testing.T) {
	set := compile(t, north, homely)
	for metric, want := range map[string]bool{"revenue": true, "orders": true, "visits": false, "": false} {
		if got := set.Obligations(as("homely")).Rows[0].Governs(metric); got != want {
			t.Errorf("homely governs %q: %v", metric, got)
		}
		if !set.Obligations(as("north")).Rows[0].Governs(metric) {
			t.Errorf("north does not govern %q", metric)
		}
	}
}

func TestRuleSet_ObligesWhateverTheOrderAndNeverLessWithMore(t *testing.T) {
	set := compile(t, free, north, homely, planning)
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.SampledFrom([]string{"free", "north", "homely", "planning", "ghost"})).Draw(t, "personas")
		shuffled := rapid.Permutation(slices.Clone(names)).Draw(t, "shuffled")
		some, again := set.Obligations(as(names...)), set.Obligations(as(shuffled...))
		if diff := cmp.Diff(some, again, ignoreGlobs); diff != "" {
			t.Fatal(diff)
		}
		more := set.Obligations(as(append(names, rapid.SampledFrom([]string{"north", "homely", "planning"}).Draw(t, "one more"))...))
		for _, row := range some.Rows {
			if !slices.ContainsFunc(more.Rows, func(r access.Row) bool { return r.Rule == row.Rule }) {
				t.Fatalf("%s is gone", row.Rule)
			}
		}
		looser := func(a, b int64) bool { return a > 0 && (b == 0 || b > a) }
		if looser(int64(some.MaxRows), int64(more.MaxRows)) || looser(int64(some.MaxRange), int64(more.MaxRange)) || some.ExplainOnly != "" && more.ExplainOnly == "" {
			t.Fatalf("%+v, with one more %+v", some, more)
		}
	})
}

func TestCompile_TellsWhatIsWrongWithObligations(t *testing.T) {
	_, err := access.Compile([]access.Persona{{
		Name: "p",
		Rows: []access.RowFilter{
			{Field: "", Values: []string{"x"}},
			{Field: "a b", Values: []string{"x"}},
			{Field: "a", Op: "like", Values: []string{"x"}},
			{Field: "a"},
			{Field: "a", Values: []string{"x"}, Attribute: "y"},
			{Field: "a", Op: "=", Values: []string{"x", "y"}},
			{Field: "a", Attribute: "y", Metrics: []string{"ok", "[x]"}},
		},
		Caps: access.Caps{MaxRows: -1, MaxRangeDays: -1},
	}})
	flaws, ok := errors.AsType[access.Flaws](err)
	if !ok {
		t.Fatalf("Compile: %v", err)
	}
	var got []string
	for _, f := range flaws {
		got = append(got, f.Path)
	}
	want := []string{
		"p.rows[0].field", "p.rows[1].field", "p.rows[2].op", "p.rows[3].values", "p.rows[4].values", "p.rows[5].values",
		"p.rows[6].metrics[1]", "p.max_rows", "p.max_range_days",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRuleSet_HashCoversObligations(t *testing.T) {
	base := compile(t, free).Hash()
	seen := map[string]string{base: "free"}
	for name, change := range map[string]func(*access.Persona){
		"a row filter": func(p *access.Persona) { p.Rows = north.Rows },
		"another value": func(p *access.Persona) {
			p.Rows = []access.RowFilter{{Field: "region__name", Values: []string{"South"}}}
		},
		"fewer rows":       func(p *access.Persona) { p.Caps.MaxRows = 5 },
		"a shorter time":   func(p *access.Persona) { p.Caps.MaxRangeDays = 5 },
		"explanation only": func(p *access.Persona) { p.Caps.ExplainOnly = true },
	} {
		p := free
		change(&p)
		hash := compile(t, p).Hash()
		if other, taken := seen[hash]; taken {
			t.Errorf("%s hashes like %s", name, other)
		}
		seen[hash] = name
	}
}

// Every field there is must count, the ones of tomorrow too.
func TestObligations_DigestTellsEveryDifference(t *testing.T) {
	seen := map[string]string{access.Obligations{}.Digest(): "nothing"}
	differs := func(name string, o access.Obligations) {
		t.Helper()
		digest := o.Digest()
		if other, taken := seen[digest]; taken {
			t.Errorf("%s looks like %s", name, other)
		}
		if again := o.Digest(); again != digest {
			t.Errorf("%s: %s, then %s", name, digest, again)
		}
		seen[digest] = name
	}
	var o access.Obligations
	for _, field := range reflect.VisibleFields(reflect.TypeOf(o)) {
		one := o
		fill(t, field, reflect.ValueOf(&one).Elem())
		differs(field.Name, one)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[access.Row]()) {
		row := access.Row{Rule: "p/rows[0]"}
		if field.Name == "metrics" { // which only a policy can fill
			continue
		}
		fill(t, field, reflect.ValueOf(&row).Elem())
		differs("a row with "+field.Name, access.Obligations{Rows: []access.Row{row}})
	}
	for name, metrics := range map[string][]string{"none": nil, "one": {"rev*"}, "another": {"rev"}, "two": {"rev", "*"}} {
		filter := access.RowFilter{Field: "region", Values: []string{"North"}, Metrics: metrics}
		differs("a row for metrics: "+name, compile(t, access.Persona{Name: "p", Rows: []access.RowFilter{filter}}).Obligations(as("p")))
	}
	for name, values := range map[string][]string{"one of two words": {"a b"}, "two": {"a", "b"}, "a quoted one": {`a","b`}} {
		differs("a row for "+name, access.Obligations{Rows: []access.Row{{Rule: "p/rows[0]", Field: "region", Op: "in", Values: values}}})
	}
	differs("two rows", access.Obligations{Rows: []access.Row{{Rule: "p/rows[0]"}, {Rule: "p/rows[1]"}}})
}

// fill gives a field of in a value that is not its zero.
func fill(t *testing.T, field reflect.StructField, in reflect.Value) {
	t.Helper()
	place := in.FieldByIndex(field.Index)
	switch {
	case !field.IsExported():
		t.Fatalf("nothing says that the digest knows of %s", field.Name)
	case field.Type.Kind() == reflect.String:
		place.SetString("other")
	case place.CanInt():
		place.SetInt(7)
	case field.Type.Kind() == reflect.Slice:
		place.Set(reflect.MakeSlice(field.Type, 1, 1))
	default:
		t.Fatalf("say how %s, a %s, is filled", field.Name, field.Type)
	}
}

// Tasks keep it: one that changes hides the results that were made before an upgrade.
func TestObligations_DigestStays(t *testing.T) {
	who := as("homely", "north", "planning")
	who.Attributes = map[string][]string{"home": {"South"}}
	const want = "6dd18ba283827bc99c338955a15ce6a61fed361eeebe2013b6ba1d216decb928"
	if got := compile(t, north, homely, planning).Obligations(who).Digest(); got != want {
		t.Errorf("%s, and before %s", got, want)
	}
}

func TestRuleSet_MatchesTags(t *testing.T) {
	set := compile(t,
		access.Persona{Name: "open", Allow: rules("metric.query", "metric:meta.agent_accessible dimension:*"), Deny: rules("metric.query", "dimension:meta.pii dimension:meta.owner=hr*")},
		access.Persona{Name: "named", Allow: rules("metric.query", "metric:agent* metric:*=finance")},
	)
	for _, c := range []struct {
		who     string
		kind    string
		name    string
		tags    []string
		allowed bool
	}{
		{"open", "metric", "revenue", []string{"agent_accessible"}, true},
		{"open", "metric", "revenue", []string{"agent_accessible=no"}, false},
		{"open", "metric", "agent_accessible", nil, false},
		{"open", "dimension", "customer__email", []string{"pii"}, false},
		{"open", "dimension", "customer__email", []string{"pii=false"}, true},
		{"open", "dimension", "salary", []string{"owner=hr_europe"}, false},
		{"open", "dimension", "salary", nil, true},
		{"named", "metric", "revenue", []string{"agent_accessible", "domain=finance"}, false},
	} {
		d := set.Decide(as(c.who), access.On("metric.query", c.kind, c.name).Tagged(c.tags))
		if d.Allowed != c.allowed {
			t.Errorf("%s asks %s:%s %q: %+v", c.who, c.kind, c.name, c.tags, d)
		}
	}
}
