package component_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

const (
	reloadHead = "server: {listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\nstate_dir: state\npersonas:\n"
	mayEcho    = "  analyst: {allow: [{action: tool.call, target: \"tool:*\"}]}\n"
	mayLittle  = "  analyst: {allow: [{action: tool.call, target: \"tool:echo\", when: {text: {equals: [short]}}}], require_purpose: true}\n"
	broken     = "  analyst: {allow: [{action: tool.call, target: \"tool:[x]\"}]}\n"
)

// takenOver is what the log says once another policy is in force.
const takenOver = `"msg":"the personas were read anew"`

// running is a server whose configuration is rewritten.
type running struct {
	*site
	client *harness.Client
}

func (r running) write(t *testing.T, personas string) {
	t.Helper()
	if err := os.WriteFile(r.config, []byte(reloadHead+personas), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload signals the server and waits until what came of it is on record, and then in force.
func (r running) reload(t *testing.T) harness.Record {
	t.Helper()
	before, taken := len(r.reloads(t)), strings.Count(r.server.Log(), takenOver)
	if err := r.server.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		all := r.reloads(t)
		if len(all) == before {
			continue
		}
		told, _ := r.ready(t)
		if last := all[len(all)-1]; last.Outcome != "ok" && told != "ok" || strings.Count(r.server.Log(), takenOver) > taken {
			return last
		}
	}
	t.Fatalf("nothing is on record of the reload\n%s", r.server.Log())
	return harness.Record{}
}

func (r running) reloads(t *testing.T) []harness.Record {
	t.Helper()
	all, err := harness.Journal(filepath.Join(r.state, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	var found []harness.Record
	for _, one := range all {
		if one.Action == "policy.reload" {
			found = append(found, one)
		}
	}
	return found
}

// ready is what readiness says of the policy, and whether the server is ready.
func (r running) ready(t *testing.T) (string, bool) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.Admin+"/readyz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Ready  bool
		Checks map[string]string
	}
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return told.Checks["policy"], told.Ready
}

func (r running) echo(t *testing.T, text, purpose string) string {
	t.Helper()
	params := map[string]any{"name": "echo", "arguments": map[string]any{"text": text}}
	if purpose != "" {
		params["_meta"] = map[string]any{"steward/purpose": purpose}
	}
	var result harness.Result
	if err := r.client.Do(t.Context(), "tools/call", params, &result); err != nil {
		if _, refused := errors.AsType[*harness.RPCError](err); refused {
			return "unknown"
		}
		t.Fatal(err)
	}
	if !result.IsError {
		return "ok"
	}
	var f harness.Failure
	if err := json.Unmarshal([]byte(result.Text()), &f); err != nil {
		t.Fatal(err)
	}
	return f.Code
}

func (r running) tools(t *testing.T) string {
	t.Helper()
	var list struct{ Tools []struct{ Name string } }
	if err := r.client.Do(t.Context(), "tools/list", nil, &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range list.Tools {
		names = append(names, one.Name)
	}
	return strings.Join(names, " ")
}

// A running server takes over what its file says of personas, and nothing of a file that is wrong.
func TestReload_TakesOverAPolicyOrKeepsTheOneBefore(t *testing.T) {
	t.Parallel()
	r := running{site: newSite(t)}
	r.write(t, mayEcho)
	key, err := harness.CreateKey(t.Context(), r.binary, r.config, "ada", "analyst")
	if err != nil {
		t.Fatal(err)
	}
	r.start(t)
	defer r.stop(t)
	r.client = harness.NewClient(r.server.URL, key, harness.Legacy)
	defer r.client.Close()
	if got := r.echo(t, "long", ""); got != "ok" {
		t.Fatalf("before: %s", got)
	}
	all := r.tools(t)

	r.write(t, broken)
	refused := r.reload(t)
	if refused.Outcome != "policy.reload" || refused.Actor != "system:signal" || refused.Target != "policy:personas" || refused.Policy == "" {
		t.Errorf("on record: %+v", refused)
	}
	if told, ready := r.ready(t); !strings.Contains(told, "policy from before") || strings.Contains(told, r.folder) || !ready {
		t.Errorf("readiness says %q, ready %t", told, ready)
	}
	if log := r.server.Log(); !strings.Contains(log, "steward.yaml:4:49: personas.analyst.allow[0].target") {
		t.Errorf("the log does not say where:\n%s", log)
	}
	if got := r.echo(t, "long", ""); got != "ok" || r.tools(t) != all {
		t.Errorf("under a file that is wrong: %s, %s", got, r.tools(t))
	}
	if _, metrics := get(t, r.server.Admin+"/metrics"); !strings.Contains(metrics, `steward_security_events_total{event="reload_refused"} 1`) {
		t.Error("that a reload was refused is not counted")
	}

	r.write(t, mayLittle)
	taken := r.reload(t)
	if taken.Outcome != "ok" || taken.Policy == "" || taken.Policy == refused.Policy {
		t.Errorf("on record: %+v", taken)
	}
	if told, _ := r.ready(t); told != "ok" {
		t.Errorf("readiness says %q", told)
	}
	for _, c := range [][3]string{
		{"short", "", "tool.purpose"},
		{"short", "to see whether it works", "ok"},
		{"long", "to see whether it works", "access.arguments"},
	} {
		if got := r.echo(t, c[0], c[1]); got != c[2] {
			t.Errorf("echo %q for %q: %s, want %s", c[0], c[1], got, c[2])
		}
	}
	if got := r.tools(t); got != "echo" {
		t.Errorf("listed: %s", got)
	}
	r.write(t, mayEcho)
	if again := r.reload(t); again.Outcome != "ok" || again.Policy != refused.Policy {
		t.Errorf("on record: %+v", again)
	}
	if got := r.tools(t); got != all {
		t.Errorf("listed: %s", got)
	}
}
