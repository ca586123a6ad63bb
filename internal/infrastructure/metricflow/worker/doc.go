// Package worker runs the real MetricFlow engine for Steward: it keeps a warm Python process in the project's own
// dbt environment, hands it one question at a time over a framed pipe, ends it with its whole process group when a
// deadline passes, and has the next one ready. It renders structured filters to the engine's language, so that no
// text of a caller reaches SQL as anything but a literal. Which names may be asked, and by whom, is decided before.
//
// The protocol is documented in worker.py, the program that the process runs; protocol.go is its other half. The
// program itself goes through the pipe first, so that nothing of it lies on disk or in the process list.
package worker
