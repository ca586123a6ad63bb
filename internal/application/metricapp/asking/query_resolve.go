package asking

import (
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// resolver turns arguments into a question, on the catalog as a principal may see it. Names are read in the order
// metrics, group-bys, filters, order; after the first that is hidden nothing more is read, so that what a later
// name would tell cannot be told apart from the refusal.
type resolver struct {
	view     *metricapp.View
	limits   Limits
	claim    metricapp.Claim
	metrics  []string // those that decide which fields there are: asked for, or the saved query's
	question metric.Question
	ours     bool // the limit is Steward's, not the caller's nor the saved query's author's
	warnings []string
}

func (r *resolver) resolve(a queryArguments) error {
	authors, err := r.subject(a)
	if err != nil || r.claim.Hidden() {
		return err
	}
	r.bound(a.Limit, authors)
	for _, step := range []func(queryArguments) error{r.groupBy, r.filters, r.orderBy, r.times} {
		if err := step(a); err != nil || r.claim.Hidden() {
			return err
		}
	}
	return nil
}

// subject claims what is asked about, and returns the limit of a saved query's author, 0 for none.
func (r *resolver) subject(a queryArguments) (int, error) {
	if a.SavedQuery == "" {
		claim, err := r.view.DemandMetrics(a.Metrics)
		r.claim, r.metrics, r.question.Metrics = claim, a.Metrics, a.Metrics
		if err == nil && !claim.Hidden() && repeats(a.Metrics) {
			err = ErrRepeated.Saying("metrics names a metric twice.")
		}
		return 0, err
	}
	saved, claim, err := r.view.DemandSavedQuery(a.SavedQuery)
	r.claim, r.metrics, r.question.SavedQuery = claim, saved.Metrics, saved.Name
	return saved.Limit, err
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
	if limit > r.limits.MaxRows {
		limit, r.ours = r.limits.MaxRows, true
	}
	r.question.Limit = limit
}

// field claims one name.
func (r *resolver) field(name string) (metric.Field, error) {
	f, claim, err := r.view.DemandField(name, r.metrics)
	if err == nil {
		r.claim = r.claim.And(claim)
	}
	return f, err
}

func (r *resolver) groupBy(a queryArguments) error {
	for _, g := range a.GroupBy {
		f, err := r.field(g.Name)
		if err != nil || r.claim.Hidden() {
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

func (r *resolver) filters(a queryArguments) error {
	for _, argument := range a.Filters {
		f, err := r.field(argument.Field)
		if err != nil || r.claim.Hidden() {
			return err
		}
		filter, err := filterOn(f, argument)
		if err != nil {
			return err
		}
		r.question.Filters = append(r.question.Filters, filter)
	}
	return nil
}

func filterOn(f metric.Field, argument filterArgument) (metric.Filter, error) {
	by, err := f.At(argument.Grain, "")
	if err != nil {
		return metric.Filter{}, err
	}
	filter := metric.Filter{Field: f.Name, Grain: by.Grain, Op: argument.Op, Values: argument.operands(), Kind: f.Kind}
	if f.Kind != metric.Time {
		return filter, nil
	}
	if argument.Op == metric.Like {
		return filter, metric.ErrFilter.Saying("%q is a time dimension; compare it, or use between, but not like.", f.Name)
	}
	for _, v := range filter.Values {
		text, _ := v.(string)
		if _, err := metric.ParseMoment(text); err != nil {
			return filter, metric.ErrFilter.Saying("%q is a time dimension; its values are dates (2024-01-31) or date-times (2024-01-31T08:00:00) without a zone.", f.Name)
		}
	}
	return filter, nil
}

func (r *resolver) orderBy(a queryArguments) error {
	for _, text := range a.OrderBy {
		name, descending := strings.CutPrefix(text, "-")
		by, err := r.orderedBy(name)
		if err != nil || r.claim.Hidden() {
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

func (r *resolver) times(a queryArguments) error {
	if a.start.IsZero() && a.end.IsZero() {
		return nil
	}
	byTime := slices.ContainsFunc(r.question.GroupBy, func(g metric.GroupBy) bool { return g.Name == metric.TimeField })
	if len(r.metrics) == 0 && !byTime && a.SavedQuery == "" {
		return ErrTimeRange.Saying("Without metrics, start_time and end_time need metric_time in group_by.")
	}
	// Who bounds the time counts by time.
	if _, err := r.field(metric.TimeField); err != nil || r.claim.Hidden() {
		return err
	}
	r.question.Start, r.question.End = printed(a.start), printed(a.end)
	r.warnings = append(r.warnings, openEnds(a.start, a.end)...)
	return nil
}

func printed(m metric.Moment) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

// openEnds tells of what the engine leaves out when only one end of a time range is given.
func openEnds(start, end metric.Moment) []string {
	switch {
	case start.IsZero() && !end.IsZero():
		return []string{"Without start_time, the metrics engine begins at 2000-01-01: what is earlier is left out."}
	case end.IsZero() && !start.IsZero():
		return []string{"Without end_time, the metrics engine ends at 2040-12-31: what is later is left out."}
	}
	return nil
}
