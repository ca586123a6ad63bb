package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// connection is what scripts read.
type connection struct {
	URL  string `json:"url"`
	Keys struct {
		Analyst  string `json:"analyst"`
		Regional string `json:"regional"`
	} `json:"keys"`
	Config string `json:"config"`
}

// demoRun is scripts/run.sh while it serves.
type demoRun struct {
	printed    []string
	connection connection
	took       time.Duration
	stop       func()
}

// demoRunner runs the script in a place of its own, as often as asked.
type demoRunner struct {
	root, listen, file string
	env                []string
}

func newDemoRunner(t *testing.T, root string) demoRunner {
	t.Helper()
	dir := t.TempDir()
	d := demoRunner{root: root, listen: freeAddress(t), file: filepath.Join(dir, "connection.json")}
	d.env = []string{
		"BINARY=" + lab.Binary, "CONNECTION=" + d.file, "STEWARD_SERVER__LISTEN=" + d.listen,
		"STEWARD_SERVER__ADMIN_LISTEN=" + freeAddress(t), "STEWARD_STATE_DIR=" + filepath.Join(dir, "state"),
	}
	return d
}

// freeAddress is a loopback address that nothing listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// begin runs the script until it serves.
func (d demoRunner) begin(t *testing.T, env ...string) demoRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	script := exec.CommandContext(ctx, filepath.Join(d.root, "scripts", "run.sh"))
	script.Env = append(append(harness.Environment(), d.env...), env...)
	script.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	script.Cancel = func() error { return syscall.Kill(-script.Process.Pid, syscall.SIGKILL) }
	out, to := io.Pipe()
	script.Stdout, script.Stderr = to, to
	began := time.Now()
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- script.Wait(); to.Close() }()
	var printed []string
	lines := bufio.NewScanner(out)
	for serving := false; !serving && lines.Scan(); {
		printed = append(printed, lines.Text())
		serving = strings.Contains(lines.Text(), `"msg":"serving"`)
	}
	took := time.Since(began)
	drained := make(chan struct{})
	go func() { defer close(drained); _, _ = io.Copy(io.Discard, out) }()
	stop := func() {
		_ = script.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which <-ended tells
		if err := <-ended; err != nil {
			t.Errorf("the script ended with %v:\n%s", err, strings.Join(printed, "\n"))
		}
		<-drained
		cancel()
	}
	if len(printed) == 0 || !strings.Contains(printed[len(printed)-1], `"msg":"serving"`) {
		stop()
		t.Fatalf("the script did not come to serve:\n%s", strings.Join(printed, "\n"))
	}
	return demoRun{printed: printed, connection: d.read(t), took: took, stop: stop}
}

// read checks the file that scripts read.
func (d demoRunner) read(t *testing.T) connection {
	t.Helper()
	info, err := os.Stat(d.file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the file with the keys has mode %v", info.Mode())
	}
	text, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	var c connection
	strictly(t, string(text), &c)
	want := connection{URL: "http://" + d.listen + "/mcp", Keys: c.Keys, Config: filepath.Join(d.root, "configs", "demo", "steward.yaml")}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("connection.json (-want +got):\n%s", diff)
	}
	return c
}

// after gives the paragraph below a heading, its lines unindented.
func (r demoRun) after(t *testing.T, heading string) string {
	t.Helper()
	at := slices.IndexFunc(r.printed, func(line string) bool { return strings.HasPrefix(line, heading) })
	if at < 0 {
		t.Fatalf("nothing about %s is printed:\n%s", heading, strings.Join(r.printed, "\n"))
	}
	var paragraph []string
	for _, line := range r.printed[at+1:] {
		if line == "" {
			break
		}
		paragraph = append(paragraph, strings.TrimPrefix(line, "  "))
	}
	return strings.Join(paragraph, "\n")
}

// shell runs a line as somebody would who has copied it.
func shell(t *testing.T, env []string, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, folder(), env, "bash", "-c", line)
	if err != nil || out.Code != 0 {
		t.Fatalf("%v, exit code %d: %s\n%s%s", err, out.Code, line, out.Stdout, out.Stderr)
	}
	return out.Stdout
}

func TestRun_PrintsLinesThatWork(t *testing.T) {
	t.Parallel()
	runner := newDemoRunner(t, lab.Demo.Root)
	r := runner.begin(t)
	defer r.stop()
	keys := r.connection.Keys
	text := strings.Join(r.printed, "\n")
	for _, word := range []string{r.connection.URL, keys.Analyst, keys.Regional} {
		if word == "" || !strings.Contains(text, word) {
			t.Errorf("%q is not printed:\n%s", word, text)
		}
	}
	t.Run("curl", func(t *testing.T) {
		var reply struct{ Result json.RawMessage }
		if err := json.Unmarshal([]byte(shell(t, nil, r.after(t, "curl:"))), &reply); err != nil {
			t.Fatal(err)
		}
		checkRevenue(t, structuredOf(t, reply.Result))
	})
	t.Run("Inspector", func(t *testing.T) {
		printed := shell(t, nodeEnvironment(t), r.after(t, "MCP Inspector:"))
		if diff := cmp.Diff(toolNames, namesIn(t, json.RawMessage(printed))); diff != "" {
			t.Errorf("tools (-want +got):\n%s", diff)
		}
	})
	t.Run("Claude Code", func(t *testing.T) {
		want := `claude mcp add --transport http steward ` + r.connection.URL + ` --header "Authorization: Bearer ` + keys.Analyst + `"`
		if got := r.after(t, "Claude Code:"); got != want {
			t.Errorf("the line is %q, want %q", got, want)
		}
		c := newClaudeCode(t)
		c.shell(t, want)
		if listed := c.shell(t, "claude mcp list"); !strings.Contains(listed, "Connected") {
			t.Errorf("Claude Code says of its servers:\n%s", listed)
		}
		c.listsAndQueries(t)
	})
	t.Run("Claude Desktop", func(t *testing.T) { tryDesktop(t, runner, r.after(t, "Claude Desktop")) })
	t.Run("Cursor", func(t *testing.T) {
		var snippet struct {
			Servers map[string]struct {
				URL     string            `json:"url"`
				Headers map[string]string `json:"headers"`
			} `json:"mcpServers"`
		}
		strictly(t, r.after(t, "Cursor"), &snippet)
		s := snippet.Servers["steward"]
		scheme, key, _ := strings.Cut(s.Headers["Authorization"], " ")
		if scheme != "Bearer" || len(snippet.Servers) != 1 {
			t.Fatalf("the snippet holds %+v", snippet)
		}
		isPersona(t, s.URL, key, "analyst")
	})
	t.Run("the regional manager's key", func(t *testing.T) { isPersona(t, r.connection.URL, keys.Regional, "regional") })
	t.Run("the operator's key", func(t *testing.T) {
		sessions := shell(t, runner.env, r.after(t, "Look after it"))
		if !strings.Contains(sessions, string(harness.Legacy)) || !strings.Contains(sessions, string(harness.Modern)) {
			t.Errorf("the sessions of both revisions' clients are not listed:\n%s", sessions)
		}
	})
}

