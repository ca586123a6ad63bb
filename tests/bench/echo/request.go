package echo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/steward-mcp/steward/tests/harness"
)

// request is one call of echo in the bytes that go over the wire, in which each call's own number is put in place.
// Numbers have as many digits as there are zeros in the pattern, so that no length ever changes.
type request struct {
	wire []byte
	at   []int // where the number stands: in the JSON-RPC id, and in the text
	want []byte
	mark int    // where it stands in want
	host string // of the endpoint, with its port
}

// The text is unique to its call: the number is, and the words around it make fifty-six bytes of it.
const (
	before = 1_000_000_000
	digits = "0000000000"
	text   = "call " + digits + " of a text that comes back the way it went."
)

// message is a tools/call of echo.
func message(era harness.Era) ([]byte, error) {
	params := map[string]any{"name": "echo", "arguments": map[string]any{"text": text}}
	if era == harness.Modern {
		params["_meta"] = map[string]any{
			"io.modelcontextprotocol/protocolVersion":    string(era),
			"io.modelcontextprotocol/clientInfo":         map[string]string{"name": "bench", "version": "1"},
			"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": json.RawMessage(`"` + digits + `"`), "method": "tools/call", "params": params})
	// A number for an id, as most clients have it, which may not begin with zeros while it is being encoded.
	return bytes.Replace(body, []byte(`"id":"`+digits+`"`), []byte(`"id":`+digits), 1), err
}

// overHTTP is the request as HTTP/1.1. session is the id of the protocol session, empty where there is none.
func overHTTP(endpoint string, era harness.Era, key, session string) (*request, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	body, err := message(era)
	if err != nil {
		return nil, err
	}
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", u.Path, u.Host, len(body))
	fmt.Fprintf(&head, "Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: %s\r\n", era)
	if key != "" {
		fmt.Fprintf(&head, "Authorization: Bearer %s\r\n", key)
	}
	if session != "" {
		fmt.Fprintf(&head, "Mcp-Session-Id: %s\r\n", session)
	}
	if era == harness.Modern {
		head.WriteString("Mcp-Method: tools/call\r\nMcp-Name: echo\r\n")
	}
	head.WriteString("\r\n")
	r := newRequest([]byte(head.String()), body)
	r.host = u.Host
	return r, nil
}

// overStdio is the request as a line.
func overStdio(era harness.Era) (*request, error) {
	body, err := message(era)
	return newRequest(nil, append(body, '\n')), err
}

func newRequest(head, body []byte) *request {
	r := &request{wire: append(head, body...), want: []byte(`"` + text + `"`)}
	for from := len(head); ; {
		i := bytes.Index(r.wire[from:], []byte(digits))
		if i < 0 {
			break
		}
		r.at = append(r.at, from+i)
		from += i + len(digits)
	}
	r.mark = bytes.Index(r.want, []byte(digits))
	return r
}

// calls numbers the calls of this process, so that no two have the same text.
var calls atomic.Int64

// renew makes it a call that nobody has made before, and gives its number.
func (r *request) renew() int64 {
	n := before + calls.Add(1)
	r.number(n)
	return n
}

func (r *request) number(n int64) {
	var text [len(digits)]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i], n = byte('0'+n%10), n/10
	}
	for _, at := range r.at {
		copy(r.wire[at:], text[:])
	}
	copy(r.want[r.mark:], text[:])
}

// answeredBy reports whether an answer has the call's own text in it, and is none of an error.
func (r *request) answeredBy(answer []byte) bool {
	return bytes.Contains(answer, r.want) && !bytes.Contains(answer, []byte(`"isError":true`)) && !bytes.Contains(answer, []byte(`"error":`))
}
