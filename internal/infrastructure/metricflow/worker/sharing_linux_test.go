package worker

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// holds reports whether a process has the file open.
func holds(pid int, file string) bool {
	links, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == file {
			return true
		}
	}
	return false
}

func TestSource_IdleWorkersLetGoOfTheFileThoughAnotherIsBusy(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.Workers = 2 })
	allAnswer(t, s)
	file := warehouseOf(dir)
	everyone := pids(s)
	for pid := range everyone {
		if !holds(pid, file) {
			t.Errorf("%d does not keep the file open between questions", pid)
		}
	}
	var asked sync.WaitGroup
	asked.Go(func() {
		_, err := s.Answer(within(t, 3*time.Second), endless)
		wantFault(t, err, fault.ErrTimeout)
	})
	eventually(t, "one is busy", func() bool { return len(pids(s)) == 1 })
	idle := pids(s)
	eventually(t, "the idle have let go", func() bool {
		for pid := range idle {
			if holds(pid, file) {
				return false
			}
		}
		return true
	})
	for pid := range everyone {
		if !idle[pid] && !holds(pid, file) {
			t.Error("the busy one does not hold the file, so this proves nothing")
		}
	}
	asked.Wait()
	eventually(t, "nobody holds it", func() bool {
		for pid := range everyone {
			if holds(pid, file) {
				return false
			}
		}
		return true
	})
}
