// Package differential asks Steward and the metrics engine the same random questions, about the demo and about the test
// manifests that the engine's package brings along, and compares the answers. The engine is asked by its own interface in
// a process of the test's own, with filters that are written here and not by Steward.
package differential
