package dialect

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	longestText   = 4096 // bytes of one value; escapes in a pattern can double it
	longestNumber = 64   // characters of one number
)

var (
	numberForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	integerForm = regexp.MustCompile(`^-?[0-9]+$`)
)

// value writes a literal: of a point in time when moment is set.
func (w warehouse) value(v metric.Value, moment bool) (string, error) {
	if moment {
		return w.moment(v, metric.Timestamp)
	}
	switch of := v.Of.(type) {
	case string:
		return w.text(of)
	case json.Number:
		return number(of)
	case bool:
		return map[bool]string{true: "TRUE", false: "FALSE"}[of], nil
	}
	return "", metric.ErrFilterValue.Saying("A filter has a value that is no text, number or boolean.")
}

// text writes a SQL expression that means exactly this text in every dialect of the engine, and in which no template
// language finds a beginning: quotes and backslashes, whose escapes differ between dialects, and the second of what
// would be {{, {% or {#, are joined by || from outside the quotes.
func (w warehouse) text(text string) (string, error) {
	if len(text) > 2*longestText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", metric.ErrFilterValue.Saying("A filter has a text that is too long, or holds control characters or malformed text.")
	}
	pieces := pieces(text)
	switch {
	case len(pieces) == 0:
		return "''", nil
	case len(pieces) == 1 && strings.HasPrefix(pieces[0], "'"):
		return pieces[0], nil
	case !w.joins:
		return "", metric.ErrFilterValue.Saying("A filter has a value with a quote, a backslash or two braces, which Steward cannot write for this warehouse.")
	}
	return "(" + strings.Join(pieces, " || ") + ")", nil
}

func pieces(text string) []string {
	var all []string
	var piece strings.Builder
	flush := func() {
		if piece.Len() > 0 {
			all = append(all, "'"+piece.String()+"'")
			piece.Reset()
		}
	}
	var before rune
	for _, r := range text {
		switch {
		case r == '\'' || r == '\\':
			flush()
			all = append(all, "CHR("+strconv.Itoa(int(r))+")")
		case before == '{' && strings.ContainsRune("{%#", r):
			flush()
			piece.WriteRune(r)
		default:
			piece.WriteRune(r)
		}
		before = r
	}
	flush()
	return all
}

// number writes a JSON number anew: integers and decimals with all their digits, others as the nearest double.
func number(n json.Number) (string, error) {
	text := n.String()
	if len(text) <= longestNumber && numberForm.MatchString(text) {
		if integerForm.MatchString(text) {
			i, _ := new(big.Int).SetString(text, 10)
			return i.String(), nil
		}
		if !strings.ContainsAny(text, "eE") {
			whole, fraction, _ := strings.Cut(text, ".")
			return whole + "." + fraction, nil
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) {
			return strconv.FormatFloat(f, 'e', -1, 64), nil
		}
	}
	return "", metric.ErrFilterValue.Saying("A filter has a number that cannot be read.")
}

// moment writes a date or date-time, strictly ISO 8601 and without a zone, as a time stamp or date.
func (w warehouse) moment(v metric.Value, as metric.Type) (string, error) {
	text, _ := v.Of.(string)
	moment, err := metric.ParseMoment(text)
	if err != nil {
		return "", metric.ErrFilterValue.Saying("A filter needs a date (2024-01-31) or date-time (2024-01-31T08:00:00) without a zone.")
	}
	written := moment.SQL()
	if as == metric.Date {
		written, _, _ = strings.Cut(written, " ")
	}
	return "CAST('" + written + "' AS " + w.types[as] + ")", nil
}
