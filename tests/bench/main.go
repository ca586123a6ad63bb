// Command bench compares steward with the mf command line on the demo project, and with a bare server of the protocol
// library, in one run on one machine, as ratios of medians. Absolute figures depend on the machine and are printed to
// make the ratios plausible, not to be quoted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/steward-mcp/steward/tests/bench/echo"
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

// question is the contest of one question over metrics and group-bys.
func question(name string, aim float64, metrics, groupBy string) contest {
	return contest{
		name,
		[]string{"query", "--quiet", "--metrics", metrics, "--group-by", groupBy},
		"query",
		map[string]any{"metrics": strings.Split(metrics, ","), "group_by": strings.Split(groupBy, ",")},
		aim,
	}
}

var contests = []contest{
	{"list metrics", []string{"list", "metrics"}, "list_metrics", map[string]any{}, 4000},
	question("one metric by month", 200, "revenue", "metric_time__month"),
	question("a ratio over a join, by month and region", 70, "average_order_value", "metric_time__month,store__region__name"),
	question("three metrics over a join, by month and region", 50, "revenue,orders,refunds", "metric_time__month,store__region__name"),
}

// aims of 32 clients against mf asked in a row, and of a repeated question against the same SQL on a bare cursor.
const (
	aimDistinct  = 200
	aimIdentical = 1000
	aimOverhead  = 2 * time.Millisecond
)

func main() {
	only := flag.String("only", "", "mf or echo: leave the other comparison out")
	full := echo.Full()
	flag.IntVar(&full.Rounds, "rounds", full.Rounds, "turns that each server has in a cell of the comparison of echo")
	flag.DurationVar(&full.Lasting, "lasting", full.Lasting, "how long a turn lasts")
	flag.StringVar(&full.Cells, "cells", "", "only the cells whose names have this in them, such as \"32 connections\"")
	flag.StringVar(&full.Profile, "profile", "", "a folder for profiles of steward, which slow it down")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch *only {
	case "":
		err = errors.Join(run(ctx), echo.Run(ctx, os.Stdout, full))
	case "mf":
		err = run(ctx)
	case "echo":
		err = echo.Run(ctx, os.Stdout, full)
	default:
		err = fmt.Errorf("there is no comparison %q; -only is mf or echo", *only)
	}
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
	if err := alone(ctx, client, slow); err != nil {
		return err
	}
	if err := repeated(ctx, demo, client); err != nil {
		return err
	}
	return crowd(ctx, client, mean(slow[1:]))
}

// alone is one client that asks one question after the other. No question is asked twice, so that none is compiled yet.
func alone(ctx context.Context, client *harness.Client, slow []time.Duration) error {
	fmt.Printf("%-50s %10s %12s %10s %8s\n", "one client", "mf p50", "steward p50", "ratio", "aim")
	for i, c := range contests {
		asker, err := newAsker(ctx, client, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fast, err := median(stewardRuns, func() error { return asker.distinct(ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%-50s %10s %12s %9.0fx %7.0fx\n", c.name, slow[i].Round(time.Millisecond), fast.Round(time.Microsecond),
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
	config, err := demo.Configure(dir, map[string]any{"security.rate_limit.enabled": false, "metrics.queue_depth": 1000})
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

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(len(all))
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
