// Package listing is the tools that tell what can be asked. None of them starts an engine or reaches a warehouse.
package listing

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

//go:embed schemas/*.json
var schemas embed.FS

var schema = metricapp.Schemas(schemas)

// Tools are list_metrics, describe_metric, list_dimensions,
// list_entities and list_saved_queries. Each shows exactly
// what policy would let the caller ask; a name that is hidden looks like one that is not there.
func Tools(catalogs metric.Catalogs, definitions metric.Definitions, policy access.DataPolicy) []tool.Tool {
	l := listings{catalogs: catalogs, definitions: definitions, policy: policy}
	return []tool.Tool{l.listMetrics(), l.describeMetric(), l.listDimensions(), l.listEntities(), l.listSavedQueries()}
}

type listings struct {
	catalogs    metric.Catalogs
	definitions metric.Definitions
	policy      access.DataPolicy
}

// look opens the present catalog for a principal.
func (l listings) look(ctx context.Context, by access.Principal) (*metricapp.View, metric.Snapshot, error) {
	snapshot, err := l.catalogs.Current(ctx)
	if err != nil {
		return nil, metric.Snapshot{}, err
	}
	return metricapp.NewView(snapshot.Catalog, l.policy, by), snapshot, nil
}

// define is what the definitions of all listings have in common.
func define(name, title, description string) tool.Definition {
	return tool.Definition{
		Name: name, Title: title, Description: description, ReadOnly: true, Idempotent: true, Icon: "metrics",
		InputSchema: schema(name + ".input"), OutputSchema: schema(name + ".output"),
		Recorded: []string{"metrics", "name", "limit"},
	}
}

const longestText = 24_000 // bytes of the text beside a structured result, about 6,000 tokens

// text collects what a model reads: lines up to a bound, then how many are left out.
type text struct {
	strings.Builder
	left int
}

func (t *text) line(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if t.left > 0 || t.Len()+len(line) > longestText {
		t.left++
		return
	}
	t.WriteString(line)
	t.WriteByte('\n')
}

// finish adds what holds for the whole answer.
func (t *text) finish(s metric.Snapshot, next string) string {
	if t.left > 0 {
		t.WriteString("… and " + strconv.Itoa(t.left) + " more lines; the structured result has them all.\n")
	}
	if next != "" {
		t.WriteString("There is more: ask again with cursor \"" + next + "\".\n")
	}
	if s.Stale != nil {
		t.WriteString("The project's newest manifest cannot be read; this is from the one before it. Run `dbt parse`.\n")
	}
	return t.String()
}

// about is the rest of a line: label, description and synonyms, as far as there are any.
func about(label, description string, synonyms []string) string {
	var b strings.Builder
	if label != "" {
		b.WriteString(" – " + oneLine(label))
	}
	if description != "" {
		b.WriteString(": " + oneLine(description))
	}
	if len(synonyms) > 0 {
		b.WriteString(" (also: " + oneLine(strings.Join(synonyms, ", ")) + ")")
	}
	return b.String()
}

const longestLine = 300 // runes of an author's text in a listing; the structured result has it whole

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > longestLine {
		return string(r[:longestLine]) + "…"
	}
	return s
}

func needsTime(required bool) string {
	if required {
		return " [needs metric_time in group_by]"
	}
	return ""
}
