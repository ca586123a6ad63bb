package main

import (
	"bytes"
	"context"
	_ "embed" // the program that asks a bare cursor
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

//go:embed cursor.py
var cursor []byte

// repeated is a question that has been compiled before, against its SQL on a bare cursor of the warehouse.
func repeated(ctx context.Context, demo harness.Demo, client *harness.Client) error {
	fmt.Printf("\n%-50s %10s %12s %10s %8s\n", "one client, a question asked before", "cursor p50", "steward p50", "more", "aim")
	for _, c := range contests[1:] {
		var compiled struct{ SQL string }
		args := map[string]any{"mode": "sql", "limit": 1000}
		maps.Copy(args, c.args)
		if _, err := client.Tool(ctx, c.tool, args, &compiled); err != nil {
			return err
		}
		bare, err := onCursor(ctx, demo, compiled.SQL)
		if err != nil {
			return err
		}
		a, err := newAsker(ctx, client, c)
		if err != nil {
			return err
		}
		took, err := median(stewardRuns, func() error { return a.ask(ctx, c.args) })
		if err != nil {
			return err
		}
		fmt.Printf("%-50s %10s %12s %10s %8s\n", c.name, bare.Round(time.Microsecond), took.Round(time.Microsecond),
			(took - bare).Round(time.Microsecond), aimOverhead)
	}
	return nil
}

// onCursor is the median time of a statement on DuckDB's own cursor, in a process of the engine's Python.
func onCursor(ctx context.Context, demo harness.Demo, sql string) (time.Duration, error) {
	out, err := demo.Run(ctx, string(cursor), bytes.NewReader([]byte(sql)), demo.Warehouse, strconv.Itoa(stewardRuns))
	if err != nil {
		return 0, err
	}
	var took struct{ Seconds float64 }
	err = json.Unmarshal(out, &took)
	return time.Duration(took.Seconds * float64(time.Second)), err
}
