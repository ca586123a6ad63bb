package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

// lab is what the tests share: a PostgreSQL with a small project built into it, the role and the profile of the
// operations guide, and a Steward that asks with them.
var lab struct {
	harness.Lab
	owner   harness.PostgresLogin // may do everything, and builds the project
	steward harness.PostgresLogin // what the guide makes
	project string
	server  *harness.Server
	client  *harness.Client
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(harness.Tests(m, set)) }

func set(ctx context.Context, l harness.Lab) (_ func() error, err error) {
	lab.Lab = l
	postgres, err := harness.StartPostgres(ctx)
	if err != nil {
		return nil, err
	}
	done := func() error {
		var errs []error
		if lab.client != nil {
			lab.client.Close()
		}
		if lab.server != nil {
			errs = append(errs, lab.server.Stop())
		}
		return errors.Join(append(errs, postgres.Stop())...)
	}
	if err := furnish(ctx, postgres); err != nil {
		return nil, errors.Join(err, done())
	}
	return done, nil
}

func furnish(ctx context.Context, postgres *harness.PostgresServer) (err error) {
	if lab.owner, err = postgres.Create(ctx, "shop"); err != nil {
		return err
	}
	lab.project = filepath.Join(lab.Dir, "project")
	if err := os.CopyFS(lab.project, os.DirFS(filepath.Join("testdata", "project"))); err != nil {
		return err
	}
	if err := build(ctx); err != nil {
		return err
	}
	if err := asTheGuideSays(ctx); err != nil {
		return err
	}
	lab.server, lab.client, err = serve(ctx, "shared", nil)
	return err
}

// build runs dbt as the owner of the tables.
func build(ctx context.Context) error {
	dbt := filepath.Join(filepath.Dir(lab.Demo.Python), "dbt")
	out, err := harness.Command(ctx, lab.project, append(lab.owner.Env("PG"), "DO_NOT_TRACK=1"), dbt, "build", "--no-use-colors", "--no-version-check")
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("dbt build exits with %d:\n%s", out.Code, out.Stdout)
	}
	return err
}

// asTheGuideSays makes the role and the profile of the operations guide, word by word but for the password.
func asTheGuideSays(ctx context.Context) error {
	role, err := guide("sql postgres")
	if err != nil {
		return err
	}
	profile, err := guide("yaml postgres")
	if err != nil {
		return err
	}
	lab.steward = lab.owner
	lab.steward.User, lab.steward.Password = "steward", "choose-another"
	if !strings.Contains(role, "'"+lab.steward.Password+"'") {
		return errors.New("the guide's role has another password than these tests suppose")
	}
	if _, err := lab.owner.Run(ctx, role); err != nil {
		return fmt.Errorf("the guide's role: %w", err)
	}
	dir := profiles()
	return errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "profiles.yml"), []byte(profile), 0o600))
}

func profiles() string { return filepath.Join(lab.Dir, "profiles") }

// guide gives the one block of the operations guide with this title.
func guide(title string) (string, error) {
	text, err := os.ReadFile(filepath.Join(lab.Demo.Root, "docs", "operations.md"))
	if err != nil {
		return "", err
	}
	blocks := regexp.MustCompile("(?ms)^```"+title+"\n(.*?)^```").FindAllSubmatch(text, -1)
	if len(blocks) != 1 {
		return "", fmt.Errorf("the operations guide has %d blocks %q, want one", len(blocks), title)
	}
	return string(blocks[0][1]), nil
}

// serve starts a Steward of its own state on the project, with the guide's profile, and waits until its engine answers.
func serve(ctx context.Context, name string, changes map[string]any) (*harness.Server, *harness.Client, error) {
	env := []string{
		fmt.Sprintf("SHOP_HOST=%s", lab.steward.Host), fmt.Sprintf("SHOP_PORT=%d", lab.steward.Port),
		"DBT_ENV_SECRET_SHOP_PASSWORD=" + lab.steward.Password,
	}
	all := map[string]any{
		"metrics.project_dir": lab.project, "metrics.profiles_dir": profiles(), "metrics.env": harness.Names(env[:2]),
	}
	maps.Copy(all, changes)
	config, err := lab.Demo.Configure(filepath.Join(lab.Dir, "servers", name), all)
	if err != nil {
		return nil, nil, err
	}
	key, err := harness.CreateKey(ctx, lab.Binary, config, "analyst", "analyst")
	if err != nil {
		return nil, nil, err
	}
	server, err := harness.Start(ctx, lab.Binary, config, env...)
	if err != nil {
		return nil, nil, err
	}
	client := harness.NewClient(server.URL, key, harness.Modern)
	if err := warm(ctx, client); err != nil {
		client.Close()
		return nil, nil, errors.Join(err, server.Stop())
	}
	return server, client, nil
}

// patience is how long anything here may take that ought to take a second or two.
const patience = 30 * time.Second

// warm asks until the engine has started.
func warm(ctx context.Context, c *harness.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	return poll(ctx, func() error {
		_, err := c.Tool(ctx, "query", map[string]any{"metrics": []string{"people"}}, nil)
		return err
	})
}

// poll tries until it works or ctx ends; it gives the last error then.
func poll(ctx context.Context, try func() error) error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// asked answers a question that must be answered.
func asked(t *testing.T, c *harness.Client, question map[string]any) [][]any {
	t.Helper()
	var answer struct{ Rows [][]any }
	if _, err := c.Tool(t.Context(), "query", question, &answer); err != nil {
		t.Fatalf("%v: %v", question, err)
	}
	return answer.Rows
}
