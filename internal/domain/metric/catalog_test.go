package metric_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// sales is shop with one metric of each kind, and more calendars.
func sales() metric.Manifest {
	m := shop()
	m.TimeSpines = []metric.TimeSpine{{Grain: "hour"}, {Grain: "day", Custom: []string{"fiscal_month"}}, {Grain: "year", Custom: []string{"era"}}}
	conversion := of(metric.Conversion, "signup_to_order", "signups", "revenue")
	running := of(metric.Cumulative, "running_revenue", "revenue")
	monthly := of(metric.Cumulative, "month_to_date", "revenue")
	monthly.Formula.GrainToDate = "month"
	trailing := of(metric.Cumulative, "trailing_week", "revenue")
	trailing.Formula.Window = "7 day"
	growth := of(metric.Derived, "growth", "revenue", "revenue")
	growth.Formula.Inputs[1].OffsetWindow = "1 month"
	growth.Formula.Inputs[1].Alias = "before"
	mixed := of(metric.Ratio, "earlier_signups_share", "revenue", "signups")
	mixed.Formula.Inputs[1].OffsetToGrain = "month"
	hidden := sum("raw_revenue", "orders", "ordered_at")
	hidden.Private = true
	m.Metrics = append(m.Metrics,
		of(metric.Ratio, "revenue_per_signup", "revenue", "signups"),
		of(metric.Derived, "double_revenue", "revenue"), conversion, running, monthly, trailing, growth, hidden,
		of(metric.Derived, "net_revenue", "raw_revenue"),
		of(metric.Derived, "growth_of_trailing", "trailing_week", "growth"), mixed)
	return m
}

func TestCatalog_GroupsAMetricByWhatAllItsInputsShare(t *testing.T) {
	c := catalog(t, sales())
	revenue := dimensions(t, c, "revenue")
	signups := dimensions(t, c, "signups")
	common := []string{"customer__segment", "customer__signed_up_at"}
	for _, tt := range []struct {
		metric string
		want   []string
	}{
		{"double_revenue", revenue},
		{"running_revenue", revenue},
		{"month_to_date", revenue},
		{"growth", revenue},
		{"net_revenue", revenue},
		{"revenue_per_signup", common},
		{"signup_to_order", signups}, // of a conversion the base alone decides
	} {
		if diff := cmp.Diff(tt.want, dimensions(t, c, tt.metric)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.metric, diff)
		}
	}
	if diff := cmp.Diff(common, dimensions(t, c, "revenue", "signups")); diff != "" {
		t.Errorf("revenue with signups (-want +got):\n%s", diff)
	}
}

func TestCatalog_ListsMetricTimeOnlyAtOneBaseGrain(t *testing.T) {
	c := catalog(t, sales())
	if d := dimension(t, c, metric.TimeField, "signups"); d.Grain != "month" || d.Kind != metric.Time {
		t.Errorf("metric_time of signups is %+v; want a time dimension by month", d)
	}
	if slices.Contains(dimensions(t, c, "revenue_per_signup"), metric.TimeField) {
		t.Error("metric_time is listed over inputs by day and by month")
	}
	f, ok := resolve(t, c, metric.TimeField, "revenue_per_signup")
	if diff := cmp.Diff([]string{"month", "quarter", "year", "era"}, f.Grains); !ok || diff != "" {
		t.Errorf("metric_time can be asked for: %v, at (-want +got):\n%s", ok, diff)
	}
}

func TestCatalog_KnowsGrainsAndDateParts(t *testing.T) {
	c := catalog(t, sales())
	for _, tt := range []struct {
		metric, name  string
		grains, parts []string
	}{
		{
			"revenue", "order__ordered_at",
			[]string{"day", "week", "month", "quarter", "year", "era", "fiscal_month"},
			[]string{"year", "quarter", "month", "day", "dow", "doy"},
		},
		{"revenue", "customer__signed_up_at", []string{"month", "quarter", "year", "era"}, []string{"year", "quarter", "month"}},
		{"running_revenue", "customer__signed_up_at", []string{"month", "quarter", "year", "era"}, nil},
		{"running_revenue", "metric_time", []string{"day", "week", "month", "quarter", "year", "era", "fiscal_month"}, nil},
	} {
		d := dimension(t, c, tt.name, tt.metric)
		if diff := cmp.Diff(tt.grains, d.Grains); diff != "" {
			t.Errorf("grains of %s of %s (-want +got):\n%s", tt.name, tt.metric, diff)
		}
		if diff := cmp.Diff(tt.parts, d.DateParts); diff != "" {
			t.Errorf("date parts of %s of %s (-want +got):\n%s", tt.name, tt.metric, diff)
		}
	}
}

