package chart_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node runs a script beside this file with the pinned Node, or with that of the machine where none is pinned.
func node(t *testing.T, script string, input, output any, env ...string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("node_modules", "vega")); err != nil {
		t.Fatalf("the tests need npm packages; install them with `make clients`: %v", err)
	}
	binary := "node"
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	pinned, err := filepath.Abs(filepath.Join("..", "e2e", "node_modules", "node-"+runtime.GOOS+"-"+arch, "bin", "node"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(pinned); err == nil {
		binary = pinned
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), binary, script)
	c.Stdin = bytes.NewReader(text)
	c.Env = append(os.Environ(), env...)
	var errors bytes.Buffer
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errors.Bytes())
	}
	if err := json.Unmarshal(out, output); err != nil {
		t.Fatalf("%s printed no JSON: %v\n%.2000s\n%s", script, err, out, errors.Bytes())
	}
}

// number is a cell as sources answer it.
func number(format string, args ...any) json.Number { return json.Number(fmt.Sprintf(format, args...)) }

const hostile = `<img src=x onerror="window.attacked=true">'"&amp;</text><script>window.attacked=true</script>`

// answer is a table with what was asked.
type answer struct {
	table   metric.Table
	metrics []string
}

func (a answer) chart(t *testing.T) chart.Chart {
	t.Helper()
	c, err := chart.From(a.table, a.metrics, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func column(name, kind, grain string) metric.Column {
	return metric.Column{Name: name, Type: kind, Grain: grain}
}

// answers has one answer for each way in which charts are drawn.
func answers() map[string]answer {
	return map[string]answer{
		"lines":   monthly([]string{"North", "South", "East"}, "revenue"),
		"panels":  monthly(nil, "revenue", "orders", "margin_rate"),
		"gaps":    gaps(),
		"upright": named([]string{"web", "store", "app"}, "orders"),
		"lying":   named(longNames(18), "revenue", "return_rate"),
		"grouped": grouped(),
		"parts":   weekdays(),
		"figures": {metrics: []string{"revenue", "rate"}, table: metric.Table{
			Columns: []metric.Column{column("revenue", "decimal", ""), column("rate", "float", "")},
			Rows:    [][]any{{number("13115575.15"), number("0.04242")}},
		}},
		"hostile": named([]string{hostile, "plain", "日本語", "{{1+1}}", "datum['x']"}, "revenue"),
	}
}

func monthly(regions []string, metrics ...string) answer {
	a := answer{metrics: metrics, table: metric.Table{Columns: []metric.Column{column("metric_time__month", "timestamp", "month")}}}
	if regions != nil {
		a.table.Columns = append(a.table.Columns, column("region__name", "string", ""))
	} else {
		regions = []string{""}
	}
	for _, m := range metrics {
		a.table.Columns = append(a.table.Columns, column(m, "decimal", ""))
	}
	for month := range 24 {
		for r, region := range regions {
			row := []any{fmt.Sprintf("%d-%02d-01T00:00:00", 2024+month/12, month%12+1)}
			if region != "" {
				row = append(row, region)
			}
			for m := range metrics {
				row = append(row, number("%g", float64((month%7+3)*(r+2))*[]float64{1e4, 30, 0.01}[m]))
			}
			a.table.Rows = append(a.table.Rows, row)
		}
	}
	return a
}

func gaps() answer {
	a := answer{metrics: []string{"visits"}, table: metric.Table{
		Columns: []metric.Column{column("metric_time__day", "date", "day"), column("visits", "integer", "")},
	}}
	for day := 1; day <= 30; day++ {
		value := any(number("%d", 100+day*day))
		if day == 9 {
			value = nil
		}
		if day != 15 && day != 17 {
			a.table.Rows = append(a.table.Rows, []any{fmt.Sprintf("2025-06-%02d", day), value})
		}
	}
	return a
}

func named(names []string, metrics ...string) answer {
	a := answer{metrics: metrics, table: metric.Table{Columns: []metric.Column{column("product__name", "string", "")}}}
	for _, m := range metrics {
		a.table.Columns = append(a.table.Columns, column(m, "decimal", ""))
	}
	for n, name := range names {
		row := []any{name}
		for m := range metrics {
			row = append(row, number("%g", float64((n*7)%11+1)*[]float64{1234.5, 0.011}[m]))
		}
		a.table.Rows = append(a.table.Rows, row)
	}
	return a
}

func longNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "A product with a rather long name, size " + strconv.Itoa(i+1)
	}
	return names
}

func grouped() answer {
	a := answer{metrics: []string{"orders"}, table: metric.Table{
		Columns: []metric.Column{column("channel", "string", ""), column("first_order", "boolean", ""), column("orders", "integer", "")},
	}}
	for n, channel := range []string{"web", "store", "app"} {
		for k, first := range []bool{false, true} {
			a.table.Rows = append(a.table.Rows, []any{channel, first, number("%d", (n+1)*400-k*150)})
		}
	}
	return a
}

func weekdays() answer {
	a := answer{metrics: []string{"delta"}, table: metric.Table{
		Columns: []metric.Column{column("metric_time__extract_dow", "integer", ""), column("delta", "float", "")},
	}}
	for _, day := range []int{3, 1, 2, 7, 5, 6, 4} {
		a.table.Rows = append(a.table.Rows, []any{number("%d", day), number("%g", float64(day)-3.5)})
	}
	return a
}
