package wire

import (
	"encoding/json"
	"errors"
)

// ErrEnvelope is JSON that is not a JSON-RPC 2.0 message: a batch, a scalar, a wrong version, an id of the wrong
// type. MCP revisions since 2025-06-18 have no batches.
var ErrEnvelope = errors.New("the message is not a JSON-RPC 2.0 request, notification or response")

// Message is one JSON-RPC message, its parts still in the bytes they came in.
type Message struct {
	ID     json.RawMessage // number or string as sent; nil when there is none
	Method string          // empty for a response
	Params json.RawMessage
	// Of params, as far as they are there and strings:
	Name string // tools/call, prompts/get
	URI  string // resources/read
	Meta Meta
	// Plain is set when params is an object that has no members but a name, arguments, and a _meta that is an object.
	Plain bool
	// Arguments of tools/call, as sent.
	Arguments json.RawMessage
	// Cancels is the id that notifications/cancelled names; nil when it is neither a number nor a string.
	Cancels json.RawMessage
	// InputResponses and RequestState are what a client sends on in answer to what it was asked, in any shape.
	InputResponses json.RawMessage
	RequestState   json.RawMessage
	// Result and Error are those of a response, as sent: one of them, and never both.
	Result json.RawMessage
	Error  json.RawMessage
}

// Meta is what params._meta says about the request itself.
type Meta struct {
	ProtocolVersion string            // io.modelcontextprotocol/protocolVersion
	Client          string            // io.modelcontextprotocol/clientInfo, name/version
	Purpose         string            // steward/purpose, as sent
	Trace           map[string]string // traceparent, tracestate, baggage, and the name Claude Code gives the call
	ProgressToken   json.RawMessage   // as sent; nil when it is neither a number nor a string, or longer than maxToken
	Capabilities    json.RawMessage   // io.modelcontextprotocol/clientCapabilities, as sent
	LogLevel        string            // io.modelcontextprotocol/logLevel, as sent
}

// maxToken is the longest progress token in bytes that is taken: it goes back with every notification.
const maxToken = 256

// IsRequest reports whether an answer is owed.
func (m Message) IsRequest() bool { return m.Method != "" && m.ID != nil }

// IsResponse reports whether the message answers a request of ours.
func (m Message) IsResponse() bool {
	return m.Method == "" && m.ID != nil && (m.Result != nil || m.Error != nil)
}

// IsNotification reports whether the message wants no answer.
func (m Message) IsNotification() bool { return m.Method != "" && m.ID == nil }

// Read scans data and takes it apart. The message is as complete as it could be read when err is not nil, so that an
// error answer can carry the id. Its parts are those of data, which must not change.
func Read(data []byte) (Message, error) {
	var m Message
	var c caught
	if err := scan(data, ofMessage, &c); err != nil {
		return m, err
	}
	if !isText(c.jsonrpc) || !isText(c.method) || !identifies(c.id) {
		return m, ErrEnvelope
	}
	m.ID, m.Method, m.Params = c.id, word(c.method), c.params
	m.Result, m.Error = c.result, c.error
	response := c.result != nil || c.error != nil
	both := c.result != nil && c.error != nil
	if word(c.jsonrpc) != "2.0" || (m.Method == "") != response || both {
		return m, ErrEnvelope
	}
	if m.Params != nil {
		return m, m.read(&c)
	}
	return m, nil
}

// isText reports whether raw is absent, null or a text.
func isText(raw []byte) bool { return raw == nil || raw[0] == '"' || raw[0] == 'n' }

// identifies reports whether raw is absent, a number or a string. MCP forbids null.
func identifies(raw json.RawMessage) bool {
	if raw == nil {
		return true
	}
	c := raw[0]
	return c == '"' || c == '-' || (c >= '0' && c <= '9')
}

// read takes what params say.
func (m *Message) read(c *caught) error {
	if first := m.Params[0]; first != '{' && first != 'n' {
		return ErrEnvelope
	}
	m.Name, m.URI = word(c.name), word(c.uri)
	m.Arguments, m.InputResponses, m.RequestState = c.arguments, c.responses, c.state
	if identifies(c.requestID) {
		m.Cancels = c.requestID
	}
	m.Plain = m.Params[0] == '{' && !c.others && (c.meta == nil || c.meta[0] == '{')
	m.Meta.read(c)
	return nil
}

// read takes what it understands; a member of another shape is as good as absent, and mcp-go says so where it matters.
func (m *Meta) read(c *caught) {
	m.ProtocolVersion, m.Purpose, m.LogLevel = word(c.version), word(c.purpose), word(c.logLevel)
	if c.client != nil {
		var client struct{ Name, Version string }
		if json.Unmarshal(c.client, &client) == nil {
			m.Client = ClientName(client.Name, client.Version)
		}
	}
	m.Capabilities = c.capabilities
	if len(c.token) <= maxToken && identifies(c.token) {
		m.ProgressToken = c.token
	}
	for i, key := range traceKeys {
		if text := word(c.trace[i]); text != "" {
			if m.Trace == nil {
				m.Trace = make(map[string]string, 3)
			}
			m.Trace[key] = text
		}
	}
}

// ClientName is how a client is written down: name/version, printable and at most 128 bytes, since it is only the
// client's word for itself.
func ClientName(name, version string) string {
	if version != "" {
		name += "/" + version
	}
	clean := make([]byte, 0, min(len(name), 128))
	for i := 0; i < len(name) && len(clean) < 128; i++ {
		if c := name[i]; c >= 0x20 && c < 0x7f {
			clean = append(clean, c)
		}
	}
	return string(clean)
}
