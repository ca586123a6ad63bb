// Package schema checks JSON values against JSON Schema 2020-12.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrArguments is a value that its schema refuses. The message names the first place and what is expected there;
// it never repeats the value.
var ErrArguments = fault.New(fault.Invalid, "tool.arguments", "The arguments do not fit the tool's input schema.")

var printer = message.NewPrinter(language.English)

// Compile makes a check of a schema. The check is safe for concurrent use.
func Compile(name string, schema json.RawMessage) (func(json.RawMessage) error, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
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
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return ErrArguments.Because(err)
	}
	err = compiled.Validate(instance)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return ErrArguments.Because(err)
	}
	// Deepest first: the root of a validation error only says that something below is wrong.
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	place := "The arguments"
	if len(invalid.InstanceLocation) > 0 {
		place = "Argument " + strings.Join(invalid.InstanceLocation, "/")
	}
	return ErrArguments.Saying("%s: %s.", place, invalid.ErrorKind.LocalizedString(printer)).Because(err)
}
