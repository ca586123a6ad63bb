package toolapp

import (
	"encoding/json"
	"testing"
)

func TestOptional_LeavesOutWhatIsNull(t *testing.T) {
	t.Parallel()
	o := properties(json.RawMessage(`{"type":"object","properties":{"a":{"type":"string"},"b":{},"c":true}}`))
	for args, want := range map[string]string{
		`{}`: `{}`, `{"a":null}`: `{}`, `{"a":null,"b":1.50,"c":{"d":null}}`: `{"b":1.50,"c":{"d":null}}`,
		`{"x":null,"a":null}`: `{"x":null}`, `{"a":"null"}`: `{"a":"null"}`, `{"b":[null]}`: `{"b":[null]}`,
		`null`: `null`, `[null]`: `[null]`, `{"a": null}`: `{}`, `{"b":9007199254740993,"a":null}`: `{"b":9007199254740993}`,
	} {
		if got := string(o.without(json.RawMessage(args))); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
	if got := properties(json.RawMessage(`{}`)).without(json.RawMessage(`{"a":null}`)); string(got) != `{"a":null}` {
		t.Errorf("without properties: %s", got)
	}
}
