package component_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// listens opens a stream as the client of c, and gives its messages one by one.
func listens(t *testing.T, c *harness.Client, method, body string, headers map[string]string) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, c.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+c.Key)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		t.Fatalf("%s: HTTP %d %s", method, response.StatusCode, text)
	}
	lines := bufio.NewScanner(response.Body)
	return func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && data != "" {
				return data
			}
		}
		t.Fatalf("the stream has ended: %v", lines.Err())
		return ""
	}
}

const onListen = `{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["metrics://catalog","metric://nothing_of_that_name"]},` +
	`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`

var listenHeaders = map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"}

// A project's manifest takes another's place: who subscribed to what shows it is told, in either era.
func TestChanges_OfTheManifestAreTold(t *testing.T) {
	t.Parallel()
	demo, err := harness.FindDemo()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(demo.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	project := t.TempDir()
	file := filepath.Join(project, "target", "semantic_manifest.json")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	put(string(manifest))
	w := serve(t, func(c *config.Config) {
		c.Metrics.ProjectDir = project
		c.Personas["caller"] = config.Persona{Allow: []config.Rule{{Action: config.Words{"*"}, Target: config.Words{"*"}}}}
	})
	modern := listens(t, w.client(t, w.key, harness.Modern), http.MethodPost, onListen, listenHeaders)
	if ack := modern(); !strings.Contains(ack, `"resourceSubscriptions":["metrics://catalog"]`) {
		t.Errorf("acknowledged %s", ack)
	}
	c := w.client(t, w.key, harness.Legacy)
	_, _, header, err := c.Post(t.Context(), []byte(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	session := map[string]string{"Mcp-Session-Id": header.Get("Mcp-Session-Id")}
	for uri, want := range map[string]string{"metrics://catalog": `"result":{}`, "metric://nothing_of_that_name": "metric.unknown_metric"} {
		answer, _, _, err := c.Post(t.Context(), []byte(`{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"`+uri+`"}}`), session)
		if err != nil || !strings.Contains(string(answer), want) {
			t.Errorf("%s: %s, %v", uri, answer, err)
		}
	}
	legacy := listens(t, c, http.MethodGet, "", session)
	put(string(manifest) + "\n")
	if told := legacy(); told != `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"metrics://catalog"}}` {
		t.Errorf("told %s", told)
	}
	if told := modern(); !strings.Contains(told, `"method":"notifications/resources/updated"`) || !strings.Contains(told, `"uri":"metrics://catalog"`) {
		t.Errorf("told %s", told)
	}
}
