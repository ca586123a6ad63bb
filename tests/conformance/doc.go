// Package conformance holds Steward against the official conformance suite of MCP, in both revisions at the same time. What
// is tested is the application as it is, with one more context: package fixture offers what the suite asks for.
package conformance
