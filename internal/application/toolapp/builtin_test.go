package toolapp_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

// run calls a tool as the gate would, and checks its structured result against its output schema.
func run(t *testing.T, made tool.Tool, args string) (string, map[string]any) {
	t.Helper()
	if check, err := schema.Compile(made.Name, made.InputSchema); err != nil || check(json.RawMessage(args)) != nil {
		t.Fatalf("%s refuses %s", made.Name, args)
	}
	bound, err := made.Bind(t.Context(), alice, json.RawMessage(args))
	if err != nil {
		t.Fatal(err)
	}
	result, err := bound.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(result.Structured)
	if err != nil {
		t.Fatal(err)
	}
	check, err := schema.Compile(made.Name, made.OutputSchema)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(text); err != nil {
		t.Errorf("%s answers %s: %v", made.Name, text, err)
	}
	var structured map[string]any
	if err := json.Unmarshal(text, &structured); err != nil {
		t.Fatal(err)
	}
	return result.Text, structured
}

func TestEcho_SaysItBack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "hello", "<&>\u2028\"", strings.Repeat("ä", 65536)} {
		args, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		said, structured := run(t, toolapp.Echo(), string(args))
		if said != text || structured["text"] != text {
			t.Errorf("%.20q came back as %.20q and %.20q", text, said, structured["text"])
		}
	}
}

func TestSystemInfo_TellsSinceWhen(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC)
	made := toolapp.SystemInfo("1.2.3", func() time.Time { return at })
	at = at.Add(90 * time.Second)
	text, structured := run(t, made, `{}`)
	if structured["started"] != "2026-01-02T03:04:05Z" || structured["uptime_seconds"] != 90.0 || structured["version"] != "1.2.3" {
		t.Errorf("answered %v", structured)
	}
	if !strings.Contains(text, "1.2.3") || !strings.Contains(text, "2026-01-02T03:04:05Z") {
		t.Errorf("said %q", text)
	}
}

func TestWhoAmI_TellsWhoAndWhatIsLeft(t *testing.T) {
	t.Parallel()
	var s surroundings
	left := toolapp.Allowance{Limited: true, PerMinute: 60, Burst: 10, Tokens: toolapp.Tokens{PerDay: 1000, Remaining: 1}}
	made := toolapp.WhoAmI(&s, func(access.Principal) []string { return []string{"a", "b"} }, func(context.Context, access.Principal) toolapp.Allowance { return left })
	text, structured := run(t, made, `{}`)
	want := map[string]any{
		"id": "key:alice", "name": "Alice", "personas": []any{"p"}, "tools": []any{"a", "b"}, "policy": "hash",
		// That nothing is left is the moment when a caller wants to know.
		"limits": map[string]any{
			"limited": true, "requests_per_minute": 60.0, "burst": 10.0, "remaining": 0.0,
			"conversation_tokens": map[string]any{"per_day": 1000.0, "remaining": 1.0},
		},
		"requires_purpose": false,
	}
	if diff := cmp.Diff(want, structured); diff != "" {
		t.Errorf("whoami (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, "Alice") || !strings.Contains(text, "a, b") || !strings.Contains(text, "0 calls are left") || !strings.Contains(text, "1 tokens of conversation are left") {
		t.Errorf("said %q", text)
	}
}

func TestWhoAmI_HasListsForWhoeverHasNothing(t *testing.T) {
	t.Parallel()
	var s surroundings
	made := toolapp.WhoAmI(&s, func(access.Principal) []string { return []string{} }, func(context.Context, access.Principal) toolapp.Allowance { return toolapp.Allowance{} })
	bound, err := made.Bind(t.Context(), access.Principal{Issuer: "key", Subject: "new"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := bound.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(result.Structured)
	if err != nil || strings.Contains(string(text), "null") || strings.Contains(string(text), "remaining") {
		t.Errorf("answered %s, %v", text, err)
	}
	if want := "personas none. You may call: none. No rate limit"; !strings.Contains(result.Text, want) {
		t.Errorf("said %q", result.Text)
	}
}

// Whatever bounds a credential beyond its personas is told to whoever holds it.
func TestWhoAmI_TellsWhatBoundsTheCredential(t *testing.T) {
	t.Parallel()
	rules, err := access.Compile([]access.Persona{{Name: "p", Purpose: true}})
	if err != nil {
		t.Fatal(err)
	}
	scope, err := access.NewScope([]access.Rule{{Actions: []string{"tool.call"}, Targets: []string{"tool:echo", "tool:whoami"}}})
	if err != nil {
		t.Fatal(err)
	}
	made := toolapp.WhoAmI(rules, func(access.Principal) []string { return []string{"a"} }, func(context.Context, access.Principal) toolapp.Allowance { return toolapp.Allowance{} })
	check, err := schema.Compile(made.Name, made.OutputSchema)
	if err != nil {
		t.Fatal(err)
	}
	ends := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	bound, err := made.Bind(t.Context(), access.Principal{Issuer: "key", Subject: "bo", Personas: []string{"p"}, Scope: scope, Expires: ends}, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := bound.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(result.Structured)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(text); err != nil {
		t.Errorf("answers %s: %v", text, err)
	}
	var got struct {
		Expires         string
		Scope           []map[string][]string
		RequiresPurpose bool `json:"requires_purpose"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string][]string{{"actions": {"tool.call"}, "targets": {"tool:echo", "tool:whoami"}}}
	if diff := cmp.Diff(want, got.Scope); diff != "" || got.Expires != "2026-03-01T11:00:00Z" || !got.RequiresPurpose {
		t.Errorf("answers %s", text)
	}
	for _, words := range []string{"until 2026-03-01T11:00:00Z", "no more than: tool.call tool:echo,tool:whoami", "steward/purpose"} {
		if !strings.Contains(result.Text, words) {
			t.Errorf("does not say %q: %s", words, result.Text)
		}
	}
}
