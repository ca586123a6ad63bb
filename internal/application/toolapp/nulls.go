package toolapp

import (
	"bytes"
	"encoding/json"
)

// optional is what the properties of an input schema are called: an argument of that name that is null is as good as
// left out. Libraries of clients write null for what a model did not give, and no schema of ours has a use for it.
type optional map[string]json.RawMessage

// properties reads the names out of a schema that has compiled.
func properties(schema json.RawMessage) optional {
	var s struct {
		Properties optional `json:"properties"`
	}
	_ = json.Unmarshal(schema, &s) // without properties there is nothing to leave out
	return s.Properties
}

// without gives the arguments that are not null. Names that the schema does not know stay, to be refused.
func (o optional) without(args json.RawMessage) json.RawMessage {
	if !bytes.Contains(args, []byte("null")) {
		return args
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(args, &given) != nil {
		return args // no object; the schema says so
	}
	for name, value := range given {
		if _, known := o[name]; known && string(value) == "null" {
			delete(given, name)
		}
	}
	kept, err := json.Marshal(given)
	if err != nil {
		return args
	}
	return kept
}
