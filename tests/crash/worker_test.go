package crash_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

const (
	fewKills = 12 // each costs the start of an engine; KILLS asks for another number, as `make soak` does
	askers   = 8
	// What is promised is a second. The rest is for a machine that does other things too.
	soonAfterAKill = 4 * time.Second
)

// siege is clients that ask, each about its own product, while workers are killed.
type siege struct {
	mu      sync.Mutex
	kills   []time.Time
	outcome map[string]string // by request id: "ok" or the refusal's code
	wrong   []error
	slowest time.Duration // from a kill to the refusal of whom it hit
}

func (s *siege) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Errorf(format, args...))
}

// ask asks until ctx ends. The limit makes every question another one; the product must come back in the answer.
func (s *siege) ask(ctx context.Context, c *harness.Client, product any, client int) {
	for n := 1; ctx.Err() == nil; n++ {
		var got struct{ Rows [][]any }
		r, err := c.Tool(context.WithoutCancel(ctx), "query", map[string]any{
			"metrics": []string{"units_sold"}, "group_by": []string{"product"}, "limit": client*100_000 + n,
			"filters": []map[string]any{{"field": "product", "op": "=", "value": product}},
		}, &got)
		var refused *harness.Failure
		switch {
		case errors.As(err, &refused):
			s.refused(refused, r.Request)
		case err != nil:
			s.complain("a call failed otherwise: %w", err)
		case len(got.Rows) != 1 || fmt.Sprint(got.Rows[0][0]) != fmt.Sprint(product):
			s.complain("product %v got the rows %v", product, got.Rows)
		default:
			s.note(r.Request, "ok")
		}
	}
}

func (s *siege) note(request, outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcome[request] = outcome
}

// refused is fair soon after a kill, in words that say what to do.
func (s *siege) refused(f *harness.Failure, request string) {
	s.note(request, f.Code)
	s.mu.Lock()
	after := time.Since(s.kills[len(s.kills)-1])
	s.slowest = max(s.slowest, after)
	s.mu.Unlock()
	if f.Code != "metric.engine_unavailable" || after > soonAfterAKill {
		s.complain("refused with %w, %s after the last kill", f, after)
	}
}

// TestQuery_IsAnsweredOrToldSoWhileWorkersAreKilled kills workers under load: nobody waits for long, nobody gets another's
// answer, and every call is on record with what became of it.
func TestQuery_IsAnsweredOrToldSoWhileWorkersAreKilled(t *testing.T) {
	kills := fewKills
	if asked := os.Getenv("KILLS"); asked != "" {
		var err error
		if kills, err = strconv.Atoi(asked); err != nil {
			t.Fatal(err)
		}
	}
	site := newSite(t, map[string]any{
		"metrics.workers": 2, "metrics.spare_workers": 1, "security.rate_limit.enabled": false,
	})
	key := site.key(t, "analyst")
	server := site.start(t)
	var products struct{ Values []struct{ Value any } }
	first := connect(t, server.URL, key, harness.Modern)
	if _, err := first.Tool(t.Context(), "list_dimension_values", map[string]any{"dimension": "product", "metrics": []string{"units_sold"}, "limit": askers}, &products); err != nil {
		t.Fatal(err)
	}
	s := &siege{outcome: map[string]string{}, kills: []time.Time{time.Now()}}
	ctx, lift := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range askers {
		c := connect(t, server.URL, key, []harness.Era{harness.Legacy, harness.Modern}[i%2])
		all.Go(func() { s.ask(ctx, c, products.Values[i].Value, i+1) })
	}
	for range kills {
		s.kill(t, server)
	}
	lift()
	all.Wait()
	for _, err := range s.wrong {
		t.Error(err)
	}
	stop(t, server)
	s.onRecord(t, site)
}

// kill waits until there are two workers, of which one at least is at work, and kills one of them with its group.
func (s *siege) kill(t *testing.T, server *harness.Server) {
	t.Helper()
	var workers []harness.Process
	until(t, "two workers live", func() bool {
		var err error
		workers, err = harness.Children(server.PID())
		return err == nil && len(workers) >= 2
	})
	answered := s.count()
	until(t, "questions are answered", func() bool { return s.count() > answered+askers })
	victim := workers[rand.IntN(len(workers))]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kills = append(s.kills, time.Now())
	if err := syscall.Kill(-victim.Group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

func (s *siege) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outcome)
}

// onRecord compares what clients were told with the journal.
func (s *siege) onRecord(t *testing.T, site site) {
	t.Helper()
	records := site.records(t)
	told := map[string]int{}
	for request, outcome := range s.outcome {
		told[outcome]++
		of := records[request]
		if len(of) != 1 || of[0].Outcome != outcome {
			t.Errorf("request %s was told %s; on record are %+v", request, outcome, of)
		}
	}
	if told["ok"] == 0 {
		t.Error("nothing was answered")
	}
	site.verifies(t)
	t.Logf("%d kills under load: %v; the slowest refusal came %s after a kill", len(s.kills)-1, told, s.slowest.Round(time.Millisecond))
}
