package asking

import (
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// span are the arguments that bound a question in time, by metric_time.
type span struct {
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
}

// period is a span as it was read; a zero end is open.
type period struct{ start, end metric.Moment }

func (p period) isZero() bool { return p.start.IsZero() && p.end.IsZero() }

// read reads both ends. MetricFlow knows times between two moments only: it would move an earlier start
// without a word, so that is refused here.
func (s span) read() (p period, err error) {
	if s.StartTime != "" {
		if p.start, err = metric.ParseMoment(s.StartTime); err != nil {
			return p, metric.ErrMoment.Saying("start_time is a date (2024-01-31) or a date-time (2024-01-31T08:00:00), without a zone.")
		}
	}
	if s.EndTime != "" {
		if p.end, err = metric.ParseMoment(s.EndTime); err != nil {
			return p, metric.ErrMoment.Saying("end_time is a date (2024-01-31) or a date-time (2024-01-31T08:00:00), without a zone.")
		}
	}
	if !p.start.IsZero() && !p.end.IsZero() && p.end.Before(p.start) {
		return p, ErrTimeRange.Saying("end_time is before start_time.")
	}
	return p, p.known()
}

// known is ErrTimeRange when an end is beyond what the engine knows.
func (p period) known() error {
	for _, m := range []metric.Moment{p.start, p.end} {
		if !m.IsZero() && (m.Before(metric.EngineStart) || metric.EngineEnd.Before(m)) {
			return ErrTimeRange.Saying(
				"The metrics engine takes times from 2000-01-01 to 2040-12-31 only; for others, put a filter on metric_time instead.")
		}
	}
	return nil
}

// during bounds the question in time. Whoever bounds the time counts by time, so metric_time is claimed; policy may bound
// the time of a question that does not.
func (s *scope) during(p period) error {
	s.claim = s.claim.And(s.view.During(p.start, p.end))
	if p.isZero() || s.claim.Refuses() {
		return nil
	}
	if _, err := s.field(metric.TimeField); err != nil || s.claim.Refuses() {
		return err
	}
	s.start, s.end = printed(p.start), printed(p.end)
	s.warnings = append(s.warnings, openEnds(p)...)
	return nil
}

func printed(m metric.Moment) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

// openEnds tells of what the engine leaves out when only one end of a time range is given.
func openEnds(p period) []string {
	switch {
	case p.start.IsZero() && !p.end.IsZero():
		return []string{"Without start_time, the metrics engine begins at 2000-01-01: what is earlier is left out."}
	case p.end.IsZero() && !p.start.IsZero():
		return []string{"Without end_time, the metrics engine ends at 2040-12-31: what is later is left out."}
	}
	return nil
}
