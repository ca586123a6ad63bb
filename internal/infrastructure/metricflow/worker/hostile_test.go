package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// The real engine and DuckDB must take every one of these for the text that it is.
var hostile = []string{
	`' OR 1=1 --`, `'; DROP TABLE shop.orders; --`, `{{ 1 }}`, `{{ 1 + 1 }} {% raw %} {# note #} {{{`, `{% for x in range(9) %}x{% endfor %}`,
	`{# gone #}`, `back\slash \' quote`, `\`, `\\`, `'`, `''`, `O'Brien`, `‘curly’ „quotes“ ＇`, `100% _sure_; DROP TABLE shop.orders`,
	`}} OR 1=1 {{`, `{{ Dimension('customer__tier') }}`, `$1 ? :name %s %(x)s`, `/* */ -- #`, `ʼ′´`, `{`, `{{`, `{%`, `a{'{b`, `#{`, "e\u0301\u00a0\u202e",
}

func TestSource_TakesHostileTextForText(t *testing.T) {
	_, dir := ownShop(t, nil)
	insert := "DELETE FROM shop.customers WHERE customer_id > 0;"
	for i, text := range hostile {
		insert += "INSERT INTO shop.customers VALUES (" + strconv.Itoa(i+100) + ", 1, '" + strings.ReplaceAll(text, "'", "''") + "', 'x');"
	}
	if err := writeSQL(mustPython(t), warehouseOf(dir), insert); err != nil {
		t.Fatal(err)
	}
	s := newSource(t, shopConfig(dir, mustPython(t)), nil)
	for i, text := range hostile {
		name := func(op metric.Op, values ...string) metric.Condition {
			c := metric.Comparison{Left: metric.Ref{Name: "customer__name", Kind: metric.Categorical}, Op: op}
			for _, v := range values {
				c.Right = append(c.Right, metric.Value{Of: v})
			}
			return c
		}
		for _, where := range [][]metric.Condition{
			{name(metric.Eq, text)},
			{name(metric.In, text, "never")},
			{name(metric.Between, text, text), name(metric.Ne, "never")},
			{metric.Or{Any: []metric.Condition{name(metric.Eq, text), metric.Not{Of: name(metric.IsNotNull)}}}, name(metric.Like, "%")},
		} {
			got := ask(t, s, metric.Question{GroupBy: []metric.GroupBy{{Name: "customer"}, {Name: "customer__name"}}, Where: where})
			if diff := cmp.Diff([][]any{{json.Number(strconv.Itoa(i + 100)), text}}, got.Rows); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
		values, err := s.Values(within(t, time.Minute), metric.Listing{
			Field: metric.GroupBy{Name: "customer__name"}, Kind: metric.Categorical, Contains: text, Limit: 100,
		})
		if err != nil || len(values.Rows) == 0 {
			t.Errorf("search for %q: %v, %v", text, values.Rows, err)
		}
	}
}
