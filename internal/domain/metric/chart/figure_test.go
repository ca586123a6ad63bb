package chart_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

func TestShort_WritesFewDigits(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 1: "1", -2.5: "-2.5", 9.999: "10", 123.4: "123", 999.4: "999", 999.6: "1,000", 1345: "1,345", 9999.4: "9,999",
		9999.5: "10k", 35_300: "35.3k", 999_499: "999k", 999_500: "1M", -13_115_575.15: "-13.1M", 4.2e9: "4.2B", 12.3e12: "12.3T",
		5e15: "5.00e+15", 0.04242: "0.0424", 0.00012: "0.00012", 0.00001: "1.00e-05", 0.9999: "1",
	} {
		if got := chart.Short(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func TestExact_KeepsTheDigitsThatMatter(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 13_115_575.15: "13,115,575.15", -1000: "-1,000", 999: "999", 0.0424273: "0.042427", 3.283472: "3.2835",
		1e15: "1e+15", 1e-7: "1e-07", 123456: "123,456",
	} {
		if got := chart.Exact(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func TestShort_StaysNearTheValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e14, 1e14).Draw(t, "v")
		text, unit := strings.ReplaceAll(chart.Short(v), ",", ""), 1.
		for name, size := range map[string]float64{"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12} {
			if s, ok := strings.CutSuffix(text, name); ok {
				text, unit = s, size
			}
		}
		got, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(got*unit-v) > 0.006*math.Abs(v) || len(text) > 10 {
			t.Fatalf("%v is %q: %v", v, chart.Short(v), err)
		}
	})
}
