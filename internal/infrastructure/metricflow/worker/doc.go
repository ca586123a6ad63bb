// Package worker runs the real MetricFlow engine for Steward: it keeps warm Python processes in the project's own dbt
// environment, hands each one question at a time over a framed pipe, in the order of asking, stops what nobody waits for
// any more in the warehouse itself, ends a process with its whole group when that does not help, and has the next one
// ready. A question is compiled once for a manifest and run as often as it is asked, but only once for all who ask the
// same at the same time. Which names may be asked, and by whom, is decided before; how filters are written in the
// warehouse's language is dialect's.
//
// The protocol is documented in worker.py, the program that a process runs; protocol.go is its other half. The
// program itself goes through the pipe first, so that nothing of it lies on disk or in the process list.
package worker
