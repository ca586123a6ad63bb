// Package dialect writes conditions in the SQL of a warehouse, as templates that MetricFlow fills in with its columns.
// Names become object builders and values literals; no other text of a caller's appears in what it writes.
package dialect
