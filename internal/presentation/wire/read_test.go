package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// decoded is the message as encoding/json reads it.
func decoded(data []byte) (wire.Message, error) {
	var m wire.Message
	var envelope struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  string          `json:"method"`
		Params  json.RawMessage `json:"params"`
		Result  json.RawMessage `json:"result"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(data, &envelope) != nil || !isID(envelope.ID) {
		return m, wire.ErrEnvelope
	}
	m.ID, m.Method, m.Params, m.Result, m.Error = envelope.ID, envelope.Method, envelope.Params, envelope.Result, envelope.Error
	if envelope.JSONRPC != "2.0" || (m.Method == "") != (m.Result != nil || m.Error != nil) || m.Result != nil && m.Error != nil {
		return m, wire.ErrEnvelope
	}
	if m.Params == nil {
		return m, nil
	}
	var params struct {
		Name      any             `json:"name"`
		URI       any             `json:"uri"`
		Arguments json.RawMessage `json:"arguments"`
		Meta      json.RawMessage `json:"_meta"`
		RequestID json.RawMessage `json:"requestId"`
		Responses json.RawMessage `json:"inputResponses"`
		State     json.RawMessage `json:"requestState"`
	}
	if json.Unmarshal(m.Params, &params) != nil {
		return m, wire.ErrEnvelope
	}
	m.Name, _ = params.Name.(string)
	m.URI, _ = params.URI.(string)
	m.Arguments, m.InputResponses, m.RequestState = params.Arguments, params.Responses, params.State
	if isID(params.RequestID) {
		m.Cancels = params.RequestID
	}
	var meta map[string]json.RawMessage
	metaIsObject := params.Meta == nil || json.Unmarshal(params.Meta, &meta) == nil && meta != nil
	var members map[string]json.RawMessage
	_ = json.Unmarshal(m.Params, &members)
	m.Plain = members != nil && metaIsObject
	for name := range members {
		m.Plain = m.Plain && (name == "name" || name == "arguments" || name == "_meta")
	}
	m.Meta = decodedMeta(meta)
	return m, nil
}

func decodedMeta(members map[string]json.RawMessage) (m wire.Meta) {
	word := func(key string) (text string) {
		_ = json.Unmarshal(members[key], &text)
		return text
	}
	m.ProtocolVersion, m.Purpose = word("io.modelcontextprotocol/protocolVersion"), word("steward/purpose")
	m.LogLevel, m.Capabilities = word("io.modelcontextprotocol/logLevel"), members["io.modelcontextprotocol/clientCapabilities"]
	var client struct{ Name, Version string }
	if json.Unmarshal(members["io.modelcontextprotocol/clientInfo"], &client) == nil {
		m.Client = wire.ClientName(client.Name, client.Version)
	}
	if token := members["progressToken"]; len(token) <= 256 && isID(token) {
		m.ProgressToken = token
	}
	for _, key := range []string{"traceparent", "tracestate", "baggage", "claudecode/toolUseId"} {
		if text := word(key); text != "" {
			if m.Trace == nil {
				m.Trace = map[string]string{}
			}
			m.Trace[key] = text
		}
	}
	return m
}

func isID(raw json.RawMessage) bool {
	return raw == nil || strings.ContainsRune(`"-0123456789`, rune(raw[0]))
}

// values are what may stand anywhere.
var values = []string{
	`null`, `true`, `7`, `-1.50e3`, `""`, `"2.0"`, `"tools/call"`, `"echo"`, `"2026-07-28"`, `"a\u0062c"`, `"\ud83d\ude00"`, `"ü"`, `[]`, `{}`,
	`[{"name":"n","_meta":{"traceparent":"t"}}]`, `{"name":"n","version":"1"}`, `{"Name":7}`, `{"params":{"name":"x"}}`,
	`"` + strings.Repeat("t", 255) + `"`, `"` + strings.Repeat("t", 254) + `"`,
}

// anObject draws one with some of those names, each of which has a value of its own kind or any other.
func anObject(rt *rapid.T, what string, own map[string]string, names ...string) string {
	var members []string
	for _, name := range rapid.Permutation(names).Draw(rt, what) {
		value, usual := own[name]
		switch rapid.IntRange(0, 5).Draw(rt, name) {
		case 0:
			continue
		case 1:
			value, usual = rapid.SampledFrom(values).Draw(rt, "value"), true
		}
		if !usual {
			value = `"some text"`
		}
		if rapid.IntRange(0, 9).Draw(rt, "escaped") == 0 {
			name = `\u00` + string("0123456789abcdef"[name[0]>>4]) + string("0123456789abcdef"[name[0]&15]) + name[1:]
		}
		members = append(members, `"`+name+`" : `+value)
	}
	return `{` + strings.Join(members, ", ") + `}`
}

// One scan comes to what encoding/json reads, part by part.
func TestRead_ReadsWhatEncodingJSONReads(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		meta := anObject(rt, "_meta", map[string]string{
			"io.modelcontextprotocol/clientInfo": `{"name":"c","version":"1"}`, "io.modelcontextprotocol/clientCapabilities": `{"roots":{}}`, "progressToken": `5`,
		}, "io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientInfo", "io.modelcontextprotocol/clientCapabilities",
			"io.modelcontextprotocol/logLevel", "steward/purpose", "progressToken", "traceparent", "tracestate", "baggage", "claudecode/toolUseId", "else")
		names := []string{"name", "arguments", "_meta"}
		if rapid.Bool().Draw(rt, "more") {
			names = append(names, "uri", "requestId", "inputResponses", "requestState", "task")
		}
		params := anObject(rt, "params", map[string]string{"_meta": meta, "arguments": `{"name":"n","_meta":{"progressToken":1}}`, "requestId": `9`}, names...)
		message := []byte(anObject(rt, "message", map[string]string{"jsonrpc": `"2.0"`, "id": `1`, "method": `"tools/call"`, "params": params},
			rapid.SampledFrom([][]string{{"jsonrpc", "id", "method", "params"}, {"jsonrpc", "id", "result", "error", "method", "more"}}).Draw(rt, "kind")...))
		want, wrong := decoded(message)
		if unfit := wire.Scan(message); unfit != nil {
			want, wrong = wire.Message{}, unfit
		}
		got, err := wire.Read(message)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wrong == nil) {
			rt.Errorf("%s\n%v, want %v (-want +got):\n%s", message, err, wrong, diff)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	message := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"fifty-six bytes of text, as in the measurements before"},` +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Read(message); err != nil {
			b.Fatal(err)
		}
	}
}
