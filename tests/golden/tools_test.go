package golden_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
)

// definition is a tool as tools/list shows it.
type definition struct {
	Name        string
	Title       string
	Description string
	InputSchema json.RawMessage
	Output      json.RawMessage `json:"outputSchema"`
	Annotations map[string]any
	Icons       []struct{ Src, MimeType string }
	raw         json.RawMessage
}

// everything configures all that brings tools: a dbt project with a manifest, and a key for Claude. Neither Python nor
// Claude is asked anything.
func everything(t *testing.T) config.Config {
	t.Helper()
	project := t.TempDir()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "configs", "demo", "semantic_manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(project, "target"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, "target", "semantic_manifest.json"), manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.StateDir = t.TempDir()
	c.Audit.Dir = filepath.Join(c.StateDir, "audit")
	c.Metrics.ProjectDir, c.Metrics.Python = project, filepath.Join(project, "no-python")
	c.Claude.APIKey = config.NewSecret("not-a-key")
	c.Personas = map[string]config.Persona{"all": {Allow: []config.Rule{{Action: config.Words{"*"}, Target: config.Words{"*"}}}}}
	c.Stdio.Personas = []string{"all"}
	return c
}

// listed are the tools that a client sees who may do everything, sorted as they came.
func listed(t *testing.T) []definition {
	t.Helper()
	raw := entries(t, "tools/list", "tools")
	tools := make([]definition, len(raw))
	for i, one := range raw {
		if err := json.Unmarshal(one, &tools[i]); err != nil {
			t.Fatal(err)
		}
		tools[i].raw = one
	}
	return tools
}

// entries are what a list holds for a client who may do everything.
func entries(t *testing.T, method, member string) []json.RawMessage {
	t.Helper()
	list := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},` +
		`"io.modelcontextprotocol/clientCapabilities":{}}}}` + "\n"
	var out bytes.Buffer
	err := app.Run(t.Context(), app.Options(app.Settings{Config: everything(t), Version: "test", Stdio: true}), fx.Replace(zap.NewNop()),
		app.Stdio(func(ctx context.Context, s *mcpapi.Server, who access.Principal) error {
			return s.Stdio(ctx, strings.NewReader(list), &out, who, 1<<20)
		}))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Result map[string]json.RawMessage }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	if answer.Result["nextCursor"] != nil {
		t.Error("the list comes on more than one page")
	}
	var all []json.RawMessage
	if err := json.Unmarshal(answer.Result[member], &all); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	return all
}

// promised are the tools that users of Steward have; others may come.
var promised = []string{
	"claude_conversation", "describe_metric", "echo", "list_dimension_values", "list_dimensions", "list_entities",
	"list_metrics", "list_saved_queries", "query", "system_info", "whoami",
}

func TestTools_AreWhatTheFilesSay(t *testing.T) {
	t.Parallel()
	files := map[string]bool{}
	var names []string
	for _, tool := range listed(t) {
		file := filepath.Join("tools", tool.Name+".json")
		files[file] = true
		names = append(names, tool.Name)
		same(t, file, indented(t, tool.raw))
	}
	only(t, filepath.Join("tools", "*.json"), files)
	for _, name := range promised {
		if !slices.Contains(names, name) {
			t.Errorf("there is no tool %s", name)
		}
	}
}

// indented is JSON for reading: members by name, one a line, and no character escaped that need not be.
func indented(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one value: %s", raw)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
