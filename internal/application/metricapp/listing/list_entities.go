package listing

import (
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const listEntitiesDescription = `Lists the entities, such as customer or order, by whose keys all of the given metrics can be grouped together. ` +
	`Use it to count or rank by individual customers, products and the like; for properties of them use list_dimensions. ` +
	`In query, group by one of the entity's "group_by" paths as written (listing__user is the user of the listing), not by its bare name unless it is among them.`

type entityItem struct {
	Name               string   `json:"name"`
	Type               string   `json:"type,omitempty"`
	Label              string   `json:"label,omitempty"`
	Description        string   `json:"description,omitempty"`
	Synonyms           []string `json:"synonyms,omitempty"`
	GroupBy            []string `json:"group_by"`
	RequiresMetricTime bool     `json:"requires_metric_time"`
}

type entitiesResult struct {
	Entities   []entityItem       `json:"entities"`
	NextCursor string             `json:"next_cursor,omitempty"`
	Manifest   metricapp.Manifest `json:"manifest"`
}

func (l listings) listEntities() tool.Tool {
	return tool.Tool{
		Definition: define("list_entities", "List entities", listEntitiesDescription),
		Bind:       l.bindFields("entities", fieldsArguments.entities),
	}
}

func (a fieldsArguments) entities(v *metricapp.View, s metric.Snapshot, from int, id string) (tool.Result, error) {
	all, err := v.Entities(a.Metrics)
	if err != nil {
		return tool.Result{}, err
	}
	search := a.search()
	var found []metric.Entity
	for _, e := range all {
		if search.Matches(e.Texts()...) {
			found = append(found, e)
		}
	}
	shown, next := page(found, from, a.size(), id)
	result := entitiesResult{Entities: make([]entityItem, 0, len(shown)), NextCursor: next, Manifest: metricapp.ManifestOf(s)}
	var t text
	t.line("%d of %d entities%s:", len(shown), len(found), a.of())
	for _, e := range shown {
		result.Entities = append(result.Entities, entityItem{
			Name: e.Name, Type: e.Type, Label: e.Label, Description: e.Description, Synonyms: e.Synonyms,
			GroupBy: e.GroupBy(), RequiresMetricTime: e.RequiresMetricTime,
		})
		t.line("- %s: group by %s%s%s", e.Name, strings.Join(e.GroupBy(), " or "), about(e.Label, e.Description, e.Synonyms), needsTime(e.RequiresMetricTime))
	}
	if len(found) == 0 {
		t.line("%s", a.none("entity"))
	}
	return tool.Result{Text: t.finish(s, next), Structured: result}, nil
}
