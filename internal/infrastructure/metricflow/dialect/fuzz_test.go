package dialect_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/dialect"
)

// hostile are texts that try to be more than that.
var hostile = []string{
	`' OR 1=1 --`, `'; DROP TABLE shop.orders; --`, `{{ 1 }}`, `{{ 1 + 1 }} {% raw %} {# note #} {{{`, `{% for x in range(9) %}x{% endfor %}`,
	`{# gone #}`, `back\slash \' quote`, `\`, `\\`, `'`, `''`, `O'Brien`, `‘curly’ „quotes“ ＇`, `100% _sure_; DROP TABLE shop.orders`,
	`}} OR 1=1 {{`, `{{ Dimension('customer__tier') }}`, `$1 ? :name %s %(x)s`, `/* */ -- #`, `ʼ′´`, `{`, `{{`, `{%`, `a{'{b`, `#{`, "e\u0301\u00a0\u202e", "",
	"a\x00b", "a\nb", "\xff",
}

// lexeme is what may stand in a rendered condition: each alternative is one kind, in the order of kinds.
var lexeme = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`(\{\{ (?:Dimension|TimeDimension|Entity|Metric)\('[A-Za-z0-9_]+'(?:, '[A-Za-z0-9_]+')?(?:, (?:entity_path|group_by)=\['[A-Za-z0-9_]*'(?:, '[A-Za-z0-9_]*')*\])?(?:, date_part_name='[A-Za-z0-9_]+')?\) \}\})`,
	`('[^'\\]*')`,
	`CHR\((39|92)\)`,
	`(-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)`,
	`((?:AND|OR|NOT|IN|BETWEEN|LIKE|IS|NULL|TRUE|FALSE|CAST|AS|DATE|TIMESTAMP|DATETIME|DOUBLE|PRECISION|VARCHAR|STRING|BIGINT|INT64|FLOAT64|DECIMAL|NUMERIC|BOOLEAN|BOOL)\b)`,
	`(!=|<=|>=|=|<|>|\|\||\(|\)|,)`,
}, "|") + `) ?`)

// literals takes a rendered condition apart, and gives its texts as SQL understands them. It fails when anything is in
// there that is no lexeme, or a template begins in a text.
func literals(t *testing.T, rendered string) []string {
	t.Helper()
	var texts []string
	joined := false
	for rest := rendered; rest != ""; {
		m := lexeme.FindStringSubmatch(rest)
		if m == nil {
			t.Fatalf("%q is not expected in %q", rest, rendered)
		}
		piece, isText := strings.TrimSuffix(strings.TrimPrefix(m[2], "'"), "'"), m[2] != ""
		if m[3] != "" {
			piece, isText = map[string]string{"39": "'", "92": `\`}[m[3]], true
		}
		for _, beginning := range []string{"{{", "{%", "{#"} {
			if strings.Contains(piece, beginning) {
				t.Errorf("a template begins in %q", rendered)
			}
		}
		switch {
		case isText && joined:
			texts[len(texts)-1] += piece
		case isText:
			texts = append(texts, piece)
		}
		joined = m[6] == "||"
		rest = rest[len(m[0]):]
	}
	return texts
}

func FuzzConditions(f *testing.F) {
	for i, text := range hostile {
		f.Add("customer__region", "", "", uint8(1), "=", text, "1", uint8(i), uint8(i))
	}
	f.Add("metric_time", "day", "", uint8(2), "between", "2024-01-02T00:00:00", "1", uint8(3), uint8(2))
	f.Add("metric_time", "day') }}", "", uint8(2), "<", "2024-01-02", "1", uint8(3), uint8(1))
	f.Add("order__at", "", "dow", uint8(2), "in", "2024-01-02", "-1.50", uint8(3), uint8(7))
	f.Add("a__b__c", "", "", uint8(3), "like", "%_\\", "1e3", uint8(4), uint8(5))
	f.Fuzz(func(t *testing.T, field, grain, part string, kind uint8, op, text, number string, shape, adapter uint8) {
		ref := metric.Ref{Name: field, Kind: metric.FieldKind(kind), Grain: grain, DatePart: part}
		values := []any{text, json.Number(number)}[:len(op)%3]
		c := compare(ref, metric.Op(op), values...)
		where := []metric.Condition{
			c, not(c), and(c, metric.Holds{Of: ref}), or(c, not(and(c, c))),
			compare(cast(text, metric.Text), metric.Op(op), values...),
			compare(metric.MetricRef{Metric: field, GroupBy: []metric.Ref{{Name: grain}}}, metric.Op(op), values...),
			compare(cast(ref, metric.Type(op)), metric.Eq, text),
		}[shape%7]
		adapters := []string{"duckdb", "postgres", "bigquery", "databricks", "snowflake", "elsewhere", "redshift", "trino"}
		rendered, err := dialect.Conditions(adapters[adapter%8], []metric.Condition{where})
		if err != nil {
			return
		}
		moment, err := metric.ParseMoment(text)
		for _, literal := range literals(t, rendered[0]) {
			isMoment := err == nil && (literal == moment.SQL() || strings.HasPrefix(moment.SQL(), literal))
			if literal != text && !isMoment && literal != strings.ReplaceAll(text, `\`, `\\`) {
				t.Errorf("%q has %q for %q", rendered[0], literal, text)
			}
		}
		if strings.Count(rendered[0], "(") != strings.Count(rendered[0], ")") && !strings.ContainsAny(text, "()") {
			t.Errorf("parentheses are open in %q", rendered[0])
		}
	})
}

func FuzzContains(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, needle string) {
		rendered, err := dialect.Contains("duckdb", region, needle)
		if err != nil {
			if len(needle) <= 4096 && utf8.ValidString(needle) && !strings.ContainsFunc(needle, unicode.IsControl) {
				t.Fatalf("refused %q: %v", needle, err)
			}
			return
		}
		sought, found := strings.CutPrefix(rendered, "POSITION(")
		sought, ends := strings.CutSuffix(sought, " IN LOWER(CAST({{ Dimension('customer__region') }} AS VARCHAR))) > 0")
		if !found || !ends {
			t.Fatalf("%q is not the condition", rendered)
		}
		if got := literals(t, sought); len(got) != 1 || got[0] != strings.ToLower(needle) {
			t.Errorf("%q means %q", rendered, got)
		}
	})
}
