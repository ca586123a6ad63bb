package manifest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const metricsYAML = `# the metrics
semantic_models:
  - name: orders
    measures:
      - name: revenue_m
        agg: sum
      - agg: count
        name: shipments
        create_metric: true

metrics:
  - name: other
    type: simple
  - description: >
      Paid.
    name: "revenue"
    type: simple
---
metrics:
  - {name: share, type: ratio}
`

// projectManifest is the part of dbt's manifest.json that tells files, with metadata null as dbt 1.11 writes it.
const projectManifest = `{
 "metadata": {"project_name": "shop", "dbt_version": "1.11.16"},
 "nodes": {"model.shop.a": {"name": "revenue", "original_file_path": "models/wrong.sql", "deep": [[{"x": "]"}]]}},
 "metrics": {
  "metric.shop.revenue": {"name": "revenue", "package_name": "shop", "original_file_path": "models/metrics.yml", "metadata": null},
  "metric.shop.shipments": {"name": "shipments", "package_name": "shop", "original_file_path": "models/metrics.yml"},
  "metric.shop.share": {"name": "share", "package_name": "shop", "original_file_path": "models/metrics.yml"},
  "metric.shop.gone": {"name": "gone", "package_name": "shop", "original_file_path": "models/metrics.yml"},
  "metric.shop.outside": {"name": "outside", "package_name": "shop", "original_file_path": "../secret.yml"},
  "metric.shop.link": {"name": "revenue_link", "package_name": "shop", "original_file_path": "models/link.yml"},
  "metric.pack.packed": {"name": "packed", "package_name": "pack", "original_file_path": "models/p.yaml"}
 },
 "sources": null}`

func TestLoader_LocatesMetrics(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, older)
	p.write("target/manifest.json", projectManifest)
	p.write("models/metrics.yml", metricsYAML)
	p.write("dbt_packages/pack/models/p.yaml", "version: 2\nmetrics:\n  - name: packed\n")
	for name, want := range map[string]metric.Location{
		"revenue":   {File: "models/metrics.yml", Line: 14},
		"shipments": {File: "models/metrics.yml", Line: 7},
		"share":     {File: "models/metrics.yml", Line: 20},
		"gone":      {File: "models/metrics.yml"},
		"packed":    {File: "dbt_packages/pack/models/p.yaml", Line: 3},
	} {
		got, ok := p.Locate(t.Context(), name)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: found %v (-want +got):\n%s", name, ok, diff)
		}
	}
	for _, name := range []string{"nothing", "outside"} {
		if got, ok := p.Locate(t.Context(), name); ok {
			t.Errorf("%s is at %v", name, got)
		}
	}
}

func TestLoader_FollowsNoLinkOutOfTheProject(t *testing.T) {
	p := newProject(t)
	outside := t.TempDir() + "/outside.yml"
	if err := os.WriteFile(outside, []byte("metrics:\n  - name: revenue_link\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.write(semanticManifest, older)
	p.write("target/manifest.json", projectManifest)
	p.write("models/metrics.yml", metricsYAML)
	if err := os.Symlink(outside, p.file("models/link.yml")); err != nil {
		t.Fatal(err)
	}
	if got, ok := p.Locate(t.Context(), "revenue_link"); !ok || got.Line != 0 {
		t.Errorf("got %v, %v; want the file without a line", got, ok)
	}
}

func TestLoader_LocatesByWhatAnOlderDbtWroteIntoTheSemanticManifest(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, strings.Replace(older, `"name": "revenue", "type"`,
		`"metadata": {"repo_file_path": "models/m.yml", "file_slice": {"start_line_number": 12}}, "name": "revenue", "type"`, 1))
	p.current()
	if got, ok := p.Locate(t.Context(), "revenue"); !ok || got != (metric.Location{File: "models/m.yml", Line: 12}) {
		t.Errorf("got %v, %v; want models/m.yml line 12", got, ok)
	}
	if got, ok := p.Locate(t.Context(), "growth"); ok {
		t.Errorf("growth is at %v; nothing tells", got)
	}
}

func TestLoader_SaysNothingOfABrokenProjectManifest(t *testing.T) {
	for name, text := range map[string]string{
		"half": projectManifest[:len(projectManifest)*2/3], "a list": "[]", "metrics that are a list": `{"metrics": []}`, "nothing": "",
	} {
		p := newProject(t)
		p.write(semanticManifest, older)
		p.write("target/manifest.json", text)
		if got, ok := p.Locate(t.Context(), "share"); ok {
			t.Errorf("%s: share is at %v", name, got)
		}
	}
}

func TestLoader_PlacesSemanticModelsAndTheirElements(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, older)
	p.write("target/manifest.json", `{
 "metadata": {"project_name": "shop"},
 "metrics": {"metric.shop.revenue": {"name": "revenue", "package_name": "shop", "original_file_path": "models/metrics.yml"}},
 "semantic_models": {
  "semantic_model.shop.orders": {"name": "orders", "package_name": "shop", "original_file_path": "models/metrics.yml"},
  "semantic_model.shop.items": {"name": "items", "package_name": "shop", "original_file_path": "models/items.yml"},
  "semantic_model.shop.lost": {"name": "lost", "package_name": "shop", "original_file_path": "models/lost.yml"}
 }}`)
	p.write("models/metrics.yml", metricsYAML)
	p.write("models/items.yml", `models:
  - name: other
    dimensions: [{name: at}]
  - name: items
    semantic_model:
      enabled: true
    dimensions:
      - name: at
        type: time
    entities:
      - name: item
`)
	for id, want := range map[[2]string]metric.Location{
		{"metric", "revenue"}:           {File: "models/metrics.yml", Line: 14},
		{"semantic model", "orders"}:    {File: "models/metrics.yml", Line: 3},
		{"measure", "orders.shipments"}: {File: "models/metrics.yml", Line: 7},
		{"measure", "orders.unknown"}:   {File: "models/metrics.yml", Line: 3},
		{"semantic model", "items"}:     {File: "models/items.yml", Line: 4},
		{"dimension", "items.at"}:       {File: "models/items.yml", Line: 8},
		{"entity", "items.item"}:        {File: "models/items.yml", Line: 11},
		{"semantic model", "lost"}:      {File: "models/lost.yml"},
		{"semantic model", "unknown"}:   {},
		{"saved query", "orders"}:       {},
		{"", ""}:                        {},
	} {
		got, found := p.Place(t.Context(), id[0], id[1])
		if diff := cmp.Diff(want, got); diff != "" || found != (want.File != "") {
			t.Errorf("%v: found %v\n%s", id, found, diff)
		}
	}
}
