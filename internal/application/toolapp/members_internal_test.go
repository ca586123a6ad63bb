package toolapp

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzMembers: what is taken apart by hand is what encoding/json finds, and kinds are those of what it decodes.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { "a" : 1 , "b" : "x,}\\"" } `, `{"a":{"b":[1,{"c":"}"}]},"d":[]}`, `{"a":1,"a":2}`, `{"\u0061":1}`, `{"é":null}`, `null`, `[1]`,
		`{"a":"\ud800"}`, `{"a":1e999}`, `{"a":true}x`, `{"a":`, ``, ` `, "{\"a\":\"\xff\xfe\"}", `{"a":[1e999]}`, `"`, "{\"\xff\":1}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, args []byte) {
		if json.Valid(args) {
			if got, want := kind(args), decodedKind(args); got != want {
				t.Errorf("%q is %s, want %s", args, got, want)
			}
		}
		var given map[string]json.RawMessage
		err := json.Unmarshal(args, &given)
		got, ok := membersOf(args)
		if ok != (err == nil) {
			t.Fatalf("%q is an object: %t, and encoding/json says %v", args, ok, err)
		}
		var want []member
		for _, name := range slices.Sorted(maps.Keys(given)) {
			want = append(want, member{name, given[name]})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(member{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", args, diff)
		}
	})
}

func decodedKind(value []byte) string {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return "invalid"
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return "string(" + strconv.Itoa(utf8.RuneCountInString(v)) + ")"
	case []any:
		return "array(" + strconv.Itoa(len(v)) + ")"
	case map[string]any:
		return "object(" + strconv.Itoa(len(v)) + ")"
	}
	return "number(" + strconv.Itoa(len(trimmed(value))) + ")"
}

func trimmed(value []byte) []byte {
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\n' || value[0] == '\t' || value[0] == '\r') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\n' || value[n-1] == '\t' || value[n-1] == '\r'); n-- {
		value = value[:n-1]
	}
	return value
}
