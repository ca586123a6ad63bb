package auditlog_test

import (
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/audit/audittest"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

func TestMemory_KeepsTheContractOfALog(t *testing.T) {
	t.Parallel()
	audittest.RunLog(t, func(*testing.T) audittest.Subject {
		m := new(auditlog.Memory)
		return audittest.Subject{Log: m, Close: m.Close, Records: m.Records}
	})
}

func TestJournal_KeepsTheContractOfALog(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]auditlog.Options{
		"with the default sizes":                         {Now: now},
		"with small segments and a queue of one":         {Now: now, MaxSegmentBytes: 4096, QueueLength: 1},
		"with a segment for every record, however short": {Now: now, MaxSegmentBytes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			audittest.RunLog(t, func(t *testing.T) audittest.Subject {
				t.Helper()
				dir := t.TempDir()
				j := open(t, dir, opts)
				return audittest.Subject{Log: j, Close: j.Close, Records: func() []audit.Record {
					expectWhole(t, dir)
					return records(t, dir)
				}}
			})
		})
	}
}

func expectWhole(t *testing.T, dir string) {
	t.Helper()
	if report := verified(t, dir); report.TornTail != 0 {
		t.Errorf("a closed journal has a torn tail of %d bytes", report.TornTail)
	}
}
