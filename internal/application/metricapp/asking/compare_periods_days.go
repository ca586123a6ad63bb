package asking

import (
	"encoding/json"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// days are the whole days of a period, from the first to the last one.
type days struct{ first, last time.Time } // midnights in UTC, which stands for no zone

const aDay = 24 * time.Hour

// MarshalJSON writes the first and the last day.
func (d days) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"start": d.start(), "end": d.end()})
}

func (d days) start() string { return d.first.Format(time.DateOnly) }
func (d days) end() string   { return d.last.Format(time.DateOnly) }

// readDays reads a period, which the argument of that name holds.
func readDays(s span, argument string) (d days, err error) {
	if d.first, err = time.Parse(time.DateOnly, s.StartTime); err == nil {
		d.last, err = time.Parse(time.DateOnly, s.EndTime)
	}
	switch {
	case err != nil:
		return days{}, metric.ErrMoment.Saying("%s is whole days: start_time and end_time are dates (2024-01-31), and both count.", argument)
	case d.last.Before(d.first):
		return days{}, ErrTimeRange.Saying("end_time of %s is before its start_time.", argument)
	case !d.known():
		return days{}, ErrTimeRange.Saying("The metrics engine takes times from 2000-01-01 to 2040-12-31 only.")
	}
	return d, nil
}

// known reports whether the engine knows all of the days.
func (d days) known() bool {
	return !moment(d.first).Before(metric.EngineStart) && !metric.EngineEnd.Before(moment(d.last))
}

// moment is a time that ParseMoment has no reason to refuse; what it does refuse is no moment, and earlier than all.
func moment(at time.Time) metric.Moment {
	m, err := metric.ParseMoment(at.Format("2006-01-02T15:04:05"))
	if err != nil {
		return metric.Moment{}
	}
	return m
}

// overlaps reports whether some day is in both periods.
func (d days) overlaps(other days) bool {
	return !d.first.After(other.last) && !other.first.After(d.last)
}

// months are how many whole months of the calendar the period is; 0 when it is something else.
func (d days) months() int {
	next := d.last.AddDate(0, 0, 1)
	if d.first.Day() != 1 || next.Day() != 1 {
		return 0
	}
	return 12*(next.Year()-d.first.Year()) + int(next.Month()) - int(d.first.Month())
}

// before is the period of the same length that ends where this one begins. Whole months, and so quarters and years, are
// followed by the calendar: the month before March is February, whatever its days.
func (d days) before() days {
	last := d.first.AddDate(0, 0, -1)
	if n := d.months(); n > 0 {
		return days{d.first.AddDate(0, -n, 0), last}
	}
	return days{last.Add(d.first.Sub(d.last)), last}
}

// yearBefore is the same period of the year before: the same months, or else the same dates; a 29 February that the year
// lacks is its 28th.
func (d days) yearBefore() days {
	if d.months() > 0 {
		next := d.last.AddDate(0, 0, 1)
		return days{d.first.AddDate(-1, 0, 0), next.AddDate(-1, 0, -1)}
	}
	return days{aYearBefore(d.first), aYearBefore(d.last)}
}

func aYearBefore(day time.Time) time.Time {
	before := day.AddDate(-1, 0, 0)
	if before.Month() != day.Month() {
		return before.AddDate(0, 0, -1)
	}
	return before
}

// fills reports whether the period begins and ends with a week, month, quarter or year; any other grain is no coarser
// than a day.
func (d days) fills(grain string) bool {
	whole, first := d.months() > 0, int(d.first.Month())
	switch grain {
	case "week":
		return d.first.Weekday() == time.Monday && d.last.Weekday() == time.Sunday
	case "month":
		return whole
	case "quarter":
		return whole && first%3 == 1 && d.months()%3 == 0
	case "year":
		return whole && first == 1 && d.months()%12 == 0
	}
	return true
}

// within is the period as a question bounds its time: the last day's midnight stands for the whole day, except to what
// is counted more finely.
func (d days) within(grain string) period {
	last := d.last
	if finerThanDay(grain) {
		last = last.Add(aDay - time.Second)
	}
	return period{moment(d.first), moment(last)}
}

func finerThanDay(grain string) bool {
	switch grain {
	case "hour", "minute", "second", "millisecond", "microsecond", "nanosecond":
		return true
	}
	return false
}
