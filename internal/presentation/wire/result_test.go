package wire_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// What has been encoded is written as it is, and comes to the same as what has not.
func TestRespondTool_WritesWhatIsEncodedAsWhatIsNot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		structured := map[string]any{rapid.String().Draw(rt, "name"): rapid.String().Draw(rt, "value"), "<": 1.5}
		encoded, err := json.Marshal(structured)
		if err != nil {
			rt.Fatal(err)
		}
		said := wire.ToolResult{Text: rapid.String().Draw(rt, "text"), Structured: structured}
		plain, _, err := wire.RespondTool(json.RawMessage("1"), said)
		if err != nil {
			rt.Fatal(err)
		}
		said.Structured = tool.Encoded(encoded)
		body, result, err := wire.RespondTool(json.RawMessage("1"), said)
		if err != nil || string(body) != string(plain) || !json.Valid(result) {
			rt.Errorf("%v:\n%s\n%s", err, body, plain)
		}
		if again, err := json.Marshal(tool.Encoded(encoded)); err != nil || string(again) != string(encoded) {
			rt.Errorf("by encoding/json it is %s, %v", again, err)
		}
	})
}
