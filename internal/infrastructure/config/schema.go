package config

import (
	"cmp"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Schema is the JSON Schema (2020-12) of the file, for editors: which keys there are, what they take, and what example,
// the text of a file with comments above its keys, says of them. Load judges more than a schema can say.
func Schema(example string) ([]byte, error) {
	s := describer{said: comments(example), known: map[key]string{}}
	s.object(reflect.TypeFor[Config](), "") // fills known, for what stands before the place where its words are
	root := s.object(reflect.TypeFor[Config](), "")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Steward's configuration"
	return json.MarshalIndent(root, "", "  ")
}

// schema is a JSON Schema while it is made.
type schema map[string]any

// describer makes the schema. A key that the example shows at one place, such as under deny, means the same wherever else
// its section can be written.
type describer struct {
	said  map[string]string // by path
	known map[key]string
}

// key is a key of a section, wherever that is.
type key struct {
	section reflect.Type
	name    string
}

func (d describer) object(t reflect.Type, path string) schema {
	properties := schema{}
	for f := range t.Fields() {
		if f.Type == secretType {
			continue // is not written in the file
		}
		name := yamlName(f)
		of := d.typed(f.Type, join(path, name))
		constrain(of, f)
		this := key{t, name}
		if said := cmp.Or(d.said[join(path, name)], d.known[this]); said != "" {
			of["description"] = said
			d.known[this] = cmp.Or(d.known[this], said)
		}
		properties[name] = of
	}
	return schema{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func (d describer) typed(t reflect.Type, path string) schema {
	switch t {
	case durationType:
		return schema{"type": "string", "pattern": `^[0-9.]+(ns|us|µs|ms|s|m|h)([0-9.]+(ns|us|µs|ms|s|m|h))*$`}
	case wordsType:
		text := schema{"type": "string"}
		return schema{"anyOf": []schema{text, {"type": []string{"array", "null"}, "items": text}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.typed(t.Elem(), path)
	case reflect.Struct:
		return d.object(t, path)
	case reflect.Map:
		return schema{"type": []string{"object", "null"}, "additionalProperties": d.typed(t.Elem(), join(path, "*"))}
	case reflect.Slice:
		return schema{"type": []string{"array", "null"}, "items": d.typed(t.Elem(), join(path, "-"))}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.String:
		return schema{"type": "string"}
	default:
		return schema{"type": "integer"}
	}
}

// constrain says what the rules of a field mean for one value; rules of our own are sentences, and are not said.
func constrain(s schema, f reflect.StructField) {
	rules, _, _ := strings.Cut(f.Tag.Get("validate"), ",dive")
	for rule := range strings.SplitSeq(rules, ",") {
		name, value, _ := strings.Cut(rule, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		list := f.Type.Kind() == reflect.Slice
		switch {
		case name == "oneof":
			s["enum"] = strings.Fields(value)
		case name == "unique":
			s["uniqueItems"] = true
		case err != nil:
		case name == "gte":
			s["minimum"] = n
		case name == "lte":
			s["maximum"] = n
		case name == "max" && list:
			s["maxItems"] = n
		case name == "max":
			s["maxLength"] = n
		}
	}
}

var exampleKey = regexp.MustCompile(`^( *)(?:([a-z_]+):|(-)$)`)

// comments are the comments of a file by the key below them, or by * in the place of a name that the operator gives. Only
// keys with a line of their own count, and of several places the first that says something.
func comments(example string) map[string]string {
	const step = 2
	said := map[string]string{}
	var path, block []string
	for line := range strings.Lines(example) {
		line = strings.TrimRight(line, "\n")
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "#"); ok {
			block = append(block, strings.TrimSpace(text))
			continue
		}
		if m := exampleKey.FindStringSubmatch(line); m != nil {
			depth := min(len(m[1])/step, len(path))
			path = append(path[:depth], m[2]+m[3])
			if depth == 1 && path[0] == "personas" || depth > 0 && path[depth-1] == "when" {
				path[depth] = "*"
			}
			at := strings.Join(path, ".")
			said[at] = cmp.Or(said[at], strings.Join(block, " "))
		}
		block = nil
	}
	return said
}
