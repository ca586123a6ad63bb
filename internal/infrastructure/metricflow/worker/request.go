package worker

import (
	"github.com/steward-mcp/steward/internal/domain/metric"
)

func questionRequest(op, adapter string, q metric.Question) (request, error) {
	where, err := conditions(adapter, q.Filters)
	if err != nil {
		return request{}, err
	}
	if q.Limit <= 0 {
		return request{}, metric.ErrQuestion.Saying("A question needs a limit above zero.")
	}
	return request{Op: op, Question: &question{
		Manifest: q.Manifest, Metrics: q.Metrics, GroupBy: items(q.GroupBy), Where: where, OrderBy: orderItems(q.OrderBy),
		Start: q.Start, End: q.End, Limit: q.Limit, SavedQuery: q.SavedQuery,
	}}, nil
}

func listingRequest(adapter string, l metric.Listing) (request, error) {
	field := metric.Filter{Field: l.Field.Name, Grain: l.Field.Grain, Kind: l.Kind, Op: metric.IsNotNull}
	where, err := conditions(adapter, append([]metric.Filter{field}, l.Filters...))
	if err != nil {
		return request{}, err
	}
	if l.Contains != "" {
		found, err := contains(adapter, field, l.Contains)
		if err != nil {
			return request{}, err
		}
		where = append(where, found)
	}
	if l.Limit <= 0 {
		return request{}, metric.ErrQuestion.Saying("A listing of values needs a limit above zero.")
	}
	kind := "dimension"
	if l.Kind == metric.EntityKey {
		kind = "entity"
	}
	by := items([]metric.GroupBy{l.Field})
	return request{Op: opValues, Field: kind, Question: &question{
		Manifest: l.Manifest, Metrics: l.Metrics, GroupBy: by, OrderBy: by, Where: where,
		Start: l.Start, End: l.End, Limit: l.Limit,
	}}, nil
}

func items(groupBy []metric.GroupBy) []item {
	out := make([]item, len(groupBy))
	for i, g := range groupBy {
		out[i] = item{Name: g.Name, Grain: g.Grain, DatePart: g.DatePart}
	}
	return out
}

func orderItems(orderBy []metric.OrderBy) []item {
	out := make([]item, len(orderBy))
	for i, o := range orderBy {
		out[i] = item{Name: o.Metric, Descending: o.Descending}
		if o.Metric == "" {
			out[i] = item{Name: o.GroupBy.Name, Grain: o.GroupBy.Grain, DatePart: o.GroupBy.DatePart, Descending: o.Descending}
		}
	}
	return out
}
