package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/steward-mcp/steward/tests/harness"
)

// asker asks one question, from its first byte to the last of the answer. What a client then makes of the answer is its
// own affair, as with mf.
type asker struct {
	client *harness.Client
	contest
}

// limits makes questions distinct that are otherwise the same: no answer of the demo has so many rows.
var limits atomic.Int64

const firstLimit = 10_000

// newAsker asks once through the client that understands answers, since a refusal would be quick, and warms up.
func newAsker(ctx context.Context, client *harness.Client, c contest) (asker, error) {
	a := asker{client: client, contest: c}
	if _, err := client.Tool(ctx, c.tool, c.args, nil); err != nil {
		return a, err
	}
	for range warmUp {
		if err := a.distinct(ctx); err != nil {
			return a, err
		}
	}
	return a, nil
}

// distinct asks the question as nobody has before.
func (a asker) distinct(ctx context.Context) error {
	if a.tool != "query" {
		return a.ask(ctx, a.args)
	}
	args := maps.Clone(a.args)
	args["limit"] = firstLimit + limits.Add(1)
	return a.ask(ctx, args)
}

func (a asker) ask(ctx context.Context, args map[string]any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": map[string]any{
		"name": a.tool, "arguments": args, "_meta": map[string]any{
			"io.modelcontextprotocol/protocolVersion": string(harness.Modern), "io.modelcontextprotocol/clientCapabilities": struct{}{},
		},
	}})
	if err != nil {
		return err
	}
	answer, status, _, err := a.client.Post(ctx, body, map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": a.tool})
	if err == nil && (status != http.StatusOK || bytes.Contains(answer, []byte(`"isError":true`))) {
		err = fmt.Errorf("HTTP %d: %.200s", status, answer)
	}
	return err
}
