package worker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

var (
	anOrder = metric.Question{Metrics: []string{"orders"}, Limit: 1}
	endless = metric.Question{Metrics: []string{"endless"}, Limit: 1}
)

// Fake workers speak the protocol, up to a point. They prove how Steward deals with a process gone wrong.
const prelude = `
import json, os, sys, threading, time, subprocess
def send(o):
    b = o if isinstance(o, bytes) else json.dumps(o).encode()
    os.write(1, len(b).to_bytes(4, "big") + b)
def receive():
    r = json.loads(take(int.from_bytes(take(4), "big")))
    if r.get("op") == "load":
        r["data"] = take(int.from_bytes(take(4), "big")).decode()
    return r
def answer(r, result={}, rss=1):
    send({"id": r["id"], "rss": rss, "result": result})
def refuse(r, code):
    send({"id": r["id"], "rss": 1, "error": {"code": code, "message": "no"}})
def ready():
    send(READY)
    answer(receive()) # to the manifest
def serve(run, **ops):
    while True:
        r = receive()
        if r["op"] in ops:
            ops[r["op"]](r)
        elif r["op"] == "run":
            run(r)
        elif r["op"] == "compile":
            answer(r, {"sql": "SELECT %d" % r["question"]["limit"], "columns": [{"name": "n"}]})
        else:
            answer(r)
hello = receive()
READY = {"ready": True, "protocol": 1, "adapter": "duckdb", "versions": {"dbt_metricflow": "0.15.0"}}
`

func fakeWorker(t *testing.T, change func(*Config), source string) *Source {
	t.Helper()
	cfg := Config{ProjectDir: t.TempDir(), Python: mustPython(t), ReadyTimeout: 30 * time.Second, Workers: 1, Spare: -1}
	if change != nil {
		change(&cfg)
	}
	return newSource(t, cfg, []byte(prelude+source), WithManifests(&fakeManifests{hashes: []string{"m"}}))
}

// fakeManifests are texts that fake workers take for manifests; the last is the present one. Each has its hash as its
// content.
type fakeManifests struct {
	mu     sync.Mutex
	hashes []string
}

func (m *fakeManifests) Present(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hashes[len(m.hashes)-1], nil
}

func (m *fakeManifests) Bytes(hash string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []byte(hash), slices.Contains(m.hashes, hash)
}

func (m *fakeManifests) Place(context.Context, string, string) (metric.Location, bool) {
	return metric.Location{}, false
}

// limited is a question that is like no other with another limit.
func limited(limit int) metric.Question {
	return metric.Question{Metrics: []string{"orders"}, Limit: limit}
}

func pidOf(t *testing.T, s *Source) int {
	t.Helper()
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if len(s.pool.idle) != 1 {
		t.Fatalf("%d idle workers", len(s.pool.idle))
	}
	return s.pool.idle[0].cmd.Process.Pid
}

func groupGone(pid int) bool { return errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) }

