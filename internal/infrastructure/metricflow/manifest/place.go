package manifest

import (
	"context"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// The sections of dbt's manifest.json that tell where things are.
const (
	inMetrics = "metrics"
	inModels  = "semantic_models"
)

// elementLists are the lists of a semantic model by the engine's word for what they hold.
var elementLists = map[string]string{"dimension": "dimensions", "entity": "entities", "measure": "measures"}

// Place says where a part of the semantic manifest is written down: a metric, a semantic model, or with the name
// "model.element" a dimension, entity or measure of one. It answers false when nothing tells. It is as patient with
// what goes wrong as Locate, which it is for metrics.
func (l *Loader) Place(ctx context.Context, kind, name string) (metric.Location, bool) {
	if kind == "metric" {
		return l.Locate(ctx, name)
	}
	model, element, _ := strings.Cut(name, ".")
	list := elementLists[kind]
	if kind != "semantic model" && list == "" {
		return metric.Location{}, false
	}
	file := l.file(ctx, node{inModels, model})
	if file == "" {
		return metric.Location{}, false
	}
	line := l.line(file, func(data []byte) int { return findElement(data, model, list, element) })
	return metric.Location{File: file, Line: line}, true
}

// findElement looks for a semantic model, which may also stand within the model that it describes, and in it for an
// element when there is a list to look in. Without the element it is the line of the model.
func findElement(data []byte, model, list, element string) int {
	for _, key := range []string{inModels, "models"} {
		found := findItem(data, key, model)
		if found == nil {
			continue
		}
		if list != "" {
			finder := &itemFinder{key: list, name: element}
			ast.Walk(finder, found)
			if finder.line > 0 {
				return finder.line
			}
		}
		return itemLine(found, model)
	}
	return 0
}

// findLine looks for the item called name in a list under the key metrics, and failing that under measures, whose
// items may declare a metric of their own name.
func findLine(data []byte, name string) int {
	for _, key := range []string{"metrics", "measures"} {
		if found := findItem(data, key, name); found != nil {
			return itemLine(found, name)
		}
	}
	return 0
}

// findItem is the item called name of a list under key, nil when there is none.
func findItem(data []byte, key, name string) ast.Node {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil
	}
	finder := &itemFinder{key: key, name: name}
	for _, doc := range tree.Docs {
		if doc.Body != nil {
			ast.Walk(finder, doc.Body)
		}
	}
	return finder.item
}

type itemFinder struct {
	key, name string
	item      ast.Node
	line      int
}

// Visit implements ast.Visitor.
func (f *itemFinder) Visit(n ast.Node) ast.Visitor {
	if f.line > 0 {
		return nil
	}
	member, ok := n.(*ast.MappingValueNode)
	if !ok || keyText(member) != f.key {
		return f
	}
	items, ok := member.Value.(*ast.SequenceNode)
	if !ok {
		return f
	}
	for _, item := range items.Values {
		if line := itemLine(item, f.name); line > 0 {
			f.item, f.line = item, line
			return nil
		}
	}
	return f
}

// itemLine is the first line of a mapping whose name is name, else 0.
func itemLine(item ast.Node, name string) int {
	var members []*ast.MappingValueNode
	switch n := item.(type) {
	case *ast.MappingNode:
		members = n.Values
	case *ast.MappingValueNode:
		members = []*ast.MappingValueNode{n}
	}
	first := 0
	for _, m := range members {
		if at := m.Key.GetToken().Position.Line; first == 0 || at < first {
			first = at
		}
	}
	for _, m := range members {
		if value, ok := m.Value.(*ast.StringNode); ok && keyText(m) == "name" && value.Value == name {
			return first
		}
	}
	return 0
}

func keyText(m *ast.MappingValueNode) string {
	if m.Key == nil || m.Key.GetToken() == nil {
		return ""
	}
	return strings.TrimSpace(m.Key.GetToken().Value)
}
