// Package asking is the tools that ask the metrics engine. Names are resolved, and filters laid on, as policy says, by
// the one view that listings show.
package asking

import (
	"embed"
	"time"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Limits bound what one question may cost. The zero value of a field takes its default.
type Limits struct {
	DefaultLimit int           `yaml:"default_limit" validate:"gte=0,lte=1000000"` // rows when the caller names no limit; 1,000
	MaxRows      int           `yaml:"max_rows" validate:"gte=0,lte=1000000"`      // rows whatever the caller names; 100,000
	Timeout      time.Duration `yaml:"timeout" validate:"gte=0"`                   // for one question; 60 s
}

const (
	defaultLimit   = 1000
	defaultMaxRows = 100_000
	defaultTimeout = time.Minute
	defaultValues  = 100 // values of list_dimension_values when the caller names no limit
)

func (l Limits) withDefaults() Limits {
	if l.MaxRows == 0 {
		l.MaxRows = defaultMaxRows
	}
	if l.DefaultLimit == 0 {
		l.DefaultLimit = defaultLimit
	}
	if l.Timeout == 0 {
		l.Timeout = defaultTimeout
	}
	l.DefaultLimit = min(l.DefaultLimit, l.MaxRows)
	return l
}

//go:embed schemas/*.json
var schemas embed.FS

var schema = metricapp.Schemas(schemas)

// questions is what the tools that ask the engine share.
type questions struct {
	catalogs metric.Catalogs
	source   metric.Source
	policy   access.DataPolicy
	limits   Limits
	now      func() time.Time
	draw     chart.Draw
}

// Tools are query, list_dimension_values, compare_periods and time_range. Their names are resolved
// on the catalog as the principal may see it; what policy hides looks like what is not there.
func Tools(catalogs metric.Catalogs, source metric.Source, policy access.DataPolicy, limits Limits, now func() time.Time, draw chart.Draw) []tool.Tool {
	q := &questions{catalogs: catalogs, source: narrated{source}, policy: policy, limits: limits.withDefaults(), now: now, draw: draw}
	return []tool.Tool{q.queryTool(), q.valuesTool(), q.compareTool(), q.rangeTool()}
}
