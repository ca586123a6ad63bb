package toolapp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
)

func TestCall_SaysWhatItIsForWhenAPersonaAsksForIt(t *testing.T) {
	t.Parallel()
	for reason, holds := range map[string]bool{
		"": false, "ab": false, "   ": false, " a ": false, "abc": true, "Report für den Vorstand": true,
		strings.Repeat("é", 200): true, strings.Repeat("a", 201): false, "two\nlines": false, "bell\a!": false, "\xff\xfe\xfd\xfc": false,
		"turned \u202e round": false,
	} {
		s := surroundings{obliged: access.Obligations{Purpose: "p/require_purpose"}}
		call := ask("scripted", `{}`)
		call.Reason = reason
		_, err := s.govern(t, scripted(nil, fine)).Do(t.Context(), call)
		got := s.records[len(s.records)-1]
		if holds {
			if err != nil || got.Outcome != audit.OK || got.Purpose != reason {
				t.Errorf("%q: %v, on record %+v", reason, err, got)
			}
			continue
		}
		if !errors.Is(err, toolapp.ErrPurpose) || got.DeniedBy != audit.ByPolicy || got.Rule != "p/require_purpose" || got.Purpose != "" {
			t.Errorf("%q: %v, on record %+v", reason, err, got)
		}
	}
}

func TestCall_NeedNotSayWhatItIsFor(t *testing.T) {
	t.Parallel()
	for reason, recorded := range map[string]string{"": "", "two\nlines": "", "a report": "a report"} {
		var s surroundings
		call := ask("scripted", `{}`)
		call.Reason = reason
		if _, err := s.govern(t, scripted(nil, fine)).Do(t.Context(), call); err != nil {
			t.Errorf("%q: %v", reason, err)
		}
		if got := s.records[len(s.records)-1].Purpose; got != recorded {
			t.Errorf("%q is on record as %q", reason, got)
		}
	}
}
