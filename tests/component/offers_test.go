package component_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

var errNoNote = fault.New(fault.NotFound, "fixture.unknown", "There is no such note.")

func documents() []tool.Resource {
	document := func(name string) tool.Resource {
		return tool.Resource{
			Name: name, URI: "fixture://" + name, MIME: "text/plain", Title: name, Description: "A document of the tests.",
			Bind: func(_ context.Context, by access.Principal) (tool.Use[tool.Content], error) {
				return tool.Use[tool.Content]{Run: func(context.Context) (tool.Content, error) {
					return tool.Content{Text: name + " for " + by.Name}, nil
				}}, nil
			},
		}
	}
	return []tool.Resource{document("open"), document("closed")}
}

func notes() []tool.ResourceTemplate {
	return []tool.ResourceTemplate{{
		Name: "note", URI: "note://{name}", Recorded: []string{"name"}, MIME: "text/plain", Title: "Note", Description: "A note of the tests.",
		Bind: func(_ context.Context, _ access.Principal, values map[string]string) (tool.Use[tool.Content], error) {
			if values["name"] == "absent" {
				return tool.Use[tool.Content]{}, errNoNote
			}
			return tool.Use[tool.Content]{
				Demands: []access.Demand{access.On("note.read", "note", values["name"])}, Refusal: errNoNote,
				Run: func(context.Context) (tool.Content, error) {
					if values["name"] == "large" {
						return tool.Content{Text: strings.Repeat("large ", 20_000)}, nil
					}
					return tool.Content{Text: "note " + values["name"]}, nil
				},
			}, nil
		},
		Complete: func(context.Context, access.Principal, string, string, map[string]string) ([]string, error) {
			return []string{"mine", "theirs"}, nil
		},
	}}
}

func prompts() []tool.Prompt {
	prompt := func(name string) tool.Prompt {
		return tool.Prompt{
			Name: name, Title: name, Description: "A prompt of the tests.", Arguments: []tool.Argument{{Name: "word", Required: true}},
			Bind: func(_ context.Context, _ access.Principal, args map[string]string) (tool.Use[tool.Conversation], error) {
				return tool.Use[tool.Conversation]{Run: func(context.Context) (tool.Conversation, error) {
					return tool.Conversation{Turns: []tool.Turn{{Text: name + " " + args["word"]}}}, nil
				}}, nil
			},
		}
	}
	return []tool.Prompt{prompt("begin"), prompt("conceal")}
}

// reader gives the caller rights to most of what the fixture offers beside tools.
func reader(c *config.Config) {
	caller := c.Personas["caller"]
	caller.Allow = append(caller.Allow,
		config.Rule{Action: config.Words{"resource.read"}, Target: config.Words{"resource:*"}},
		config.Rule{Action: config.Words{"note.read"}, Target: config.Words{"note:*"}},
		config.Rule{Action: config.Words{"prompt.get"}, Target: config.Words{"prompt:*"}})
	caller.Deny = append(caller.Deny,
		config.Rule{Action: config.Words{"resource.read"}, Target: config.Words{"resource:fixture://closed", "resource:note://theirs"}},
		config.Rule{Action: config.Words{"note.read"}, Target: config.Words{"note:secret"}},
		config.Rule{Action: config.Words{"prompt.get"}, Target: config.Words{"prompt:conceal"}})
	c.Personas["caller"] = caller
}

// said is the answer to a request, or its error, as text.
func said(t *testing.T, p peer, method string, params map[string]any) (text string, code int) {
	t.Helper()
	var answer json.RawMessage
	err := p.Do(t.Context(), method, params, &answer)
	if refused, ok := errors.AsType[*harness.RPCError](err); ok {
		return string(refused.Data), refused.Code
	}
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return string(answer), 0
}

// Whatever is read, begun or completed, by whatever way: it is decided, answered as the protocol asks, and on record once.
func TestOffers_AreGovernedLikeTools(t *testing.T) {
	t.Parallel()
	read := func(uri string) map[string]any { return map[string]any{"uri": uri} }
	get := func(name string) map[string]any {
		return map[string]any{"name": name, "arguments": map[string]string{"word": "x"}}
	}
	complete := func(template string) map[string]any {
		return map[string]any{"ref": map[string]string{"type": "ref/resource", "uri": template}, "argument": map[string]string{"name": "name", "value": ""}}
	}
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, reader)
			listed(t, p) // a session, where the way has them
			missing := map[harness.Era]int{harness.Legacy: -32002, harness.Modern: -32602}[y.era]
			for name, c := range map[string]struct {
				method              string
				params              map[string]any
				says                string
				code                int
				demand, outcome, by string
			}{
				"a document":        {"resources/read", read("fixture://open"), "open for tester", 0, "resource.read resource:fixture://open", "ok", ""},
				"a hidden document": {"resources/read", read("fixture://closed"), "tool.resource_unknown", missing, "resource.read resource:fixture://closed", "tool.resource_unknown", audit.ByPolicy},
				"no document":       {"resources/read", read("fixture://none"), "tool.resource_unknown", missing, "resource.read resource:fixture://none", "tool.resource_unknown", audit.ByInput},
				"a note":            {"resources/read", read("note://mine"), "note mine", 0, "resource.read resource:note://mine", "ok", ""},
				"a hidden note":     {"resources/read", read("note://secret"), "fixture.unknown", missing, "resource.read resource:note://secret", "fixture.unknown", audit.ByPolicy},
				"no note":           {"resources/read", read("note://absent"), "fixture.unknown", missing, "resource.read resource:note://absent", "fixture.unknown", audit.ByInput},
				"a prompt":          {"prompts/get", get("begin"), "begin x", 0, "prompt.get prompt:begin", "ok", ""},
				"a hidden prompt":   {"prompts/get", get("conceal"), "tool.prompt_unknown", -32602, "prompt.get prompt:conceal", "tool.prompt_unknown", audit.ByPolicy},
				"no prompt":         {"prompts/get", get("none"), "tool.prompt_unknown", -32602, "prompt.get prompt:none", "tool.prompt_unknown", audit.ByInput},
				"a completion":      {"completion/complete", complete("note://{name}"), `"values":["mine"]`, 0, "resource.read resource:note://{name}", "ok", ""},
			} {
				before := len(w.requests(t))
				text, code := said(t, p, c.method, c.params)
				if code != c.code || !strings.Contains(text, c.says) {
					t.Errorf("%s: code %d: %s", name, code, text)
				}
				r := w.newest(t, before)
				if len(r) != 1 || r[0].Phase != audit.Closed || r[0].Action+" "+r[0].Target != c.demand || r[0].Outcome != c.outcome ||
					r[0].DeniedBy != c.by || r[0].Transport != y.transport() || !strings.HasPrefix(r[0].Actor, y.actor()) {
					t.Errorf("%s: on record %+v", name, r)
				}
			}
			for method, want := range map[string]string{
				"resources/list": "open", "resources/templates/list": "note", "prompts/list": "begin",
			} {
				text, _ := said(t, p, method, nil)
				var lists map[string]json.RawMessage
				if err := json.Unmarshal([]byte(text), &lists); err != nil {
					t.Fatal(err)
				}
				var entries []struct{ Name string }
				for _, member := range []string{"resources", "resourceTemplates", "prompts"} {
					if raw, ok := lists[member]; ok {
						if err := json.Unmarshal(raw, &entries); err != nil {
							t.Fatal(err)
						}
					}
				}
				if diff := cmp.Diff("[{"+want+"}]", fmt.Sprint(entries)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", method, diff)
				}
			}
		})
	}
}
