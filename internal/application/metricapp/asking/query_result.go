package asking

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// queryAnswer is what came of a query, before it is written down.
type queryAnswer struct {
	mode     string
	table    metric.Table
	sql      string
	cut      bool
	warnings []string
	manifest metricapp.Manifest
	duration float64
	chart    *chart.Chart // nil without a picture
	png      []byte
}

// queryRows, querySQL and queryValid are the structured results of the modes.
type (
	queryRows struct {
		Columns    []metric.Column    `json:"columns"`
		Rows       [][]any            `json:"rows"`
		RowCount   int                `json:"row_count"`
		Truncated  bool               `json:"truncated"`
		Manifest   metricapp.Manifest `json:"manifest"`
		DurationMS float64            `json:"duration_ms"`
		Warnings   []string           `json:"warnings,omitempty"`
		Chart      *chart.Chart       `json:"chart,omitempty"`
		VegaLite   map[string]any     `json:"vega_lite,omitempty"`
	}
	querySQL struct {
		SQL        string             `json:"sql"`
		Manifest   metricapp.Manifest `json:"manifest"`
		DurationMS float64            `json:"duration_ms"`
		Warnings   []string           `json:"warnings,omitempty"`
	}
	queryValid struct {
		Valid      bool               `json:"valid"`
		Manifest   metricapp.Manifest `json:"manifest"`
		DurationMS float64            `json:"duration_ms"`
		Warnings   []string           `json:"warnings,omitempty"`
	}
)

func (a queryAnswer) result() tool.Result {
	switch a.mode {
	case modeSQL:
		return tool.Result{Text: a.sql, Structured: querySQL{a.sql, a.manifest, a.duration, a.warnings}}
	case modeValidate:
		return tool.Result{
			Text:       withWarnings("The question can be asked.", a.warnings),
			Structured: queryValid{true, a.manifest, a.duration, a.warnings},
		}
	}
	return a.rows()
}

func (a queryAnswer) rows() tool.Result {
	t := a.table
	rows := queryRows{
		Columns: t.Columns, Rows: t.Rows, RowCount: len(t.Rows), Truncated: a.cut,
		Manifest: a.manifest, DurationMS: a.duration, Warnings: a.warnings,
	}
	result := tool.Result{Text: withWarnings(tableText(t.Columns, t.Rows)+"\n"+count(len(t.Rows), a.cut), a.warnings)}
	if a.chart != nil {
		rows.Chart, rows.VegaLite = a.chart, chart.VegaLite(*a.chart)
		result.Text = withWarnings(result.Text, a.chart.Notes)
		result.Images = []tool.Image{{MIME: "image/png", Data: a.png}}
	}
	result.Structured = rows
	return result
}

func withWarnings(text string, warnings []string) string {
	return strings.Join(append([]string{text}, warnings...), "\nNote: ")
}

func count(rows int, cut bool) string {
	text := strconv.Itoa(rows) + " rows"
	if rows == 1 {
		text = "1 row"
	}
	if rows > shownRows {
		text += fmt.Sprintf(", the first %d shown", shownRows)
	}
	if cut {
		text += "; there are more, cut off by this server's limit. Filter, group more coarsely or set a limit"
	}
	return text + "."
}

const (
	shownRows   = 50 // rows that the text for the model shows
	widestShown = 80 // characters of a cell that it shows
)

// tableText aligns the first rows below the names of their columns, numbers to the right.
func tableText(columns []metric.Column, rows [][]any) string {
	lines := make([][]string, 1, shownRows+1)
	for _, c := range columns {
		lines[0] = append(lines[0], c.Name)
	}
	for _, row := range rows[:min(len(rows), shownRows)] {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = short(cellText(cell))
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(columns))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, line := range lines {
		writeLine(&b, line, columns, widths)
		if n == 0 {
			writeRule(&b, widths)
		}
	}
	return b.String()
}

func writeLine(b *strings.Builder, line []string, columns []metric.Column, widths []int) {
	cells := make([]string, len(line))
	for i, cell := range line {
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		switch columns[i].Type {
		case "integer", "decimal", "float":
			cells[i] = padding + cell
		default:
			cells[i] = cell + padding
		}
	}
	b.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
}

func writeRule(b *strings.Builder, widths []int) {
	rules := make([]string, len(widths))
	for i, w := range widths {
		rules[i] = strings.Repeat("-", w)
	}
	b.WriteString(strings.Join(rules, "  ") + "\n")
}

// cellText is a cell as people and models read it; null has no text of its own, so that no value looks like it.
func cellText(cell any) string {
	switch v := cell.(type) {
	case nil:
		return "∅"
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	text, err := json.Marshal(cell)
	if err != nil {
		return "?"
	}
	return string(text)
}

// short makes a cell one line of bounded width.
func short(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' }), " ")
	if runes := []rune(text); len(runes) > widestShown {
		return string(runes[:widestShown-1]) + "…"
	}
	return text
}
