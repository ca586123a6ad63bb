// Command bench compares steward with the mf command line on the demo project, in one run on one machine, as ratios
// of medians. Absolute figures depend on the machine and are printed to make the ratios plausible, not to be quoted.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// How often each side is asked. mf takes seconds a call; steward is asked often enough for a steady median.
const (
	mfRuns      = 5
	stewardRuns = 400
	warmUp      = 20
)

// contest is one question to both, and the ratio to aim at.
type contest struct {
	name string
	mf   []string
	tool string
	args map[string]any
	aim  float64
}

var contests = []contest{
	{"list metrics", []string{"list", "metrics"}, "list_metrics", map[string]any{}, 4000},
	{
		"one metric by month",
		[]string{"query", "--quiet", "--metrics", "revenue", "--group-by", "metric_time__month"},
		"query",
		map[string]any{"metrics": []string{"revenue"}, "group_by": []string{"metric_time__month"}},
		150,
	},
	{
		"three metrics by month and region over a join",
		[]string{"query", "--quiet", "--metrics", "revenue,orders,refunds", "--group-by", "metric_time__month,store__region__name"},
		"query",
		map[string]any{
			"metrics": []string{"revenue", "orders", "refunds"}, "group_by": []string{"metric_time__month", "store__region__name"},
		},
		50,
	},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	demo, err := harness.FindDemo()
	if err != nil {
		return err
	}
	// mf goes first: it opens the warehouse for writing, which a server that reads would not let it.
	slow := make([]time.Duration, len(contests))
	for i, c := range contests {
		fmt.Fprintf(os.Stderr, "mf: %s (%d runs)\n", c.name, mfRuns)
		if slow[i], err = median(mfRuns, func() error { return mf(ctx, demo, c.mf) }); err != nil {
			return err
		}
	}
	server, client, err := serve(ctx, demo)
	if err != nil {
		return err
	}
	defer server.Kill()
	fmt.Printf("%-46s %12s %12s %10s %8s\n", "question", "mf p50", "steward p50", "ratio", "aim")
	for i, c := range contests {
		fast, err := ask(ctx, client, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%-46s %12s %12s %9.0fx %7.0fx\n", c.name, slow[i].Round(time.Millisecond), fast.Round(time.Microsecond),
			float64(slow[i])/float64(fast), c.aim)
	}
	return nil
}

func mf(ctx context.Context, demo harness.Demo, args []string) error {
	c := exec.CommandContext(ctx, filepath.Join(filepath.Dir(demo.Python), "mf"), args...)
	c.Dir = demo.Project
	c.Env = append(harness.Environment(), "DBT_PROJECT_DIR="+demo.Project, "DBT_PROFILES_DIR="+demo.Project, "DO_NOT_TRACK=1")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("mf %v: %w\n%s", args, err, out)
	}
	return nil
}

// serve starts the binary that make build left on the demo, its state in a folder that the run leaves to the system.
func serve(ctx context.Context, demo harness.Demo) (*harness.Server, *harness.Client, error) {
	dir, err := os.MkdirTemp("", "steward-bench-")
	if err != nil {
		return nil, nil, err
	}
	config, err := demo.Configure(dir, nil)
	if err != nil {
		return nil, nil, err
	}
	binary := filepath.Join(demo.Root, "bin", "steward")
	key, err := harness.CreateKey(ctx, binary, config, "bench", "analyst")
	if err != nil {
		return nil, nil, err
	}
	server, err := harness.Start(ctx, binary, config)
	if err != nil {
		return nil, nil, err
	}
	return server, harness.NewClient(server.URL, key, harness.Modern), nil
}

// ask measures one client that asks one question after the other, from its first byte to the last of the answer. What
// a client then makes of the answer is its own affair, as with mf.
func ask(ctx context.Context, c *harness.Client, q contest) (time.Duration, error) {
	// Once through the client that understands answers: a refusal would be quick.
	if _, err := c.Tool(ctx, q.tool, q.args, nil); err != nil {
		return 0, err
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": map[string]any{
		"name": q.tool, "arguments": q.args, "_meta": map[string]any{
			"io.modelcontextprotocol/protocolVersion": string(harness.Modern), "io.modelcontextprotocol/clientCapabilities": struct{}{},
		},
	}})
	if err != nil {
		return 0, err
	}
	once := func() error {
		answer, status, _, err := c.Post(ctx, body, map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": q.tool})
		if err == nil && (status != http.StatusOK || bytes.Contains(answer, []byte(`"isError":true`))) {
			err = fmt.Errorf("HTTP %d: %.200s", status, answer)
		}
		return err
	}
	for range warmUp {
		if err := once(); err != nil {
			return 0, err
		}
	}
	return median(stewardRuns, once)
}

func median(runs int, once func() error) (time.Duration, error) {
	took := make([]time.Duration, runs)
	for i := range took {
		begun := time.Now()
		if err := once(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took[runs/2], nil
}
