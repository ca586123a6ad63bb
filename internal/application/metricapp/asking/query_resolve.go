package asking

import (
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// resolver turns the arguments of query into a question: metrics, group-bys, conditions, order, time, and what policy adds.
type resolver struct {
	scope
	limits   Limits
	question metric.Question
	ours     bool // the limit is Steward's, not the caller's nor the saved query's author's
}

func (r *resolver) resolve(a queryArguments) error {
	authors, err := r.subject(a)
	if err != nil || r.claim.Refuses() {
		return err
	}
	r.bound(a.Limit, authors)
	for _, step := range []func(queryArguments) error{r.groupBy, r.conditions, r.orderBy, r.times} {
		if err := step(a); err != nil || r.claim.Refuses() {
			return err
		}
	}
	r.limit()
	r.question.Where, r.question.Start, r.question.End = r.where, r.start, r.end
	return nil
}

func (r *resolver) conditions(a queryArguments) error { return r.narrow(a.narrowing) }

// subject claims what is asked about, and returns the limit of a saved query's author, 0 for none.
func (r *resolver) subject(a queryArguments) (int, error) {
	if a.Mode == modeRows {
		r.claim = r.claim.And(r.view.Running())
	}
	if a.SavedQuery == "" {
		r.question.Metrics = a.Metrics
		return 0, r.about(a.Metrics)
	}
	saved, claim, err := r.view.DemandSavedQuery(a.SavedQuery)
	r.claim, r.metrics, r.question.SavedQuery = r.claim.And(claim), saved.Metrics, saved.Name
	// The former server wanted metrics whatever was asked: the query's own may be named, others would be ignored.
	if err == nil && !r.claim.Refuses() && len(a.Metrics) > 0 && !sameNames(a.Metrics, saved.Metrics) {
		err = ErrSavedQueryAlone
	}
	return saved.Limit, err
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

func repeats[T comparable](all []T) bool {
	seen := map[T]bool{}
	for _, one := range all {
		if seen[one] {
			return true
		}
		seen[one] = true
	}
	return false
}

// bound sets the limit: the caller's, else the saved query's, else the default one; never above the ceiling.
func (r *resolver) bound(asked *int, authors int) {
	limit := r.limits.DefaultLimit
	r.ours = true
	switch {
	case asked != nil:
		limit, r.ours = *asked, false
	case authors > 0:
		limit, r.ours = authors, false
	}
	if most := r.view.Ceiling(r.limits.MaxRows); limit > most {
		limit, r.ours = most, true
	}
	r.question.Limit = limit
}

func (r *resolver) groupBy(a queryArguments) error {
	for _, g := range a.GroupBy {
		f, err := r.field(g.Name)
		if err != nil || r.claim.Refuses() {
			return err
		}
		by, err := f.At(g.Grain, g.DatePart)
		if err != nil {
			return err
		}
		r.question.GroupBy = append(r.question.GroupBy, by)
	}
	if repeats(r.question.GroupBy) {
		return ErrRepeated.Saying("group_by names the same thing twice.")
	}
	return nil
}

func (r *resolver) orderBy(a queryArguments) error {
	for _, text := range a.OrderBy {
		name, descending := strings.CutPrefix(text, "-")
		by, err := r.orderedBy(name)
		if err != nil || r.claim.Refuses() {
			return err
		}
		by.Descending = descending
		r.question.OrderBy = append(r.question.OrderBy, by)
	}
	return nil
}

// orderedBy finds the metric or group-by that a name means: as asked, as its column is called, or by its bare name
// when only one group-by has it. What a saved query groups by is for the engine to say.
func (r *resolver) orderedBy(name string) (metric.OrderBy, error) {
	if slices.Contains(r.metrics, name) {
		return metric.OrderBy{Metric: name}, nil
	}
	if r.question.SavedQuery != "" {
		f, err := r.field(name)
		return metric.OrderBy{GroupBy: metric.GroupBy{Name: f.Name, Grain: f.Grain}}, err
	}
	var bare []metric.GroupBy
	for _, g := range r.question.GroupBy {
		if slices.Contains(columnNames(g), name) {
			return metric.OrderBy{GroupBy: g}, nil
		}
		if g.Name == name {
			bare = append(bare, g)
		}
	}
	if len(bare) == 1 {
		return metric.OrderBy{GroupBy: bare[0]}, nil
	}
	return r.defaultGrain(name)
}

// columnNames are the names that a group-by goes by: its own and that of its column.
func columnNames(g metric.GroupBy) []string {
	switch {
	case g.Grain != "":
		return []string{g.Name + "__" + g.Grain}
	case g.DatePart != "":
		return []string{g.Name + "__extract_" + g.DatePart}
	}
	return []string{g.Name}
}

// defaultGrain finds a time dimension that was asked without a grain by the name of its column, which carries the
// one that the engine takes then. The engine refuses another.
func (r *resolver) defaultGrain(name string) (metric.OrderBy, error) {
	for _, g := range r.question.GroupBy {
		grain, found := strings.CutPrefix(name, g.Name+"__")
		if !found || g.Grain != "" || g.DatePart != "" {
			continue
		}
		f, err := r.field(name)
		if err == nil && f.Name == g.Name && f.Grain == grain {
			return metric.OrderBy{GroupBy: metric.GroupBy{Name: g.Name, Grain: grain}}, nil
		}
	}
	names := slices.Clone(r.metrics)
	for _, g := range r.question.GroupBy {
		names = append(names, columnNames(g)...)
	}
	return metric.OrderBy{}, ErrOrderBy.
		Saying("order_by names %q, which is no metric or group-by of the question, or more than one.", metricapp.Clip(name)).
		Suggesting(names...)
}

// times bounds the question in time; without metrics there is no time but that of a group.
func (r *resolver) times(a queryArguments) error {
	byTime := slices.ContainsFunc(r.question.GroupBy, func(g metric.GroupBy) bool { return g.Name == metric.TimeField })
	if !a.period.isZero() && len(r.metrics) == 0 && !byTime && a.SavedQuery == "" {
		return ErrTimeRange.Saying("Without metrics, start_time and end_time need metric_time in group_by.")
	}
	return r.during(a.period)
}
