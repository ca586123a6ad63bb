package worker

import (
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/dialect"
)

// asked is what the engine is to compile. Its JSON text is one for questions that mean the same.
type asked struct {
	question question
	field    string // dimension or entity, when its distinct values are wanted
}

func toAsked(adapter string, q metric.Question) (asked, error) {
	where, err := dialect.Conditions(adapter, q.Where)
	if err != nil {
		return asked{}, err
	}
	if q.Limit <= 0 {
		return asked{}, metric.ErrQuestion.Saying("A question needs a limit above zero.")
	}
	return asked{question: question{
		Metrics: q.Metrics, GroupBy: items(q.GroupBy), Where: where, OrderBy: orderItems(q.OrderBy),
		Start: q.Start, End: q.End, Limit: q.Limit, SavedQuery: q.SavedQuery,
	}}, nil
}

func toListing(adapter string, l metric.Listing) (asked, error) {
	field := metric.Ref{Name: l.Field.Name, Grain: l.Field.Grain, Kind: l.Kind}
	conditions := []metric.Condition{metric.Comparison{Left: field, Op: metric.IsNotNull}}
	where, err := dialect.Conditions(adapter, append(conditions, l.Where...))
	if err != nil {
		return asked{}, err
	}
	if l.Contains != "" {
		found, err := dialect.Contains(adapter, field, l.Contains)
		if err != nil {
			return asked{}, err
		}
		where = append(where, found)
	}
	if l.Limit <= 0 {
		return asked{}, metric.ErrQuestion.Saying("A listing of values needs a limit above zero.")
	}
	kind := "dimension"
	if l.Kind == metric.EntityKey {
		kind = "entity"
	}
	by := items([]metric.GroupBy{l.Field})
	return asked{field: kind, question: question{
		Metrics: l.Metrics, GroupBy: by, OrderBy: by, Where: where, Start: l.Start, End: l.End, Limit: l.Limit,
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
