package chart

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// calendar is what a grain means: how to go on to the next period, and how to write one.
type calendar struct {
	next  func(time.Time, int) time.Time
	key   string // form of the keys
	label string // form of the labels
	tick  string // form of the ticks
	group string // form of what stands under them
	level func(time.Time) int
}

const (
	dayForm   = "2 Jan"
	yearForm  = "2006"
	clockForm = "15:04"
	isoTime   = "2006-01-02T15:04:05"
	anyMoment = isoTime + ".999999"
)

func months(n int) func(time.Time, int) time.Time {
	return func(t time.Time, periods int) time.Time { return t.AddDate(0, n*periods, 0) }
}

func days(n int) func(time.Time, int) time.Time {
	return func(t time.Time, periods int) time.Time { return t.AddDate(0, 0, n*periods) }
}

func each(d time.Duration) func(time.Time, int) time.Time {
	return func(t time.Time, periods int) time.Time { return t.Add(time.Duration(periods) * d) }
}

// calendarOf knows the engine's standard grains from second to year; quarters are written by quarterly.
func calendarOf(grain string) (calendar, bool) {
	c, ok := map[string]calendar{
		"year":    {months(12), time.DateOnly, yearForm, yearForm, "", yearLevel},
		"quarter": {months(3), time.DateOnly, "quarter 2006", "quarter", yearForm, monthLevel},
		"month":   {months(1), time.DateOnly, "Jan 2006", "Jan", yearForm, monthLevel},
		"week":    {days(7), time.DateOnly, "week of 2 Jan 2006", dayForm, yearForm, weekLevel},
		"day":     {days(1), time.DateOnly, "2 Jan 2006", dayForm, yearForm, dayLevel},
		"hour":    {each(time.Hour), isoTime, "2 Jan 2006 15:04", clockForm, dayForm, clockLevel},
		"minute":  {each(time.Minute), isoTime, "2 Jan 2006 15:04", clockForm, dayForm, clockLevel},
		"second":  {each(time.Second), isoTime, "2 Jan 2006 15:04:05", "15:04:05", dayForm, clockLevel},
	}[grain]
	return c, ok
}

// quarterly is a format that may have the quarter in it.
func quarterly(t time.Time, form string) string {
	before, after, has := strings.Cut(form, "quarter")
	if !has {
		return t.Format(form)
	}
	return before + fmt.Sprintf("Q%d", (int(t.Month())+2)/3) + t.Format(after)
}

func yearLevel(t time.Time) int {
	level := 1
	for i, divisor := range []int{2, 10, 20, 100} {
		if t.Year()%divisor == 0 {
			level = i + 2
		}
	}
	return level
}

// The levels of a finer grain nest in those of the coarser, so that whatever level fits is evenly spread.
func monthLevel(t time.Time) int {
	switch m := t.Month(); {
	case m == time.January:
		return 4 + yearLevel(t)
	case m == time.July:
		return 4
	case (m-1)%3 == 0:
		return 3
	case m%2 == 1:
		return 2
	}
	return 1
}

// weekLevel lifts the first week that begins in a month, and less so the third.
func weekLevel(t time.Time) int {
	switch {
	case t.Day() <= 7:
		return 2 + monthLevel(t)
	case t.Day() > 14 && t.Day() <= 21:
		return 2
	}
	return 1
}

func dayLevel(t time.Time) int {
	switch t.Day() {
	case 1:
		return 3 + monthLevel(t)
	case 15:
		return 3
	case 8, 22:
		return 2
	}
	return 1
}

func clockLevel(t time.Time) int {
	seconds := t.Hour()*3600 + t.Minute()*60 + t.Second()
	if seconds == 0 {
		return 10 + dayLevel(t)
	}
	level := 1
	for i, divisor := range []int{5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600} {
		if seconds%divisor == 0 {
			level = i + 2
		}
	}
	return level
}