func TestCatalog_ListsEntitiesByTheirBareNameAndAsksThemByPath(t *testing.T) {
	c := catalog(t, shop())
	want := map[string][]string{
		"order": {"order"}, "customer": {"customer", "order__customer"}, "region": {"customer__region"},
		"continent": {"customer__region__continent"},
	}
	if diff := cmp.Diff(want, entities(t, c, "revenue")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f, ok := resolve(t, c, "customer__region", "revenue")
	if !ok || f.Kind != metric.EntityKey || len(f.Grains) != 0 {
		t.Errorf("customer__region is %+v, %v; want an entity", f, ok)
	}
}

func TestCatalog_SaysWhatNeedsMetricTime(t *testing.T) {
	c := catalog(t, sales())
	for name, want := range map[string]bool{
		"revenue": false, "running_revenue": false, "revenue_per_signup": false, "signup_to_order": false,
		"earlier_signups_share": true, "month_to_date": true, "trailing_week": true, "growth": true, "growth_of_trailing": true,
	} {
		m, ok := c.Metric(name)
		if !ok || m.RequiresMetricTime != want || c.RequiresMetricTime([]string{"revenue", name}) != want {
			t.Errorf("%s: known %v, requires metric_time %v; want %v", name, ok, m.RequiresMetricTime, want)
		}
	}
	for name, want := range map[string]bool{"metric_time": false, "order__ordered_at": false, "order__channel": true, "customer__signed_up_at": true} {
		if got := dimension(t, c, name, "growth_of_trailing").RequiresMetricTime; got != want {
			t.Errorf("%s needs metric_time beside it: %v, want %v", name, got, want)
		}
	}
}

func TestCatalog_TakesATimeDimensionForMetricTimeOnlyWhereItIsThatOfAllInputs(t *testing.T) {
	c := catalog(t, sales())
	if !dimension(t, c, "customer__signed_up_at", "earlier_signups_share").RequiresMetricTime {
		t.Error("the time of one input stands for that of both")
	}
}

func TestCatalog_DerivesModelsAndInputs(t *testing.T) {
	c := catalog(t, sales())
	m, _ := c.Metric("growth_of_trailing")
	if diff := cmp.Diff([]string{"growth", "revenue", "trailing_week"}, m.Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	m, _ = c.Metric("signup_to_order")
	if diff := cmp.Diff([]string{"customers", "orders"}, m.Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
}

func TestCatalog_HidesPrivateMetrics(t *testing.T) {
	c := catalog(t, sales())
	if _, ok := c.Metric("raw_revenue"); ok {
		t.Error("a private metric is known by name")
	}
	if _, err := c.Dimensions([]string{"raw_revenue"}); !errors.Is(err, metric.ErrUnknownMetric) {
		t.Errorf("Dimensions of a private metric: %v; want ErrUnknownMetric", err)
	}
	for _, m := range c.Metrics() {
		if m.Private {
			t.Errorf("%s is listed", m.Name)
		}
	}
	if _, ok := c.Definition("raw_revenue"); !ok {
		t.Error("a formula that uses the private metric cannot be followed")
	}
	if m, _ := c.Metric("net_revenue"); len(m.Inputs) != 0 {
		t.Errorf("inputs of net_revenue are %q; want none, the only one being private", m.Inputs)
	}
}

func TestCatalog_WithoutMetricsOffersEachModelAlone(t *testing.T) {
	c := catalog(t, shop())
	want := []string{
		"continent__hemisphere", "customer__segment", "customer__signed_up_at", "metric_time", "order__channel", "order__ordered_at", "region__name",
	}
	if diff := cmp.Diff(want, dimensions(t, c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"day", "week", "month", "quarter", "year"}, dimension(t, c, metric.TimeField).Grains); diff != "" {
		t.Errorf("grains of metric_time (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"customer", "order__customer"}, entities(t, c)["customer"]); diff != "" {
		t.Errorf("customer (-want +got):\n%s", diff)
	}
}

func TestCatalog_KnowsTheOtherNamesOfAColumn(t *testing.T) {
	m := shop()
	m.Models[1].Entities = append(m.Models[1].Entities, key("login", "unique"))
	c := catalog(t, m)
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"customer__segment", []string{"login__segment"}},
		{"customer__region__name", []string{"region__name"}},
		{"customer__region", []string{"login__region", "region"}},
		{"customer", []string{"order__customer"}},
		{"order__customer", []string{"customer"}},
		{"metric_time", nil},
	} {
		f, ok := resolve(t, c, tt.name, "revenue")
		if diff := cmp.Diff(tt.want, f.Aliases); !ok || diff != "" {
			t.Errorf("%s: known %v, aliases (-want +got):\n%s", tt.name, ok, diff)
		}
	}
}

func TestCatalog_ResolvesAGrainAttachedToAName(t *testing.T) {
	c := catalog(t, shop())
	f, ok := resolve(t, c, "customer__signed_up_at__quarter", "revenue")
	if !ok || f.Name != "customer__signed_up_at" || f.Grain != "quarter" || f.Kind != metric.Time {
		t.Errorf("got %+v, %v; want customer__signed_up_at by quarter", f, ok)
	}
	for _, name := range []string{
		"customer__signed_up_at__day", "customer__segment__day", "signed_up_at", "revenue", "", "__", "metric_time__", "__day", "order__customer__segment",
	} {
		if f, ok := resolve(t, c, name, "revenue"); ok {
			t.Errorf("%q is %+v; want nothing", name, f)
		}
	}
}

func TestNewCatalog_RefusesInconsistentManifests(t *testing.T) {
	for name, spoil := range map[string]func(*metric.Manifest){
		"an unknown input":   func(m *metric.Manifest) { m.Metrics = append(m.Metrics, of(metric.Derived, "d", "nothing")) },
		"an unknown model":   func(m *metric.Manifest) { m.Metrics = append(m.Metrics, sum("s", "nothing", "ts")) },
		"an unknown time":    func(m *metric.Manifest) { m.Metrics = append(m.Metrics, sum("s", "orders", "channel")) },
		"a metric twice":     func(m *metric.Manifest) { m.Metrics = append(m.Metrics, m.Metrics[0]) },
		"a model twice":      func(m *metric.Manifest) { m.Models = append(m.Models, m.Models[0]) },
		"a metric of itself": func(m *metric.Manifest) { m.Metrics = append(m.Metrics, of(metric.Derived, "d", "d")) },
		"a ring of metrics": func(m *metric.Manifest) {
			m.Metrics = append(m.Metrics, of(metric.Derived, "d", "e"), of(metric.Derived, "e", "d"))
		},
		"a formula without part": func(m *metric.Manifest) { m.Metrics = append(m.Metrics, of(metric.Ratio, "r")) },
		"an unknown grain":       func(m *metric.Manifest) { m.Models[0].Dimensions[0].Grain = "eon" },
		"an unknown calendar":    func(m *metric.Manifest) { m.TimeSpines = []metric.TimeSpine{{Grain: "eon"}} },
		"a kindless metric":      func(m *metric.Manifest) { m.Metrics = append(m.Metrics, metric.Metric{Name: "x"}) },
	} {
		m := shop()
		spoil(&m)
		if _, err := metric.NewCatalog(m); !errors.Is(err, metric.ErrManifest) {
			t.Errorf("%s: %v; want ErrManifest", name, err)
		}
	}
}

func TestCatalog_IsSafeForConcurrentUse(t *testing.T) {
	c := catalog(t, sales())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, m := range c.Metrics() {
				if _, err := c.Dimensions([]string{m.Name}); err != nil {
					t.Errorf("Dimensions(%s): %v", m.Name, err)
				}
				if _, err := c.Entities([]string{m.Name, "revenue"}); err != nil {
					t.Errorf("Entities(%s): %v", m.Name, err)
				}
			}
			if _, _, err := c.Resolve("metric_time", nil); err != nil {
				t.Errorf("Resolve: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestCatalog_OffersForSeveralMetricsWhatEachOffersAlone(t *testing.T) {
	c := catalog(t, sales())
	var all []string
	for _, m := range c.Metrics() {
		all = append(all, m.Name)
	}
	rapid.Check(t, func(t *rapid.T) {
		asked := rapid.SliceOfN(rapid.SampledFrom(all), 1, 4).Draw(t, "metrics")
		together, err := c.Fields(asked)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range together {
			for _, m := range asked {
				alone, ok, err := c.Resolve(f.Name, []string{m})
				if err != nil || !ok || alone.Kind != f.Kind {
					t.Fatalf("%s is offered for %q but not for %s", f.Name, asked, m)
				}
				for _, g := range f.Grains {
					if !slices.Contains(alone.Grains, g) {
						t.Fatalf("%s by %s is offered for %q but not for %s", f.Name, g, asked, m)
					}
				}
			}
		}
		back := slices.Clone(asked)
		slices.Reverse(back)
		reversed, err := c.Fields(append(back, asked[0]))
		if err != nil {
			t.Fatal(err)
		}
		names := func(fields []metric.Field) string {
			var b strings.Builder
			for _, f := range fields {
				b.WriteString(f.Name + " " + strings.Join(f.Grains, ",") + ";")
			}
			return b.String()
		}
		if names(together) != names(reversed) {
			t.Fatalf("the order of %q matters", asked)
		}
	})
}
