package where_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// FuzzParse reads texts. What is refused is refused at a place within the text; what is read has a name in it and only
// comparisons that can be made, and reads the same when it is printed and read again.
func FuzzParse(f *testing.F) {
	for _, marked := range hostile {
		f.Add(strings.Replace(marked, "¦", "", 1))
	}
	for _, text := range []string{
		`customer__region NOT IN ('EU', 'it''s') AND NOT (order__gift OR order__amount BETWEEN -1 AND 2e3)`,
		`{{ Dimension("region", entity_path=("order", "customer")) }} LIKE 'E_%' OR order__gift IS NOT TRUE`,
		`CAST(metric_time__day AS TIMESTAMP) >= CAST('2020-01-01' AS TIMESTAMP) AND CAST(metric_time AS DATE) < '2021-01-03'`,
		`{{ TimeDimension('metric_time', None, [], date_part_name='dow') }} = 1`, `{{ Metric('orders', ['customer']) }} > {{ Entity('customer') }}`,
		`{{ Dimension('metric_time').grain('day') }} > DATE '2024-01-31'`, `"order__gift"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := read(text)
		if err != nil {
			placed(t, text, err)
			return
		}
		named := false
		walk(c, func(o metric.Operand) {
			switch o.(type) {
			case metric.Ref, metric.MetricRef:
				named = true
			}
		})
		if !named {
			t.Errorf("%q names nothing", text)
		}
		possible(t, c)
		again, err := read(printed(c))
		if err != nil {
			// A cast, IS TRUE and NOT BETWEEN are longer and deeper when they are printed.
			if m := fault.From(err).Message; !strings.Contains(m, " at most ") {
				t.Fatalf("%q is printed as %q: %v", text, printed(c), err)
			}
			return
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("%q is printed as %q: %s", text, printed(c), diff)
		}
	})
}

// placed fails unless err says a column of text.
func placed(t *testing.T, text string, err error) {
	t.Helper()
	var column int
	message := fault.From(err).Message
	if _, scanned := fmt.Sscanf(message, "At column %d:", &column); scanned != nil || column < 1 || column > utf8.RuneCountInString(text)+1 {
		t.Errorf("%q: %s", text, message)
	}
}

func possible(t *testing.T, c metric.Condition) {
	t.Helper()
	switch c := c.(type) {
	case metric.And:
		for _, part := range c.All {
			possible(t, part)
		}
	case metric.Or:
		for _, part := range c.Any {
			possible(t, part)
		}
	case metric.Not:
		possible(t, c.Of)
	case metric.Comparison:
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
}

// walk calls visit with every operand of c, those inside casts included, from left to right.
func walk(c metric.Condition, visit func(metric.Operand)) {
	var operand func(metric.Operand)
	operand = func(o metric.Operand) {
		visit(o)
		if cast, ok := o.(metric.Cast); ok {
			operand(cast.Of)
		}
	}
	switch c := c.(type) {
	case metric.And:
		for _, part := range c.All {
			walk(part, visit)
		}
	case metric.Or:
		for _, part := range c.Any {
			walk(part, visit)
		}
	case metric.Not:
		walk(c.Of, visit)
	case metric.Holds:
		operand(c.Of)
	case metric.Comparison:
		operand(c.Left)
		for _, o := range c.Right {
			operand(o)
		}
	}
}
