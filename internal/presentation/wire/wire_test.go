package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/presentation/wire"
)

func TestScan_AcceptsWhatIsJSONAndNamesWhatIsNot(t *testing.T) {
	for text, want := range map[string]error{
		`{}`:                                     nil,
		` [1, -0.5e+3, "a\u00e9\n", true, null]`: nil,
		`"\ud83d\ude00"`:                         nil,
		`"\ufffd"`:                               nil,
		`{"a":{"b":1},"b":{"b":1}}`:              nil,
		`{"p":{"q":{"r":{"Name":1,"name":2}}}}`:  nil,
		``:                                       wire.ErrSyntax,
		`{`:                                      wire.ErrSyntax,
		`{"a":1,}`:                               wire.ErrSyntax,
		`[1,]`:                                   wire.ErrSyntax,
		`01`:                                     wire.ErrSyntax,
		`+1`:                                     wire.ErrSyntax,
		`1 2`:                                    wire.ErrSyntax,
		`NaN`:                                    wire.ErrSyntax,
		"\"a\nb\"":                               wire.ErrSyntax,
		`"\x"`:                                   wire.ErrSyntax,
		`{"a":1,"a":2}`:                          wire.ErrDuplicate,
		`{"a":1,"\u0061":2}`:                     wire.ErrDuplicate,
		`{"a":1,"A":2}`:                          wire.ErrDuplicate,
		`{"p":{"a":{"b":1,"B":2}}}`:              wire.ErrDuplicate,
		"{\"p\":{\"a\":{\"\u212aey\":1,\"key\":2}}}": wire.ErrDuplicate,
		"{\"p\":{\"a\":{\"\u0130d\":1,\"id\":2}}}":   nil,
		`{"Method":1}`:                                     wire.ErrSpelling,
		`{"method":1,"Method":2}`:                          wire.ErrSpelling,
		"{\"param\u017f\":{}}":                             wire.ErrSpelling,
		`{"params":{"Arguments":{}}}`:                      wire.ErrSpelling,
		`{"params":{"protocolversion":""}}`:                wire.ErrSpelling,
		`{"params":{"arguments":{"Name":"x"}}}`:            nil,
		object(1024):                                       nil,
		object(1025):                                       wire.ErrMembers,
		strings.Replace(object(1000), `"m999"`, `"m3"`, 1): wire.ErrDuplicate,
		"\"\xff\"":                                         wire.ErrEncoding,
		`"\ud83d"`:                                         wire.ErrEncoding,
		`"\ude00\ud83d"`:                                   wire.ErrEncoding,
		strings.Repeat("[", 64) + strings.Repeat("]", 64):  nil,
		strings.Repeat("[", 65) + strings.Repeat("]", 65):  wire.ErrDepth,
		strings.Repeat("[", 100_000):                       wire.ErrDepth,
	} {
		if got := wire.Scan([]byte(text)); !errors.Is(got, want) {
			t.Errorf("Scan(%.60q) = %v, want %v", text, got, want)
		}
	}
}

// What is no message of MCP has names of its own below its outermost object, whose names encoding/json reads.
func TestScanForeign_LeavesNamesBelowTheOutermostAlone(t *testing.T) {
	for text, want := range map[string]error{
		`{"ID":1,"Name":2}`:                           nil,
		`{"attributes":{"Level":["3"],"URI":[]}}`:     nil,
		`{"attributes":{"region":[],"Region":["x"]}}`: nil,
		`{"name":1,"Name":2}`:                         wire.ErrDuplicate,
		`{"attributes":{"region":[],"region":["x"]}}`: wire.ErrDuplicate,
		`{"attributes":` + object(1025) + `}`:         wire.ErrMembers,
		strings.Repeat("[", 65):                       wire.ErrDepth,
		"\"\xff\"":                                    wire.ErrEncoding,
		`{"a":1,}`:                                    wire.ErrSyntax,
	} {
		if got := wire.ScanForeign([]byte(text)); !errors.Is(got, want) {
			t.Errorf("ScanForeign(%.60q) = %v, want %v", text, got, want)
		}
	}
}

