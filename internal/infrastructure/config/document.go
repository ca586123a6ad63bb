package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document is the YAML file while it is read into a configuration. It knows mappings, lists and scalars of YAML 1.2;
// anchors, aliases, tags and merge keys are refused, so that what is written at a place is what holds there.
type document struct {
	*loader
	name   string
	folder string // absolute
}

func (d *document) read(text []byte) {
	// Keys written twice are found below, so that one does not hide the next error.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, reason := Origin{File: d.name}, "is not YAML"
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			at, reason = d.at(syntax.Token), "is not YAML: "+syntax.Message
		}
		d.problem(at, "", reason)
		return
	}
	written := slices.DeleteFunc(file.Docs, func(doc *ast.DocumentNode) bool { return doc.Body == nil })
	for i, doc := range written {
		if i > 0 {
			d.problem(d.at(doc.Body.GetToken()), "", "a second document is not read; write one file")
			return
		}
		d.decode(doc.Body, d.value, "", "")
	}
}

func (d *document) at(t *token.Token) Origin {
	o := Origin{File: d.name}
	if t != nil && t.Position != nil {
		o.Line, o.Column = t.Position.Line, t.Position.Column
	}
	return o
}

func (d *document) refuse(n ast.Node, path, reason string) {
	d.problem(d.at(n.GetToken()), path, reason)
}

// decode puts n into v, which is at path.
func (d *document) decode(n ast.Node, v reflect.Value, path, pathTo string) {
	if v.Type() == secretType {
		f := field{path: path}
		d.refuse(n, path, fmt.Sprintf("a secret is not written here; set %s, or %s to a file", f.variable(), f.variable()+fileSuffix))
		return
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.refuse(n, path, "anchors, aliases and tags are not read; write the value itself")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Pointer: // to tell a number that is not written from 0
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path, pathTo)
	default:
		d.scalar(n, v, path, pathTo)
	}
}

func (d *document) structure(n ast.Node, v reflect.Value, path string) {
	var known []string
	byName := map[string]reflect.StructField{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		known = append(known, yamlName(f))
		byName[yamlName(f)] = f
	}
	d.entries(n, path, func(key ast.Node, name string, value ast.Node) {
		f, ok := byName[name]
		if !ok {
			d.refuse(key, join(path, name), "is not a known key"+suggest(name, known))
			return
		}
		d.decode(value, v.FieldByIndex(f.Index), join(path, name), f.Tag.Get("path"))
	})
}

func (d *document) mapping(n ast.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.entries(n, path, func(_ ast.Node, name string, value ast.Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, element, join(path, name), "")
		v.SetMapIndex(reflect.ValueOf(name), element)
	})
}

// entries calls do for each key of a mapping, and refuses everything else. A key without a value is an empty mapping.
func (d *document) entries(n ast.Node, path string, do func(key ast.Node, name string, value ast.Node)) {
	if n.Type() == ast.NullType {
		return
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		d.refuse(n, path, "must be a mapping of keys")
		return
	}
	seen := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		key, ok := it.Key().(*ast.StringNode)
		switch {
		case !ok:
			d.refuse(it.Key(), path, "has a key that is not plain text")
		case seen[key.Value]:
			d.refuse(key, join(path, key.Value), "is written twice")
		default:
			seen[key.Value] = true
			d.origins[join(path, key.Value)] = d.at(key.GetToken())
			do(key, key.Value, it.Value())
		}
	}
}

func (d *document) list(n ast.Node, v reflect.Value, path string) {
	v.SetZero() // what is written replaces the default, element for element
	if v.Type() == wordsType && n.Type() != ast.SequenceType && n.Type() != ast.NullType {
		d.element(n, v, path)
		return
	}
	if n.Type() == ast.NullType {
		return
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.refuse(n, path, "must be a list")
		return
	}
	for i, value := range s.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.origins[at] = d.at(value.GetToken())
		d.element(value, v, at)
	}
}

func (d *document) element(n ast.Node, list reflect.Value, path string) {
	element := reflect.New(list.Type().Elem()).Elem()
	d.decode(n, element, path, "")
	list.Set(reflect.Append(list, element))
}

func (d *document) scalar(n ast.Node, v reflect.Value, path, pathTo string) {
	d.origins[path] = d.at(n.GetToken())
	if n.Type() == ast.NullType {
		d.refuse(n, path, "has no value; leave the key out to take the default")
		return
	}
	if reason := setScalar(n, v); reason != "" {
		d.refuse(n, path, reason)
		return
	}
	if pathTo != "" {
		v.SetString(resolve(pathTo, v.String(), d.folder))
	}
}

// setScalar is strict: a number is no text, a text is no number.
func setScalar(n ast.Node, v reflect.Value) (reason string) {
	switch {
	case v.Type() == durationType:
		text, ok := textOf(n)
		if !ok {
			return notDuration
		}
		return setText(v, text)
	case v.Kind() == reflect.String:
		text, ok := textOf(n)
		if !ok {
			return "must be text; put it in quotes"
		}
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return notBool
		}
		v.SetBool(b.Value)
	default:
		i, ok := integerOf(n)
		if !ok || v.OverflowInt(i) {
			return notInteger
		}
		v.SetInt(i)
	}
	return ""
}

func textOf(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	}
	return "", false
}

func integerOf(n ast.Node) (int64, bool) {
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch value := i.Value.(type) {
	case int64:
		return value, true
	case uint64:
		if value <= math.MaxInt64 {
			return int64(value), true
		}
	}
	return 0, false
}

const (
	notDuration = "must be a duration such as 500ms, 60s or 2h"
	notBool     = "must be true or false"
	notInteger  = "must be a whole number"
)

func parseDuration(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	return d, err == nil
}
