// Package e2e connects to Steward as people do, over HTTP and stdio, in both eras of the protocol: with Claude Code, MCP
// Inspector and the clients of the TypeScript and Go SDKs, and with the very lines that `make run` prints.
package e2e
