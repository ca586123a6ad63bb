package policy_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/tests/harness"
)

// seed decides every random choice of these tests, so that a failure can be seen again; 0 takes another one each time.
var seed = flag.Uint64("policy.seed", 20261121, "seed of the random cases; 0 takes one from the clock")

// lab is what the tests share: the shop with more corners, a server that serves it, and an engine of its own.
var lab struct {
	harness.Lab
	shop   shop
	server *harness.Server
	client *harness.Client
	engine *worker.Source
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	goleak.VerifyTestMain(harness.Tests(m, set))
}

func set(ctx context.Context, l harness.Lab) (func() error, error) {
	lab.Lab = l
	var err error
	if lab.shop, err = buildShop(ctx, l.Demo, filepath.Join(l.Dir, "shop")); err != nil {
		return nil, err
	}
	lab.engine, err = worker.New(worker.Config{
		ProjectDir: lab.shop.project, ProfilesDir: lab.shop.project, Python: l.Demo.Python, QueueDepth: 1000, IdleRelease: time.Minute,
	}, time.Now, zap.NewNop())
	if err != nil {
		return nil, err
	}
	config, err := l.Demo.Configure(filepath.Join(l.Dir, "server"), map[string]any{
		"metrics.project_dir": lab.shop.project, "metrics.profiles_dir": lab.shop.project, "metrics.queue_depth": 1000,
	})
	if err != nil {
		return nil, err
	}
	key, err := harness.CreateKey(ctx, l.Binary, config, "analyst", "analyst")
	if err != nil {
		return nil, err
	}
	if lab.server, err = harness.Start(ctx, l.Binary, config); err != nil {
		return nil, err
	}
	lab.client = harness.NewClient(lab.server.URL, key, harness.Modern)
	return func() error {
		lab.client.Close()
		lab.engine.Close()
		return lab.server.Stop()
	}, nil
}

// random gives the source of choices of one case, and says in the test's log how to see it again.
func random(t *testing.T, number uint64) *rand.Rand {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("case %d with -policy.seed=%d", number, *seed)
		}
	})
	return rand.New(rand.NewPCG(*seed, number))
}

// warehouseOf is the profile of a project whose warehouse is the given file.
func writeProfile(project, warehouse, more string) error {
	profile := strings.Join([]string{
		"shop:", "  target: demo", "  outputs:", "    demo:", "      type: duckdb", "      path: " + warehouse, "      schema: main",
		"      threads: 2", more,
	}, "\n")
	return os.WriteFile(filepath.Join(project, "profiles.yml"), []byte(profile+"\n"), 0o600)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, data, 0o600))
}
