package app

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

func TestPercentFor_KeepsRoomUntilGoTakesMore(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for live, want := range map[uint64]int{0: 1600, 4 * mib: 1600, 16 * mib: 400, 64 * mib: 100, 1 << 40: 100} {
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes in use: %d%%, want %d%%", live, got, want)
		}
	}
}

func TestCollectSeldom_LeavesAnOperatorsWordAlone(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			before := gcPercent()
			stop := collectSeldom()
			runtime.GC()
			if got := gcPercent(); got <= collectGo {
				t.Errorf("a collection when %d%% has been added", got)
			}
			if stop(); gcPercent() != before {
				t.Errorf("%d%% in the end, %d%% in the beginning", gcPercent(), before)
			}
			t.Setenv(name, "100")
			stop = collectSeldom()
			defer stop()
			if got := gcPercent(); got != before {
				t.Errorf("%s says otherwise, and it is %d%%", name, got)
			}
		})
	}
}

func gcPercent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
