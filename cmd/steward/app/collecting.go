package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Bounds of what may be allocated between two collections of garbage. Go by itself collects when what is in use has doubled. A
// server of which little is in use would then collect many times a second, and spend on that what its calls need.
const (
	collectRoom   = 64 << 20 // bytes between two collections, until more than that is in use
	collectLeast  = 4 << 20  // what Go takes for in use when it is less (runtime.GOGC)
	collectGo     = 100      // percent of what is in use: Go's own
	collectLiveAt = "/gc/heap/live:bytes"
)

// collecting keeps the room between two collections at collectRoom, or at what Go takes where that is more. A collection is what
// makes it look again, so that it costs nothing between two of them.
type collecting struct {
	over    atomic.Bool
	percent int
}

// collectSeldom gives the process that room, until stop is called. An operator who sets GOGC or GOMEMLIMIT knows better, and
// has what Go makes of them.
func collectSeldom() (stop func()) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return func() {}
		}
	}
	c := &collecting{percent: collectGo}
	c.adjust()
	c.await()
	return func() {
		c.over.Store(true)
		debug.SetGCPercent(collectGo)
	}
}

// mark is what a collection finds to be in nobody's use. It has a pointer: what has none may share its place.
type mark struct{ _ *mark }

// await adjusts after the next collection, on the goroutine that the runtime has for cleaning up.
func (c *collecting) await() {
	runtime.AddCleanup(&mark{}, func(c *collecting) {
		if c.over.Load() {
			return
		}
		c.adjust()
		c.await()
	}, c)
}

// adjust stops the world for a moment, and so leaves alone what is nearly right.
func (c *collecting) adjust() {
	live := []metrics.Sample{{Name: collectLiveAt}}
	metrics.Read(live)
	percent := percentFor(live[0].Value.Uint64())
	if difference := percent - c.percent; difference > c.percent/8 || -difference > c.percent/8 {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
}

// percentFor is the growth, in percent of the bytes in use, after which to collect.
func percentFor(live uint64) int {
	return int(max(collectGo, collectRoom*100/max(live, collectLeast))) //nolint:gosec // at most 1600
}
