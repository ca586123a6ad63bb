package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// office is a configuration with a journal that was written as Steward writes it.
type office struct{ config, state string }

const officeConfig = `
audit: {checkpoint_dir: elsewhere, max_segment_bytes: 65536}
personas:
  analyst:
    allow:
      - {action: [tool.call], target: ["tool:query", "tool:echo"]}
      - {action: [metric.query], target: ["metric:rev*"]}
`

func newOffice(t *testing.T, records ...audit.Record) office {
	t.Helper()
	dir := t.TempDir()
	o := office{filepath.Join(dir, "steward.yaml"), filepath.Join(dir, "state")}
	if err := os.WriteFile(o.config, []byte("state_dir: state\n"+officeConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	journal, err := auditlog.Open(filepath.Join(o.state, "audit"), auditlog.Options{
		Now: time.Now, MaxSegmentBytes: 65536,
		Signing: auditlog.Signing{KeyFile: filepath.Join(o.state, "audit-journal.key"), Writer: "journal", Elsewhere: filepath.Join(dir, "elsewhere")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := journal.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := journal.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

// run runs a command as an operator would, and gives what it printed.
func (o office) run(t *testing.T, args ...string) (string, string, error) {
	t.Helper()
	var out, complaints bytes.Buffer
	c := root()
	c.SetOut(&out)
	c.SetErr(&complaints)
	c.SetArgs(append(args, "--config", o.config))
	err := c.ExecuteContext(t.Context())
	return out.String(), complaints.String(), err
}

// prints is run for a command that must succeed.
func (o office) prints(t *testing.T, args ...string) string {
	t.Helper()
	out, complaints, err := o.run(t, args...)
	if err != nil {
		t.Fatalf("%v: %v (%v)\n%s", args, err, errors.Unwrap(err), complaints)
	}
	return out
}

func (o office) segments(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(o.state, "audit", "*.jsonl"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	return found
}

func begun() time.Time { return time.Now().UTC().Add(-200 * day).Truncate(time.Second) }

// called is a call of a tool, n days after the journal began.
func called(n int, tool, outcome, deniedBy string) audit.Record {
	return audit.Record{
		Time: begun().Add(time.Duration(n) * day), Phase: audit.Closed, Request: fmt.Sprintf("req_%d", n), Actor: "key:ada", Personas: []string{"analyst"},
		Action: "tool.call", Target: "tool:" + tool, Outcome: outcome, DeniedBy: deniedBy, Redacted: "limit=10",
	}
}

func TestAuditSearch_FindsRecordsAndTellsTheNextPage(t *testing.T) {
	t.Parallel()
	var records []audit.Record
	for i := range 7 {
		records = append(records, called(i, "query", "ok", ""))
	}
	o := newOffice(t, append(records, called(7, "echo", "access.denied", audit.ByPolicy))...)
	table := o.prints(t, "audit", "search", "--denied-by", "policy")
	if !strings.Contains(table, "req_7") || strings.Contains(table, "req_6") || !strings.Contains(table, "limit=10") {
		t.Errorf("the table:\n%s", table)
	}
	var seen []string
	for after := ""; ; {
		out, complaints, err := o.run(t, "audit", "search", "--tool", "que*", "--limit", "3", "-o", "ndjson", "--after", after)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			var r audit.Record
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, r.Request)
		}
		_, next, more := strings.Cut(strings.TrimSpace(complaints), "--after ")
		if after = next; !more {
			break
		}
	}
	if diff := cmp.Diff([]string{"req_6", "req_5", "req_4", "req_3", "req_2", "req_1", "req_0"}, seen); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if again := o.prints(t, "audit", "search", "--denied-by", "policy", "--rebuild"); again != table {
		t.Errorf("from an index made anew:\n%s", again)
	}
	for _, wrong := range [][]string{{"--since", "soon"}, {"--limit", "0"}, {"-o", "xml"}, {"--after", "x"}, {"--until", "-5h"}} {
		if out, _, err := o.run(t, append([]string{"audit", "search"}, wrong...)...); err == nil {
			t.Errorf("%v is accepted:\n%s", wrong, out)
		}
	}
}

// What a client calls itself must not run in the operator's spreadsheet or terminal.
func TestAuditExport_GivesSpreadsheetsNoFormulas(t *testing.T) {
	t.Parallel()
	hostile := []string{
		"=HYPERLINK(\"http://x\")", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "\u3000=1", "＝1", "|calc", "%0A=1", "\x1b[31m=1",
	}
	var records []audit.Record
	for _, text := range hostile {
		r := called(1, text, "ok", "")
		r.Client, r.Detail, r.Personas, r.Demands = text, text, []string{text}, []string{text}
		records = append(records, r)
	}
	o := newOffice(t, records...)
	rows, err := csv.NewReader(strings.NewReader(o.prints(t, "audit", "export", "--output", "csv"))).ReadAll()
	if err != nil || len(rows) != len(hostile)+1 {
		t.Fatal(len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if trimmed := strings.TrimSpace(cell); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@|%") ||
				strings.HasPrefix(trimmed, "＝") || strings.ContainsAny(cell, "\t\r\n\x1b") {
				t.Errorf("%s is %q", rows[0][i], cell)
			}
		}
	}
	// As they stand, the records are what the segments hold.
	stands, err := os.ReadFile(o.segments(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := o.prints(t, "audit", "export"); got != string(stands) {
		t.Errorf("exported %q, want %q", got, stands)
	}
	if got := o.prints(t, "audit", "export", "--until", "300d"); got != "" {
		t.Errorf("exported of before the journal began: %s", got)
	}
	table := o.prints(t, "audit", "search")
	if strings.ContainsAny(table, "\x1b\r\t") {
		t.Errorf("the table obeys a client: %q", table)
	}
}

func TestAuditSearch_TellsByItsMethodWhatHasNoAction(t *testing.T) {
	t.Parallel()
	listing := called(1, "", "ok", "")
	listing.Action, listing.Target, listing.Method = "", "", "tools/list"
	if table := newOffice(t, listing).prints(t, "audit", "search"); !strings.Contains(table, "tools/list") {
		t.Errorf("the table:\n%s", table)
	}
}

func TestAuditReport_TellsWhatIsUnusedAndRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t, called(1, "echo", "ok", ""), called(150, "query", "ok", ""), called(151, "close_conversation", "access.denied", audit.ByPolicy))
	var got accessReport
	if err := json.Unmarshal([]byte(o.prints(t, "audit", "report", "-o", "json")), &got); err != nil {
		t.Fatal(err)
	}
	want := []audit.Usage{{
		Persona: "analyst", Actors: 1, Allowed: 1, Refused: 1,
		Unused: []audit.Grant{
			{Rule: "analyst/allow[0]", Action: "tool.call", Target: "tool:echo"},
			{Rule: "analyst/allow[1]", Action: "metric.query", Target: "metric:rev*"},
		},
		Tools:  []audit.Count{{What: "query", Times: 1}},
		Denied: []audit.Count{{What: "policy: access.denied tool:close_conversation", Times: 1}},
	}}
	if diff := cmp.Diff(want, got.Personas); diff != "" {
		t.Errorf("the last 90 days (-want +got):\n%s", diff)
	}
	text := o.prints(t, "audit", "report", "--since", "300d")
	for _, line := range []string{"3 records since", "analyst: principals 1, requests allowed 2, refused 1", "unused", "metric.query metric:rev*"} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is missing in:\n%s", line, text)
		}
	}
	if strings.Contains(text, "tool:echo") {
		t.Errorf("what was used 199 days ago is unused since then:\n%s", text)
	}
}

func TestAuditPrune_PutsOldSegmentsAwayOnRecordAndStaysWhole(t *testing.T) {
	t.Parallel()
	var records []audit.Record
	for i := range 200 {
		r := called(i, "query", "ok", "")
		r.Detail = strings.Repeat("x", 900)
		records = append(records, r)
	}
	o := newOffice(t, records...)
	archive := filepath.Join(t.TempDir(), "archive")
	before := len(o.segments(t))
	o.prints(t, "audit", "search") // the index knows them all
	out := o.prints(t, "audit", "prune", "--before", "90d", "--archive", archive)
	if !strings.Contains(out, "Put away 2 segments") || len(o.segments(t)) != before-2 {
		t.Errorf("of %d segments %d are left: %s", before, len(o.segments(t)), out)
	}
	if out := o.prints(t, "audit", "verify"); !strings.Contains(out, "were put away") || !strings.Contains(out, "Every record holds.") {
		t.Errorf("what stayed:\n%s", out)
	}
	if out := o.prints(t, "audit", "verify", "--dir", archive); !strings.Contains(out, "Every record holds.") {
		t.Errorf("the archive:\n%s", out)
	}
	found := o.prints(t, "audit", "search", "--target", "audit:journal")
	if strings.Count(found, "audit.prune") != 2 || !strings.Contains(found, "intent") || !strings.Contains(found, "Records 1 to") {
		t.Errorf("on record is\n%s", found)
	}
	if found := o.prints(t, "audit", "search", "--request", "req_0"); strings.Contains(found, "req_0") {
		t.Errorf("a record that was put away is found:\n%s", found)
	}
	if out := o.prints(t, "audit", "prune", "--before", "90d"); !strings.Contains(out, "No whole segment is that old.") {
		t.Errorf("again: %s", out)
	}
	if _, _, err := o.run(t, "audit", "prune", "--before", ""); err == nil {
		t.Error("no time is a time")
	}
}

func TestAuditVerify_HoldsTheJournalAgainstCheckpointsKeptElsewhere(t *testing.T) {
	t.Parallel()
	o := newOffice(t, called(1, "query", "ok", ""), called(2, "query", "ok", ""))
	exported := filepath.Join(t.TempDir(), "checkpoints")
	if err := os.WriteFile(exported, []byte(o.prints(t, "audit", "export-checkpoints")), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(filepath.Dir(o.config), "elsewhere", "journal.pub")
	journal := filepath.Join(o.state, "audit")
	if out := o.prints(t, "audit", "verify", "--dir", journal, "--key", key, "--checkpoint", exported); !strings.Contains(out, "vouch for all of it") {
		t.Errorf("whole:\n%s", out)
	}
	segment := o.segments(t)[0]
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	cut := text[:bytes.IndexByte(text, '\n')+1]
	err = errors.Join(os.WriteFile(segment, cut, 0o600), os.Remove(auditlog.CheckpointsFile(journal)), os.Remove(o.state+"/audit-journal.key"))
	if err != nil {
		t.Fatal(err)
	}
	const found = "NOT WHOLE: segment 000000000001.jsonl, line 2, record 2: records that were signed are missing at the end"
	for name, args := range map[string][]string{
		"the configuration": nil,
		"what is named":     {"--dir", journal, "--key", key, "--checkpoint", exported},
	} {
		if out, _, err := o.run(t, append([]string{"audit", "verify"}, args...)...); !errors.Is(err, errFound) || !strings.Contains(out, found) {
			t.Errorf("by %s: %v\n%s", name, err, out)
		}
	}
}
