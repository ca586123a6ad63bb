package app_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// aged leaves a journal of 200 days, one record a day, in segments of some sixty.
func aged(t *testing.T, s app.Settings) {
	t.Helper()
	chain := app.Chains(s.Config)[0]
	journal, err := auditlog.Open(chain.Dir, auditlog.Options{Now: time.Now, MaxSegmentBytes: 65536, Signing: chain.Signing})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		r := audit.Record{Time: time.Now().AddDate(0, 0, i-200), Phase: audit.Closed, Detail: strings.Repeat("x", 900)}
		if err := journal.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := journal.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestServe_PutsAwayWhatIsOlderThanItsRetentionAndRecordsIt(t *testing.T) {
	t.Parallel()
	s := settings(t)
	s.Config.Audit.Retention = 90 * 24 * time.Hour
	aged(t, s)
	a := fx.New(app.Options(s), app.Serve(), quiet())
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := func() (found bool) {
		_, _ = auditlog.Read(t.Context(), s.Config.Audit.Dir, auditlog.Position{}, func(line []byte, _ auditlog.Position) error {
			var r audit.Record
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			found = found || r.Action == "audit.prune" && r.Phase == audit.Closed && r.Outcome == audit.OK && r.Actor == "local:steward"
			return nil
		}) // a segment may go while it is looked at
		return found
	}
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("nothing was put away")
		}
	}
	if err := a.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("stop: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(s.Config.Audit.Dir, "*.jsonl"))
	if err != nil || len(left) != 3 {
		t.Errorf("left are %v, %v", left, err)
	}
	report, err := app.Chains(s.Config)[0].Verify(t.Context(), nil)
	if err != nil || report.Bad != nil || report.Pruned == 0 || report.Signed != report.Seq {
		t.Errorf("what stayed: %+v, %v", report, err)
	}
}

func TestServe_KeepsEverythingWithoutARetention(t *testing.T) {
	t.Parallel()
	s := settings(t)
	aged(t, s)
	a := fx.New(app.Options(s), app.Serve(), quiet())
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if report, err := app.Chains(s.Config)[0].Verify(t.Context(), nil); err != nil || report.Bad != nil || report.Records != 202 {
		t.Errorf("%+v, %v", report, err)
	}
}
