// Package e2e connects to Steward as people do: with MCP Inspector over HTTP and stdio in both eras of the protocol,
// and with the very lines that `make run` prints.
package e2e
