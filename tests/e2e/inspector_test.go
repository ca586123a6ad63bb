package e2e_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// inspect runs MCP Inspector and gives the result that it printed.
func inspect(t *testing.T, args ...string) json.RawMessage {
	t.Helper()
	question, err := json.Marshal(revenueByMonthAndRegion())
	if err != nil {
		t.Fatal(err)
	}
	for i, arg := range args {
		if arg == "QUESTION" {
			args[i] = string(question)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, folder(), nodeEnvironment(t), inspector(), append([]string{"--cli", "--quiet", "--format", "json"}, args...)...)
	if err != nil || out.Code != 0 {
		t.Fatalf("Inspector: %v, exit code %d\n%s", err, out.Code, out.Stderr)
	}
	var printed struct{ Result json.RawMessage }
	if err := json.Unmarshal([]byte(out.Stdout), &printed); err != nil {
		t.Fatalf("%v: %s", err, out.Stdout)
	}
	return printed.Result
}

func structuredOf(t *testing.T, result json.RawMessage) json.RawMessage {
	t.Helper()
	var r harness.Result
	if err := json.Unmarshal(result, &r); err != nil || r.IsError {
		t.Fatalf("%v: %s", err, result)
	}
	return r.Structured
}

// everyWay runs with for both eras and both transports; it gets a function that runs Inspector that way.
func everyWay(t *testing.T, with func(t *testing.T, call func(words ...string) json.RawMessage)) {
	t.Helper()
	for name, c := range map[string]struct {
		options []string
		target  []string
	}{
		"http, legacy": {
			[]string{"--protocol-era", "legacy", "--transport", "http", "--header", "Authorization: Bearer " + lab.key, "--server-url", lab.server.URL}, nil,
		},
		"http, modern": {
			[]string{"--protocol-era", "modern", "--transport", "http", "--header", "Authorization: Bearer " + lab.key, "--server-url", lab.server.URL}, nil,
		},
		"stdio, legacy": {[]string{"--protocol-era", "legacy"}, []string{"--", lab.Binary, "stdio", "--config", lab.config}},
		"stdio, modern": {[]string{"--protocol-era", "modern"}, []string{"--", lab.Binary, "stdio", "--config", lab.config}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with(t, func(words ...string) json.RawMessage {
				return inspect(t, append(append(append([]string{}, c.options...), words...), c.target...)...)
			})
		})
	}
}

func TestInspector_ListsAndQueriesInBothErasAndOverBothTransports(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, call func(words ...string) json.RawMessage) {
		t.Helper()
		if diff := cmp.Diff(toolNames, namesIn(t, call("--method", "tools/list"))); diff != "" {
			t.Errorf("tools (-want +got):\n%s", diff)
		}
		result := call("--method", "tools/call", "--tool-name", "query", "--tool-args-json", "QUESTION")
		checkRevenue(t, structuredOf(t, result))
	})
}

func TestInspector_ReadsResourcesAndGetsPrompts(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, call func(words ...string) json.RawMessage) {
		t.Helper()
		for _, c := range []struct {
			words []string
			says  string
		}{
			{[]string{"--method", "resources/list"}, `"uri":"metrics://catalog"`},
			{[]string{"--method", "resources/templates/list"}, `"uriTemplate":"metric://{name}"`},
			{[]string{"--method", "resources/read", "--uri", "metric://revenue"}, `\"name\":\"revenue\"`},
			{[]string{"--method", "prompts/list"}, `"name":"metric_analysis"`},
			{[]string{"--method", "prompts/get", "--prompt-name", "metric_analysis", "--prompt-args", "metric=revenue"}, "Analyse the metric revenue"},
		} {
			if got := strings.ReplaceAll(string(call(c.words...)), `": "`, `":"`); !strings.Contains(got, c.says) {
				t.Errorf("%v: %s", c.words, got)
			}
		}
	})
}

// TestInspector_FindsNothingUnportable has Inspector judge every schema as clients may.
func TestInspector_FindsNothingUnportable(t *testing.T) {
	t.Parallel()
	// Exit code 6 says that a schema has an error.
	inspect(t, "--strict", "--transport", "http", "--header", "Authorization: Bearer "+lab.key, "--server-url", lab.server.URL, "--method", "tools/list")
}

// Inspector follows a tool to the page that draws its charts, as a host that shows MCP Apps does.
func TestInspector_FindsTheViewOfCharts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, folder(), nodeEnvironment(t), inspector(), "--cli", "--quiet", "--format", "json", "--transport", "http",
		"--header", "Authorization: Bearer "+lab.key, "--server-url", lab.server.URL,
		"--advertise-apps", "--app-info", "--method", "tools/call", "--tool-name", "query")
	if err != nil || out.Code != 0 || !strings.Contains(out.Stdout, `"ui://steward/chart"`) {
		t.Errorf("Inspector: %v, exit code %d\n%s\n%s", err, out.Code, out.Stdout, out.Stderr)
	}
}
