package wire

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
)

// IDKey gives one text for all spellings of one id, and different texts for different ids: 1 and 1.0 are the same
// number, 1 and "1" are not the same value. raw is an id that Read has let through.
func IDKey(raw json.RawMessage) string {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		_ = json.Unmarshal(raw, &text) // a JSON string, since it begins like one
		return "text " + text
	}
	return "number " + canonicalNumber(string(raw))
}

// canonicalNumber is the number as its sign, its digits without zeros at either end, and a power of ten. It works on the
// text, so that no id is rounded and none costs more than its length.
func canonicalNumber(text string) string {
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, err := strconv.ParseInt(cmp.Or(power, "0"), 10, 32)
	if err != nil {
		return text // no client counts like that; spelled the same it is still the same
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return "0" // -0 too
	}
	exponent += int64(len(digits) - len(trimmed) - len(fraction))
	if negative {
		trimmed = "-" + trimmed
	}
	return trimmed + "e" + strconv.FormatInt(exponent, 10)
}
