package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// listing is what one metric offers, in listings.json.
type listing struct {
	Dimensions []string            `json:"dimensions"`
	Entities   []string            `json:"entities"`
	Grains     map[string][]string `json:"grains"`
}

func readListings(file string) (map[string]map[string]listing, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all map[string]map[string]listing
	return all, harness.Decode(data, &all)
}

func checkListing(ctx context.Context, c *harness.Client, metric string, want listing) error {
	if err := checkNames(ctx, c, "list_metrics", "metrics", nil, []string{metric}, true); err != nil {
		return err
	}
	args := map[string]any{"metrics": []string{metric}}
	if err := checkNames(ctx, c, "list_dimensions", "dimensions", args, want.Dimensions, false); err != nil {
		return err
	}
	if err := checkNames(ctx, c, "list_entities", "entities", args, want.Entities, false); err != nil {
		return err
	}
	return checkGrains(ctx, c, args, want.Grains)
}

type item struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Grain  string   `json:"grain"`
	Grains []string `json:"grains"`
}

// pages reads a listing to its end.
func pages(ctx context.Context, c *harness.Client, tool, member string, args map[string]any) ([]item, error) {
	var all []item
	given := map[string]any{}
	maps.Copy(given, args)
	for {
		var page map[string]any
		if _, err := c.Tool(ctx, tool, given, &page); err != nil {
			return nil, err
		}
		list, ok := page[member].([]any)
		if !ok {
			return nil, fmt.Errorf("%s answers no %q: %v", tool, member, page)
		}
		for _, entry := range list {
			all = append(all, toItem(entry))
		}
		next, more := page["next_cursor"].(string)
		if !more || next == "" {
			return all, nil
		}
		given["cursor"] = next
	}
}

func toItem(entry any) item {
	fields, _ := entry.(map[string]any)
	it := item{}
	it.Name, _ = fields["name"].(string)
	it.Type, _ = fields["type"].(string)
	it.Grain, _ = fields["grain"].(string)
	grains, _ := fields["grains"].([]any)
	for _, g := range grains {
		if name, ok := g.(string); ok {
			it.Grains = append(it.Grains, name)
		}
	}
	return it
}

func checkNames(ctx context.Context, c *harness.Client, tool, member string, args map[string]any, want []string, among bool) error {
	items, err := pages(ctx, c, tool, member, args)
	if err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	got := make([]string, len(items))
	for i, it := range items {
		got[i] = it.Name
	}
	if among {
		if !slices.Contains(got, want[0]) {
			return fmt.Errorf("%s does not name %s", tool, want[0])
		}
		return nil
	}
	want = slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
		return fmt.Errorf("%s (-want +got):\n%s", tool, diff)
	}
	return nil
}

// checkGrains compares what the cases call grains: those under which the engine's own listing names a time dimension
// (metric_time__day), which is the finest. Steward tells it as grain, and in grains all that can be asked.
func checkGrains(ctx context.Context, c *harness.Client, args map[string]any, want map[string][]string) error {
	items, err := pages(ctx, c, "list_dimensions", "dimensions", args)
	if err != nil {
		return err
	}
	got := map[string][]string{}
	for _, it := range items {
		if _, listed := want[it.Name]; listed {
			got[it.Name] = []string{it.Grain}
		}
		if it.Type == "time" && !slices.Contains(it.Grains, it.Grain) {
			return fmt.Errorf("%s cannot be asked at its own grain %q: %v", it.Name, it.Grain, it.Grains)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("grains (-want +got):\n%s", diff)
	}
	return nil
}
