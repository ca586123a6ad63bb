package wire_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// stricter are texts that a JSON parser has to accept, and Scan refuses on purpose: RFC 8259 §4 leaves open what a name
// that stands twice means.
var stricter = map[string]error{
	"y_object_duplicated_key":           wire.ErrDuplicate,
	"y_object_duplicated_key_and_value": wire.ErrDuplicate,
}

func TestScan_AgreesWithTheJSONTestSuite(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/json-test-suite/parsing.json")
	if err != nil {
		t.Fatal(err)
	}
	var suite []struct{ Name, Input string }
	if err := json.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	suite = append(suite,
		struct{ Name, Input string }{"n_structure_100000_opening_arrays", strings.Repeat("[", 100_000)},
		struct{ Name, Input string }{"n_structure_open_array_object", strings.Repeat(`[{"":`, 50_000) + "\n"})
	tried := map[string]int{}
	for _, c := range suite {
		kind, _, _ := strings.Cut(c.Name, "_")
		tried[kind]++
		inputs := []string{c.Input}
		if strings.Contains(c.Input, "\ufffd") {
			inputs = append(inputs, strings.ReplaceAll(c.Input, "\ufffd", "\xff"))
		}
		for _, input := range inputs {
			err := wire.Scan([]byte(input))
			switch {
			case kind == "n" && err == nil:
				t.Errorf("%s: accepts %.60q", c.Name, input)
			case kind == "y" && !errors.Is(err, stricter[c.Name]):
				t.Errorf("%s: %v of %.60q", c.Name, err, input)
			case err == nil && !json.Valid([]byte(input)): // of the others what is accepted must be read alike
				t.Errorf("%s: accepts %.60q, which encoding/json does not", c.Name, input)
			}
		}
	}
	if tried["n"] != 188 || tried["y"] != 95 || tried["i"] != 35 {
		t.Errorf("tried %v", tried)
	}
}
