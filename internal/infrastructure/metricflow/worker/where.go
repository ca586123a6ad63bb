package worker

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	longestText   = 4096 // bytes of one value
	longestNumber = 64   // characters of one number
	mostValues    = 1000 // of one filter
)

var (
	nameForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	numberForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	integerForm = regexp.MustCompile(`^-?[0-9]+$`)
)

// conditions renders filters to the engine's where templates, one for each; the engine puts AND between them, and
// parentheses around each when there are several. Names become object builders, values literals: nothing else of a
// filter's text appears. Refusals are metric.ErrFilterValue and metric.ErrQuestion.
func conditions(adapter string, filters []metric.Filter) ([]string, error) {
	where := make([]string, 0, len(filters))
	for _, f := range filters {
		text, err := condition(adapter, f)
		if err != nil {
			return nil, err
		}
		where = append(where, text)
	}
	return where, nil
}

func condition(adapter string, f metric.Filter) (string, error) {
	field, err := builder(f)
	if err != nil {
		return "", err
	}
	values, err := literals(adapter, f)
	if err != nil {
		return "", err
	}
	shape, known := shapes[f.Op]
	likesText := f.Op != metric.Like || f.Kind != metric.Time && isText(f.Values)
	if !known || len(values) < shape.least || len(values) > shape.most || !likesText {
		return "", metric.ErrFilterValue.Saying("The filter on %q has no such operator, or another number or kind of values than it takes.", f.Field)
	}
	return field + shape.before + strings.Join(values, shape.between) + shape.after, nil
}

// shape is how an operator is written around its values, and how many it takes.
type shape struct {
	least, most            int
	before, between, after string
}

var shapes = map[metric.Op]shape{
	metric.Eq: {1, 1, " = ", "", ""}, metric.Ne: {1, 1, " != ", "", ""},
	metric.Lt: {1, 1, " < ", "", ""}, metric.Le: {1, 1, " <= ", "", ""},
	metric.Gt: {1, 1, " > ", "", ""}, metric.Ge: {1, 1, " >= ", "", ""},
	metric.Like: {1, 1, " LIKE ", "", ""}, metric.Between: {2, 2, " BETWEEN ", " AND ", ""},
	metric.In: {1, mostValues, " IN (", ", ", ")"}, metric.NotIn: {1, mostValues, " NOT IN (", ", ", ")"},
	metric.IsNull: {0, 0, " IS NULL", "", ""}, metric.IsNotNull: {0, 0, " IS NOT NULL", "", ""},
}

func isText(values []any) bool {
	return !slices.ContainsFunc(values, func(v any) bool { _, text := v.(string); return !text })
}

// contains is the condition that the text of a field contains needle, whatever the case of either.
func contains(adapter string, f metric.Filter, needle string) (string, error) {
	field, err := builder(f)
	if err != nil {
		return "", err
	}
	sought, err := textLiteral(f.Field, strings.ToLower(needle))
	if err != nil {
		return "", err
	}
	switch adapter {
	case "bigquery":
		return "STRPOS(LOWER(CAST(" + field + " AS STRING)), " + sought + ") > 0", nil
	case "databricks":
		return "POSITION(" + sought + " IN LOWER(CAST(" + field + " AS STRING))) > 0", nil
	}
	return "POSITION(" + sought + " IN LOWER(CAST(" + field + " AS VARCHAR))) > 0", nil
}

// builder names a field in the engine's template language. Dimensions are named with exactly one entity before
// them; the entities on the way to that one are the path.
func builder(f metric.Filter) (string, error) {
	if !nameForm.MatchString(f.Field) || f.Grain != "" && !nameForm.MatchString(f.Grain) {
		return "", metric.ErrQuestion.Saying("A filter names a field with characters that no field has.")
	}
	parts := strings.Split(f.Field, "__")
	kept := min(2, len(parts))
	if f.Kind == metric.EntityKey {
		kept = 1
	}
	path := ""
	if entities := parts[:len(parts)-kept]; len(entities) > 0 {
		path = ", entity_path=['" + strings.Join(entities, "', '") + "']"
	}
	name := strings.Join(parts[len(parts)-kept:], "__")
	switch f.Kind {
	case metric.Time:
		if f.Grain != "" {
			name += "', '" + f.Grain
		}
		return "{{ TimeDimension('" + name + "'" + path + ") }}", nil
	case metric.Categorical:
		return "{{ Dimension('" + name + "'" + path + ") }}", nil
	case metric.EntityKey:
		return "{{ Entity('" + name + "'" + path + ") }}", nil
	}
	return "", metric.ErrQuestion.Saying("A filter names %q, which is not resolved.", f.Field)
}

func literals(adapter string, f metric.Filter) ([]string, error) {
	out := make([]string, 0, len(f.Values))
	for _, v := range f.Values {
		text, err := literal(adapter, f, v)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func literal(adapter string, f metric.Filter, value any) (string, error) {
	switch v := value.(type) {
	case string:
		if f.Kind == metric.Time {
			return timeLiteral(adapter, f.Field, v)
		}
		return textLiteral(f.Field, v)
	case json.Number:
		if f.Kind != metric.Time {
			return numberLiteral(f.Field, v)
		}
	case bool:
		if f.Kind != metric.Time {
			return map[bool]string{true: "TRUE", false: "FALSE"}[v], nil
		}
	}
	return "", metric.ErrFilterValue.Saying("The filter on %q has a value of a kind that the field cannot be compared with.", f.Field)
}

// textLiteral writes text as a SQL expression that means exactly that text in every dialect of the engine, and in
// which no template language finds a beginning: quotes and backslashes, whose escapes differ between dialects, and
// the second of what would be {{, {% or {#, are joined by || from outside the quotes.
func textLiteral(field, text string) (string, error) {
	if len(text) > longestText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", metric.ErrFilterValue.Saying("The filter on %q has a value that is too long, or holds control characters or malformed text.", field)
	}
	var pieces []string
	var piece strings.Builder
	flush := func() {
		if piece.Len() > 0 {
			pieces = append(pieces, "'"+piece.String()+"'")
			piece.Reset()
		}
	}
	var before rune
	for _, r := range text {
		switch {
		case r == '\'' || r == '\\':
			flush()
			pieces = append(pieces, "CHR("+strconv.Itoa(int(r))+")")
		case before == '{' && strings.ContainsRune("{%#", r):
			flush()
			piece.WriteRune(r)
		default:
			piece.WriteRune(r)
		}
		before = r
	}
	flush()
	switch len(pieces) {
	case 0:
		return "''", nil
	case 1:
		return pieces[0], nil
	}
	return "(" + strings.Join(pieces, " || ") + ")", nil
}

// numberLiteral writes a JSON number anew: integers and decimals with all their digits, others as the nearest
// double.
func numberLiteral(field string, n json.Number) (string, error) {
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
	return "", metric.ErrFilterValue.Saying("The filter on %q has a number that cannot be read.", field)
}

// timeLiteral writes a date or date-time, strictly ISO 8601 and without a zone, as the dialect's time stamp.
func timeLiteral(adapter, field, text string) (string, error) {
	moment, err := metric.ParseMoment(text)
	if err != nil {
		return "", metric.ErrFilterValue.Saying("The filter on %q needs a date (2024-01-31) or date-time (2024-01-31T08:00:00) without a zone.", field)
	}
	timestamp := "TIMESTAMP"
	if adapter == "bigquery" {
		timestamp = "DATETIME"
	}
	return "CAST('" + moment.SQL() + "' AS " + timestamp + ")", nil
}
