package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	largestProjectManifest = 1 << 30 // it is read as a stream
	largestYAML            = 4 << 20
)

// locations are what an older dbt wrote into the semantic manifest itself.
func (d document) locations() map[string]metric.Location {
	found := map[string]metric.Location{}
	for _, m := range d.Metrics {
		if file, ok := local(m.Metadata.File); ok {
			found[m.Name] = metric.Location{File: file, Line: max(m.Metadata.Slice.Line, 0)}
		}
	}
	return found
}

// places are the files of metrics by name, as the project's manifest.json tells them.
type places struct {
	turn  chan struct{} // held by whoever reads
	info  fs.FileInfo
	files map[string]string
}

// Locate implements metric.Definitions: the file from the project's manifest.json, or else from the semantic
// manifest where it says so, and the line found in that file. Nothing that goes wrong on the way is an error; the
// answer then says less.
func (l *Loader) Locate(ctx context.Context, name string) (metric.Location, bool) {
	var told metric.Location
	if at := l.current.Load(); at != nil {
		told = at.nodes[name]
	}
	file := l.file(ctx, name)
	if file == "" {
		if told.File == "" {
			return metric.Location{}, false
		}
		file = told.File
	}
	if line := l.line(file, name); line > 0 {
		return metric.Location{File: file, Line: line}, true
	}
	if file != told.File {
		told.Line = 0
	}
	return metric.Location{File: file, Line: told.Line}, true
}

func (l *Loader) file(ctx context.Context, name string) string {
	select {
	case l.places.turn <- struct{}{}:
	case <-ctx.Done():
		return ""
	}
	defer func() { <-l.places.turn }()
	manifest := filepath.Join(l.target, "manifest.json")
	info, err := os.Stat(manifest)
	if err != nil || !info.Mode().IsRegular() || info.Size() > largestProjectManifest {
		return ""
	}
	if l.places.info == nil || !unchanged(l.places.info, info) {
		files, err := readFiles(ctx, manifest)
		if ctx.Err() != nil {
			return ""
		}
		if err != nil {
			files = nil
		}
		l.places.info, l.places.files = info, files
	}
	return l.places.files[name]
}

// readFiles streams a dbt manifest.json and keeps, per metric, its original_file_path. Metrics of installed
// packages have theirs below dbt_packages.
func readFiles(ctx context.Context, file string) (files map[string]string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	files = map[string]string{}
	var project string
	err = eachMember(ctx, json.NewDecoder(f), func(d *json.Decoder, key string) error {
		switch key {
		case "metadata":
			var m struct {
				Project string `json:"project_name"`
			}
			err := d.Decode(&m)
			project = m.Project
			return err
		case "metrics":
			return eachMember(ctx, d, func(d *json.Decoder, _ string) error { return readFile(d, project, files) })
		}
		return skip(d)
	})
	return files, err
}

// readFile reads one metric's node into files.
func readFile(d *json.Decoder, project string, files map[string]string) error {
	var m struct {
		Name    string `json:"name"`
		File    string `json:"original_file_path"`
		Package string `json:"package_name"`
	}
	if err := d.Decode(&m); err != nil {
		return err
	}
	if project != "" && m.Package != "" && m.Package != project {
		m.File = path.Join("dbt_packages", m.Package, m.File)
	}
	if name, ok := local(m.File); ok {
		files[m.Name] = name
	}
	return nil
}

// local is a path as a location tells it, false for one that is empty or leads out of the project.
func local(file string) (string, bool) {
	if !filepath.IsLocal(file) {
		return "", false
	}
	return path.Clean(filepath.ToSlash(file)), true
}

// eachMember reads one JSON object member by member.
func eachMember(ctx context.Context, d *json.Decoder, read func(d *json.Decoder, key string) error) error {
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errors.Join(err, errors.New("no object where one was expected"))
	}
	for d.More() {
		if err := ctx.Err(); err != nil {
			return err
		}
		key, err := d.Token()
		if err != nil {
			return err
		}
		text, ok := key.(string)
		if !ok {
			return errors.New("no name where one was expected")
		}
		if err := read(d, text); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// skip passes over one value without keeping it.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// line is where the metric's entry begins in a YAML file of the project; 0 when it is not found.
func (l *Loader) line(file, name string) int {
	if ext := path.Ext(file); ext != ".yml" && ext != ".yaml" {
		return 0
	}
	root, err := os.OpenRoot(l.project)
	if err != nil {
		return 0
	}
	defer func() { _ = root.Close() }()
	below := filepath.FromSlash(file)
	// Asked before it is opened, because opening a pipe would wait.
	if info, err := root.Stat(below); err != nil || !info.Mode().IsRegular() || info.Size() > largestYAML {
		return 0
	}
	f, err := root.Open(below)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, largestYAML))
	if err != nil {
		return 0
	}
	return findLine(data, name)
}

// findLine looks for the item called name in a list under the key metrics, and failing that under measures, whose
// items may declare a metric of their own name.
func findLine(data []byte, name string) int {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return 0
	}
	for _, key := range []string{"metrics", "measures"} {
		finder := &itemFinder{key: key, name: name}
		for _, doc := range tree.Docs {
			if doc.Body != nil {
				ast.Walk(finder, doc.Body)
			}
		}
		if finder.line > 0 {
			return finder.line
		}
	}
	return 0
}

type itemFinder struct {
	key, name string
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
			f.line = line
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
