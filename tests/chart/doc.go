// Package chart_test draws charts with what other people draw them with: Vega-Lite specifications with Vega, and the
// page of the MCP App in a browser, inside a host of its own. The packages come from `make clients`.
package chart_test
