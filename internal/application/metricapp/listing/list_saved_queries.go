package listing

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const listSavedQueriesDescription = `Lists the questions that the project's authors have prepared, with their metrics, grouping and conditions. ` +
	`When one answers the question at hand, run it by passing its name as "saved_query" to query; nothing else needs to be worked out.`

type savedQueryItem struct {
	Name        string   `json:"name"`
	Label       string   `json:"label,omitempty"`
	Description string   `json:"description,omitempty"`
	Metrics     []string `json:"metrics"`
	GroupBy     []string `json:"group_by"`
	Where       []string `json:"where,omitempty"`
	OrderBy     []string `json:"order_by,omitempty"`
	Limit       int      `json:"limit,omitempty"`
}

type savedQueriesResult struct {
	SavedQueries []savedQueryItem   `json:"saved_queries"`
	NextCursor   string             `json:"next_cursor,omitempty"`
	Manifest     metricapp.Manifest `json:"manifest"`
}

func (l listings) listSavedQueries() tool.Tool {
	return tool.Tool{
		Definition: define("list_saved_queries", "List saved queries", listSavedQueriesDescription),
		Bind: func(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
			p, err := metricapp.Decode[paging](args)
			if err != nil {
				return tool.Bound{}, err
			}
			view, snapshot, err := l.look(ctx, by)
			if err != nil {
				return tool.Bound{}, err
			}
			id := list(snapshot, "saved_queries", p.Search)
			from, err := start(p.Cursor, id)
			if err != nil {
				return tool.Bound{}, err
			}
			return tool.Bound{Run: func(context.Context) (tool.Result, error) {
				return p.savedQueries(view, snapshot, from, id), nil
			}}, nil
		},
	}
}

func (p paging) savedQueries(view *metricapp.View, s metric.Snapshot, from int, id string) tool.Result {
	search := p.search()
	var found []metric.SavedQuery
	for _, q := range view.SavedQueries() {
		if search.Matches(q.Texts()...) {
			found = append(found, q)
		}
	}
	shown, next := page(found, from, p.size(), id)
	result := savedQueriesResult{SavedQueries: make([]savedQueryItem, 0, len(shown)), NextCursor: next, Manifest: metricapp.ManifestOf(s)}
	var t text
	t.line("%d of %d saved queries:", len(shown), len(found))
	for _, q := range shown {
		result.SavedQueries = append(result.SavedQueries, savedQueryItem{
			Name: q.Name, Label: q.Label, Description: q.Description, Metrics: orEmpty(q.Metrics), GroupBy: orEmpty(q.GroupBy),
			Where: q.Where, OrderBy: q.OrderBy, Limit: q.Limit,
		})
		t.line("- %s%s", q.Name, about(q.Label, q.Description, nil))
		t.line("  %s by %s", strings.Join(q.Metrics, ", "), strings.Join(q.GroupBy, ", "))
	}
	if len(found) == 0 {
		t.line("There is no saved query here that you may run.")
	}
	return tool.Result{Text: t.finish(s, next), Structured: result}
}

// orEmpty makes a list print as [] and not as null.
func orEmpty(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
