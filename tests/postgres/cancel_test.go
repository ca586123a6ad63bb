package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// running says what the database does for Steward at this moment: how many statements that take ten minutes.
func running(t *testing.T) string {
	t.Helper()
	n, err := lab.owner.Run(t.Context(), `select count(*) from pg_stat_activity
		where usename = 'steward' and state = 'active' and query ilike '%slow%'`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// until waits for so many of them.
func until(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := poll(ctx, func() error {
		if got := running(t); got != want {
			return fmt.Errorf("%s statements run, want %s", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// serving starts a Steward for one test.
func serving(t *testing.T, changes map[string]any) (*harness.Server, *harness.Client) {
	t.Helper()
	server, client, err := serve(context.WithoutCancel(t.Context()), t.Name(), changes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		server.Kill()
	})
	return server, client
}

var slow = map[string]any{"metrics": []string{"slow"}}

// TestCancel_ReachesTheStatement has somebody ask what takes ten minutes and then not wait for it, in each of the ways
// there are. The statement must be gone from the database soon, and the same server must answer the next question.
func TestCancel_ReachesTheStatement(t *testing.T) {
	t.Run("when the client hangs up", func(t *testing.T) { gone(t, lab.client, hangUp) })
	t.Run("when the client cancels", func(t *testing.T) { gone(t, lab.client, cancelByMessage) })
	t.Run("when the deadline is over", func(t *testing.T) {
		_, client := serving(t, map[string]any{"metrics.timeout": "8s"})
		gone(t, client, waitForTheDeadline)
	})
}

func gone(t *testing.T, c *harness.Client, leave func(*testing.T, *harness.Client, func())) {
	t.Helper()
	leave(t, c, func() { until(t, "1") })
	begun := time.Now()
	until(t, "0")
	t.Logf("gone after %s", time.Since(begun).Round(time.Millisecond))
	if rows := asked(t, c, map[string]any{"metrics": []string{"people"}}); len(rows) != 1 || fmt.Sprint(rows[0][0]) != "15" {
		t.Errorf("the next question is answered %v", rows)
	}
}

func hangUp(t *testing.T, c *harness.Client, begun func()) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := c.Tool(ctx, "query", slow, nil)
		left <- err
	}()
	begun()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the client saw %v", err)
	}
}

// cancelByMessage is the older era's way: the request goes on, and a notification takes it back.
func cancelByMessage(t *testing.T, c *harness.Client, begun func()) {
	t.Helper()
	legacy := harness.NewClient(c.URL, c.Key, harness.Legacy)
	defer legacy.Close()
	if err := legacy.Do(t.Context(), "tools/list", nil, nil); err != nil {
		t.Fatal(err)
	}
	const call = `{"jsonrpc":"2.0","id":4242,"method":"tools/call","params":{"name":"query","arguments":{"metrics":["slow"]}}}`
	left := make(chan error, 1)
	go func() {
		_, _, _, err := legacy.Post(t.Context(), []byte(call), nil)
		left <- err
	}()
	begun()
	const stop = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4242}}`
	if _, status, _, err := legacy.Post(t.Context(), []byte(stop), nil); err != nil || status != http.StatusAccepted {
		t.Errorf("the notification is answered with HTTP %d, %v", status, err)
	}
	if err := <-left; err != nil {
		t.Errorf("the request that was taken back ended with %v", err)
	}
}

func waitForTheDeadline(t *testing.T, c *harness.Client, begun func()) {
	t.Helper()
	left := make(chan error, 1)
	go func() {
		_, err := c.Tool(t.Context(), "query", slow, nil)
		left <- err
	}()
	begun()
	err := <-left
	if f, ok := errors.AsType[*harness.Failure](err); !ok || f.Code != "timeout" {
		t.Errorf("the client saw %v", err)
	}
}

// TestKill_LeavesNoStatementBehind takes the whole server away. Nobody can send a cancellation then; the guide has the
// database look whether its client is still there.
func TestKill_LeavesNoStatementBehind(t *testing.T) {
	server, client := serving(t, nil)
	left := make(chan error, 1)
	go func() {
		_, err := client.Tool(t.Context(), "query", slow, nil)
		left <- err
	}()
	until(t, "1")
	server.Kill()
	if err := <-left; err == nil {
		t.Error("a server that was killed has answered")
	}
	until(t, "0")
}

// TestSession_IsOpenedAnewWhenTheDatabaseEndsIt: a restart of PostgreSQL, or its administrator, costs a worker one
// question at most.
func TestSession_IsOpenedAnewWhenTheDatabaseEndsIt(t *testing.T) {
	_, client := serving(t, map[string]any{"metrics.workers": 1, "metrics.profiles_dir": renamed(t, "doomed")})
	people := map[string]any{"metrics": []string{"people"}}
	asked(t, client, people)
	ended, err := lab.owner.Run(t.Context(), "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'doomed'")
	if err != nil || ended == "0" {
		t.Fatalf("%q sessions were ended: %v", ended, err)
	}
	if _, err := client.Tool(t.Context(), "query", people, nil); err != nil {
		t.Logf("the question after it: %v", err)
	}
	asked(t, client, people)
}

// renamed is a copy of the guide's profile under which sessions have another name.
func renamed(t *testing.T, name string) (dir string) {
	t.Helper()
	profile, err := guide("yaml postgres")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	profile = strings.Replace(profile, "application_name: steward", "application_name: "+name, 1)
	if err := os.WriteFile(filepath.Join(dir, "profiles.yml"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
