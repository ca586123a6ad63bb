package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

func TestRefusals_HoldOnlyForTheReasonListed(t *testing.T) {
	t.Parallel()
	const reason = "percentile aggregate not supported for Postgres"
	for name, c := range map[string]struct {
		got   error
		right bool
	}{
		"as listed":       {&harness.Failure{Code: "metric.question", Message: "Approximate continuous " + reason + "."}, true},
		"answered":        {nil, false},
		"another refusal": {&harness.Failure{Code: "metric.engine", Message: "The engine failed on this question."}, false},
		"a wrong answer":  {errors.New("row 0 is [2], want [1]; " + reason), false},
		"wrapped":         {fmt.Errorf("query: %w", &harness.Failure{Message: reason}), true},
	} {
		if err := refusedAsListed(c.got, reason); (err == nil) != c.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTies_ReplaceTheirRowsAndNoOther(t *testing.T) {
	t.Parallel()
	rows := [][]any{{"a", json.Number("1")}, {"b", nil}, {"c", json.Number("3")}}
	got := tie{instead: [][]any{{"b", json.Number("2")}}}.other(rows)
	if diff := cmp.Diff([][]any{{"a", json.Number("1")}, {"b", json.Number("2")}, {"c", json.Number("3")}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rows[1][1] != nil {
		t.Error("the first answer was changed")
	}
}

func TestLists_KnowWhatIsNotAmongTheCases(t *testing.T) {
	t.Parallel()
	w := &warehouse{not: map[string]string{"gone": "", "there": ""}, ties: map[string]tie{"lost": {}}}
	all := cases{questions: map[string][]question{"manifest": {{Name: "there"}}}}
	if diff := cmp.Diff([]string{"gone", "lost"}, w.unknown(all)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
