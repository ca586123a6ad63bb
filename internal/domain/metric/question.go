package metric

import (
	"context"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// GroupBy is one thing to group by: a dimension, an entity or a time dimension, by the name that the catalog
// lists (customer__region, metric_time, order__customer). Grain and DatePart apply to time dimensions only.
type GroupBy struct {
	Name     string
	Grain    string
	DatePart string
}

// Op is a comparison that a structured filter can make.
type Op string

// The operators.
const (
	Eq        Op = "="
	Ne        Op = "!="
	Lt        Op = "<"
	Le        Op = "<="
	Gt        Op = ">"
	Ge        Op = ">="
	In        Op = "in"
	NotIn     Op = "not_in"
	Between   Op = "between"
	Like      Op = "like"
	IsNull    Op = "is_null"
	IsNotNull Op = "is_not_null"
)

// FieldKind says what a name in a question stands for.
type FieldKind uint8

// The kinds of field.
const (
	Categorical FieldKind = iota + 1
	Time
	EntityKey
)

// String is the kind as answers print it: categorical, time or entity.
func (k FieldKind) String() string {
	switch k {
	case Categorical:
		return "categorical"
	case Time:
		return "time"
	case EntityKey:
		return "entity"
	}
	return "unknown"
}

// OrderBy names a metric or a group-by of the question.
type OrderBy struct {
	GroupBy    GroupBy // zero when ordering by a metric
	Metric     string
	Descending bool
}

// Question is what can be asked of the engine: parsed, resolved against a catalog, bounded.
type Question struct {
	Manifest   string // Snapshot.Hash of the catalog that resolved the names; empty takes the engine's present one
	Metrics    []string
	GroupBy    []GroupBy
	Where      []Condition // all of them must hold
	OrderBy    []OrderBy
	Start, End string // ISO 8601 date or date-time without a zone, inclusive; empty for open
	Limit      int    // > 0
	SavedQuery string // when set, Metrics and GroupBy are the saved query's own and stay empty here
}

// Listing asks for the distinct values of one field, as they occur with the given metrics, or at all.
type Listing struct {
	Manifest   string // as in Question
	Metrics    []string
	Field      GroupBy
	Kind       FieldKind   // what Field.Name resolved to
	Where      []Condition // as in Question
	Contains   string      // only values whose text contains this, whatever the case; empty for all
	Start, End string      // as in Question
	Limit      int         // > 0
}

// Column describes one column of an answer as the engine named it.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`            // string, integer, decimal, float, boolean, date, timestamp, time, json, unknown
	Grain string `json:"grain,omitempty"` // of a time dimension
}

// Table is an answer. A cell is nil, bool, json.Number or string, or for a json column any JSON value. json.Number
// carries all digits of an integer or decimal; timestamps are ISO 8601 in UTC without a zone, dates YYYY-MM-DD; a
// number that is none is "NaN", "Infinity" or "-Infinity". Columns stand group-bys first, as asked, then metrics. Nobody
// writes to a Table: those who asked the same at the same time share one.
type Table struct {
	Columns   []Column
	Rows      [][]any
	Truncated bool   // there were more rows than the question's limit
	SQL       string // what ran; it asks for one row more than the limit, which decides Truncated
}

// Source answers questions on the engine. Every method honours ctx: when it ends, the work is stopped, not
// abandoned. Safe for concurrent use. Beside the faults below, an ended ctx is fault.ErrTimeout or
// fault.ErrCanceled.
type Source interface {
	// Answer compiles and runs q.
	Answer(ctx context.Context, q Question) (Table, error)
	// Compile returns the SQL that q would run, without running it.
	Compile(ctx context.Context, q Question) (string, error)
	// Values returns a table of one column: the values, ascending, without null.
	Values(ctx context.Context, l Listing) (Table, error)
}

// The faults of sources.
var (
	ErrQuestion = fault.New(fault.Invalid, "metric.question",
		"The metrics engine cannot answer this question as it is asked.")
	ErrFilterValue = fault.New(fault.Invalid, "metric.filter_value",
		"A filter's value does not fit its field; list_dimension_values shows the values that a field has.")
	ErrTooLarge = fault.New(fault.Exhausted, "metric.too_large",
		"The answer is too large; ask for fewer rows or columns.")
	ErrBusy = fault.New(fault.Exhausted, "metric.busy",
		"Too many questions are waiting for the metrics engine; ask again in a moment.")
	ErrManifestChanged = fault.New(fault.Conflict, "metric.manifest_changed",
		"The project's semantic manifest is being replaced; ask again in a moment.")
	ErrWarehouse = fault.New(fault.Unavailable, "metric.warehouse",
		"The warehouse could not answer; the operator's log says why.")
	ErrWarehouseBusy = fault.New(fault.Unavailable, "metric.warehouse_busy",
		"Another process is writing to the warehouse, as `dbt build` does; ask again when it has finished.")
	ErrEngine = fault.New(fault.Internal, "metric.engine",
		"The metrics engine failed on this question; the operator's log says why.")
	ErrEngineUnavailable = fault.New(fault.Unavailable, "metric.engine_unavailable",
		"The metrics engine is not available; `steward doctor` says what is missing.")
)