func TestSource_EndsWhatTheWorkerStartedToo(t *testing.T) {
	s := fakeWorker(t, nil, `
child = subprocess.Popen(["sleep", "600"])
open("child", "w").write(str(child.pid))
ready()
receive()
os._exit(3)
`)
	_, err := s.Answer(within(t, time.Minute), anOrder)
	wantFault(t, err, metric.ErrEngineUnavailable)
	text, err := os.ReadFile(filepath.Join(s.cfg.ProjectDir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child of the worker is gone", func() bool { return gone(child) })
}

// gone counts a zombie as gone: where nothing adopts orphans, nobody reaps it.
func gone(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	_, state, _ := strings.Cut(string(status), ") ")
	return strings.HasPrefix(state, "Z")
}

func TestSource_SurvivesACrashInTheMiddleOfAQuestion(t *testing.T) {
	s, _ := ownShop(t, nil)
	ask(t, s, anOrder)
	pid := pidOf(t, s)
	var struck sync.WaitGroup
	struck.Go(func() {
		eventually(t, "the question runs", func() bool { return s.State().Busy == 1 })
		_ = syscall.Kill(pid, syscall.SIGSEGV)
	})
	_, err := s.Answer(within(t, time.Minute), endless)
	struck.Wait()
	wantFault(t, err, metric.ErrEngineUnavailable)
	ask(t, s, anOrder)
}

func TestSource_ReplacesAWorkerThatEndsBetweenQuestions(t *testing.T) {
	s, _ := ownShop(t, nil)
	ask(t, s, anOrder)
	pid := pidOf(t, s)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "the end is noticed", func() bool { return s.Health() != nil })
	ask(t, s, anOrder)
	if pidOf(t, s) == pid {
		t.Error("the same process answered")
	}
}

func TestSource_RefusesGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		want   *fault.Fault
	}{
		"instead of ready":     {`os.write(1, b"Welcome to Python!\n"); time.sleep(600)`, metric.ErrEngineUnavailable},
		"a frame of no JSON":   {`send(b"\xff\xfe{"); time.sleep(600)`, metric.ErrEngineUnavailable},
		"another protocol":     {`send({**READY, "protocol": 99}); time.sleep(600)`, metric.ErrEngineUnavailable},
		"instead of an answer": {`ready(); receive(); os.write(1, b"\x00\x00\x00\x05hello"); time.sleep(600)`, metric.ErrEngineUnavailable},
		"another's answer":     {`ready(); r = receive(); send({"id": r["id"] + 1, "result": {}}); time.sleep(600)`, metric.ErrEngineUnavailable},
		"neither nor":          {`ready(); r = receive(); send({"id": r["id"]}); time.sleep(600)`, metric.ErrEngineUnavailable},
		"an unknown code":      {`ready(); r = receive(); send({"id": r["id"], "error": {"code": "?", "message": "/etc/passwd"}}); time.sleep(600)`, metric.ErrEngine},
		"a stop of its own":    {`ready(); refuse(receive(), "canceled"); time.sleep(600)`, metric.ErrEngine},
		"an oversize frame":    {`ready(); receive(); os.write(1, (1 << 30).to_bytes(4, "big")); time.sleep(600)`, metric.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeWorker(t, nil, c.source)
			_, err := s.Answer(within(t, time.Minute), anOrder)
			wantFault(t, err, c.want)
		})
	}
}

func TestSource_GivesUpOnAWorkerThatIsNeverReady(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.ReadyTimeout = 300 * time.Millisecond }, `time.sleep(600)`)
	_, err := s.Answer(within(t, time.Minute), anOrder)
	if f := gotFault(t, err, metric.ErrEngineUnavailable); !strings.Contains(f.Message, "in time") || f.RetryAfter <= 0 {
		t.Errorf("%+v", f)
	}
}

func TestSource_PausesLongerAfterEachFailureAndKeepsTheReason(t *testing.T) {
	for failures, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 9: 30 * time.Second, 900: 30 * time.Second} {
		if got := backOff(failures); got != want {
			t.Errorf("after %d failures: %v, want %v", failures, got, want)
		}
	}
	s := fakeWorker(t, nil, `send(READY); os._exit(1)`)
	s.Start(t.Context())
	eventually(t, "the failure shows", func() bool {
		f := fault.From(s.Health())
		return f != nil && f.RetryAfter > 0 && strings.Contains(f.Message, "ended")
	})
}

func TestSource_StartsWithoutPythonAndSaysHowToGetIt(t *testing.T) {
	s := newSource(t, Config{ProjectDir: t.TempDir(), Python: filepath.Join(t.TempDir(), "python")}, nil)
	_, err := s.Answer(within(t, time.Minute), anOrder)
	if f := gotFault(t, err, metric.ErrEngineUnavailable); !strings.Contains(f.Message, "metrics.python") || !strings.Contains(f.Message, "pip install") {
		t.Errorf("%+v", f)
	}
}

func TestSource_SaysThatTheEngineIsNotInstalled(t *testing.T) {
	bare := filepath.Join(t.TempDir(), "bare")
	if out, err := exec.Command(mustPython(t), "-m", "venv", "--without-pip", bare).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := newSource(t, Config{ProjectDir: t.TempDir(), Python: filepath.Join(bare, "bin", "python")}, nil)
	_, err := s.Answer(within(t, time.Minute), anOrder)
	if f := gotFault(t, err, metric.ErrEngineUnavailable); !strings.Contains(f.Message, "pip install") {
		t.Errorf("%+v", f)
	}
	checks := s.Inspect(within(t, time.Minute)).Checks
	if checks[0].Status != OK || checks[1].Status != Failed || checks[2].Status != Skipped {
		t.Errorf("%+v", checks)
	}
}

