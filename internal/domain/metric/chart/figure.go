package chart

import (
	"math"
	"strconv"
	"strings"
)

// Short writes v in at most four digits: 1,345 or, from ten thousand on with k, M, B or T, 1.25M. What is too small or
// too large for that is written with an exponent.
func Short(v float64) string {
	size := math.Abs(v)
	switch {
	case v == 0:
		return "0"
	case size >= 1e15 || size < 1e-4:
		return strconv.FormatFloat(v, 'e', 2, 64)
	case size >= 999.5 && size < 9999.5:
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	case size < 1:
		return trimmed(strconv.FormatFloat(v, 'f', 2-int(math.Floor(math.Log10(size))), 64))
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}, {1, ""}} {
		// A number that rounding takes to the next unit is written in that unit: 999,999 is 1M and not 1000k.
		if scaled := v / unit.size; math.Abs(scaled) >= 0.9995 {
			return trimmed(strconv.FormatFloat(scaled, 'f', places(scaled), 64)) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// places leaves three significant digits.
func places(v float64) int {
	switch size := math.Abs(v); {
	case size < 9.995:
		return 2
	case size < 99.95:
		return 1
	}
	return 0
}

// Exact writes v with a comma between thousands, and with as many decimals as it needs, at most six significant ones
// after the integer's digits.
func Exact(v float64) string {
	size := math.Abs(v)
	switch {
	case v == 0:
		return "0"
	case size >= 1e15 || size < 1e-6:
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	decimals := 2
	if size < 100 {
		decimals = min(8, 4-int(math.Floor(math.Log10(size))))
	}
	return grouped(trimmed(strconv.FormatFloat(v, 'f', decimals, 64)))
}

// trimmed drops zeros that end a fraction.
func trimmed(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

func grouped(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	whole, fraction, point := strings.Cut(text, ".")
	var b strings.Builder
	b.WriteString(sign)
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	if point {
		b.WriteString("." + fraction)
	}
	return b.String()
}
