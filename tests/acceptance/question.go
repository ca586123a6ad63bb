package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// everyRow is the limit of a question that names none: the cases expect all rows.
const everyRow = 100_000

// What -only may say.
const (
	onlyWhere   = "where"
	onlyNoWhere = "nowhere"
)

// question is one case of queries.json.
type question struct {
	Name       string            `json:"name"`
	Manifest   string            `json:"manifest"`
	Metrics    []string          `json:"metrics"`
	GroupBy    []json.RawMessage `json:"group_by"`
	Where      string            `json:"where"`
	Start      string            `json:"start_time"`
	End        string            `json:"end_time"`
	OrderBy    []string          `json:"order_by"`
	Limit      int               `json:"limit"`
	SavedQuery string            `json:"saved_query"`
	CheckOrder bool              `json:"check_order"`
	Columns    []string          `json:"columns"`
	Rows       [][]any           `json:"rows"`
}

func readQuestions(file, only string) (map[string][]question, error) {
	if only != "" && only != onlyWhere && only != onlyNoWhere {
		return nil, fmt.Errorf("only %q? It is %q or %q", only, onlyWhere, onlyNoWhere)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []question
	if err := harness.Decode(data, &all); err != nil {
		return nil, err
	}
	by := map[string][]question{}
	for _, q := range all {
		if only == "" || (q.Where != "") == (only == onlyWhere) {
			by[q.Manifest] = append(by[q.Manifest], q)
		}
	}
	return by, nil
}

func (q question) arguments() map[string]any {
	args := map[string]any{"limit": everyRow}
	set := func(name string, given bool, value any) {
		if given {
			args[name] = value
		}
	}
	set("metrics", len(q.Metrics) > 0, q.Metrics)
	set("group_by", len(q.GroupBy) > 0, q.GroupBy)
	set("where", q.Where != "", q.Where)
	set("start_time", q.Start != "", q.Start)
	set("end_time", q.End != "", q.End)
	set("order_by", len(q.OrderBy) > 0, q.OrderBy)
	set("limit", q.Limit > 0, q.Limit)
	set("saved_query", q.SavedQuery != "", q.SavedQuery)
	return args
}

func (q question) check(ctx context.Context, c *harness.Client) error {
	var answer struct {
		Columns   []struct{ Name string } `json:"columns"`
		Rows      [][]any                 `json:"rows"`
		Truncated bool                    `json:"truncated"`
		RowCount  int                     `json:"row_count"`
	}
	if _, err := c.Tool(ctx, "query", q.arguments(), &answer); err != nil {
		return err
	}
	if answer.Truncated || answer.RowCount != len(answer.Rows) {
		return fmt.Errorf("truncated %v, row_count %d of %d rows", answer.Truncated, answer.RowCount, len(answer.Rows))
	}
	names := make([]string, len(answer.Columns))
	for i, column := range answer.Columns {
		names[i] = column.Name
	}
	rows, sorted := harness.ByColumnName(names, answer.Rows)
	if diff := cmp.Diff(q.Columns, sorted); diff != "" {
		return fmt.Errorf("columns (-want +got):\n%s", diff)
	}
	return harness.SameRows(q.Rows, rows, q.CheckOrder)
}
