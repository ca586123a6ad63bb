package dialect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/where"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/dialect"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
)

// asEngine are filters as they are given to the engine itself, which takes them for SQL.
var asEngine = []string{
	`{{ Dimension('customer__tier') }} = 'gold'`,
	`{{ Dimension('customer__tier') }} <> 'gold'`,
	`{{ Dimension("customer__tier", entity_path=()) }} != 'gold' OR {{ Dimension('customer__tier') }} IS NULL`,
	`{{ Dimension('customer__tier') }} IN ('gold', 'bronze')`,
	`{{ Dimension('customer__tier') }} NOT IN ('gold', 'bronze')`,
	`NOT {{ Dimension('customer__tier') }} IN ('gold', 'bronze')`,
	`{{ Dimension('customer__tier') }} IS NULL`,
	`{{ Dimension('customer__tier') }} IS NOT NULL`,
	`{{ Dimension('customer__tier') }} LIKE '_ol%'`,
	`{{ Dimension('customer__tier') }} NOT LIKE '%r'`,
	`{{ Dimension('customer__tier') }} BETWEEN 'c' AND 'h'`,
	`{{ Dimension('customer__tier') }} NOT BETWEEN 'c' AND 'h'`,
	`'gold' = {{ Dimension('customer__tier') }}`,
	`{{ Dimension('customer__name') }} = 'O''Brien'`,
	`{{ Dimension('customer__name') }} = '‘curly’ „quotes“ ＇'`,
	`{{ Dimension('customer__name') }} LIKE '%''%'`,
	`{{ Dimension('order__gift') }}`,
	`NOT {{ Dimension('order__gift') }}`,
	`NOT NOT {{ Dimension('order__gift') }}`,
	`{{ Dimension('order__gift') }} = TRUE`,
	`{{ Dimension('order__gift') }} = false`,
	`{{ Dimension('order__gift') }} IS TRUE`,
	`{{ Dimension('order__gift') }} IS NOT TRUE`,
	`{{ Dimension('order__gift') }} IS FALSE`,
	`NOT {{ Dimension('order__gift') }} IS NOT FALSE`,
	`NOT {{ Dimension('order__gift') }} OR {{ Dimension('order__gift') }} IS NULL`,
	`order__gift OR customer__tier = 'silver'`,
	`customer__tier = 'gold' AND order__gift OR order__gift IS NULL`,
	`customer__tier = 'gold' AND (order__gift OR order__gift IS NULL)`,
	`customer__tier = 'bronze' OR customer__tier = 'gold' AND order__gift`,
	`(customer__tier = 'bronze' OR customer__tier = 'gold') AND order__gift`,
	`NOT (customer__tier = 'gold' AND order__gift)`,
	`NOT customer__tier = 'gold' AND order__gift`,
	`NOT (NOT (customer__tier = 'gold') OR NOT (order__gift))`,
	`((customer__tier) = ('gold')) or ((order__gift))`,
	`{{ Dimension('order__items') }} > 4`,
	`{{ Dimension('order__items') }} >= 9007199254740993`,
	`{{ Dimension('order__items') }} > 9007199254740992`,
	`{{ Dimension('order__items') }} < 4.5`,
	`{{ Dimension('order__items') }} > -1 AND {{ Dimension('order__items') }} <= 1e1`,
	`{{ Dimension('order__items') }} BETWEEN 2 AND 5`,
	`{{ Dimension('order__items') }} NOT BETWEEN 2 AND 5 AND order__gift`,
	`{{ Dimension('order__items') }} BETWEEN 2 AND 5 OR order__gift AND customer__tier = 'bronze'`,
	`{{ Dimension('order__items') }} IN (1, 2, 6)`,
	`{{ Dimension('order__items') }} = {{ Entity('customer') }}`,
	`{{ Entity('customer') }} <= {{ Dimension('order__items') }} AND {{ Entity('customer') }} < 4`,
	`{{ Entity('customer') }} IN (1, 3)`,
	`{{ Entity('region', entity_path=['customer']) }} = 2`,
	`{{ Entity('customer__region') }} = 2 OR {{ Entity('customer__region') }} = 3`,
	`{{ Dimension('region__country', entity_path=['customer']) }} = 'DE'`,
	`{{ Dimension('region__country', ['customer']) }} IS NULL`,
	`CAST({{ Dimension('order__items') }} AS VARCHAR) LIKE '9%'`,
	`CAST({{ Dimension('order__items') }} AS DOUBLE) > 4.5`,
	`CAST({{ Dimension('order__gift') }} AS INTEGER) = 1`,
	`CAST('5' AS BIGINT) = {{ Dimension('order__items') }}`,
	`CAST({{ Dimension('order__items') }} AS BOOLEAN)`,
	`{{ Dimension('order__items') }} > CAST('1.5' AS DECIMAL)`,
	`metric_time__day >= '2024-02-01'`,
	`{{ TimeDimension('metric_time', 'day') }} > '2024-02-01' AND {{ TimeDimension('metric_time', 'day') }} <= '2024-03-10'`,
	`{{ TimeDimension('metric_time', 'month') }} = '2024-02-01'`,
	`{{ TimeDimension('metric_time', time_granularity_name='month', entity_path=()) }} BETWEEN '2024-02-01' AND '2024-03-01'`,
	`{{ TimeDimension('metric_time__month') }} NOT IN ('2024-01-01', '2024-03-01')`,
	`{{ TimeDimension('metric_time') }} < '2024-02-01'`,
	`{{ Dimension('metric_time') }} < '2024-02-01'`,
	`{{ Dimension('metric_time').grain('quarter') }} = '2024-01-01'`,
	`{{ Dimension('metric_time', entity_path=()) }} = CAST('2024-02-01' AS TIMESTAMP)`,
	`{{ Dimension('order__ordered_at').grain('week') }} = '2024-01-15'`,
	`{{ TimeDimension('order__packed_at') }} > '2024-01-01 08:00:00'`,
	`{{ Dimension('order__packed_at') }} >= TIMESTAMP '2024-01-15 09:00:00' OR {{ Dimension('order__packed_at') }} IS NULL`,
	`{{ TimeDimension('order__packed_at', 'day') }} = DATE '2024-01-15'`,
	`CAST({{ TimeDimension('order__packed_at', 'second') }} AS DATE) = '2024-02-29'`,
	`CAST(metric_time__day AS TIMESTAMP) >= CAST('2024-02-01' AS TIMESTAMP) AND CAST(metric_time__day AS TIMESTAMP) < CAST('2024-03-11' AS TIMESTAMP)`,
	`{{ TimeDimension('metric_time', date_part_name='month') }} = 3`,
	`{{ Dimension('metric_time').date_part('dow') }} IN (1, 4)`,
	`{{ Metric('orders', group_by=['customer']) }} = 1`,
	`{{ Metric('revenue', group_by=['customer']) }} > 0 OR {{ Metric('revenue', ['customer']) }} IS NULL`,
	`{{ Metric('revenue', group_by=('customer',)) }} > 5 AND order__gift`,
}