// fillMoments makes a time axis without gaps, or an ordered one where the grain is not a standard one or the moments
// do not stand at its periods. It reports false when some cell is no moment; a null is nowhere.
func (f *field) fillMoments(cells []any, grain string) bool {
	moments := make([]time.Time, len(cells))
	var known []time.Time
	for n, cell := range cells {
		if cell == nil {
			continue
		}
		at, ok := moment(cell)
		if !ok {
			return false
		}
		moments[n] = at
		known = append(known, at)
	}
	if len(known) == 0 {
		return false
	}
	slices.SortFunc(known, time.Time.Compare)
	known = slices.Compact(known)
	if c, ok := calendarOf(grain); ok && f.fillPeriods(known, c) {
		f.kind, f.grain = Time, grain
		f.place(cells, moments, c.key)
		return true
	}
	f.kind, f.line = Ordinal, true
	f.fillOrder(known)
	f.place(cells, moments, anyMoment)
	return true
}

// moment reads a cell as metric.Table documents it: a date or a timestamp in UTC without a zone.
func moment(cell any) (time.Time, bool) {
	text, ok := cell.(string)
	if !ok {
		return time.Time{}, false
	}
	for _, form := range []string{time.DateOnly, isoTime, "2006-01-02 15:04:05"} {
		if at, err := time.Parse(form, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// fillPeriods makes a position of every period from the first moment to the last. It reports false when a moment
// falls between them, or when they would be many and nearly all without a row.
func (f *field) fillPeriods(known []time.Time, c calendar) bool {
	first, last := known[0], known[len(known)-1]
	periods := int(last.Sub(first)/c.next(first, 1).Sub(first)) + 1
	if periods > 4*MaxPositions && periods > 4*len(known) {
		return false
	}
	at := make(map[time.Time]bool, len(known))
	for _, m := range known {
		at[m] = true
	}
	met := 0
	for n := 0; ; n++ {
		m := c.next(first, n)
		if m.After(last) {
			return met == len(known)
		}
		if at[m] {
			met++
		}
		f.keys = append(f.keys, m.Format(c.key))
		f.labels = append(f.labels, quarterly(m, c.label))
		f.ticks = append(f.ticks, Tick{At: n, Text: quarterly(m, c.tick), Group: groupOf(m, c), Level: c.level(m)})
	}
}

func groupOf(m time.Time, c calendar) string {
	if c.group == "" {
		return ""
	}
	return m.Format(c.group)
}

// fillOrder makes a position of every moment, in order and not to scale.
func (f *field) fillOrder(known []time.Time) {
	form := "2 Jan 2006"
	if slices.ContainsFunc(known, func(m time.Time) bool { return !m.Equal(m.Truncate(24 * time.Hour)) }) {
		form = "2 Jan 2006 15:04:05.999999"
	}
	f.keys, f.labels, f.ticks = nil, nil, nil
	for n, m := range known {
		f.keys = append(f.keys, m.Format(anyMoment))
		f.labels = append(f.labels, m.Format(form))
		f.ticks = append(f.ticks, Tick{At: n, Text: f.labels[n], Level: roundness(int64(n))})
	}
}

// place finds the position of every row.
func (f *field) place(cells []any, moments []time.Time, keyForm string) {
	at := make(map[string]int, len(f.keys))
	for p, key := range f.keys {
		at[key] = p
	}
	f.rows = make([]int, len(cells))
	missing, met := 0, map[int]bool{}
	for n := range cells {
		f.rows[n] = nowhere
		if cells[n] == nil {
			missing++
		} else if p, ok := at[moments[n].Format(keyForm)]; ok {
			f.rows[n] = p
			met[p] = true
		}
	}
	if missing > 0 {
		f.notes = append(f.notes, plural(missing, "row has no date and is", "rows have no date and are")+" left out.")
	}
	if gaps := len(f.keys) - len(met); f.kind == Time && gaps > 0 {
		f.notes = append(f.notes, "The answer has no row for "+plural(gaps, f.grain, f.grain+"s")+" in between.")
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Exact(float64(n)) + " " + many
}
