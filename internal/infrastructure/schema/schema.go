// Package schema checks JSON values against JSON Schema 2020-12.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrArguments is a value that its schema refuses. The message names the first place and what is expected there;
// it never repeats the value, of which only the names of unknown members are told, cut short.
var ErrArguments = fault.New(fault.Invalid, "tool.arguments", "The arguments do not fit the tool's input schema.")

// Compile makes a check of a schema. The check is safe for concurrent use, and says the same of the same value.
func Compile(name string, schema json.RawMessage) (func(json.RawMessage) error, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(jsonschema.SchemeURLLoader{}) // a schema is whole; nothing is fetched for it
	url := "tool:///" + name
	if err := compiler.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("add: %w", err)
	}
	compiled, err := compiler.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	return func(value json.RawMessage) error { return check(compiled, value) }, nil
}

func check(compiled *jsonschema.Schema, value json.RawMessage) error {
	instance, err := decode(value)
	if err != nil {
		return ErrArguments.Because(err)
	}
	err = compiled.Validate(instance)
	if err == nil {
		return nil
	}
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return ErrArguments.Saying("%s", first(invalid))
	}
	return ErrArguments.Because(err)
}