func TestSource_CloseEndsEverything(t *testing.T) {
	s, _ := ownShop(t, nil)
	ask(t, s, anOrder)
	pid := pidOf(t, s)
	var asked sync.WaitGroup
	asked.Go(func() {
		_, err := s.Answer(within(t, time.Minute), endless)
		if !errors.Is(err, metric.ErrEngineUnavailable) {
			t.Errorf("a question that ran: %v", err)
		}
	})
	eventually(t, "the question runs", func() bool { return s.State().Busy == 1 })
	s.Close()
	asked.Wait()
	// What the worker itself had started is killed with it, and reaped by whoever adopts orphans here.
	eventually(t, "the process group is gone", func() bool { return groupGone(pid) })
	_, err := s.Answer(within(t, time.Minute), anOrder)
	wantFault(t, err, metric.ErrEngineUnavailable)
	if s.Health() == nil {
		t.Error("a closed source is healthy")
	}
	s.Close()
}

func TestSource_LogsTheWorkersWordsWithoutSecrets(t *testing.T) {
	t.Setenv("SHOP_PASSWORD", "correct horse battery staple")
	core, logs := observer.New(zapcore.DebugLevel)
	s, err := New(Config{ProjectDir: t.TempDir(), Python: mustPython(t), Env: []string{"SHOP_PASSWORD"}, Workers: 2, Spare: -1}, time.Now, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.manifests = &fakeManifests{hashes: []string{"m"}}
	s.source = []byte(prelude + `
print("password is", os.environ["SHOP_PASSWORD"], "\x1b[31mred", file=sys.stderr)
print("x" * 100000, file=sys.stderr)
print("last", file=sys.stderr)
ready()
time.sleep(600)
`)
	s.Start(t.Context())
	eventually(t, "both have said their last line", func() bool { return logs.FilterField(zap.String("line", "last")).Len() == 2 })
	seen := map[string]int{}
	for _, entry := range logs.FilterMessage("metrics worker").All() {
		line, _ := entry.ContextMap()["line"].(string)
		if len(line) > longestLine || strings.Contains(line, "horse") {
			t.Errorf("%d bytes: %.100q", len(line), line)
		}
		seen[line[:min(len(line), 100)]]++
	}
	want := map[string]int{"password is [redacted] red": 2, strings.Repeat("x", 100): 2, "last": 2}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestConfig_HandsOnOnlyWhatIsAllowed(t *testing.T) {
	ours := []string{
		"PATH=/bin", "HOME=/home/x", "LC_ALL=C", "DBT_PROFILE=x", "DBT_ENV_SECRET_PW=hunter22", "SHOP=abcdefgh", "OTHER=1",
		"STEWARD_KEY=1", "MCP_API_KEY=1", "ANTHROPIC_API_KEY=1", "AWS_SECRET_ACCESS_KEY=1", "PYTHONPATH=/x", "LD_PRELOAD=/x",
	}
	env, secrets, err := Config{Env: []string{"SHOP"}}.environment(ours)
	want := "PATH=/bin HOME=/home/x LC_ALL=C DBT_PROFILE=x DBT_ENV_SECRET_PW=hunter22 SHOP=abcdefgh DBT_SEND_ANONYMOUS_USAGE_STATS=false DO_NOT_TRACK=1"
	if err != nil || strings.Join(env, " ") != want || strings.Join(secrets, " ") != "hunter22 abcdefgh" {
		t.Errorf("%v %v %v", env, secrets, err)
	}
	for _, name := range []string{"STEWARD_PEPPER", "ANTHROPIC_API_KEY", "mcp_api_key"} {
		if _, err := New(Config{Env: []string{name}}, time.Now, zap.NewNop()); !errors.Is(err, ErrEnv) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
