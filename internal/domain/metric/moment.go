package metric

import (
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Moment is a point in time without a zone, as warehouses keep it. The zero value is no moment.
type Moment struct{ at time.Time }

// ErrMoment refuses text that is no date or date-time.
var ErrMoment = fault.New(fault.Invalid, "metric.moment",
	"A time is a date (2024-01-31) or a date-time (2024-01-31T08:00:00), without a zone.")

// longestMoment is that of a date-time with microseconds.
const longestMoment = len("2006-01-02T15:04:05.000000")

var momentForms = []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"}

// ParseMoment reads a strict ISO 8601 date or date-time without a zone; a blank may stand for the T, and up to six
// digits of fraction may follow the seconds. What is not such text, or no day of the calendar, is ErrMoment.
func ParseMoment(text string) (Moment, error) {
	if len(text) > longestMoment {
		return Moment{}, ErrMoment
	}
	for _, form := range momentForms {
		// time.Parse takes a comma before the fraction; SQL and the engine do not, so Moment is always printed anew.
		if at, err := time.Parse(form, text); err == nil && at.Year() > 0 {
			return Moment{at: at}, nil
		}
	}
	return Moment{}, ErrMoment
}

// SQL prints m as 2006-01-02 15:04:05.999999, and a midnight as its date alone.
func (m Moment) SQL() string {
	if !m.HasTime() {
		return m.at.Format(time.DateOnly)
	}
	return m.at.Format("2006-01-02 15:04:05.999999")
}

// String prints m as 2006-01-02T15:04:05, with all six digits of a fraction when there is one.
func (m Moment) String() string {
	if m.at.Nanosecond() == 0 {
		return m.at.Format("2006-01-02T15:04:05")
	}
	return m.at.Format("2006-01-02T15:04:05.000000")
}

// Before reports whether m is earlier than other.
func (m Moment) Before(other Moment) bool { return m.at.Before(other.at) }

// HasTime reports whether m is anything but a midnight.
func (m Moment) HasTime() bool { return !m.at.Equal(m.at.Truncate(24 * time.Hour)) }

// Sub is the time from other to m.
func (m Moment) Sub(other Moment) time.Duration { return m.at.Sub(other.at) }

// IsZero reports whether m is no moment.
func (m Moment) IsZero() bool { return m.at.IsZero() }

// EngineStart and EngineEnd bound the moments that MetricFlow knows: it silently narrows an open or earlier start
// to the first, and refuses what is later than the second (TimeRangeConstraint.ALL_TIME_BEGIN and ALL_TIME_END).
var (
	EngineStart = Moment{at: time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)}
	EngineEnd   = Moment{at: time.Date(2040, time.December, 31, 0, 0, 0, 0, time.UTC)}
)
