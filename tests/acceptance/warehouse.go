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

// warehouse holds the tables of the cases; its name is also the target in the profile of the cases.
type warehouse struct {
	name string
	env  []string          // how the profile finds it
	stop func() error      // ends it
	not  map[string]string // the questions that the engine cannot answer on it, and why
	ties map[string]tie    // the questions that have a second right answer on it
}

// open loads the cases' tables into a new warehouse of the name: duckdb or postgres.
func open(ctx context.Context, name, cases, python, dir string) (*warehouse, error) {
	tables := filepath.Join(cases, "warehouse.sql")
	switch name {
	case "duckdb":
		return openDuckDB(ctx, python, tables, filepath.Join(dir, "cases.duckdb"))
	case "postgres":
		return openPostgres(ctx, tables)
	}
	return nil, fmt.Errorf("there is no warehouse %q; duckdb and postgres are there", name)
}

// loader reads the SQL of the cases into a new DuckDB file; it is run by the engine's own interpreter.
const loader = `import sys, duckdb
con = duckdb.connect(sys.argv[2])
con.execute(open(sys.argv[1]).read())
con.close()`

func openDuckDB(ctx context.Context, python, tables, file string) (*warehouse, error) {
	load := exec.CommandContext(ctx, python, "-c", loader, tables, file)
	load.Env = harness.Environment()
	if out, err := load.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("load the warehouse: %w: %s", err, out)
	}
	return &warehouse{name: "duckdb", env: []string{"CASES_DUCKDB=" + file}, stop: func() error { return nil }}, nil
}

func openPostgres(ctx context.Context, tables string) (*warehouse, error) {
	script, err := os.ReadFile(tables)
	if err != nil {
		return nil, err
	}
	server, err := harness.StartPostgres(ctx)
	if err != nil {
		return nil, err
	}
	login, err := server.Create(ctx, "cases")
	if err == nil {
		_, err = login.Run(ctx, "begin;\n"+string(script)+";\ncommit;\nanalyze;")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load the warehouse: %w", err), server.Stop())
	}
	return &warehouse{name: "postgres", env: login.Env("CASES_PG"), stop: server.Stop, not: notOnPostgres, ties: tiesOnPostgres}, nil
}
