package worker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

func keyOf(text string) digest { return digest([]byte(text + strings.Repeat(".", 32))[:32]) }

// compileOnce has s compile text under its own name, and reports whether it had to.
func compileOnce(t *testing.T, s *statements, name, text string) (compiled bool) {
	t.Helper()
	got, err := s.compiled(t.Context(), keyOf(name), func() (statement, error) {
		compiled = true
		return statement{sql: text}, nil
	})
	if err != nil || got.sql != text {
		t.Errorf("%q, %v", got.sql, err)
	}
	return compiled
}

func TestStatements_ForgetTheLeastRecentlyUsed(t *testing.T) {
	s := newStatements(2, 1000)
	for _, c := range []struct {
		name     string
		compiled bool
	}{{"a", true}, {"b", true}, {"a", false}, {"c", true}, {"a", false}, {"b", true}, {"c", true}} {
		if got := compileOnce(t, s, c.name, c.name); got != c.compiled {
			t.Errorf("%s: compiled %v", c.name, got)
		}
	}
}

func TestStatements_KeepWithinTheirBytes(t *testing.T) {
	s := newStatements(100, 100)
	for _, name := range []string{"a", "b", "c", "d"} {
		compileOnce(t, s, name, strings.Repeat(name, 40))
		if s.bytes > 100 || s.bytes != 40*s.kept.Len() {
			t.Errorf("%d bytes in %d", s.bytes, s.kept.Len())
		}
	}
	compileOnce(t, s, "huge", strings.Repeat("h", 101))
	if _, kept := s.get(keyOf("huge")); kept || s.kept.Len() != 2 {
		t.Errorf("%d are kept", s.kept.Len())
	}
}

func TestStatements_AreCompiledByOneOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStatements(10, 1000)
		var all sync.WaitGroup
		var runs, failed atomic.Int32
		for range 5 {
			all.Go(func() {
				_, err := s.compiled(t.Context(), keyOf("a"), func() (statement, error) {
					time.Sleep(time.Second)
					if runs.Add(1) == 1 {
						return statement{}, errors.New("its worker has ended")
					}
					return statement{sql: "a"}, nil
				})
				if err != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		if runs.Load() != 2 || failed.Load() != 1 {
			t.Errorf("compiled %d times, %d failed; want one to fail and one of the others to succeed for all", runs.Load(), failed.Load())
		}
		var other sync.WaitGroup
		other.Go(func() {
			_, _ = s.compiled(t.Context(), keyOf("b"), func() (statement, error) {
				time.Sleep(time.Hour)
				return statement{}, nil
			})
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.compiled(ctx, keyOf("b"), nil); !errors.Is(err, fault.ErrTimeout) {
			t.Errorf("who waits for another leaves with %v", err)
		}
		other.Wait()
	})
}
