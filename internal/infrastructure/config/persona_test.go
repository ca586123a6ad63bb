package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

func personas(t *testing.T, text string) (config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(config.Options{File: file, Env: []string{home}})
}

func TestLoad_ReadsConditionsAndPurpose(t *testing.T) {
	c, err := personas(t, `personas:
  p:
    require_purpose: true
    allow:
      - {action: tool.call, target: "tool:query", when: {limit: {min: 0, max: 100}, /order/0: {equals: x, absent: true}, mode: {glob: [a*]}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := c.Policy()
	if err != nil {
		t.Fatal(err)
	}
	who := access.Local("x", "p")
	if got := policy.Obligations(who).Purpose; got != "p/require_purpose" {
		t.Errorf("the obligation is %q", got)
	}
	for args, want := range map[string]bool{
		`{"limit":0,"mode":"ab"}`: true, `{"limit":-1,"mode":"ab"}`: false, `{"limit":101,"mode":"ab"}`: false,
		`{"limit":5,"mode":"b"}`: false, `{"limit":5,"mode":"a","order":["x"]}`: true, `{"limit":5,"mode":"a","order":["y"]}`: false,
	} {
		if got := policy.Decide(who, access.On("tool.call", "tool", "query").With(json.RawMessage(args))).Allowed; got != want {
			t.Errorf("%s: %t, want %t", args, got, want)
		}
	}
}

func TestLoad_TellsWhereAConditionIsWrong(t *testing.T) {
	_, err := personas(t, `personas:
  p:
    allow:
      - action: tool.call
        target: tool:query
        when:
          limit: {max: many}
          mode: {equals: [a], glob: [b]}
          name: {glob: ["[x]"]}
          where: {beyond: 1}
          /a~3: {present: true}
          empty: {}
      - action: metric.query
        target: metric:x
        when: {limit: {max: 1}}
`)
	var got []string
	for line := range strings.Lines(err.Error()) {
		_, place, _ := strings.Cut(line, "p.yaml:")
		got = append(got, strings.TrimSpace(place))
	}
	want := []string{
		"7:24: personas.p.allow[0].when.limit.max: must be a whole number",
		"8:11: personas.p.allow[0].when.mode: " + access.ErrConditionTest.Message,
		`9:25: personas.p.allow[0].when.name.glob[0]: A pattern knows only * and ?; write one pattern for each alternative, and ? for a literal [ ] { } or \.`,
		"10:11: personas.p.allow[0].when.where: " + access.ErrConditionTest.Message,
		"10:19: personas.p.allow[0].when.where.beyond: is not a known key",
		"11:11: personas.p.allow[0].when./a~3: " + access.ErrConditionPointer.Message,
		"12:11: personas.p.allow[0].when.empty: " + access.ErrConditionTest.Message,
		"15:9: personas.p.allow[1].when: " + access.ErrConditionAction.Message,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
