package care_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ann = access.Principal{Issuer: "key", Subject: "ann", Personas: []string{"p"}}

// allowed is a policy of one persona with these rules, each "action target".
func allowed(t *testing.T, allow, deny []access.Rule) access.DataPolicy {
	t.Helper()
	policy, err := access.Compile([]access.Persona{{Name: "p", Allow: allow, Deny: deny}})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func rule(action string, targets ...string) access.Rule {
	return access.Rule{Actions: []string{action}, Targets: targets}
}

var seesAll = rule("metric.query", "metric:*", "dimension:*", "entity:*", "saved_query:*")

// bind binds arguments that its schema takes.
func bind(t *testing.T, tl tool.Tool, args string) (tool.Bound, error) {
	t.Helper()
	check(t, tl.InputSchema, []byte(args))
	return tl.Bind(t.Context(), ann, json.RawMessage(args))
}

// run runs what is bound, and reads its structured result, which its schema allows.
func run(t *testing.T, tl tool.Tool, b tool.Bound, ctx context.Context, into any) (tool.Result, error) { //nolint:revive // the test comes first
	t.Helper()
	r, err := b.Run(ctx)
	if err != nil {
		return r, err
	}
	data, err := json.Marshal(r.Structured)
	if err != nil {
		t.Fatal(err)
	}
	check(t, tl.OutputSchema, data)
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
	return r, nil
}

func check(t *testing.T, schema json.RawMessage, value []byte) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("test:///schema", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("test:///schema")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(instance); err != nil {
		t.Errorf("%v\n%s", err, value)
	}
}
