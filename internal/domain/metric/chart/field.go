package chart

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	metricTime = "metric_time"
	extract    = "__extract_"
	nowhere    = -1 // the position of a row that has none
)

// field is a group-by: the positions that its values make, and where each row stands.
type field struct {
	title  string
	kind   Kind
	grain  string
	keys   []string
	labels []string
	ticks  []Tick
	rows   []int // position of each row, or nowhere
	line   bool  // positions follow on each other, so that a line may join them; numbers may be keys
	notes  []string
}

// constant says that every row has the same value.
func (f *field) constant() bool { return len(f.labels) == 1 && !slices.Contains(f.rows, nowhere) }

// readField makes positions of column i.
func readField(t metric.Table, i int) field {
	c := t.Columns[i]
	cells := make([]any, len(t.Rows))
	for n, row := range t.Rows {
		if i < len(row) {
			cells[n] = row[i]
		}
	}
	_, part, extracted := strings.Cut(c.Name, extract)
	f := field{title: clean(fieldTitle(c.Name, c.Grain), longestLabel)}
	switch c.Type {
	case "date", "timestamp":
		if f.fillMoments(cells, c.Grain) {
			return f
		}
	case "integer":
		if f.fillNumbers(cells, part, extracted) {
			return f
		}
	}
	f.fillNames(cells)
	return f
}

// fillNames makes a position of every value, in the answer's order.
func (f *field) fillNames(cells []any) {
	f.kind, f.rows = Category, make([]int, len(cells))
	at := map[string]int{}
	for n, cell := range cells {
		key := identity(cell)
		p, known := at[key]
		if !known {
			p = len(f.labels)
			at[key] = p
			f.labels = append(f.labels, cellLabel(cell))
		}
		f.rows[n] = p
	}
	f.labels = distinct(f.labels)
	f.keys = f.labels
}

// identity tells cells apart that may read the same: the text "1" and the number.
func identity(cell any) string {
	text, err := json.Marshal(cell)
	if err != nil {
		return fmt.Sprintf("%T %v", cell, cell)
	}
	return string(text)
}

// fillNumbers makes an ordered axis of whole numbers that follow on each other, and of the parts of dates, which have
// their names. It reports false for numbers that are no measure, like keys.
func (f *field) fillNumbers(cells []any, part string, extracted bool) bool {
	numbers := make([]int64, 0, len(cells))
	for _, cell := range cells {
		number, ok := cell.(json.Number)
		if !ok {
			return false
		}
		v, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil {
			return false
		}
		numbers = append(numbers, v)
	}
	low, high := slices.Min(numbers), slices.Max(numbers)
	count := len(slices.Compact(slices.Sorted(slices.Values(numbers))))
	// As unsigned: the distance between any two fits there.
	span := uint64(high) - uint64(low) //nolint:gosec // wraps on purpose
	if span >= MaxPositions || !extracted && (count < 3 || span >= uint64(count)+uint64(count)/2) {
		return false
	}
	f.kind, f.line = Ordinal, extracted
	for v := low; v <= high; v++ {
		f.labels = append(f.labels, partName(part, v, low, high))
		f.ticks = append(f.ticks, Tick{At: len(f.ticks), Text: f.labels[len(f.ticks)], Level: roundness(v)})
	}
	f.keys = f.labels
	for _, v := range numbers {
		f.rows = append(f.rows, int(v-low))
	}
	return true
}

// partName names days of the week (ISO 8601: Monday is 1, as the engine extracts them), months and quarters. Where a
// number falls outside, the warehouse counts otherwise, and the numbers stay.
func partName(part string, v, low, high int64) string {
	names := map[string][]string{
		"dow":     {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"},
		"month":   {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		"quarter": {"Q1", "Q2", "Q3", "Q4"},
	}[part]
	if low < 1 || high > int64(len(names)) {
		return strconv.FormatInt(v, 10)
	}
	return names[v-1]
}

// roundness is the level of a tick at a number: the rounder, the higher.
func roundness(v int64) int {
	level := 1
	for i, divisor := range []int64{2, 10, 20, 100, 200, 1000} {
		if v%divisor == 0 {
			level = i + 2
		}
	}
	return level
}

// mostTicks is more than fit on any axis.
const mostTicks = 60

// few drops the lowest levels until the ticks may fit.
func few(ticks []Tick) []Tick {
	for level := 2; len(ticks) > mostTicks; level++ {
		higher := slices.DeleteFunc(slices.Clone(ticks), func(t Tick) bool { return t.Level < level })
		if len(higher) == 0 {
			return evenly(ticks)
		}
		ticks = higher
	}
	return ticks
}

// evenly picks ticks where no level does.
func evenly(ticks []Tick) []Tick {
	step := (len(ticks) + mostTicks - 1) / mostTicks
	var picked []Tick
	for i := 0; i < len(ticks); i += step {
		picked = append(picked, ticks[i])
	}
	return picked
}

// combined makes one field of several: a position for each combination that the answer has.
func combined(fields []field) field {
	if len(fields) == 1 {
		return fields[0]
	}
	f := field{kind: Category, rows: make([]int, len(fields[0].rows))}
	titles := make([]string, len(fields))
	for i := range fields {
		titles[i] = fields[i].title
	}
	f.title = clean(strings.Join(titles, " · "), longestLabel)
	at := map[string]int{}
	for n := range f.rows {
		key, labels, complete := "", make([]string, len(fields)), true
		for i := range fields {
			p := fields[i].rows[n]
			if complete = complete && p != nowhere; !complete {
				break
			}
			key, labels[i] = key+strconv.Itoa(p)+" ", fields[i].labels[p]
		}
		if !complete {
			f.rows[n] = nowhere
			continue
		}
		p, known := at[key]
		if !known {
			p, at[key] = len(f.labels), len(f.labels)
			f.labels = append(f.labels, clean(strings.Join(labels, " · "), longestLabel))
		}
		f.rows[n] = p
	}
	f.labels = distinct(f.labels)
	f.keys = f.labels
	return f
}
