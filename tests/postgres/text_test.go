package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFilters_CompareTextAsItStands asks for every name that the table has, by that name, and must find it alone. As a
// pattern too: a backslash escapes nothing in one, and no name fits another's.
func TestFilters_CompareTextAsItStands(t *testing.T) {
	names := asked(t, lab.client, map[string]any{"group_by": []string{"person__name"}})
	if len(names) != 15 {
		t.Fatalf("%d names, want 15", len(names))
	}
	for _, row := range names {
		name := row[0].(string)
		t.Run(name, func(t *testing.T) {
			for _, filter := range []map[string]any{
				{"field": "person__name", "op": "=", "value": name},
				{"field": "person__name", "op": "in", "values": []string{name, "nobody's"}},
				{"field": "person__name", "op": "like", "value": name},
			} {
				got := asked(t, lab.client, map[string]any{
					"metrics": []string{"people"}, "group_by": []string{"person__name"}, "filters": []any{filter},
				})
				if diff := cmp.Diff([][]any{{name, "1"}}, texts(got)); diff != "" {
					t.Errorf("%v (-want +got):\n%s", filter, diff)
				}
			}
		})
	}
	if left, err := lab.owner.Run(t.Context(), "select count(*) from marts.people"); err != nil || left != "15" {
		t.Errorf("the table has %q rows afterwards, %v", left, err)
	}
}

func texts(rows [][]any) [][]any {
	for _, row := range rows {
		row[1] = fmt.Sprint(row[1])
	}
	return rows
}
