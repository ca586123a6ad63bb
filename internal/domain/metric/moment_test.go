package metric_test

import (
	"testing"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

func TestParseMoment_ReadsDatesAndDateTimesWithoutAZone(t *testing.T) {
	for text, want := range map[string][2]string{
		"2024-02-29":                 {"2024-02-29T00:00:00", "2024-02-29"},
		"2024-02-29T08:05":           {"2024-02-29T08:05:00", "2024-02-29 08:05:00"},
		"2024-02-29 08:05:06":        {"2024-02-29T08:05:06", "2024-02-29 08:05:06"},
		"2024-02-29T08:05:06.5":      {"2024-02-29T08:05:06.500000", "2024-02-29 08:05:06.5"},
		"2024-02-29T23:59:59.999999": {"2024-02-29T23:59:59.999999", "2024-02-29 23:59:59.999999"},
	} {
		m, err := metric.ParseMoment(text)
		if err != nil || m.String() != want[0] || m.SQL() != want[1] {
			t.Errorf("%s: %s, %s, %v", text, m, m.SQL(), err)
		}
	}
	for _, text := range []string{
		"", "2024", "2024-02", "2023-02-29", "2024-13-01", "0000-01-01", "24-01-01", "2024-1-1", "2024-02-29T24:00:00", "2024-02-29T08",
		"2024-02-29T08:05:06Z", "2024-02-29T08:05:06+01:00", "2024-02-29T08:05:06.1234567", " 2024-02-29", "2024-02-29' OR '1'='1", "today",
	} {
		if m, err := metric.ParseMoment(text); err == nil {
			t.Errorf("%q is read as %s", text, m)
		}
	}
}

func FuzzParseMoment(f *testing.F) {
	f.Add("2024-02-29")
	f.Add("2024-02-29T08:05:06,5")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := metric.ParseMoment(text)
		if err != nil {
			return
		}
		for _, printed := range []string{m.String(), m.SQL()} {
			again, err := metric.ParseMoment(printed)
			if err != nil || again != m {
				t.Errorf("%q is printed as %q, which reads %v, %v", text, printed, again, err)
			}
		}
	})
}
