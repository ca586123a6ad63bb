// Package chart decides how an answer to a question is drawn: in which form, along which axis, in which series and
// panels, and what is left out. It sees nothing but the answer. Drawing itself is done elsewhere: a picture by an
// implementation of Draw, a Vega-Lite specification by VegaLite, and the page that a client shows inline from Chart
// as it is marshalled here.
package chart

import (
	"context"
	"encoding/json"
	"math"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Form is what is drawn.
type Form string

// The forms.
const (
	Line   Form = "line"   // values along an ordered axis, joined where they follow on each other
	Bar    Form = "bar"    // a bar for each position and series, side by side
	Number Form = "number" // each panel is one figure, in words
)

// Kind says what stands along the axis.
type Kind string

// The kinds of axis.
const (
	Time     Kind = "time"     // periods of one length without gaps; a period without a row has no values
	Ordinal  Kind = "ordinal"  // ordered, without a measure between positions: months of the year, hours, years of a calendar of one's own
	Category Kind = "category" // names
)

// Chart is what to draw. Values are finite numbers of the answer, or absent; nothing is computed from them.
type Chart struct {
	Form       Form     `json:"form"`
	Title      string   `json:"title"`
	Subtitle   string   `json:"subtitle,omitempty"`   // what is the same for everything drawn
	Horizontal bool     `json:"horizontal,omitempty"` // bars lie: the axis runs down, values run to the right
	X          Axis     `json:"x"`
	Split      string   `json:"split,omitempty"` // what the series stand for, when they are not metrics
	Panels     []Panel  `json:"panels"`          // one for each measure; all share the axis
	Notes      []string `json:"notes,omitempty"` // what a reader must know: what was left out, and why
	Truncated  bool     `json:"truncated"`       // not all of the answer is drawn
}

// Axis is what the values stand along. Keys is for machines, Labels for people; both have an entry a position.
type Axis struct {
	Title  string   `json:"title"`
	Kind   Kind     `json:"kind"`
	Grain  string   `json:"grain,omitempty"` // of a time axis: second to year
	Keys   []string `json:"-"`               // for Time ISO 8601 without a zone, otherwise as Labels
	Labels []string `json:"labels"`          // each occurs once
	Ticks  []Tick   `json:"ticks,omitempty"` // where a label may stand on an axis too crowded for all; empty for Category
}

// Tick is a short label for a position. A renderer shows all ticks of a level or above it, at the lowest level that
// fits, and Group beneath the first tick shown and where it changes.
type Tick struct {
	At    int    `json:"at"`
	Text  string `json:"text"`
	Group string `json:"group,omitempty"`
	Level int    `json:"level"`
}

// Panel is one scale.
type Panel struct {
	Title  string   `json:"title"`
	Zero   bool     `json:"zero"` // the scale begins at, or includes, zero
	Series []Series `json:"series"`
}

// Series is one line, or one colour of bars.
type Series struct {
	Name   string `json:"name"`
	Colour int    `json:"colour"` // index into Palette; the same name has the same colour in every panel
	Values Values `json:"values"` // one a position
}

// Values are numbers; NaN where there is none, which is null in JSON. None is farther from zero than 1e100 or nearer to
// it than 1e-100 without being zero, so that scales can be computed without overflow.
type Values []float64

const farthest = 1e100

// MarshalJSON writes null for what is absent.
func (v Values) MarshalJSON() ([]byte, error) {
	numbers := make([]*float64, len(v))
	for i := range v {
		if !math.IsNaN(v[i]) && !math.IsInf(v[i], 0) {
			numbers[i] = &v[i]
		}
	}
	return json.Marshal(numbers)
}

// Bounds of a chart.
const (
	MaxSeries    = 8    // of one split, or metrics of one panel: as many as colours can be told apart
	MaxPanels    = 4    // more scales than that are too small to read
	MaxNumbers   = 6    // figures side by side
	MaxPositions = 1200 // along a line
	MaxPoints    = 4000 // values in all
	maxUpright   = 100  // standing bars in a panel
	maxLying     = 36   // lying bars in a panel
	maxRows      = 20   // positions of lying bars
)

// Palette are the colours of series, hexadecimal: those of Okabe and Ito, which people with any of the common colour
// deficiencies tell apart, without black and yellow and with two that stand out from the rest on a light ground.
func Palette() []string {
	return []string{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A4FB5", "#6B6B6B"}
}

// Size is a picture's width and height in CSS pixels; it is drawn with twice as many dots, or,
// where the file would become too large, with as many.
type Size struct{ Width, Height int }

// Inline is the size of a picture within a conversation.
var Inline = Size{Width: 960, Height: 540}

// Draw draws c as a PNG image, the same bytes for the same chart and size, within the deadline of ctx. A size outside
// what can be drawn is brought within it. Safe for concurrent use. An ended ctx is fault.ErrTimeout or
// fault.ErrCanceled.
type Draw func(ctx context.Context, c Chart, s Size) ([]byte, error)

// The faults of charts.
var (
	ErrEmpty = fault.New(fault.Precondition, "metric.chart_empty",
		"The answer has no rows, so there is nothing to draw; widen the filters or the time range.")
	ErrNoNumbers = fault.New(fault.Invalid, "metric.chart_no_numbers",
		"The answer has no column of numbers to draw; ask for at least one metric, or for the rows without a chart.")
	ErrNoValues = fault.New(fault.Precondition, "metric.chart_no_values",
		"All values of the answer are empty or not finite, so there is nothing to draw; ask for the rows without a chart.")
)
