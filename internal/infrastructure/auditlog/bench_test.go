package auditlog_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// typical is a record as a metric query leaves it.
func typical() audit.Record {
	return audit.Record{
		Time: time.Date(2026, 3, 1, 12, 30, 15, 123456000, time.UTC), Phase: audit.Closed,
		Request: "req_ab3defghij2klmnopqrs4uvwxyz5abcd", Actor: "key:k7f3q2", Personas: []string{"analyst"},
		Client: "claude-code/2.1.0", Address: "127.0.0.1", Transport: "http", Revision: "2026-07-28",
		Method: "tools/call", Action: "tool.call", Target: "tool:query",
		Demands:   []string{"metric.query metric:revenue", "metric.query dimension:order__region"},
		Arguments: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Outcome:   "ok", Rule: "analyst/allow[0]", Policy: "5e884898da280471", DurationUS: 3512,
		Trace: "4bf92f3577b34da6a3ce929d0e0e4736",
	}
}

func BenchmarkRecord_AppendJSON(b *testing.B) {
	r := typical()
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = r.Bounded().AppendJSON(line[:0])
	}
	b.SetBytes(int64(len(line)))
}

// BenchmarkJournal_Append reports the CPU time of the whole process, user and system, per durable record, and how long
// callers waited for one.
func BenchmarkJournal_Append(b *testing.B) {
	for _, writers := range []int{1, 32, 128, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			j, err := auditlog.Open(b.TempDir(), auditlog.Options{Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			r := typical()
			b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
			b.ReportAllocs()
			before := cpu(b)
			b.ResetTimer()
			var w waits
			b.RunParallel(func(pb *testing.PB) {
				var own []time.Duration
				for pb.Next() {
					start := time.Now()
					if err := j.Append(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
					own = append(own, time.Since(start))
				}
				w.add(own)
			})
			b.StopTimer()
			w.report(b)
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			if err := j.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// waits are how long callers waited.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) add(own []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, own...)
}

func (w *waits) report(b *testing.B) {
	b.Helper()
	slices.Sort(w.all)
	for _, percent := range []int{50, 95} {
		b.ReportMetric(float64(w.all[len(w.all)*percent/100].Nanoseconds())/1e3, fmt.Sprintf("p%d-µs", percent))
	}
}
