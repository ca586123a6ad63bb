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

// places are the files of metrics and semantic models, as the project's manifest.json tells them.
type places struct {
	turn  chan struct{} // held by whoever reads
	info  fs.FileInfo
	files map[node]string
}

// node is a thing in manifest.json: the section that it stands in, and its name.
type node struct{ section, name string }

// Locate implements metric.Definitions: the file from the project's manifest.json, or else from the semantic
// manifest where it says so, and the line found in that file. Nothing that goes wrong on the way is an error; the
// answer then says less.
func (l *Loader) Locate(ctx context.Context, name string) (metric.Location, bool) {
	var told metric.Location
	if at := l.current.Load(); at != nil {
		told = at.nodes[name]
	}
	file := l.file(ctx, node{inMetrics, name})
	if file == "" {
		if told.File == "" {
			return metric.Location{}, false
		}
		file = told.File
	}
	if line := l.line(file, func(data []byte) int { return findLine(data, name) }); line > 0 {
		return metric.Location{File: file, Line: line}, true
	}
	if file != told.File {
		told.Line = 0
	}
	return metric.Location{File: file, Line: told.Line}, true
}

func (l *Loader) file(ctx context.Context, n node) string {
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
	return l.places.files[n]
}

// readFiles streams a dbt manifest.json and keeps the original_file_path of what locations are asked of. What comes
// from installed packages has its own below dbt_packages.
func readFiles(ctx context.Context, file string) (files map[node]string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	files = map[node]string{}
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
		case inMetrics, inModels:
			return eachMember(ctx, d, func(d *json.Decoder, _ string) error { return readFile(d, project, key, files) })
		}
		return skip(d)
	})
	return files, err
}

// readFile reads one node of a section into files.
func readFile(d *json.Decoder, project, section string, files map[node]string) error {
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
		files[node{section, m.Name}] = name
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

// line is what find makes of a YAML file of the project; 0 when it cannot be read.
func (l *Loader) line(file string, find func(data []byte) int) int {
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
	return find(data)
}
