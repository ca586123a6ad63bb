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

// Respond puts a response around a result or an error, which member names. The id goes back in the bytes it came in, so that no
// number is rounded on its way.
func Respond(id json.RawMessage, member string, value []byte) []byte {
	const frame = `{"jsonrpc":"2.0","id":`
	if id == nil {
		id = json.RawMessage("null")
	}
	body := make([]byte, 0, len(frame)+len(id)+len(member)+len(value)+len(`,"":}`))
	body = append(append(body, frame...), id...)
	body = append(append(append(body, `,"`...), member...), `":`...)
	return append(append(body, value...), '}')
}
