package component_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// site is an installation as docs/operations.md supposes one.
type site struct {
	folder, binary, config, state string
	server                        *harness.Server // nil while it is stopped
}

func newSite(t *testing.T) *site {
	t.Helper()
	folder := t.TempDir()
	s := &site{folder: folder, config: filepath.Join(folder, "steward.yaml"), state: filepath.Join(folder, "state")}
	text := "server: {listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\nstate_dir: state\n" +
		"personas:\n  analyst: {allow: [{action: tool.call, target: \"tool:*\"}]}\n"
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.binary, err = harness.Build(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *site) stop(t *testing.T) {
	t.Helper()
	if s.server == nil {
		return
	}
	if err := s.server.Stop(); err != nil {
		t.Errorf("the server did not exit with 0: %v\n%s", err, s.server.Log())
	}
	s.server = nil
}

func (s *site) start(t *testing.T) {
	t.Helper()
	if s.server != nil {
		return
	}
	var err error
	if s.server, err = harness.Start(t.Context(), s.binary, s.config); err != nil {
		t.Fatal(err)
	}
}

// configure adds to the configuration.
func (s *site) configure(t *testing.T, more string) {
	t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, append(text, more...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs commands as the guide's reader would, with its variables.
func (s *site) run(t *testing.T, state, commands string) ([]byte, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	c.Dir = s.folder
	c.Env = append(harness.Environment(), "STEWARD_CONFIG="+s.config, "STATE="+state)
	for i, variable := range c.Env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			c.Env[i] = "PATH=" + s.folder + string(os.PathListSeparator) + path
		}
	}
	if s.server != nil {
		c.Env = append(c.Env, "URL="+strings.TrimSuffix(s.server.URL, "/mcp"), "ADMIN="+s.server.Admin)
	}
	return c.CombinedOutput()
}

// Each command of the guide succeeds, in the guide's order, with the server running or stopped as it says.
func TestOperationsGuide_CommandsWork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, blocks := document(t, "operations.md")
	_, missing := exec.LookPath("jq")
	ran, found := 0, false
	for _, b := range blocks {
		when, tool, _ := strings.Cut(b.title, " ")
		switch {
		case tried(b):
			continue
		case b.language == "yaml" && b.title == "tokens":
			s.stop(t)
			i := newIssuer(t) // in place of the example's, which nobody reaches
			s.configure(t, strings.NewReplacer("https://login.example.com/realms/company", i.URL, "auth:\n", "auth:\n  unsafe_http: true\n").Replace(b.text))
			continue
		case b.language == "yaml" && b.title == "operators":
			s.stop(t)
			s.configure(t, b.text)
			continue
		case b.language != "sh" || when != "running" && when != "stopped" || tool != "" && tool != "jq":
			t.Fatalf("the guide has a block of %s %q, which nothing runs", b.language, b.title)
		case when == "running":
			s.start(t)
			s.use(t)
		default:
			s.stop(t)
		}
		ran++
		if tool == "jq" && missing != nil {
			withoutJQ(t, s.state, b.text)
			continue
		}
		if out, err := s.run(t, s.state, b.text); err != nil {
			t.Errorf("%v\n%s\n%s", err, b.text, out)
		}
		if strings.Contains(b.text, "sha256sum") {
			found = true
			s.findsTampering(t, b.text, missing == nil)
		}
	}
	if ran < 8 || !found {
		t.Errorf("%d blocks were run; one that checks the journal without Steward: %t", ran, found)
	}
}

// tried reports whether a block is for another program than the shell: tests/postgres has PostgreSQL and dbt read it, and
// another test here holds what is for Prometheus against what there is.
func tried(b block) bool {
	return b.title == "postgres" && (b.language == "sql" || b.language == "yaml") || b.title == "prometheus" && b.language == "yaml"
}

// use makes records to look at: a call that is answered, and one that is refused.
func (s *site) use(t *testing.T) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(s.folder, "ada.key"))
	if err != nil {
		key = []byte("none")
	}
	p := harness.NewClient(s.server.URL, strings.TrimSpace(string(key)), harness.Modern)
	defer p.Close()
	_ = p.Do(t.Context(), "tools/list", nil, nil) // refused once the guide has revoked the key, and on record either way
}

