package harness

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// Decode reads JSON and keeps every digit of its numbers.
func Decode(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(to)
}

// ByColumnName brings the columns of an answer into the order of their names.
func ByColumnName(names []string, rows [][]any) ([][]any, []string) {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return names[order[a]] < names[order[b]] })
	sorted := make([]string, len(names))
	for i, from := range order {
		sorted[i] = names[from]
	}
	moved := make([][]any, len(rows))
	for r, row := range rows {
		moved[r] = make([]any, len(row))
		for i, from := range order {
			moved[r][i] = row[from]
		}
	}
	return moved, sorted
}

// SameRows compares as a multiset, or in order: numbers within a relative 1e-6, a date as midnight.
func SameRows(want, got [][]any, ordered bool) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d rows, want %d", len(got), len(want))
	}
	if !ordered {
		want, got = sortedRows(want), sortedRows(got)
	}
	for i := range want {
		if !sameRow(want[i], got[i]) {
			return fmt.Errorf("row %d is %v, want %v", i, got[i], want[i])
		}
	}
	return nil
}

// sortedRows orders by what must be equal exactly first, so that numbers a rounding apart cannot change places.
func sortedRows(rows [][]any) [][]any {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b []any) int {
		if c := strings.Compare(exactPart(a), exactPart(b)); c != 0 {
			return c
		}
		for i := range a {
			x, isX := number(a[i])
			y, isY := number(b[i])
			if isX && isY && !nearly(x, y) {
				return cmp.Compare(x, y)
			}
		}
		return 0
	})
	return sorted
}

func exactPart(row []any) string {
	var text strings.Builder
	for _, v := range row {
		if _, ok := number(v); ok {
			text.WriteString("#|")
		} else {
			fmt.Fprintf(&text, "%v|", plain(v))
		}
	}
	return text.String()
}

func sameRow(want, got []any) bool {
	return slices.EqualFunc(want, got, func(a, b any) bool {
		x, isX := number(a)
		y, isY := number(b)
		if isX && isY {
			return nearly(x, y)
		}
		return plain(a) == plain(b)
	})
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func nearly(a, b float64) bool {
	const relative = 1e-6
	return a == b || math.Abs(a-b) <= relative*math.Max(math.Abs(a), math.Abs(b))
}

// plain makes a date and the same day's midnight equal.
func plain(v any) any {
	const date, midnight = len("2006-01-02"), "T00:00:00"
	text, ok := v.(string)
	if ok && len(text) == date+len(midnight) && strings.HasSuffix(text, midnight) {
		return text[:date]
	}
	return v
}
