package component_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// Over stdio the caller is whom the configuration names, with its personas and no others, whatever a message says.
func TestStdio_TheCallerIsWhomTheConfigurationNames(t *testing.T) {
	t.Parallel()
	for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			w, p := pipe(t, func(c *config.Config) {
				c.Personas["narrow"] = config.Persona{Allow: []config.Rule{{Action: config.Words{"tool.call"}, Target: config.Words{"tool:whoami"}}}}
				c.Stdio.User, c.Stdio.Personas = "ada", []string{"narrow"}
			}, era)
			before := len(w.requests(t))
			var result harness.Result
			arguments := map[string]any{}
			params := map[string]any{"name": "whoami", "arguments": arguments, "user": "root", "personas": []string{"caller"}}
			if err := p.Do(t.Context(), "tools/call", params, &result); err != nil || result.IsError {
				t.Fatalf("%v %s", err, result.Text())
			}
			var me struct {
				ID       string
				Personas []string
				Tools    []string
			}
			if err := json.Unmarshal(result.Structured, &me); err != nil {
				t.Fatal(err)
			}
			if me.ID != "local:ada" || !slices.Equal(me.Personas, []string{"narrow"}) || !slices.Equal(me.Tools, []string{"whoami"}) {
				t.Errorf("is taken for %+v", me)
			}
			if names := listed(t, p); !slices.Equal(names, []string{"whoami"}) {
				t.Errorf("lists %v", names)
			}
			if c := call(t, p, "echo", map[string]any{"text": "x"}); c.failure.Code != "tool.unknown" {
				t.Errorf("echo answers %s", c.text)
			}
			records := w.newest(t, before)
			if len(records) != 3 {
				t.Errorf("%d records", len(records))
			}
			for _, r := range records {
				if r.Actor != "local:ada" || r.Transport != "stdio" || r.Phase == audit.Closed && !slices.Equal(r.Personas, []string{"narrow"}) {
					t.Errorf("on record: %+v", r)
				}
			}
		})
	}
}
