package echo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steward-mcp/steward/tests/harness"
)

// configuration is Steward as it is delivered, for one caller and one tool, with limits that are kept and counted and
// that nobody reaches.
const configuration = `environment: dev
state_dir: state
server:
  listen: 127.0.0.1:0
  admin_listen: 127.0.0.1:0
  max_connections_per_address: 4000
security:
  rate_limit:
    enabled: true
    requests_per_minute: 1000000
    burst_size: 100000
    per_address: {requests_per_minute: 100000000, burst_size: 100000}
    global: {requests_per_minute: 100000000, burst_size: 100000}
    max_concurrent: 4000
    max_concurrent_per_principal: 4000
stdio:
  user: bench
  personas: [caller]
personas:
  caller:
    allow:
      - {action: tool.call, target: "tool:echo"}
`

func newSteward(ctx context.Context, binary, dir string, env ...string) (*steward, error) {
	return newStewardWith(ctx, "", binary, dir, env...)
}

// newStewardWith has more in its configuration: further rules, and further sections.
func newStewardWith(ctx context.Context, more, binary, dir string, env ...string) (*steward, error) {
	s := &steward{binary: binary, dir: dir, config: filepath.Join(dir, "steward.yaml")}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.config, []byte(configuration+more), 0o600); err != nil {
		return nil, err
	}
	var err error
	if s.env, s.profiles, err = profiled(env); err != nil {
		return nil, err
	}
	s.key, err = harness.CreateKey(ctx, binary, s.config, "bench", "caller")
	return s, err
}

// verify checks that the journal holds together and has a record of every call: as many as were answered, each of
// another request.
func (s *steward) verify(ctx context.Context, answered int64) error {
	out, err := harness.Command(ctx, s.dir, nil, s.binary, "audit", "verify", "--config", s.config)
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("audit verify: exit code %d: %s%s", out.Code, out.Stdout, out.Stderr)
	}
	if err != nil {
		return err
	}
	requests := map[string]struct{}{}
	if err := s.recorded(requests); err != nil {
		return err
	}
	if int64(len(requests)) != answered {
		return fmt.Errorf("%d calls were answered, and %d are in the journal", answered, len(requests))
	}
	return nil
}

// recorded collects the requests of all chains that called echo and were answered.
func (s *steward) recorded(requests map[string]struct{}) error {
	return filepath.WalkDir(filepath.Join(s.dir, "state", "audit"), func(path string, _ fs.DirEntry, err error) error {
		if segment, _ := filepath.Match("[0-9]*.jsonl", filepath.Base(path)); err != nil || !segment {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			var r harness.Record
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if r.Phase == "closed" && r.Method == "tools/call" && r.Target == "tool:echo" && r.Outcome == "ok" {
				requests[r.Request] = struct{}{}
			}
		}
		return lines.Err()
	})
}
