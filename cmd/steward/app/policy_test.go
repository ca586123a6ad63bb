package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// withDemo are settings with the demo's manifest, and a persona that may do everything but what concerns margins.
func withDemo(t *testing.T) app.Settings {
	t.Helper()
	s := settings(t)
	s.Config.Metrics.ProjectDir = t.TempDir()
	s.Config.Security.RateLimit.Enabled = false
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "configs", "demo", "semantic_manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(s.Config.Metrics.ProjectDir, "target")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(target, "semantic_manifest.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Config.Personas = map[string]config.Persona{"analyst": {
		Allow: []config.Rule{{Action: config.Words{"*"}, Target: config.Words{"*"}}},
		Deny:  []config.Rule{{Action: config.Words{"metric.query"}, Target: config.Words{"metric:*margin*"}}},
	}}
	return s
}

func open(t *testing.T, s app.Settings) *app.Policy {
	t.Helper()
	p, err := app.OpenPolicy(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rule(t *testing.T, p *app.Policy, a app.Asked) app.Ruling {
	t.Helper()
	r, err := p.Rule(t.Context(), a)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	return r
}

func TestPolicy_RulesAsAServerWould(t *testing.T) {
	t.Parallel()
	p := open(t, withDemo(t))
	analyst := []string{"analyst"}
	query := func(args string) app.Asked {
		return app.Asked{Personas: analyst, Tool: "query", Arguments: json.RawMessage(args)}
	}
	for _, c := range []struct {
		asked app.Asked
		rule  string
		by    string
		code  string
	}{
		{query(`{"metrics":["revenue"]}`), "analyst/allow[0]", "", ""},
		{query(`{"metrics":["gross_margin"]}`), "analyst/deny[0]", audit.ByPolicy, "metric.unknown_metric"},
		{query(`{"metrics":["gross_margin_rate"]}`), "analyst/deny[0]", audit.ByPolicy, "metric.unknown_metric"},
		{query(`{"metrics":["nothing"]}`), "analyst/allow[0]", audit.ByInput, "metric.unknown_metric"},
		{query(`{"metrics":5}`), "analyst/allow[0]", audit.ByInput, "tool.arguments"},
		{app.Asked{Personas: analyst, Action: "metric.query", Target: "metric:gross_margin"}, "analyst/deny[0]", audit.ByPolicy, "access.denied"},
		{app.Asked{Personas: analyst, Action: "metric.query", Target: "dimension:customer__email"}, "analyst/allow[0]", "", ""},
	} {
		r := rule(t, p, c.asked)
		code := ""
		if r.Told != nil {
			code = r.Told.Code
		}
		if r.Rule != c.rule || r.DeniedBy != c.by || code != c.code || r.Allowed != (c.by == "") {
			t.Errorf("%+v: %+v, told %s", c.asked, r, code)
		}
	}
	for _, nonsense := range []app.Asked{
		{Personas: []string{"ghost"}, Tool: "query"},
		{Personas: analyst, Tool: "nothing"},
		{Personas: analyst, Action: "metric.query", Target: "revenue"},
	} {
		if r, err := p.Rule(t.Context(), nonsense); err == nil {
			t.Errorf("%+v: %+v", nonsense, r)
		}
	}
}

// The tools that the offline policy knows are those of the server, all of them.
func TestPolicy_SeesWhatTheServerLists(t *testing.T) {
	t.Parallel()
	s := withDemo(t)
	var sees *toolapp.Visible
	server := fx.New(app.Options(s), app.Serve(), quiet(), fx.Populate(&sees))
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := sees.Names(access.Local("x", "analyst"))
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, s).Sees(t.Context(), app.Asked{Personas: []string{"analyst"}})
	if diff := cmp.Diff(want, got.Tools); err != nil || diff != "" || len(want) < 10 {
		t.Errorf("%v (-server +offline):\n%s", err, diff)
	}
	if !slices.Contains(got.Metrics, "revenue") || !slices.Contains(got.HiddenMetrics, "gross_margin_rate") || len(got.HiddenTools) > 0 {
		t.Errorf("%+v", got)
	}
}

// genPolicy is a persona p of rules on real names, with conditions on calls.
var genPolicy = rapid.Custom(func(t *rapid.T) access.Persona {
	targets := rapid.SampledFrom([]string{
		"tool:*", "tool:query", "tool:list_*", "metric:*", "metric:revenue*", "metric:*order*", "metric:cost*", "metric:visit?",
		"dimension:*", "*", "resource:*", "resource:metric://r*", "prompt:*", "prompt:*e*", "saved_query:*", "entity:*",
	})
	one := rapid.Custom(func(t *rapid.T) access.Rule {
		actions := []string{rapid.SampledFrom([]string{"*", "tool.call", "metric.query", "resource.read", "prompt.get"}).Draw(t, "action")}
		return access.Rule{Actions: actions, Targets: rapid.SliceOfN(targets, 1, 3).Draw(t, "targets")}
	})
	conditional := rapid.Custom(func(t *rapid.T) access.Rule {
		c := rapid.SampledFrom([]access.Condition{{Absent: true}, {Max: new(int64(10))}, {Present: true}}).Draw(t, "condition")
		return access.Rule{
			Actions: []string{access.ActionCall}, Targets: []string{rapid.SampledFrom([]string{"tool:*", "tool:query", "tool:*e*"}).Draw(t, "tool")},
			When: map[string]access.Condition{"limit": c},
		}
	})
	rules := rapid.OneOf(one, conditional)
	return access.Persona{Name: "p", Allow: rapid.SliceOfN(rules, 1, 5).Draw(t, "allow"), Deny: rapid.SliceOfN(rules, 0, 2).Draw(t, "deny")}
})

func drawn(t *rapid.T) *access.RuleSet {
	rules, err := access.Compile([]access.Persona{genPolicy.Draw(t, "persona")})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// Whatever the policy: what is listed can be called, and what is not listed looks like nothing. A listed tool may still ask
// for other arguments.
func TestPolicy_ListsToolsAndMetricsThatItLetsUse(t *testing.T) {
	t.Parallel()
	p := open(t, withDemo(t))
	rapid.Check(t, func(rt *rapid.T) {
		p := p.Under(drawn(rt))
		who := []string{"p"}
		sight, err := p.Sees(t.Context(), app.Asked{Personas: who})
		if err != nil {
			rt.Fatal(err)
		}
		for _, name := range append(slices.Clone(sight.Tools), sight.HiddenTools...) {
			r, err := p.Rule(t.Context(), app.Asked{Personas: who, Tool: name, Arguments: json.RawMessage(`{"limit":5}`)})
			if err != nil {
				rt.Fatal(err)
			}
			unknown := r.Told != nil && r.Told.Code == toolapp.ErrUnknown.Code
			if unknown == slices.Contains(sight.Tools, name) {
				rt.Fatalf("%s is listed: %t, looks unknown: %t", name, !unknown, unknown)
			}
		}
		name := rapid.SampledFrom(append(slices.Clone(sight.Metrics), sight.HiddenMetrics...)).Draw(rt, "metric")
		told := func(name string) string {
			r, err := p.Rule(t.Context(), app.Asked{Personas: who, Tool: "query", Arguments: json.RawMessage(`{"metrics":["` + name + `"],"limit":5}`)})
			switch {
			case err != nil:
				rt.Fatal(err)
			case r.Told != nil:
				return r.Told.Code
			}
			return audit.OK
		}
		listed, code := slices.Contains(sight.Metrics, name), told(name)
		mayAsk := slices.Contains([]string{audit.OK, cqrs.ErrArguments.Code, toolapp.ErrUnknown.Code}, code)
		if listed && !mayAsk || !listed && code != told("nothing_of_that_name") {
			rt.Fatalf("%s is listed: %t, and asked: %s", name, listed, code)
		}
	})
}

// offers are what a server offers beside tools, with its gate.
type offers struct {
	fx.In
	Library  *toolapp.Library
	Read     cqrs.Governed[toolapp.ReadResource, tool.Content]
	Prompt   cqrs.Governed[toolapp.GetPrompt, tool.Conversation]
	Complete cqrs.Governed[toolapp.Complete, toolapp.Completion]
}

func TestPolicy_ListsResourcesPromptsAndCompletionsThatItLetsUse(t *testing.T) {
	t.Parallel()
	var o offers
	journal := &auditlog.Memory{}
	server := fx.New(app.Options(withDemo(t)), quiet(), fx.Decorate(func(audit.Log) audit.Log { return journal }), fx.Invoke(func(all offers) { o = all }))
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	refused := func(err error) bool { return err != nil && fault.From(err).Kind == fault.NotFound }
	rapid.Check(t, func(rt *rapid.T) {
		who := access.Local("x", "p")
		who.Under = drawn(rt)
		by := cqrs.Read{By: who}
		for _, r := range o.Library.Resources().All() {
			_, err := o.Read.Do(t.Context(), o.Library.Reading(who, r.URI))
			if o.Library.MayRead(who, r.URI) == refused(err) {
				rt.Fatalf("%s is listed: %t, and read: %v", r.URI, o.Library.MayRead(who, r.URI), err)
			}
		}
		for _, one := range o.Library.Prompts().All() {
			given := map[string]string{}
			for _, a := range one.Arguments {
				given[a.Name] = "nothing_of_that_name"
			}
			_, err := o.Prompt.Do(t.Context(), toolapp.GetPrompt{Read: by, Prompt: one.Name, Arguments: given})
			if o.Library.MayGet(who, one.Name) == (err != nil && fault.From(err).Code == toolapp.ErrNoPrompt.Code) {
				rt.Fatalf("%s is listed: %t, and made: %v", one.Name, o.Library.MayGet(who, one.Name), err)
			}
		}
		for _, template := range o.Library.Resources().Templates() {
			found, err := o.Complete.Do(t.Context(), toolapp.Complete{Read: by, Template: template.URI, Argument: "name"})
			if o.Library.MayRead(who, template.URI) == refused(err) {
				rt.Fatalf("%s is listed: %t, and completed: %v", template.URI, o.Library.MayRead(who, template.URI), err)
			}
			for _, value := range found.Values[:min(5, len(found.Values))] {
				uri := strings.ReplaceAll(template.URI, "{name}", value)
				if _, err := o.Read.Do(t.Context(), o.Library.Reading(who, uri)); err != nil {
					rt.Fatalf("%s is offered, and read: %v", uri, err)
				}
			}
		}
	})
}

func TestExpectations_HoldOrSayWhatIsOtherwise(t *testing.T) {
	t.Parallel()
	p := open(t, withDemo(t))
	table, err := app.ReadExpectations([]byte(`
- {as: analyst, tool: query, args: {metrics: [revenue], limit: 5}, expect: allowed}
- {name: margins, as: [analyst], attributes: {region: [north]}, action: metric.query, target: "metric:gross_margin", expect: allowed}
- {as: analyst, tool: query, args: {metrics: [gross_margin]}, expect: refused, rule: "analyst/deny[1]"}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range table {
		holds, want, is, err := p.Hold(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if !holds {
			is = want + "; " + is
		}
		got = append(got, e.Title()+": "+is)
	}
	want := []string{
		`analyst query {"limit":5,"metrics":["revenue"]}: allowed by analyst/allow[0]`,
		"margins: allowed; refused by analyst/deny[0] (policy, access.denied)",
		`analyst query {"metrics":["gross_margin"]}: refused by analyst/deny[1]; refused by analyst/deny[0] (policy, metric.unknown_metric)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{
		"", "[]", "{}", "- {as: a, tool: b}", "- {tool: b, expect: allowed}", "- {as: a, expect: allowed}",
		"- {as: a, tool: b, action: c, target: d, expect: allowed}", "- {as: a, tool: b, expect: allowed, wants: x}",
	} {
		if _, err := app.ReadExpectations([]byte(text)); err == nil {
			t.Errorf("%q is a table", text)
		}
	}
}

// A key is for no more than its scope: what it takes away is told, and it gives nothing.
func TestPolicy_TellsWhatAScopeTakesAway(t *testing.T) {
	t.Parallel()
	p := open(t, withDemo(t))
	as := app.Asked{Personas: []string{"analyst"}, Scope: []string{"tool.call tool:query,tool:whoami", "metric.query metric:revenue,metric:gross_margin"}}
	asking := func(metric string) app.Asked {
		a := as
		a.Tool, a.Arguments = "query", json.RawMessage(`{"metrics":["`+metric+`"]}`)
		return a
	}
	echo := as
	echo.Tool, echo.Arguments = "echo", json.RawMessage(`{"text":"x"}`)
	for name, c := range map[string]struct {
		asked  app.Asked
		rule   string
		beyond bool
	}{
		"within":                         {asking("revenue"), "analyst/allow[0]", false},
		"another tool":                   {echo, access.ByScope, true},
		"what the personas refuse stays": {app.Asked{Personas: as.Personas, Scope: as.Scope, Action: "metric.query", Target: "metric:gross_margin"}, "analyst/deny[0]", false},
		"another metric":                 {app.Asked{Personas: as.Personas, Scope: as.Scope, Action: "metric.query", Target: "metric:orders"}, access.ByScope, true},
	} {
		r := rule(t, p, c.asked)
		if r.Rule != c.rule || r.Allowed != (name == "within") || r.Spoken[len(r.Spoken)-1].Beyond != c.beyond {
			t.Errorf("%s: %+v", name, r)
		}
	}
	sight, err := p.Sees(t.Context(), as)
	if err != nil || !slices.Equal(sight.Tools, []string{"query", "whoami"}) || !slices.Equal(sight.Metrics, []string{"revenue"}) {
		t.Errorf("sees %v and %v, %v", sight.Tools, sight.Metrics, err)
	}
	for _, bad := range []string{"tool.call", "a b c", "[ tool:x", "tool.call x"} {
		if _, err := p.Sees(t.Context(), app.Asked{Personas: as.Personas, Scope: []string{bad}}); err == nil {
			t.Errorf("a scope of %q is taken", bad)
		}
	}
	table, err := app.ReadExpectations([]byte("- {as: analyst, scope: \"tool.call tool:whoami\", tool: echo, args: {text: x}, expect: refused, rule: scope}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if holds, want, got, err := p.Hold(t.Context(), table[0]); err != nil || !holds {
		t.Errorf("expected %s, is %s, %v", want, got, err)
	}
}
