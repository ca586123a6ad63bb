package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

func grant(action, target string) audit.Grant {
	return audit.Grant{Rule: "analyst/allow[0]", Action: action, Target: target}
}

func TestSurvey_TellsWhatIsGrantedAndUnusedAndWhatIsRefused(t *testing.T) {
	t.Parallel()
	s, err := audit.NewSurvey(map[string][]audit.Grant{
		"analyst": {
			grant("tool.call", "tool:query"), grant("tool.call", "tool:echo"), grant("metric.query", "metric:rev*"),
			grant("metric.query", "metric:cost"), grant("metric.query", "dimension:meta.pii"),
		},
		"idle": {grant("*", "*")},
	})
	if err != nil {
		t.Fatal(err)
	}
	call := func(change func(*audit.Record)) {
		r := audit.Record{
			Phase: audit.Closed, Actor: "key:ada", Personas: []string{"analyst"}, Action: "tool.call", Target: "tool:query", Outcome: audit.OK,
			Demands: []string{"metric.query metric:revenue"},
		}
		change(&r)
		s.Add(r)
	}
	call(func(*audit.Record) {})
	call(func(r *audit.Record) { r.Actor = "key:bob" })
	call(func(r *audit.Record) { r.Target, r.Outcome, r.DeniedBy = "tool:echo", "access.denied", audit.ByPolicy })
	call(func(r *audit.Record) { r.Outcome = "timeout" })                         // failed, not refused
	call(func(r *audit.Record) { r.Phase, r.Target = audit.Intent, "tool:echo" }) // not yet done
	call(func(r *audit.Record) { r.Personas = []string{"former", "analyst"} })
	call(func(r *audit.Record) {
		*r = audit.Record{Phase: audit.Counted, Outcome: "unauthenticated", DeniedBy: audit.ByAuthentication, Count: 7}
	})
	want := []audit.Usage{
		{
			Refused: 7, Unused: []audit.Grant{}, Tools: []audit.Count{},
			Denied: []audit.Count{{What: "authentication: unauthenticated", Times: 7}},
		},
		{
			Persona: "analyst", Actors: 2, Allowed: 3, Refused: 1,
			Unused: []audit.Grant{grant("tool.call", "tool:echo"), grant("metric.query", "metric:cost")},
			Tools:  []audit.Count{{What: "query", Times: 3}},
			Denied: []audit.Count{{What: "policy: access.denied tool:echo", Times: 1}},
		},
		{
			Persona: "former", Actors: 1, Allowed: 1, Unused: []audit.Grant{}, Tools: []audit.Count{{What: "query", Times: 1}}, Denied: []audit.Count{},
		},
		{Persona: "idle", Unused: []audit.Grant{grant("*", "*")}, Tools: []audit.Count{}, Denied: []audit.Count{}},
	}
	if diff := cmp.Diff(want, s.Usages()); diff != "" {
		t.Errorf("usages (-want +got):\n%s", diff)
	}
	if _, err := audit.NewSurvey(map[string][]audit.Grant{"x": {grant("tool.call", "")}}); err == nil {
		t.Error("a pattern that does not compile is accepted")
	}
}