// differential runs each question twice in one engine: with the filter as it was written, and as Steward writes it.
const differential = `import json, logging, sys
logging.disable(logging.CRITICAL)
from pathlib import Path
from dbt_metricflow.cli.cli_configuration import CLIConfiguration
from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

out, sys.stdout = sys.stdout, sys.stderr
project = Path(sys.argv[1])
cli = CLIConfiguration()
cli.setup(dbt_profiles_path=project, dbt_project_path=project, configure_file_logging=False)

def rows(where):
    try:
        table = cli.mf.query(MetricFlowQueryRequest.create(
            metric_names=["orders"], group_by_names=["customer", "metric_time__day", "customer__tier", "order__gift"], where_constraints=where,
        )).result_df
        return sorted(" ".join(map(str, row)) for row in table.rows)
    except Exception as error:
        return [type(error).__name__ + ": " + " ".join(str(error).split())[:600]]

json.dump([[rows(where) for where in pair] for pair in json.load(sys.stdin)], out)
`

// shop makes the worker's test project in dir and fills its warehouse.
func shop(t *testing.T, python string) string {
	t.Helper()
	dir, source := t.TempDir(), filepath.Join("..", "worker", "testdata", "shop")
	for from, to := range map[string]string{
		"dbt_project.yml": "dbt_project.yml", "profiles.yml": "profiles.yml", "semantic_manifest.json": "target/semantic_manifest.json",
	} {
		data, err := os.ReadFile(filepath.Join(source, from))
		err = errors.Join(err, os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700), os.WriteFile(filepath.Join(dir, to), data, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	sql, err := os.ReadFile(filepath.Join(source, "warehouse.sql"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, sql, python, "-I", "-c", "import duckdb, sys; duckdb.connect('warehouse.duckdb').execute(sys.stdin.read())")
	return dir
}

// python has the real engine. Without it the test fails: nothing stands in for the engine.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("STEWARD_TEST_PYTHON")
	if path == "" {
		path = filepath.Join("..", "..", "..", "..", "var", "python", "bin", "python")
	}
	path, err := filepath.Abs(path)
	if _, missing := os.Stat(path); errors.Join(err, missing) != nil {
		t.Fatal("the metrics engine is not installed: run `make engine`, or set STEWARD_TEST_PYTHON to a Python that has dbt-metricflow and dbt-duckdb")
	}
	return path
}

func run(t *testing.T, dir string, input []byte, name string, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	var errText bytes.Buffer
	c.Dir, c.Stdin, c.Stderr = dir, bytes.NewReader(input), &errText
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errText.Bytes())
	}
	return out
}