// findsTampering holds the guide to what it is for: a journal that was altered is found out, by both recipes.
func (s *site) findsTampering(t *testing.T, recipe string, jq bool) {
	t.Helper()
	altered := filepath.Join(s.folder, "altered")
	if err := os.CopyFS(altered, os.DirFS(s.state)); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(altered, "audit", "000000000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("key:Ada Lovelace"), []byte("key:Eve Lovelace"), 1)
	if err := os.WriteFile(segment, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.run(t, altered, `steward audit verify --dir "$STATE/audit"`)
	found := badRecord.FindStringSubmatch(string(out))
	if err == nil || found == nil {
		t.Fatalf("audit verify of an altered journal: %v\n%s", err, out)
	}
	if !jq {
		if chainHolds(t, altered) {
			t.Error("the altered journal holds by the guide's rule")
		}
		return
	}
	if out, err := s.run(t, altered, recipe); err == nil || !strings.Contains(string(out), "record "+found[1]+" does not hold") {
		t.Errorf("the guide's recipe on an altered journal: %v\n%s", err, out)
	}
}

var badRecord = regexp.MustCompile(`NOT WHOLE: .* record ([0-9]+): hash mismatch`)

var seal = regexp.MustCompile(`,"hash":"([0-9a-f]{64})"\}$`)

// chainHolds follows the rule of the guide without its tools.
func chainHolds(t *testing.T, state string) bool {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(state, "audit", "*.jsonl"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no journal: %v", err)
	}
	prev := strings.Repeat("0", hex.EncodedLen(sha256.Size))
	for _, segment := range segments {
		text, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(strings.TrimRight(string(text), "\n")) { // what follows is room for more
			line = strings.TrimSuffix(line, "\n")
			sum := sha256.Sum256([]byte(seal.ReplaceAllString(line, "}")))
			var r struct{ Prev, Hash string }
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if r.Hash != hex.EncodeToString(sum[:]) || r.Prev != prev {
				return false
			}
			prev = r.Hash
		}
	}
	return true
}

var member = regexp.MustCompile(`[ (+{]\.([a-z_]+)|[{,] ?([a-z_]+)[,}]`)

// withoutJQ is what can be said of a block on a machine that has no jq: the journal holds by the guide's rule, and
// has every member that the block asks for, which are so many.
func withoutJQ(t *testing.T, state, commands string) (members int) {
	t.Helper()
	if strings.Contains(commands, "keys revoke") || strings.Contains(commands, "sessions close") {
		return 0 // the command is run by other tests; only the way to find the id needs jq
	}
	if !chainHolds(t, state) {
		t.Error("the journal does not hold by the guide's rule")
	}
	segments, err := filepath.Glob(filepath.Join(state, "audit", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, segment := range segments {
		text, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	for _, m := range member.FindAllStringSubmatch(commands, -1) {
		members++
		if name := m[1] + m[2]; !bytes.Contains(all, []byte(`"`+name+`":`)) {
			t.Errorf("no record has the member %q of\n%s", name, commands)
		}
	}
	return members
}

// What the guide says of jq-less machines is tried on machines that have it, too.
func TestOperationsGuide_HoldsWithoutJQ(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	for _, key := range []string{w.key, "none"} {
		w.key = key
		send(t, w.post(t, echo("hello", "")))
	}
	w.stop()
	_, blocks := document(t, "operations.md")
	members := 0
	for _, b := range blocks {
		if strings.HasSuffix(b.title, "jq") {
			members += withoutJQ(t, w.config.StateDir, b.text)
		}
	}
	if members == 0 {
		t.Error("the guide asks jq for nothing")
	}
}

var defaultRow = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| ([^ |`]+) \\|")

// The defaults that the guide names are those that hold.
func TestOperationsGuide_NamesTheDefaults(t *testing.T) {
	t.Parallel()
	text, _ := document(t, "operations.md")
	rows := defaultRow.FindAllStringSubmatch(text, -1)
	if len(rows) < 10 {
		t.Fatalf("only %d defaults were found", len(rows))
	}
	for _, row := range rows {
		value := reflect.ValueOf(config.Default())
		for key := range strings.SplitSeq(row[1], ".") {
			value = value.FieldByNameFunc(func(name string) bool {
				f, _ := value.Type().FieldByName(name)
				return f.Tag.Get("yaml") == key
			})
			if !value.IsValid() {
				t.Fatalf("there is no key %s", row[1])
			}
		}
		if got := fmt.Sprint(value.Interface()); got != row[2] {
			t.Errorf("%s is %s by default, the guide says %s", row[1], got, row[2])
		}
	}
}
