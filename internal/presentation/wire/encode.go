package wire

import (
	"bytes"
	"encoding/json"
)

// Encode writes value as JSON on one line, with no more escapes than JSON needs.
func Encode(value any) ([]byte, error) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), nil
}

// MarshalOrNull is what json.Marshal writes of value, which for what is made of texts and numbers never fails, and else null.
func MarshalOrNull(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		return []byte("null")
	}
	return data
}

// Respond puts a response around a result or an error, which member names. The id goes back in the bytes it came in, so that no
// number is rounded on its way.
func Respond(id json.RawMessage, member string, value []byte) []byte {
	return append(append(respond(id, member, len(value)), value...), '}')
}

// respond begins a response that has room for size bytes and the brace behind them.
func respond(id json.RawMessage, member string, size int) []byte {
	const frame = `{"jsonrpc":"2.0","id":`
	if id == nil {
		id = json.RawMessage("null")
	}
	body := make([]byte, 0, len(frame)+len(id)+len(member)+size+len(`,"":}`))
	body = append(append(body, frame...), id...)
	return append(append(append(body, `,"`...), member...), `":`...)
}
