package demo_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// question is one entry of questions.json.
type question struct {
	Name    string         `json:"name"`
	Kind    string         `json:"kind"`
	Query   map[string]any `json:"query"`
	Columns []string       `json:"columns"`
	Ordered bool           `json:"ordered"`
	SQL     []string       `json:"sql"`
}

func questions(t *testing.T) []question {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(lab.Demo.Root, "tests", "demo", "questions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Questions []question }
	if err := harness.Decode(data, &document); err != nil {
		t.Fatal(err)
	}
	return document.Questions
}

func manifestHash(t *testing.T, manifest string) string {
	t.Helper()
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestQuery_AnswersWhatSQLByHandAnswers(t *testing.T) {
	onEach(t, testByHand)
}

func testByHand(t *testing.T, s *shop) {
	t.Helper()
	all := questions(t)
	statements := make([]string, len(all))
	for i, q := range all {
		statements[i] = strings.Join(q.SQL, "\n")
	}
	want, err := s.ask(t.Context(), statements...)
	if err != nil {
		t.Fatal(err)
	}
	hash := manifestHash(t, s.demo.Manifest)
	for i, q := range all {
		t.Run(q.Name, func(t *testing.T) {
			era := []harness.Era{harness.Legacy, harness.Modern}[i%2]
			got, r := ask(t, s.client("analyst", era), q.Query)
			if diff := cmp.Diff(q.Columns, got.names()); diff != "" {
				t.Fatalf("columns (-want +got):\n%s", diff)
			}
			if err := harness.SameRows(want[i], got.Rows, q.Ordered); err != nil {
				t.Error(err)
			}
			if got.RowCount != len(want[i]) || got.Truncated {
				t.Errorf("row_count %d and truncated %v for %d rows", got.RowCount, got.Truncated, len(want[i]))
			}
			if got.Manifest.Hash != hash || got.Manifest.Age == nil || got.Duration <= 0 {
				t.Errorf("manifest %+v, want %s; duration %v", got.Manifest, hash, got.Duration)
			}
			checkCells(t, got, want[i])
			checkTable(t, got, r.Text())
		})
	}
}

// TestQuestions_CoverEveryKindOfMetric keeps the list of questions from shrinking without a word.
func TestQuestions_CoverEveryKindOfMetric(t *testing.T) {
	types := map[string]string{}
	for _, m := range listed(t, analyst(), "list_metrics", "metrics", nil) {
		types[m["name"].(string)] = m["type"].(string)
	}
	asked := map[string]map[string]bool{} // names of questions, by type of metric
	total := map[string]bool{}
	for _, q := range questions(t) {
		total[q.Name] = true
		for _, name := range texts(q.Query["metrics"]) {
			kind := types[name]
			if kind == "" {
				t.Errorf("%s asks %q, which is not listed", q.Name, name)
			}
			if asked[kind] == nil {
				asked[kind] = map[string]bool{}
			}
			asked[kind][q.Name] = true
		}
	}
	if len(total) < 56 {
		t.Errorf("%d questions, want at least 56", len(total))
	}
	covered := 0
	for kind, least := range map[string]int{"simple": 20, "ratio": 5, "derived": 3, "cumulative": 5, "conversion": 2} {
		covered += len(asked[kind])
		if len(asked[kind]) < least {
			t.Errorf("%d questions about %s metrics, want at least %d", len(asked[kind]), kind, least)
		}
	}
	if covered < 20 {
		t.Errorf("%d questions about metrics, want at least 20", covered)
	}
	if len(types) < 12 {
		t.Errorf("the demo has %d metrics, want at least 12", len(types))
	}
	if n := len(listed(t, analyst(), "list_saved_queries", "saved_queries", nil)); n < 2 {
		t.Errorf("the demo has %d saved queries, want at least 2", n)
	}
}

var (
	timestamps = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?$`)
	dates      = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
)

// checkCells compares the cells of an answer with the types of its columns, and exact numbers digit by digit.
func checkCells(t *testing.T, a answer, want [][]any) {
	t.Helper()
	for at, c := range a.Columns {
		for _, row := range a.Rows {
			if row[at] != nil && !fits(c.Type, row[at]) {
				t.Fatalf("column %s of type %s holds %v (%[3]T)", c.Name, c.Type, row[at])
			}
		}
		if c.Type == "decimal" || c.Type == "integer" {
			if diff := cmp.Diff(exact(t, want, at), exact(t, a.Rows, at)); diff != "" {
				t.Errorf("exact values of %s (-want +got):\n%s", c.Name, diff)
			}
		}
	}
}

func fits(kind string, cell any) bool {
	text, isText := cell.(string)
	number, isNumber := cell.(json.Number)
	_, isBool := cell.(bool)
	switch kind {
	case "string":
		return isText
	case "boolean":
		return isBool
	case "integer":
		return isNumber && !strings.ContainsAny(number.String(), ".eE")
	case "decimal":
		return isNumber && !strings.ContainsAny(number.String(), "eE")
	case "float":
		return isNumber
	case "timestamp":
		return timestamps.MatchString(text)
	case "date":
		return dates.MatchString(text)
	}
	return false
}

// exact gives the numbers of a column as fractions, sorted.
func exact(t *testing.T, rows [][]any, at int) []string {
	t.Helper()
	all := make([]*big.Rat, 0, len(rows))
	for _, row := range rows {
		if row[at] == nil {
			continue
		}
		r, ok := new(big.Rat).SetString(fmt.Sprint(row[at]))
		if !ok {
			t.Fatalf("%v is no number", row[at])
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *big.Rat) int { return a.Cmp(b) })
	words := make([]string, len(all))
	for i, r := range all {
		words[i] = r.RatString()
	}
	return words
}

// checkTable looks at the text that a model reads: a line for each of the first 50 rows below the names, then the
// count.
func checkTable(t *testing.T, a answer, text string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	names := strings.Fields(lines[0])
	if diff := cmp.Diff(a.names(), names); diff != "" {
		t.Errorf("the table's head (-want +got):\n%s", diff)
	}
	const head = 2 // names and rule
	empty := slices.Index(lines, "")
	if shown := empty - head; shown != min(a.RowCount, 50) {
		t.Errorf("the table shows %d of %d rows", shown, a.RowCount)
	}
	count := fmt.Sprintf("%d rows", a.RowCount)
	if a.RowCount == 1 {
		count = "1 row"
	}
	if empty < 0 || !strings.HasPrefix(lines[empty+1], count) {
		t.Errorf("the table ends with %q, want the count %q", lines[len(lines)-1], count)
	}
	if a.RowCount > 50 && !strings.Contains(text, "the first 50 shown") {
		t.Errorf("the table does not say that it is cut: %q", lines[len(lines)-1])
	}
}
