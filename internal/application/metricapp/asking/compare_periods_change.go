package asking

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
)

const (
	percentDigits   = 4   // after the point of a difference in percent
	largestExponent = 400 // of ten; a double has no larger one
	longestExact    = 80  // characters of a difference that is printed with all its digits
)

// exact is a number with as many digits after the point as it was written with.
type exact struct {
	value  *big.Rat
	digits int
}

// exactly reads a cell with all of its digits; false for what is no number.
func exactly(cell any) (exact, bool) {
	text, ok := cell.(json.Number)
	if !ok {
		return exact{}, false
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(text.String()), "e")
	exponent := 0
	if power != "" {
		var err error
		// The bound comes first: the digits of 1e999999999 would fill the memory.
		if exponent, err = strconv.Atoi(power); err != nil || exponent > largestExponent || exponent < -largestExponent {
			return exact{}, false
		}
	}
	value, ok := new(big.Rat).SetString(text.String())
	_, fraction, _ := strings.Cut(mantissa, ".")
	return exact{value, max(0, len(fraction)-exponent)}, ok
}

// change is the difference of two cells, and the same in percent of the size of the earlier one, so that its sign is that
// of the difference. Both are nil where a value is missing or no number; the percentage is, too, where the earlier value
// is zero.
func change(now, before any) (delta, percent any) {
	a, ok := exactly(now)
	b, is := exactly(before)
	if !ok || !is {
		return nil, nil
	}
	difference := new(big.Rat).Sub(a.value, b.value)
	delta = number(difference, max(a.digits, b.digits), false)
	if b.value.Sign() == 0 {
		return delta, nil
	}
	share := new(big.Rat).Quo(difference, new(big.Rat).Abs(b.value))
	return delta, number(share.Mul(share, big.NewRat(100, 1)), percentDigits, true)
}

// number prints r with so many digits after the point, half away from zero, and when trimmed without closing zeros. One
// that would take pages is printed to the precision of a double.
func number(r *big.Rat, digits int, trimmed bool) any {
	text := r.FloatString(digits)
	if trimmed && strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	if len(text) > longestExact {
		f, _ := r.Float64()
		if math.IsInf(f, 0) {
			return nil
		}
		text = strconv.FormatFloat(f, 'g', -1, 64)
	}
	return json.Number(text)
}
