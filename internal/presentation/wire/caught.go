package wire

import (
	"bytes"
	"encoding/json"
)

// place is what an object of a message is to the protocol.
type place uint8

const (
	elsewhere place = iota
	envelope
	params
	meta
)

// of is the place of the value that an object in this place has under that name.
func (p place) of(key string) place {
	switch {
	case p == envelope && key == "params":
		return params
	case p == params && key == "_meta":
		return meta
	}
	return elsewhere
}

// caught are the values that the protocol names, in the bytes they came in; nil for those that are not there.
type caught struct {
	jsonrpc, id, method, params, result, error []byte // of the envelope

	name, uri, arguments, meta, requestID, responses, state []byte // of params
	others                                                  bool   // params has members with other names

	version, client, purpose, capabilities, logLevel, token []byte // of _meta
	trace                                                   [len(traceKeys)][]byte
}

// traceKeys are the members of _meta that Meta.Trace holds.
var traceKeys = [...]string{"traceparent", "tracestate", "baggage", "claudecode/toolUseId"}

func (c *caught) take(at place, key string, value []byte) {
	switch at {
	case envelope:
		c.ofEnvelope(key, value)
	case params:
		c.ofParams(key, value)
	case meta:
		c.ofMeta(key, value)
	case elsewhere:
	}
}

func (c *caught) ofEnvelope(key string, value []byte) {
	switch key {
	case "jsonrpc":
		c.jsonrpc = value
	case "id":
		c.id = value
	case "method":
		c.method = value
	case "params":
		c.params = value
	case "result":
		c.result = value
	case "error":
		c.error = value
	}
}

func (c *caught) ofParams(key string, value []byte) {
	switch key {
	case "name":
		c.name = value
	case "arguments":
		c.arguments = value
	case "_meta":
		c.meta = value
	case "uri":
		c.uri, c.others = value, true
	case "requestId":
		c.requestID, c.others = value, true
	case "inputResponses":
		c.responses, c.others = value, true
	case "requestState":
		c.state, c.others = value, true
	default:
		c.others = true
	}
}

func (c *caught) ofMeta(key string, value []byte) {
	switch key {
	case metaVersion:
		c.version = value
	case metaClient:
		c.client = value
	case metaPurpose:
		c.purpose = value
	case metaCapabilities:
		c.capabilities = value
	case metaLogLevel:
		c.logLevel = value
	case "progressToken":
		c.token = value
	default:
		for i, known := range traceKeys {
			if key == known {
				c.trace[i] = value
			}
		}
	}
}

// The members of _meta that are read.
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaClient       = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
	metaPurpose      = "steward/purpose"
)

// word is the text of a value that scan has let through; empty when it is none.
func word(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		var text string
		_ = json.Unmarshal(value, &text)
		return text
	}
	if name, ok := spelled[string(inner)]; ok {
		return name.exact
	}
	return string(inner)
}

// name is a name that messages often have, and how it folds.
type name struct{ exact, folded string }

// spelled keeps from being made anew what occurs in almost every message.
var spelled = func() map[string]name {
	known := map[string]name{}
	for folded, exact := range protocolNames {
		known[exact] = name{exact, folded}
	}
	often := append(traceKeys[:], metaVersion, metaClient, metaCapabilities, metaLogLevel, metaPurpose, "2.0", "tools/call", "2026-07-28", "version")
	for _, exact := range often {
		known[exact] = name{exact, fold(exact)}
	}
	return known
}()
