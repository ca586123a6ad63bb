package metric_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

func TestCatalog_JoinsByKeyTypes(t *testing.T) {
	identifying := map[string]bool{"primary": true, "unique": true}
	for _, left := range []string{"primary", "unique", "foreign", "natural"} {
		for _, right := range []string{"primary", "unique", "foreign", "natural"} {
			for validity := range 4 {
				leftValid, rightValid := validity&1 != 0, validity&2 != 0
				t.Run(fmt.Sprintf("%s to %s, intervals %v and %v", left, right, leftValid, rightValid), func(t *testing.T) {
					want := identifying[right] || right == "natural" && left != "natural" && rightValid
					if leftValid && rightValid {
						want = false
					}
					l := table("left", keys(key("k", left)), at("ts", "day"))
					r := table("right", keys(key("k", right)), text("colour"))
					if leftValid {
						l.Dimensions = append(l.Dimensions, interval()...)
					}
					if rightValid {
						r.Dimensions = append(r.Dimensions, interval()...)
					}
					c := catalog(t, metric.Manifest{
						TimeSpines: days(), Models: []metric.Model{l, r}, Metrics: []metric.Metric{sum("m", "left", "ts")},
					})
					if got := slices.Contains(dimensions(t, c, "m"), "k__colour"); got != want {
						t.Errorf("k__colour listed: %v, want %v", got, want)
					}
				})
			}
		}
	}
}

func TestCatalog_NamesPathsOfUpToTwoJoins(t *testing.T) {
	c := catalog(t, shop())
	want := []string{
		"customer__region__name", "customer__segment", "customer__signed_up_at", "metric_time", "order__channel", "order__ordered_at",
	}
	if diff := cmp.Diff(want, dimensions(t, c, "revenue")); diff != "" {
		t.Errorf("revenue (-want +got):\n%s", diff)
	}
	// Three joins would lead from orders to the hemisphere; from customers it takes two.
	if _, ok := resolve(t, c, "customer__region__continent__hemisphere", "revenue"); ok {
		t.Error("a path of three joins can be asked for")
	}
	if _, ok := resolve(t, c, "region__continent__hemisphere", "signups"); !ok {
		t.Error("a path of two joins cannot be asked for")
	}
}

func TestCatalog_NamesOwnColumnsByEveryKeyThatIdentifies(t *testing.T) {
	m := table("orders", keys(
		key("order", "primary"), key("receipt", "unique"), key("ticket", "natural"), key("customer", "foreign"),
	), at("ts", "day"), text("channel"))
	virtual := table("events", keys(key("customer", "foreign")), at("ts", "day"), text("page"))
	virtual.PrimaryEntity = "event"
	c := catalog(t, metric.Manifest{TimeSpines: days(), Models: []metric.Model{m, virtual}, Metrics: []metric.Metric{
		sum("orders", "orders", "ts"), sum("events", "events", "ts"),
	}})
	want := []string{"metric_time", "order__channel", "order__ts", "receipt__channel", "receipt__ts", "ticket__channel", "ticket__ts"}
	if diff := cmp.Diff(want, dimensions(t, c, "orders")); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"event__page", "event__ts", "metric_time"}, dimensions(t, c, "events")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	// The virtual entity has no key to group by.
	if diff := cmp.Diff(map[string][]string{"customer": {"customer", "event__customer"}}, entities(t, c, "events")); diff != "" {
		t.Errorf("entities of events (-want +got):\n%s", diff)
	}
}

func TestCatalog_RepeatsNoElementAndNoModel(t *testing.T) {
	c := catalog(t, metric.Manifest{
		TimeSpines: days(),
		Models: []metric.Model{
			table("a", keys(key("a", "primary"), key("b", "foreign")), at("ts", "day"), text("b_of_a")),
			table("b", keys(key("b", "primary"), key("a", "foreign"), key("c", "foreign")), text("b"), text("colour")),
			table("c", keys(key("c", "primary"), key("b", "foreign")), text("size")),
		},
		Metrics: []metric.Metric{sum("m", "a", "ts")},
	})
	want := []string{"a__b_of_a", "a__ts", "b__c__size", "b__colour", "metric_time"}
	if diff := cmp.Diff(want, dimensions(t, c, "m")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]string{
		"a": {"a", "b__a"}, "b": {"b", "a__b"}, "c": {"b__c"},
	}, entities(t, c, "m")); diff != "" {
		t.Errorf("entities (-want +got):\n%s", diff)
	}
}

