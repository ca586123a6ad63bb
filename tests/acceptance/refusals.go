package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/tests/harness"
)

// notOnPostgres names the questions that the engine refuses on PostgreSQL, and a part of what it says. A question that
// is listed and answered all the same, or refused for another reason, fails: so the list stays true.
var notOnPostgres = map[string]string{}

// tie is a question that the data leaves open: rows that the engine's order does not tell apart, so that the warehouse
// may take either. Both answers are right, and no other.
type tie struct {
	why     string
	instead [][]any // rows of the other answer, which stand for those with the same first value
}

// tiesOnPostgres names the questions whose other answer PostgreSQL may give.
var tiesOnPostgres = map[string]tie{
	"itest_conversion_metric/conversion_rate_metric_with_dimension": {
		why:     "a customer came twice on the day of the purchase, by fb_ad_1 and user_2, and the engine takes the first of the day",
		instead: [][]any{{"fb_ad_1", json.Number("0.6666666666666666")}, {"user_2", json.Number("1")}},
	},
}

// other is the answer that a tie also allows.
func (t tie) other(rows [][]any) [][]any {
	all := slices.Clone(rows)
	for i, row := range all {
		for _, another := range t.instead {
			if row[0] == another[0] {
				all[i] = another
			}
		}
	}
	return all
}

// refusedAsListed holds a refusal against its reason in the list.
func refusedAsListed(err error, reason string) error {
	f, refused := errors.AsType[*harness.Failure](err)
	switch {
	case err == nil:
		return errors.New("is answered, though it is listed as one that the engine refuses; take it off the list")
	case !refused || !strings.Contains(f.Error(), reason):
		return fmt.Errorf("is listed as refused with %q, and got: %w", reason, err)
	}
	return nil
}

// unknown lists the names in the lists that no question has.
func (w *warehouse) unknown(all cases) []string {
	rest := map[string]bool{}
	for _, name := range slices.Concat(sortedKeys(w.not), sortedKeys(w.ties)) {
		rest[name] = true
	}
	for _, questions := range all.questions {
		for _, q := range questions {
			delete(rest, q.Name)
		}
	}
	return sortedKeys(rest)
}
