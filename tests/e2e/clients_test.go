package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// visited is what a client's program prints of its visit.
type visited struct {
	Revision    string          `json:"revision"`
	Tools       json.RawMessage `json:"tools"`
	Structured  json.RawMessage `json:"structured"`
	Stages      *int            `json:"stages"` // how often it heard of its question while that ran; nil of a client that does not listen
	Echoes      []string        `json:"echoes"`
	Resource    string          `json:"resource"`
	Prompt      string          `json:"prompt"`
	Completions []string        `json:"completions"`
	Refused     string          `json:"refused"`
}

// check holds a visit against what the server has for the analyst.
func (v visited) check(t *testing.T, revision string) {
	t.Helper()
	if v.Revision != "" && v.Revision != revision {
		t.Errorf("the revision is %q, want %q", v.Revision, revision)
	}
	names := namesIn(t, []byte(`{"tools":`+string(v.Tools)+`}`))
	slices.Sort(names)
	if diff := cmp.Diff(toolNames, names); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
	checkRevenue(t, v.Structured)
	want := make([]string, 20)
	for i := range want {
		want[i] = fmt.Sprint("echo ", i)
	}
	if diff := cmp.Diff(want, v.Echoes); diff != "" {
		t.Errorf("echoes (-want +got):\n%s", diff)
	}
	if !strings.Contains(v.Resource, `"revenue"`) || !strings.Contains(v.Prompt, "Analyse the metric revenue") || !slices.Contains(v.Completions, "revenue") {
		t.Errorf("resource %q, prompt %q, completions %q", v.Resource, v.Prompt, v.Completions)
	}
	if !strings.Contains(v.Refused, "There is no tool of this name") {
		t.Errorf("a tool that there is not was answered with %q", v.Refused)
	}
}

// heard holds a visit to a server that nobody has asked before, so that its question had to run.
func (v visited) heard(t *testing.T) {
	t.Helper()
	if v.Stages != nil && *v.Stages == 0 {
		t.Error("nothing was heard of the question while it ran")
	}
}

func visit(t *testing.T, program string, args ...string) visited {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, folder(), nodeEnvironment(t), program, args...)
	if err != nil || out.Code != 0 {
		t.Fatalf("%v, exit code %d: %v\n%s%s", err, out.Code, args, out.Stdout, out.Stderr)
	}
	var v visited
	if err := json.Unmarshal([]byte(out.Stdout), &v); err != nil {
		t.Fatalf("%v: %s", err, out.Stdout)
	}
	return v
}

// visitors are clients of the SDKs that most others are made with.
func visitors(t *testing.T) map[string]struct {
	revision string
	command  []string
} {
	t.Helper()
	node := []string{filepath.Join(nodeFolder(), "node"), filepath.Join(folder(), "clients", "visit.mjs")}
	return map[string]struct {
		revision string
		command  []string
	}{
		"TypeScript 2, 2026-07-28":     {"2026-07-28", append(slices.Clone(node), "v2-modern")},
		"TypeScript 2, 2025-11-25":     {"2025-11-25", append(slices.Clone(node), "v2-legacy")},
		"TypeScript 2, as it finds it": {"2026-07-28", append(slices.Clone(node), "v2-auto")},
		"TypeScript 1":                 {"2025-11-25", append(slices.Clone(node), "v1")},
		"Go":                           {"2026-07-28", []string{goSDK(t)}},
	}
}

// goSDK builds the Go client, which is a module of its own.
func goSDK(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gosdk")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, filepath.Join(folder(), "gosdk"), os.Environ(), "go", "build", "-o", binary, ".")
	if err != nil || out.Code != 0 {
		t.Fatalf("%v: %s", err, out.Stderr)
	}
	return binary
}

func TestClients_OfTheSDKsAreServedOverBothTransports(t *testing.T) {
	t.Parallel()
	question, err := json.Marshal(revenueByMonthAndRegion())
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range visitors(t) {
		for transport, where := range map[string][]string{
			"http":  {lab.server.URL, lab.key},
			"stdio": {lab.Binary, "stdio", "--config", lab.config},
		} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				args := append(slices.Clone(v.command[1:]), string(question), transport)
				got := visit(t, v.command[0], append(args, where...)...)
				if got.check(t, v.revision); transport == "stdio" {
					got.heard(t)
				}
			})
		}
	}
}

// A client of the time before streamable HTTP is served where the operator wants it, and finds nothing elsewhere.
func TestClients_OfTheOldTransportAreServedWhereItIsOn(t *testing.T) {
	t.Parallel()
	question, err := json.Marshal(revenueByMonthAndRegion())
	if err != nil {
		t.Fatal(err)
	}
	config := configure(t, map[string]any{"server.legacy_sse": true})
	key := createKey(t, config, "analyst")
	server := start(t, config)
	node, program := filepath.Join(nodeFolder(), "node"), filepath.Join(folder(), "clients", "visit.mjs")
	endpoint := strings.TrimSuffix(server.URL, "/mcp") + "/sse"
	got := visit(t, node, program, "sse", string(question), "http", endpoint, key)
	got.check(t, "2024-11-05")
	if got.heard(t); got.Stages == nil {
		t.Error("the client does not tell what it heard")
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	off := strings.TrimSuffix(lab.server.URL, "/mcp") + "/sse"
	out, err := harness.Command(ctx, folder(), nodeEnvironment(t), node, program, "sse", string(question), "http", off, lab.key)
	if err != nil || out.Code == 0 || !strings.Contains(out.Stderr, "404") {
		t.Errorf("where it is off: %v, exit code %d\n%s", err, out.Code, out.Stderr)
	}
}