// names are those of the project.
type names struct{ catalog *metric.Catalog }

func (n names) Field(name string) (metric.Field, error) { return n.MetricField("orders", name) }

func (n names) Metric(name string) error {
	if _, ok := n.catalog.Metric(name); !ok {
		return metric.UnknownMetric(name, nil)
	}
	return nil
}

func (n names) MetricField(of, name string) (metric.Field, error) {
	f, ok, err := n.catalog.Resolve(name, []string{of})
	if err == nil && !ok {
		err = metric.UnknownField(name, nil)
	}
	return f, err
}

func projectNames(t *testing.T, project string) names {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(project, "target", "semantic_manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, _, err := manifest.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := metric.NewCatalog(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return names{catalog}
}

// TestDifferential_AFilterMeansWhatItMeansToTheEngine gives filters to the engine as they were written, and as Steward
// writes them after reading them; alone and beside a second one. The rows are the same.
func TestDifferential_AFilterMeansWhatItMeansToTheEngine(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	project := shop(t, interpreter)
	known := projectNames(t, project)
	const second = `{{ Dimension('order__items') }} < 6`
	var pairs [][2][]string
	for i, text := range asEngine {
		raw := []string{text}
		if i%2 == 1 {
			raw = append(raw, second)
		}
		var conditions []metric.Condition
		for _, text := range raw {
			e, err := where.Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			c, err := e.Resolve(known)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			conditions = append(conditions, c)
		}
		written, err := dialect.Conditions("duckdb", conditions)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		pairs = append(pairs, [2][]string{raw, written})
	}
	input, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	var answers [][2][]string
	out := run(t, project, input, interpreter, "-I", "-c", differential, project)
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(pairs) {
		t.Fatalf("%d answers: %v", len(answers), err)
	}
	different := map[string]bool{}
	for i, a := range answers {
		if diff := cmp.Diff(a[0], a[1]); diff != "" {
			t.Errorf("%s\nis written as %s (-engine +steward):\n%s", pairs[i][0], pairs[i][1], diff)
		}
		if len(a[0]) == 1 && bytes.Contains([]byte(a[0][0]), []byte("rror: ")) {
			t.Errorf("%s: %s", pairs[i][0], a[0][0])
		}
		different[join(a[0])] = true
	}
	if len(different) < 20 {
		t.Errorf("only %d different answers", len(different))
	}
	t.Logf("%d filters with %d different answers", len(pairs), len(different))
}

func join(rows []string) string {
	text, _ := json.Marshal(rows)
	return string(text)
}