// object has n members.
func object(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"m%d":%d`, i, i)
	}
	return "{" + text.String()[1:] + "}"
}

// What the envelope's reader takes for a protocol member, Scan must see as one: else the two would read different
// messages. encoding/json is asked itself.
func TestScan_FoldsNamesAsEncodingJSONDoes(t *testing.T) {
	for _, name := range []string{"jsonrpc", "id", "method", "params", "result", "error"} {
		rapid.Check(t, func(t *rapid.T) {
			key := []rune(name)
			for i := range key {
				for range rapid.IntRange(0, 3).Draw(t, "turns") {
					key[i] = unicode.SimpleFold(key[i])
				}
			}
			var envelope struct {
				JSONRPC, ID, Method, Params, Result, Error any
			}
			text := fmt.Sprintf(`{%q:1}`, string(key))
			if err := json.Unmarshal([]byte(text), &envelope); err != nil {
				t.Fatal(err)
			}
			var want error
			if read := envelope != struct{ JSONRPC, ID, Method, Params, Result, Error any }{}; read && string(key) != name {
				want = wire.ErrSpelling
			}
			if got := wire.Scan([]byte(text)); !errors.Is(got, want) {
				t.Errorf("Scan(%s) = %v, want %v", text, got, want)
			}
		})
	}
}

func TestRead_TakesAMessageApart(t *testing.T) {
	m, err := wire.Read([]byte(`{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"echo",
		"arguments":{"text":"x"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
		"io.modelcontextprotocol/clientInfo":{"name":"c\u0000l","version":"1"},"traceparent":"00-x"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(m.ID) != "9007199254740993" || m.Method != "tools/call" || m.Name != "echo" || string(m.Arguments) != `{"text":"x"}` {
		t.Errorf("read %+v", m)
	}
	if m.Meta.ProtocolVersion != "2026-07-28" || m.Meta.Client != "cl/1" || m.Meta.Trace["traceparent"] != "00-x" {
		t.Errorf("read meta %+v", m.Meta)
	}
	if !m.IsRequest() || m.IsNotification() {
		t.Error("a request is not seen as one")
	}
}

func TestRead_RefusesWhatIsNoMessage(t *testing.T) {
	for _, text := range []string{
		`1`, `[]`, `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `{}`, `{"jsonrpc":"2.0"}`, `{"jsonrpc":"1.0","id":1,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":null,"method":"ping"}`, `{"jsonrpc":"2.0","id":{},"method":"ping"}`, `{"jsonrpc":"2.0","id":true,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`, `{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, `{"jsonrpc":"2.0","id":1,"method":7}`, `{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}`,
	} {
		if m, err := wire.Read([]byte(text)); err == nil {
			t.Errorf("Read(%s) = %+v", text, m)
		}
	}
}

func FuzzScan_AcceptsNothingThatEncodingJSONRefuses(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-3,"\u00e9"]}`, `{"a":1,"A":2}`, `"\ud800"`, `[[[]]]`, `-`, `1e`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := wire.Scan(data)
		if err == nil && !json.Valid(data) {
			t.Errorf("Scan accepts %q, which is not JSON", data)
		}
		if errors.Is(err, wire.ErrSyntax) && json.Valid(data) {
			t.Errorf("Scan refuses %q, which is JSON", data)
		}
		_, _ = wire.Read(data)
	})
}

func TestIDKey_TellsValuesApartAndNotSpellings(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{`1`, `1.0`, `1e0`, `10e-1`, `0.1E+1`, `100E-02`},
		{`0`, `-0`, `0.00`, `0e7`},
		{`-12.5`, `-125e-1`},
		{`9007199254740993`, `9007199254740993.0`},
		{`"1"`, `"\u0031"`},
		{`"é"`, `"\u00e9"`},
		{`1e99999999999`},
	} {
		for _, spelled := range same {
			if got, want := wire.IDKey([]byte(spelled)), wire.IDKey([]byte(same[0])); got != want {
				t.Errorf("%s: %q, and %s: %q", spelled, got, same[0], want)
			}
		}
	}
	keys := map[string]string{}
	for _, other := range []string{`1`, `"1"`, `"1e0"`, `"number 1e0"`, `-1`, `10`, `0.1`, `100`, `9007199254740993`, `9007199254740992`, `""`, `0`, `"0"`} {
		key := wire.IDKey([]byte(other))
		if keys[key] != "" {
			t.Errorf("%s and %s have the key %q", other, keys[key], key)
		}
		keys[key] = other
	}
}

func TestIDKey_OfANumberIsThatOfItsOtherSpellings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, shift := rapid.Int64().Draw(t, "n"), rapid.IntRange(0, 30).Draw(t, "shift")
		plain := fmt.Sprint(n)
		shifted := fmt.Sprintf("%d%se-%d", n, strings.Repeat("0", shift), shift)
		if a, b := wire.IDKey([]byte(plain)), wire.IDKey([]byte(shifted)); a != b {
			t.Fatalf("%s: %q, %s: %q", plain, a, shifted, b)
		}
		if other := rapid.Int64().Draw(t, "other"); other != n && wire.IDKey([]byte(plain)) == wire.IDKey([]byte(fmt.Sprint(other))) {
			t.Fatalf("%d and %d have one key", n, other)
		}
	})
}

func TestMessage_IntroducesItsClient(t *testing.T) {
	for params, want := range map[string][2]string{
		`{"protocolVersion":"2025-11-25","clientInfo":{"name":"t","version":"1"}}`: {"t/1", "2025-11-25"},
		`{"protocolVersion":"2025-11-25","clientInfo":{"name":"t\u0007\u202e"}}`:   {"t", "2025-11-25"},
		`{"protocolVersion":20251125,"clientInfo":{"name":["t"],"version":"1"}}`:   {"/1", ""},
		`{"clientInfo":"t","protocolVersion":"2025-11-25"}`:                        {"", "2025-11-25"},
		`{}`: {"", ""},
	} {
		m, err := wire.Read([]byte(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":` + params + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if client, revision := m.Introduction(); client != want[0] || revision != want[1] {
			t.Errorf("%s: %q, %q", params, client, revision)
		}
	}
}
