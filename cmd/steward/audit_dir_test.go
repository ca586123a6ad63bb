package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// alone runs a command in an empty place, without a configuration.
func alone(t *testing.T, args ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	c := root()
	c.SetOut(&out)
	c.SetErr(&complaints)
	c.SetArgs(args)
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, complaints.String())
	}
	return out.String()
}

// testdata/earlier is a journal that a Steward wrote whose records had no purpose of their own. Its lines, and what was
// signed of them, hold as they did.
func TestAudit_ReadsAJournalOfAnEarlierVersionWithoutAConfiguration(t *testing.T) {
	earlier, err := filepath.Abs("testdata/earlier")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	verified := alone(t, "audit", "verify", "--dir", earlier, "--key", filepath.Join(earlier, "checkpoints.pub"))
	if !strings.Contains(verified, "5 records") || !strings.Contains(verified, "vouch for all of it") || !strings.Contains(verified, "Every record holds.") {
		t.Errorf("verify:\n%s", verified)
	}
	stands, err := os.ReadFile(filepath.Join(earlier, "000000000001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := alone(t, "audit", "export", "--dir", earlier); got != string(stands) {
		t.Errorf("export:\n%s", got)
	}
	for line := range bytes.Lines(stands) {
		var r audit.Record
		if err := json.Unmarshal(line, &r); err != nil || !bytes.Contains(line, r.AppendJSON(nil)[1:len(r.AppendJSON(nil))-1]) {
			t.Errorf("another version writes it otherwise: %s\n%s (%v)", line, r.AppendJSON(nil), err)
		}
	}
	if got := alone(t, "audit", "search", "--dir", earlier, "--text", "February"); !strings.Contains(got, "req_ab3d") {
		t.Errorf("search:\n%s", got)
	}
	report := alone(t, "audit", "report", "--dir", earlier, "--since", "2026-01-01", "-o", "json")
	if !strings.Contains(report, `"policy: access.denied tool:query"`) || !strings.Contains(report, `"unused": null`) {
		t.Errorf("report:\n%s", report)
	}
	left, err := os.ReadDir(".")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A copy that was taken away is looked into like the journal of a state, page by page too.
func TestAudit_LooksIntoACopyElsewhere(t *testing.T) {
	var records []audit.Record
	for i := range 5 {
		r := called(i, "query", "ok", "")
		r.Purpose = "Board pack"
		records = append(records, r)
	}
	records = append(records, called(7, "echo", "ok", ""))
	o := newOffice(t, records...)
	elsewhere := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(elsewhere, os.DirFS(filepath.Join(o.state, "audit"))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(o.state); err != nil {
		t.Fatal(err)
	}
	found := alone(t, "audit", "search", "--dir", elsewhere, "--purpose", "board")
	if strings.Count(found, "Board pack") != 5 || strings.Contains(found, "tool:echo") {
		t.Errorf("by purpose:\n%s", found)
	}
	page, complaints, err := o.run(t, "audit", "search", "--dir", elsewhere, "--limit", "4")
	if err != nil {
		t.Fatal(err)
	}
	_, next, _ := strings.Cut(strings.TrimSpace(complaints), "--after ")
	rest := alone(t, "audit", "search", "--dir", elsewhere, "--limit", "4", "--after", next)
	if strings.Count(page, "req_") != 4 || strings.Count(rest, "req_") != 2 || !strings.Contains(rest, "req_0 ") {
		t.Errorf("pages:\n%s\n%s", page, rest)
	}
	rows, err := csv.NewReader(strings.NewReader(alone(t, "audit", "export", "--dir", elsewhere, "-o", "csv"))).ReadAll()
	if err != nil || len(rows) != 7 || strings.Count(strings.Join(rows[1], ","), "Board pack") != 1 || !strings.Contains(strings.Join(rows[0], ","), "purpose") {
		t.Errorf("as a table: %v, %v", rows, err)
	}
	// With the configuration beside it, the report knows what is granted.
	if report := o.prints(t, "audit", "report", "--dir", elsewhere, "--since", "300d"); !strings.Contains(report, "metric.query metric:rev*") {
		t.Errorf("report:\n%s", report)
	}
	if _, err := os.Stat(o.state); err == nil {
		t.Error("a state was made")
	}
}

// Nothing found and nothing there are not the same.
func TestAudit_RefusesADirectoryWithoutAJournal(t *testing.T) {
	empty := t.TempDir()
	for _, what := range []string{"verify", "search", "export", "report"} {
		for _, dir := range []string{empty, filepath.Join(empty, "none")} {
			var out bytes.Buffer
			c := root()
			c.SetOut(&out)
			c.SetErr(&out)
			c.SetArgs([]string{"audit", what, "--dir", dir})
			if err := c.ExecuteContext(t.Context()); !errors.Is(err, auditlog.ErrNoJournal) {
				t.Errorf("%s of %s: %v\n%s", what, dir, err, out.String())
			}
		}
	}
}
