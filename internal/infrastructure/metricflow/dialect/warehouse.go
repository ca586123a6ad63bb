package dialect

import (
	"maps"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// warehouse is what differs between the dialects that MetricFlow writes.
type warehouse struct {
	types map[metric.Type]string
	// joins says that || joins texts and CHR gives the character of a number, so that any text can be written without an
	// escape, which means one thing here and another there.
	joins bool
	// escapes says that LIKE takes a backslash in its pattern for an escape unless told otherwise.
	escapes bool
}

// warehouseOf knows the adapters that MetricFlow does (SupportedAdapterTypes of dbt-metricflow). Of another it assumes
// the names of types that most have, and nothing about how it reads what is between quotes.
func warehouseOf(adapter string) warehouse {
	w := warehouse{types: types(nil), joins: true}
	switch adapter {
	case "duckdb", "snowflake", "trino", "athena":
	case "postgres":
		w.escapes = true
		w.types = types(map[metric.Type]string{metric.Double: "DOUBLE PRECISION"})
	case "redshift":
		w.escapes = true
		// VARCHAR alone is VARCHAR(256) there.
		w.types = types(map[metric.Type]string{metric.Double: "DOUBLE PRECISION", metric.Text: "VARCHAR(65535)"})
	case "vertica":
		w.escapes = true
		w.types = types(map[metric.Type]string{metric.Double: "DOUBLE PRECISION"})
	case "databricks":
		w.escapes = true
		w.types = types(map[metric.Type]string{metric.Text: "STRING"})
	case "bigquery":
		w.escapes = true
		// DATETIME is what MetricFlow casts to: a TIMESTAMP has a zone there.
		w.types = types(map[metric.Type]string{
			metric.Timestamp: "DATETIME", metric.Integer: "INT64", metric.Double: "FLOAT64", metric.Decimal: "NUMERIC",
			metric.Text: "STRING", metric.Boolean: "BOOL",
		})
	default:
		w.joins = false
	}
	return w
}

// types are the names of types, with those that differ. Without a precision a decimal has none after the point here and
// three digits there; this is BigQuery's NUMERIC everywhere.
func types(differing map[metric.Type]string) map[metric.Type]string {
	all := map[metric.Type]string{
		metric.Timestamp: "TIMESTAMP", metric.Date: "DATE", metric.Integer: "BIGINT", metric.Double: "DOUBLE",
		metric.Decimal: "DECIMAL(38, 9)", metric.Text: "VARCHAR", metric.Boolean: "BOOLEAN",
	}
	maps.Copy(all, differing)
	return all
}
