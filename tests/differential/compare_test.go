package differential_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/tests/harness"
)

// tolerance is how far apart two sums of the same numbers may be, by the order in which they were added.
const tolerance = 1e-9

// different says how two answers differ; empty when they do not. Columns are compared by name, rows as a multiset or in
// order.
func different(want, got table, ordered bool) string {
	wantRows, wantColumns := harness.ByColumnName(want.Columns, want.Rows)
	gotRows, gotColumns := harness.ByColumnName(got.Columns, got.Rows)
	if !slices.Equal(wantColumns, gotColumns) {
		return fmt.Sprintf("the columns are %v, and the engine's %v", gotColumns, wantColumns)
	}
	if len(wantRows) != len(gotRows) {
		return fmt.Sprintf("%d rows, and the engine has %d", len(gotRows), len(wantRows))
	}
	if !ordered {
		wantRows, gotRows = arranged(wantRows), arranged(gotRows)
	}
	for i := range wantRows {
		if !slices.EqualFunc(wantRows[i], gotRows[i], same) {
			return fmt.Sprintf("row %d is %v, and the engine's %v (of %d; columns %v)", i, gotRows[i], wantRows[i], len(wantRows), wantColumns)
		}
	}
	return ""
}

// missing says which row of some is not among all.
func missing(all, some table) string {
	left, names := harness.ByColumnName(all.Columns, all.Rows)
	rows, _ := harness.ByColumnName(some.Columns, some.Rows)
	left = slices.Clone(left)
	for _, row := range rows {
		at := slices.IndexFunc(left, func(other []any) bool { return slices.EqualFunc(other, row, same) })
		if at < 0 {
			return fmt.Sprintf("the engine has no row %v (columns %v)", row, names)
		}
		left = slices.Delete(left, at, at+1)
	}
	return ""
}

// arranged orders rows by what must be equal exactly, and then by numbers, of which those a rounding apart are equal.
func arranged(rows [][]any) [][]any {
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, func(a, b []any) int {
		if c := strings.Compare(exact(a), exact(b)); c != 0 {
			return c
		}
		for i := range a {
			x, isX := number(a[i])
			y, isY := number(b[i])
			if isX && isY && !near(x, y) {
				return cmp.Compare(x, y)
			}
		}
		return 0
	})
	return sorted
}

func exact(row []any) string {
	var b strings.Builder
	for _, v := range row {
		if _, is := number(v); is {
			b.WriteString("#|")
		} else {
			fmt.Fprintf(&b, "%v|", plain(v))
		}
	}
	return b.String()
}

func same(a, b any) bool {
	x, isX := number(a)
	y, isY := number(b)
	if isX && isY {
		return near(x, y)
	}
	return plain(a) == plain(b)
}

func number(v any) (float64, bool) {
	n, is := v.(json.Number)
	if !is {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= tolerance*math.Max(math.Abs(a), math.Abs(b))
}

// plain makes a date and the same day's midnight equal.
func plain(v any) any {
	text, is := v.(string)
	if is {
		return strings.TrimSuffix(text, "T00:00:00")
	}
	return v
}