func TestCatalog_DropsWhatTwoPathsLeadTo(t *testing.T) {
	c := catalog(t, metric.Manifest{
		TimeSpines: days(),
		Models: []metric.Model{
			table("orders", keys(key("order", "primary"), key("customer", "foreign")), at("ts", "day")),
			table("people", keys(key("customer", "primary")), text("name"), text("age"), at("since", "day")),
			table("accounts", keys(key("customer", "unique")), text("name"), at("since", "month")),
		},
		Metrics: []metric.Metric{sum("m", "orders", "ts")},
	})
	got := dimensions(t, c, "m")
	if slices.Contains(got, "customer__name") || !slices.Contains(got, "customer__age") {
		t.Errorf("dimensions are %q; want customer__age and not customer__name", got)
	}
	if _, ok := resolve(t, c, "customer__customer__age", "m"); ok {
		t.Error("a path goes through the customer twice")
	}
	// By day only people know it; by month and coarser it could be either. The listing looks at own grains alone,
	// so there both are in it.
	since := dimension(t, c, "customer__since", "m")
	if diff := cmp.Diff([]string{"day", "week"}, since.Grains); diff != "" || since.Grain != "day" {
		t.Errorf("customer__since has grain %q and grains (-want +got):\n%s", since.Grain, diff)
	}
	if _, ok := resolve(t, c, "customer__since__month", "m"); ok {
		t.Error("an ambiguous grain can be asked for")
	}
}

func TestCatalog_TreatsANameThatIsKeyAndColumnAsAmbiguousToAskButNotToList(t *testing.T) {
	c := catalog(t, metric.Manifest{
		TimeSpines: days(),
		Models: []metric.Model{
			table("orders", keys(key("order", "primary"), key("customer", "foreign")), at("ts", "day")),
			table("people", keys(key("customer", "primary")), text("region")),
			table("accounts", keys(key("customer", "unique"), key("region", "foreign"))),
		},
		Metrics: []metric.Metric{sum("m", "orders", "ts")},
	})
	if !slices.Contains(dimensions(t, c, "m"), "customer__region") {
		t.Error("the column is not listed")
	}
	if _, listed := entities(t, c, "m")["region"]; !listed {
		t.Error("the key is not listed")
	}
	if _, ok := resolve(t, c, "customer__region", "m"); ok {
		t.Error("the name can be asked for, and means two things")
	}
}

func TestCatalog_TreatsAColumnCalledLikeAGrainAsTheEngineDoes(t *testing.T) {
	c := catalog(t, metric.Manifest{
		TimeSpines: days(),
		Models: []metric.Model{
			table("orders", keys(key("order", "primary"), key("customer", "foreign")), at("ts", "day"), at("month", "day")),
			table("people", keys(key("customer", "primary"), key("joined", "foreign")), at("joined", "day")),
			table("joins", keys(key("joined", "primary")), text("month")),
		},
		Metrics: []metric.Metric{sum("m", "orders", "ts")},
	})
	// A grain may not repeat an element of the name.
	if f, _ := resolve(t, c, "order__month", "m"); slices.Contains(f.Grains, "month") || !slices.Contains(f.Grains, "day") {
		t.Errorf("order__month can be asked at %q; want day and not month", f.Grains)
	}
	// customer__joined__month is a column two joins away, and the time dimension one join away by month.
	if f, _ := resolve(t, c, "customer__joined", "m"); slices.Contains(f.Grains, "month") || !slices.Contains(f.Grains, "year") {
		t.Errorf("customer__joined can be asked at %q; want year and not month", f.Grains)
	}
	if _, ok := resolve(t, c, "customer__joined__month", "m"); ok {
		t.Error("customer__joined__month can be asked for, and means two things")
	}
}
