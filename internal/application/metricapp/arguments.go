package metricapp

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrArguments answers arguments that a tool cannot read.
var ErrArguments = fault.New(fault.Invalid, "metric.arguments", "The arguments are not what the tool's input schema asks for.")

// Decode reads arguments strictly: a JSON object whose keys are fields of T, exactly as written. Anything else is
// ErrArguments, naming the field when one is to blame.
func Decode[T any](args json.RawMessage) (T, error) {
	var into T
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(args, &keys); err != nil || keys == nil {
		return into, ErrArguments.Saying("The arguments must be a JSON object.")
	}
	known := fieldNames(reflect.TypeFor[T]())
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !known[key] {
			return into, ErrArguments.Saying("There is no argument %q.", Clip(key))
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(args))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&into); err != nil {
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) && mismatch.Field != "" {
			return into, ErrArguments.Saying("The argument %q has the wrong type.", Clip(argument(mismatch.Field, known))).Because(err)
		}
		return into, ErrArguments.Because(err)
	}
	return into, nil
}

// argument is a decoder's path without the name of an embedded struct, which is no argument.
func argument(path string, known map[string]bool) string {
	if first, rest, nested := strings.Cut(path, "."); nested && !known[first] {
		return rest
	}
	return path
}

func fieldNames(t reflect.Type) map[string]bool {
	names := map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names[name] = true
		}
	}
	return names
}

const longestEcho = 60

// Clip keeps echoed text of a caller short.
func Clip(text string) string {
	if r := []rune(text); len(r) > longestEcho {
		return string(r[:longestEcho]) + "…"
	}
	return text
}