// tryDesktop starts the command that the snippet names, which shares its state with the server that runs.
func tryDesktop(t *testing.T, runner demoRunner, text string) {
	t.Helper()
	var snippet struct {
		Servers map[string]struct {
			Command string   `json:"command"`
			Args    []string `json:"args"`
		} `json:"mcpServers"`
	}
	strictly(t, text, &snippet)
	s := snippet.Servers["steward"]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := harness.StartPipe(ctx, runner.env, s.Command, s.Args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	var list json.RawMessage
	if err := p.Do(ctx, harness.Legacy, "tools/list", nil, &list); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(toolNames, namesIn(t, list)); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
	var r harness.Result
	if err := p.Do(ctx, harness.Legacy, "tools/call", call("query", revenueByMonthAndRegion()), &r); err != nil || r.IsError {
		t.Fatalf("%v %s", err, r.Text())
	}
	checkRevenue(t, r.Structured)
	code, stderr, err := p.Close()
	endsWell(t, p, code, stderr, err)
}

func isPersona(t *testing.T, url, key, persona string) {
	t.Helper()
	var who struct{ Personas []string }
	if _, err := connect(t, url, key).Tool(t.Context(), "whoami", map[string]any{}, &who); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{persona}, who.Personas); diff != "" {
		t.Errorf("personas (-want +got):\n%s", diff)
	}
}

func TestRun_KeepsTheKeysAndMakesNewOnesWithANewState(t *testing.T) {
	t.Parallel()
	runner := newDemoRunner(t, lab.Demo.Root)
	first := runner.begin(t)
	first.stop()
	second := runner.begin(t)
	isPersona(t, second.connection.URL, second.connection.Keys.Analyst, "analyst")
	second.stop()
	if diff := cmp.Diff(first.connection, second.connection); diff != "" {
		t.Errorf("the second run changed the connection (-first +second):\n%s", diff)
	}
	const seconds = 20 * time.Second // it takes one or two; the margin is for busy machines
	if second.took > seconds {
		t.Errorf("the second run took %s to serve", second.took)
	}
	other := runner.begin(t, "STEWARD_STATE_DIR="+filepath.Join(t.TempDir(), "state"))
	defer other.stop()
	if other.connection.Keys == first.connection.Keys {
		t.Error("the keys of another state were kept")
	}
	isPersona(t, other.connection.URL, other.connection.Keys.Analyst, "analyst")
	isPersona(t, other.connection.URL, other.connection.Keys.Regional, "regional")
}

// TestRun_ServesWithoutPython runs a copy of the scripts and configurations, on a PATH that has no Python.
func TestRun_ServesWithoutPython(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, folder := range []string{"scripts", "configs"} {
		if err := os.CopyFS(filepath.Join(root, folder), os.DirFS(filepath.Join(lab.Demo.Root, folder))); err != nil {
			t.Fatal(err)
		}
	}
	runner := newDemoRunner(t, root)
	r := runner.begin(t, "PATH="+pathWithoutPython(t))
	defer r.stop()
	c := connect(t, r.connection.URL, r.connection.Keys.Analyst)
	var list struct{ Metrics []struct{ Name string } }
	if _, err := c.Tool(t.Context(), "list_metrics", map[string]any{}, &list); err != nil || len(list.Metrics) < 12 {
		t.Errorf("%d metrics are listed: %v", len(list.Metrics), err)
	}
	_, err := c.Tool(t.Context(), "query", revenueByMonthAndRegion(), nil)
	if f := failure(t, err); f.Code != "metric.engine_unavailable" || !strings.Contains(f.Message, "pip install") {
		t.Errorf("query is refused with %v", f)
	}
	if text := strings.Join(r.printed, "\n"); !strings.Contains(text, "going on without the metrics engine") || !strings.Contains(text, "python3-venv") {
		t.Errorf("the script does not say what is missing, and how to get it:\n%s", text)
	}
}

// pathWithoutPython is a folder of links to every program in PATH whose name does not begin with python.
func pathWithoutPython(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		programs, err := os.ReadDir(from)
		if err != nil {
			continue // PATH may name folders that are not there
		}
		for _, p := range programs {
			if !strings.HasPrefix(p.Name(), "python") {
				_ = os.Symlink(filepath.Join(from, p.Name()), filepath.Join(dir, p.Name())) // the first in PATH wins
			}
		}
	}
	return dir
}
