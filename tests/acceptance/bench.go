package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/steward-mcp/steward/tests/harness"
)

// bench is where the cases are tried: a scratch folder with the warehouse, one project and one state a manifest.
type bench struct {
	dir, cases, binary, python, warehouse string
}

// loader reads the SQL of the cases into a new DuckDB file; it is run by the engine's own interpreter.
const loader = `import sys, duckdb
con = duckdb.connect(sys.argv[2])
con.execute(open(sys.argv[1]).read())
con.close()`

func prepare(ctx context.Context, cases, binary, python string) (*bench, error) {
	var err error
	b := &bench{cases: cases}
	if b.dir, err = os.MkdirTemp("", "steward-acceptance-"); err != nil {
		return nil, err
	}
	for _, path := range []struct {
		to   *string
		from string
	}{{&b.cases, cases}, {&b.binary, binary}, {&b.python, python}} {
		if *path.to, err = filepath.Abs(path.from); err != nil {
			return nil, err
		}
		if _, err = os.Stat(*path.to); err != nil {
			return nil, fmt.Errorf("%w (make build, make engine)", err)
		}
	}
	b.warehouse = filepath.Join(b.dir, "cases.duckdb")
	load := exec.CommandContext(ctx, b.python, "-c", loader, filepath.Join(b.cases, "warehouse.sql"), b.warehouse)
	load.Env = harness.Environment()
	if out, err := load.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("load the warehouse: %w: %s", err, out)
	}
	return b, nil
}

func (b *bench) remove() { _ = os.RemoveAll(b.dir) }

// with starts steward on one manifest and hands a client of it to ask.
func (b *bench) with(ctx context.Context, manifest string, ask func(*harness.Client)) error {
	config, err := b.project(manifest)
	if err != nil {
		return err
	}
	key, err := harness.CreateKey(ctx, b.binary, config, "acceptance", "everything")
	if err != nil {
		return err
	}
	server, err := harness.Start(ctx, b.binary, config, "CASES_DUCKDB="+b.warehouse)
	if err != nil {
		return err
	}
	client := harness.NewClient(server.URL, key, harness.Modern)
	ask(client)
	client.Close()
	if err := server.Stop(); err != nil {
		return fmt.Errorf("the server did not end well: %w\n%s", err, server.Log())
	}
	return nil
}

// The smallest dbt project that the engine accepts. It reads nothing else of a project than this, the profile and
// the manifest.
const projectYAML = "name: cases\nversion: '1.0'\nprofile: cases\n"

const configYAML = `state_dir: state
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0"}
security: {rate_limit: {enabled: false}}
personas:
  everything:
    allow:
      - {action: "*", target: "*"}
metrics:
  project_dir: project
  profiles_dir: project
  target: duckdb
  python: %q
  env: [CASES_DUCKDB]
`

func (b *bench) project(manifest string) (config string, err error) {
	dir := filepath.Join(b.dir, filepath.Base(manifest))
	target := filepath.Join(dir, "project", "target")
	if err := os.MkdirAll(target, 0o700); err != nil {
		return "", err
	}
	config = filepath.Join(dir, "steward.yaml")
	return config, errors.Join(
		copyFile(filepath.Join(manifest, "target", "semantic_manifest.json"), filepath.Join(target, "semantic_manifest.json")),
		copyFile(filepath.Join(b.cases, "profiles.yml"), filepath.Join(dir, "project", "profiles.yml")),
		os.WriteFile(filepath.Join(dir, "project", "dbt_project.yml"), []byte(projectYAML), 0o600),
		os.WriteFile(config, fmt.Appendf(nil, configYAML, b.python), 0o600),
	)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
