package worker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func number(s string) json.Number { return json.Number(s) }

func statuses(i Inspection) string {
	var all []string
	for _, c := range i.Checks {
		all = append(all, c.Name+" "+string(c.Status))
	}
	return strings.Join(all, ", ")
}

func TestSource_InspectFindsEverythingWell(t *testing.T) {
	got := shop(t).Inspect(within(t, time.Minute))
	want := "interpreter ok, engine ok, adapter ok, project ok, manifest ok, warehouse ok, workers ok"
	if diff := cmp.Diff(want, statuses(got)); diff != "" || got.Err() != nil {
		t.Errorf("%+v\n%s", got, diff)
	}
	for i, begin := range []string{"Python 3.", "dbt-metricflow 0.15.", "dbt-duckdb 1."} {
		if !strings.HasPrefix(got.Checks[i].Found, begin) {
			t.Errorf("found %q", got.Checks[i].Found)
		}
	}
}

func TestSource_InspectSaysWhatToMend(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  string
		mend  string
	}{
		"no interpreter": {nil, "interpreter failed, engine skipped, adapter skipped, project skipped, manifest skipped, warehouse skipped, workers skipped", "pip install"},
		"no project": {
			func(dir string) error { return os.Remove(filepath.Join(dir, "dbt_project.yml")) },
			"interpreter ok, engine ok, adapter ok, project failed, manifest skipped, warehouse skipped, workers skipped", "metrics.project_dir",
		},
		"no profile": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "profiles.yml"), []byte("other: {}\n"), 0o600)
			},
			"interpreter ok, engine ok, adapter ok, project failed, manifest skipped, warehouse skipped, workers skipped", "profiles.yml",
		},
		"no adapter": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "profiles.yml"), []byte("shop:\n  target: x\n  outputs:\n    x: {type: snowflake, schema: s}\n"), 0o600)
			},
			"interpreter ok, engine ok, adapter failed, project skipped, manifest skipped, warehouse skipped, workers skipped", "dbt-snowflake",
		},
		"no manifest": {
			func(dir string) error { return os.Remove(filepath.Join(dir, "target", "semantic_manifest.json")) },
			"interpreter ok, engine ok, adapter ok, project ok, manifest failed, warehouse skipped, workers ok", "dbt parse",
		},
		"no warehouse": {
			func(dir string) error { return os.Remove(warehouseOf(dir)) },
			"interpreter ok, engine ok, adapter ok, project ok, manifest ok, warehouse failed, workers ok", "dbt build",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := buildShop(dir, mustPython(t)); err != nil {
				t.Fatal(err)
			}
			cfg := shopConfig(dir, mustPython(t))
			if c.spoil == nil {
				cfg.Python = filepath.Join(dir, "no-python")
			} else if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			got := newSource(t, cfg, nil).Inspect(within(t, time.Minute))
			if diff := cmp.Diff(c.want, statuses(got)); diff != "" || got.Err() == nil {
				t.Errorf("%+v\n%s", got, diff)
			}
			for _, check := range got.Checks {
				if check.Status == Failed && (!strings.Contains(check.Mend, c.mend) || strings.Contains(check.Reason, dir)) {
					t.Errorf("%+v", check)
				}
			}
		})
	}
}
