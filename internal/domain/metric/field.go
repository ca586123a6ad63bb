package metric

import (
	"slices"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// TimeField is the name of the dimension that every metric has: its own aggregation time dimension, whatever
// that is called.
const TimeField = "metric_time"

// Origin is where a group-by gets its values: one element of one semantic model.
type Origin struct {
	Model   string
	Element string
}

// Dimension is something that metrics can be grouped and filtered by, other than an entity's key.
type Dimension struct {
	Name        string    // the path that is asked for: customer__region, metric_time
	Kind        FieldKind // Categorical or Time
	Label       string
	Description string
	Synonyms    []string
	Meta        map[string]any
	Grain       string   // time: the grain of its own; for metric_time without metrics, the calendar's finest
	Grains      []string // time: the grains it can be asked at, finest first, then the project's own by name
	DateParts   []string // time: year, quarter, month, day, dow, doy; empty where a metric forbids them
	Origins     []Origin // usually one; the aggregation time dimensions for metric_time, none without metrics
	Aliases     []string // other names of the same column, sorted; see Field
	Tags        []string // what rules on tags match, sorted; see Field

	// RequiresMetricTime says that the metrics asked about accept this dimension only together with metric_time
	// or an aggregation time dimension.
	RequiresMetricTime bool
}

// Entity is a key that metrics can be grouped by.
type Entity struct {
	Name        string // the bare last name, as `mf list entities` prints it
	Type        string // primary, unique, foreign or natural, on its shortest path
	Label       string
	Description string
	Synonyms    []string
	Meta        map[string]any
	Keys        []Key // every path that can be asked for: shortest first, then by name

	// RequiresMetricTime is as for a dimension.
	RequiresMetricTime bool
}

// GroupBy lists the names of the entity's paths.
func (e Entity) GroupBy() []string {
	names := make([]string, len(e.Keys))
	for i, k := range e.Keys {
		names[i] = k.Name
	}
	return names
}

// Along is e with only these of its keys, described as the first of them is.
func (e Entity) Along(keys []Key) Entity {
	e.Keys = keys
	if len(keys) > 0 {
		e.describe(keys[0].declared)
	}
	return e
}

func (e *Entity) describe(declared ModelEntity) {
	e.Type, e.Label, e.Description = declared.Type, declared.Label, declared.Description
	e.Meta, e.Synonyms = declared.Meta, synonyms(declared.Meta)
}

// Key is one path to an entity.
type Key struct {
	Name    string // listing__user
	Origins []Origin
	Aliases []string // other names of the same column, sorted; see Field
	Tags    []string // what rules on tags match, sorted; see Field

	declared ModelEntity // at the first of the origins
}

// Field is what a name in a question stands for.
type Field struct {
	Name      string    // in full, without a grain
	Kind      FieldKind // Categorical, Time or EntityKey
	Grain     string    // the grain that was written as part of the name (metric_time__month); empty for none
	Grains    []string  // time: the grains it can be asked at, finest first, then the project's own by name
	DateParts []string  // time: the date parts it can be asked for
	Origins   []Origin
	// Aliases are other names of the same column, sorted and without Name: its names by each key of its own
	// model (customer__email), the endings of Name that still name an entity and an element, and for an entity
	// the bare last name. A rule on any of them speaks of this field too; a rule on a longer path speaks of that
	// path only. metric_time has none: rules name it.
	Aliases []string
	// Tags are the config.meta of the columns and keys that it may stand for: key where the value is true, key=value
	// for a text or number and for each element of a list.
	Tags []string
}

// ErrGrain is a time dimension at a grain or date part that it does not have.
var ErrGrain = fault.New(fault.Invalid, "metric.grain", "A time dimension cannot be asked at this grain.")

// At is f at a grain or by a date part, both of which may be empty; a grain in f's own name counts too. It answers
// ErrGrain, suggesting those there are, to one that f does not have, to two, and to either of what is no time dimension.
func (f Field) At(grain, part string) (GroupBy, error) {
	if f.Grain != "" && grain != "" && f.Grain != grain {
		return GroupBy{}, ErrGrain.Saying("%q names two grains; give one.", f.Name)
	}
	if grain == "" {
		grain = f.Grain
	}
	by := GroupBy{Name: f.Name, Grain: grain, DatePart: part}
	switch {
	case grain == "" && part == "":
		return by, nil
	case f.Kind != Time:
		return by, ErrGrain.Saying("%q is no time dimension; it has neither grain nor date part.", f.Name)
	case grain != "" && part != "":
		return by, ErrGrain.Saying("%q is asked at a grain and by a date part; give one of them.", f.Name)
	case grain != "" && !slices.Contains(f.Grains, grain):
		return by, ErrGrain.Saying("%q cannot be asked at the grain %q.", f.Name, clip(grain)).Suggesting(f.Grains...)
	case part != "" && !slices.Contains(f.DateParts, part):
		return by, ErrGrain.Saying("%q has no date part %q here.", f.Name, clip(part)).Suggesting(f.DateParts...)
	}
	return by, nil
}
