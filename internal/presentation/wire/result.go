package wire

import (
	"encoding/json"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// ToolResult is the result of a tools/call that says what it has to say in one text, as structured content, or both.
type ToolResult struct {
	Meta       json.RawMessage // _meta, encoded; nil for none
	Type       string          // resultType; empty for none
	Text       string          // empty for none
	Structured any             // nil for none
}

// RespondTool is Respond with a result that is written where it stays. result is the part of body that holds it.
func RespondTool(id json.RawMessage, r ToolResult) (body, result []byte, err error) {
	structured, err := r.structured()
	if err != nil {
		return nil, nil, err
	}
	const names = len(`{"_meta":,"content":[{"type":"text","text":""}],"resultType":"","structuredContent":}`)
	size := names + len(r.Meta) + len(r.Type) + len(r.Text) + len(structured)
	body = respond(id, "result", size+len(r.Text)/8) // room for some escapes
	from := len(body)
	body = append(body, '{')
	if r.Meta != nil {
		body = append(append(append(body, `"_meta":`...), r.Meta...), ',')
	}
	body = append(body, `"content":[`...)
	if r.Text != "" {
		body = append(appendText(append(body, `{"type":"text","text":`...), r.Text), '}')
	}
	body = append(body, ']')
	if r.Type != "" {
		body = append(append(append(body, `,"resultType":"`...), r.Type...), '"')
	}
	if structured != nil {
		body = append(append(body, `,"structuredContent":`...), structured...)
	}
	body = append(body, "}}"...)
	return body, body[from : len(body)-1], nil
}

func (r ToolResult) structured() ([]byte, error) {
	switch structured := r.Structured.(type) {
	case nil:
		return nil, nil
	case tool.Encoded:
		return structured, nil
	}
	return json.Marshal(r.Structured)
}

// appendText writes a text as encoding/json does.
func appendText(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(text) // a text always encodes
			return append(to, quoted...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}
