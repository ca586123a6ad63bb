package where

import (
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const builderHint = "between {{ and }} stands one object builder with literal arguments and nothing else, as {{ Dimension('customer__region') }}."

const (
	noComments  = "a filter has no comments."
	noStatement = "a filter is one condition: no statements and no queries in it."
	noCounting  = "a filter compares and does not calculate; write the result, or use a metric that calculates it."
	noParameter = "a filter has no parameters or variables; write the value itself, a text in single quotes."
	noPart      = "a filter is a condition alone; group_by, order_by and limit are arguments of their own."
	noPattern   = "for patterns there is LIKE, with % for any text and _ for any character."
	noList      = "lists stand only after IN, in parentheses."
	noNow       = "write the date itself, as '2024-01-31'."
	noCase      = "a filter has no CASE; join conditions with AND and OR."
	castHint    = "for another type write CAST(name AS integer)."
	spelling    = "a filter compares values as they are; list_dimension_values finds the exact spelling, for = or IN."
	absent      = "for what is missing write IS NULL, and OR between two conditions."
	partHint    = "for a part of a date write {{ TimeDimension('metric_time', date_part_name='month') }}."
	grainHint   = "for a coarser time write {{ TimeDimension('metric_time', 'month') }}."
	metricHint  = "for the value of a metric write {{ Metric('bookings', group_by=['listing']) }} > 10."
)

// refusedMarks are what other languages have, longer ones before those that they begin with.
var refusedMarks = []struct{ mark, hint string }{
	{"--", noComments},
	{"/*", noComments},
	{"//", noComments},
	{"{#", noComments},
	{"#", noComments},
	{"{%", "a filter has no template statements; " + builderHint},
	{"{{{", builderHint},
	{"}}}", builderHint},
	{";", noStatement},
	{"||", "a filter joins no texts; write the whole text, or OR between conditions."},
	{"&&", "write AND."},
	{"<=>", "write =, or IS NULL for what is missing."},
	{"=>", "write >=."},
	{"=<", "write <=."},
	{"!<", "write >=."},
	{"!>", "write <=."},
	{"<<", noCounting},
	{">>", noCounting},
	{"=~", noPattern},
	{"!~", noPattern},
	{"::", castHint},
	{`"`, "a name stands without quotes, a text in single quotes, as 'EU'."},
	{"`", "a name stands without quotes, and so does the filter itself."},
	{":", noParameter},
	{"$", noParameter},
	{"@", noParameter},
	{"?", noParameter},
	{"+", noCounting},
	{"*", noCounting},
	{"/", noCounting},
	{"%", noCounting},
	{"^", noCounting},
	{"&", noCounting},
	{"|", noCounting},
	{"~", noPattern},
	{`\`, "a backslash has no place in a filter."},
}

// advice is what to write instead of some words, which are in upper case.
type advice []struct{ words, hint string }

func (a advice) on(word string) (string, bool) {
	for _, group := range a {
		for w := range strings.FieldsSeq(group.words) {
			if strings.EqualFold(w, word) {
				return group.hint, true
			}
		}
	}
	return "", false
}

// refusedWords mean something in SQL, so that a bare name cannot be one of them.
var refusedWords = advice{
	{"SELECT UNION INTERSECT EXCEPT MINUS EXISTS WITH FROM JOIN VALUES ANY ALL SOME LATERAL", noStatement},
	{"INSERT UPDATE DELETE MERGE DROP CREATE ALTER TRUNCATE GRANT REVOKE ATTACH COPY PRAGMA EXEC EXECUTE", noStatement},
	{"WHERE HAVING ON", "leave this word out; a filter is the condition alone."},
	{"CASE WHEN THEN ELSE", noCase},
	{"ILIKE", "not every warehouse has ILIKE; list_dimension_values with search finds the spellings, for = or IN."},
	{"RLIKE REGEXP SIMILAR GLOB", noPattern},
	{"ESCAPE", "LIKE has no escape here; a % or _ always stands for other characters."},
	{"INTERVAL CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP SYSDATE", noNow},
	{"ROW ARRAY", noList},
	{"DIV MOD", noCounting},
	{"XOR COLLATE ISNULL NOTNULL OVERLAPS", "a filter has AND, OR, NOT, comparisons, IN, BETWEEN, LIKE and IS NULL."},
	{"NULL", "nothing equals NULL; write IS NULL or IS NOT NULL."},
	{"AND OR IN IS LIKE BETWEEN AS", "before this word a name or value is missing."},
	{"NOT", "NOT stands before a condition, or as NOT IN, NOT BETWEEN and NOT LIKE."},
}

// clauses come after a condition in SQL. They can be names too: many a project has an entity called order.
var clauses = advice{{"ORDER GROUP LIMIT OFFSET FETCH QUALIFY WINDOW OVER", noPart}}

// refusedFunctions are those that have another way.
var refusedFunctions = advice{
	{"LOWER UPPER TRIM LTRIM RTRIM BTRIM INITCAP REPLACE CONCAT", spelling},
	{"DATE_TRUNC DATETRUNC TRUNC TIMESTAMP_TRUNC DATETIME_TRUNC TO_CHAR FORMAT_DATE STRFTIME", grainHint},
	{"EXTRACT DATE_PART DATEPART YEAR QUARTER MONTH WEEK DAY DAYOFWEEK DAYOFYEAR", partHint},
	{"NOW CURRENT_DATE CURRENT_TIMESTAMP GETDATE SYSDATE TODAY DATEADD DATE_ADD DATE_SUB DATEDIFF DATE_DIFF", noNow},
	{"COALESCE IFNULL NVL NULLIF ISNULL ISNOTNULL IF IIF", absent},
	{"TRY_CAST SAFE_CAST CONVERT TO_DATE TO_TIMESTAMP TO_NUMBER STR_TO_DATE PARSE_DATE DATE TIMESTAMP DATETIME", castHint},
	{"SUM COUNT AVG MIN MAX MEDIAN", metricHint},
	{"SUBSTR SUBSTRING LEFT RIGHT CONTAINS STARTS_WITH STARTSWITH ENDS_WITH ENDSWITH POSITION STRPOS INSTR REGEXP_LIKE REGEXP_MATCHES", noPattern},
	{"ANY ALL SOME EXISTS SELECT", noStatement},
	{"ROW ARRAY", noList},
}

// unexpected refuses the token at hand where a condition should go on or end.
func (p *parser) unexpected() {
	t := p.token
	if t.kind == word {
		p.misplaced(t)
		return
	}
	var hint string
	switch {
	case t.kind == end:
		hint = "the filter ends too early; something is missing."
	case t.is(")"):
		hint = "this parenthesis closes none."
	case t.is("}}"):
		hint = "these braces close none."
	case t.is(","):
		hint = noList
	case t.is("-"):
		hint = noCounting
	case t.is("."):
		hint = "the parts of a name are joined by two underscores, as in customer__region."
	case t.is("["), t.is("]"):
		hint = noList
	case t.kind == mark && comparisons[t.text] != "":
		hint = "a comparison has two sides; put AND between two comparisons."
	default:
		hint = "AND, OR or the end of the filter is expected here."
	}
	p.fail(t.column, "%s", hint)
}

// misplaced refuses a word where a condition should go on or end.
func (p *parser) misplaced(t token) {
	for _, a := range []advice{refusedWords, clauses} {
		if hint, known := a.on(t.text); known {
			p.fail(t.column, "%s", hint)
			return
		}
	}
	p.fail(t.column, "%q cannot stand here; AND, OR or the end of the filter is expected.", clip(t.text))
	p.suggest(t.text, operators)
}

var operators = []string{"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS"}

// suggest adds what was perhaps meant to the error at hand.
func (p *parser) suggest(name string, among []string) {
	if near := metric.Suggest(name, among); len(near) > 0 {
		p.err = p.err.Suggesting(near...)
	}
}

// function refuses a call of name.
func (p *parser) function(name token) {
	for _, b := range builderNames {
		if strings.EqualFold(name.text, b) {
			p.fail(name.column, "an object builder stands in double braces, as {{ %s('…') }}.", b)
			return
		}
	}
	hint, known := refusedFunctions.on(name.text)
	if !known {
		hint = "compare the dimension itself; list_dimension_values shows the values that it has."
	}
	p.fail(name.column, "%s is a function, and a filter has none but CAST; %s", clip(name.text), hint)
}

// clip keeps an echoed word short: it is the caller's text.
func clip(s string) string {
	const longest = 40
	if len(s) <= longest {
		return s
	}
	return s[:longest] + "…"
}
