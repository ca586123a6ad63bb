package metric

import "github.com/steward-mcp/steward/internal/domain/metric/authored"

// Kind is what a metric is made of.
type Kind string

// The kinds of metric.
const (
	Simple     Kind = "simple"
	Ratio      Kind = "ratio"
	Derived    Kind = "derived"
	Cumulative Kind = "cumulative"
	Conversion Kind = "conversion"
)

// Metric is one metric as its authors defined it. Whoever makes one for a Manifest leaves the fields from Synonyms
// on empty: NewCatalog derives them. A catalog's metrics share their slices and maps with it;
// readers do not write to them.
type Metric struct {
	Name        string
	Kind        Kind
	Label       string
	Description string
	Private     bool // an ingredient of other metrics: not listed, and not asked for by name
	Formula     Formula
	Filters     []string // the authors' own conditions, templates as written
	TimeGrain   string   // the grain its authors prefer; empty for none
	Meta        map[string]any

	Synonyms           []string // from config.meta.synonyms
	Tags               []string // config.meta as rules on tags match it; see Field
	Models             []string // the semantic models whose rows it counts, sorted
	Inputs             []string // every public metric below it in the formula, at any depth, sorted
	Ingredients        []string // every private one, likewise
	RequiresMetricTime bool     // it can only be asked by metric_time or its aggregation time dimension
}

// Formula is how a metric is computed: from a column, or from other metrics.
type Formula struct {
	Aggregation *Aggregation // simple only
	Expr        string       // derived: arithmetic over the inputs' names or aliases
	Inputs      []Ingredient // in the authors' order; ratio: numerator, denominator; conversion: base, conversion
	Window      string       // cumulative and conversion: "7 day"
	GrainToDate string       // cumulative
	PeriodAgg   string       // cumulative: first, last or average
	Entity      string       // conversion: whose conversion counts
	Calculation string       // conversion: conversions or conversion_rate
	Filled      bool         // it has values where there are no rows: along the calendar, or instead of null
}

// Aggregation is the computation at the bottom of every metric: a function over an expression of one model.
type Aggregation struct {
	Model         string
	Function      string // sum, count_distinct, percentile, …
	Expr          string
	TimeDimension string // the time dimension of the model by which it aggregates
	Measure       string // its name, where the project still declares measures; empty otherwise
}

// Ingredient is one input of a formula: a metric, or, where an older project names a measure, its aggregation.
type Ingredient struct {
	Metric        string
	Aggregation   *Aggregation
	Role          string // numerator, denominator, base or conversion; empty otherwise
	Alias         string
	Filters       []string
	OffsetWindow  string
	OffsetToGrain string
}

// SavedQuery is a question that the project's authors wrote down.
type SavedQuery struct {
	Name        string
	Label       string
	Description string
	Metrics     []string
	GroupBy     []string // as written: names or object builders
	Where       []string // as written
	OrderBy     []string // as written
	Limit       int      // 0 for none
	Meta        map[string]any

	Tags []string       // config.meta as rules on tags match it; NewCatalog derives it
	Uses authored.Names // what the texts and Metrics name together; NewCatalog derives it
}

// Manifest is what a dbt project says about its metrics, in one shape for both generations of the format:
// measures are replaced by the aggregations that they stand for, and the names of models, entities and
// dimensions are in lower case.
type Manifest struct {
	Models       []Model
	Metrics      []Metric
	SavedQueries []SavedQuery
	TimeSpines   []TimeSpine
}

// Model is one semantic model: a table with keys and columns.
type Model struct {
	Name          string
	Label         string
	Description   string
	PrimaryEntity string // the name of a key that exists in name only, for models without a primary one
	Entities      []ModelEntity
	Dimensions    []ModelDimension
}

// ModelEntity is one key of a semantic model.
type ModelEntity struct {
	Name        string
	Type        string // primary, unique, foreign or natural
	Label       string
	Description string
	Meta        map[string]any
}

// ModelDimension is one column of a semantic model.
type ModelDimension struct {
	Name        string
	Kind        FieldKind // Categorical or Time
	Grain       string    // of a time dimension
	Validity    bool      // it opens or closes the interval in which a row is valid
	Label       string
	Description string
	Meta        map[string]any
}

// TimeSpine is a calendar of the project.
type TimeSpine struct {
	Grain  string
	Custom []string // the names of grains of the project's own that it defines
}
