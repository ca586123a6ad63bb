package asking

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// errShape is an answer that does not have the columns of its question.
var errShape = errors.New("the two answers of a comparison do not have the same columns")

// join sets the rows of two answers to the same question, which begin with so many groups, side by side. A group that
// only one of them has is kept; the other's values are missing then, which is not the same as zero. The notes are for the
// caller.
func join(current, previous metric.Table, groups int, metrics []string) (metric.Table, []string, error) {
	width := groups + len(metrics)
	if len(current.Columns) != width || len(previous.Columns) != width {
		return metric.Table{}, nil, metric.ErrEngine.Because(errShape)
	}
	joined, notes := sideBySide(current.Columns, previous.Columns, groups, metrics)
	before, err := byGroup(previous.Rows, groups)
	if err != nil {
		return metric.Table{}, nil, err
	}
	now, err := byGroup(current.Rows, groups)
	if err != nil {
		return metric.Table{}, nil, err
	}
	missing, alone := make([]any, width), 0
	for key, row := range now {
		other, both := before[key]
		if !both {
			other, alone = missing, alone+1
		}
		joined.Rows = append(joined.Rows, compareRow(row[:groups], row[groups:], other[groups:]))
	}
	for key, row := range before {
		if _, both := now[key]; !both {
			alone++
			joined.Rows = append(joined.Rows, compareRow(row[:groups], missing[groups:], row[groups:]))
		}
	}
	if alone > 0 {
		notes = append(notes, fmt.Sprintf("%d rows have data in one of the periods only; what is missing is null, not zero, and has no difference.", alone))
	}
	if joined.Rows == nil {
		joined.Rows = [][]any{}
	}
	return joined, notes, nil
}

// sideBySide makes the columns, and a note for each metric that is no number.
func sideBySide(current, previous []metric.Column, groups int, metrics []string) (joined metric.Table, notes []string) {
	joined.Columns = slices.Clone(current[:groups])
	for i, m := range metrics {
		kind := commonType(current[groups+i].Type, previous[groups+i].Type)
		if !numeric(kind) && kind != "unknown" {
			notes = append(notes, fmt.Sprintf("%s is no number, so it has no difference.", m))
		}
		for _, suffix := range compareColumns {
			joined.Columns = append(joined.Columns, metric.Column{Name: m + suffix, Type: columnType(suffix, kind)})
		}
	}
	return joined, notes
}

// byGroup finds rows by their first cells. It is ErrEngine when two rows have the same ones.
func byGroup(rows [][]any, groups int) (map[string][]any, error) {
	found := make(map[string][]any, len(rows))
	for _, row := range rows {
		key, err := json.Marshal(row[:groups])
		if err != nil {
			return nil, metric.ErrEngine.Because(err)
		}
		if _, twice := found[string(key)]; twice {
			return nil, metric.ErrEngine.Because(errShape)
		}
		found[string(key)] = row
	}
	return found, nil
}

func compareRow(group, now, before []any) []any {
	row := make([]any, 0, len(group)+len(compareColumns)*len(now))
	row = append(row, group...)
	for i := range now {
		delta, percent := change(now[i], before[i])
		row = append(row, now[i], before[i], delta, percent)
	}
	return row
}

func numeric(kind string) bool { return kind == "integer" || kind == "decimal" || kind == "float" }

// commonType is a type that holds values of both. A side without a value may not know its type.
func commonType(a, b string) string {
	switch {
	case a == b, b == "unknown":
		return a
	case a == "unknown":
		return b
	case a == "float" && numeric(b), b == "float" && numeric(a):
		return "float"
	case numeric(a) && numeric(b):
		return "decimal"
	}
	return "unknown"
}

func columnType(suffix, kind string) string {
	switch {
	case suffix == "__delta_percent":
		return "decimal"
	case suffix == "__delta" && !numeric(kind):
		return "unknown"
	}
	return kind
}

// sortRows sorts by the first column in order that tells two rows apart; what is missing comes last, whatever the
// direction.
func sortRows(rows [][]any, order []ordering) {
	keyed := make([]keyedRow, len(rows))
	for i, row := range rows {
		keyed[i].row = row
		for _, o := range order {
			keyed[i].keys = append(keyed[i].keys, keyOf(row[o.column]))
		}
	}
	slices.SortFunc(keyed, func(a, b keyedRow) int {
		for i, o := range order {
			if c := a.keys[i].compare(b.keys[i], o.descending); c != 0 {
				return c
			}
		}
		return 0
	})
	for i := range keyed {
		rows[i] = keyed[i].row
	}
}

type keyedRow struct {
	row  []any
	keys []sortKey
}

// sortKey is a cell as it is compared: numbers by their value, everything else by its text.
type sortKey struct {
	missing bool
	number  *big.Rat
	text    string
}

func keyOf(cell any) sortKey {
	if n, ok := exactly(cell); ok {
		return sortKey{number: n.value}
	}
	return sortKey{missing: cell == nil, text: cellText(cell)}
}

func (k sortKey) compare(other sortKey, descending bool) int {
	if k.missing || other.missing {
		return cmp.Compare(rank(k.missing), rank(other.missing))
	}
	var c int
	switch {
	case k.number != nil && other.number != nil:
		c = k.number.Cmp(other.number)
	case k.number == nil && other.number == nil:
		c = strings.Compare(k.text, other.text)
	default: // NaN and the infinities are texts
		return cmp.Compare(rank(k.number == nil), rank(other.number == nil))
	}
	if descending {
		return -c
	}
	return c
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}
