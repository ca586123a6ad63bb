package echo

import (
	"cmp"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// heading says what is compared on what.
func (b *bench) heading(dir, bare string) error {
	info, err := buildinfo.ReadFile(bare)
	if err != nil {
		return err
	}
	library := ""
	for _, d := range info.Deps {
		if d.Path == "github.com/mark3labs/mcp-go" {
			library = d.Path + " " + d.Version
		}
	}
	disk, err := syncTime(dir)
	if err != nil {
		return err
	}
	b.say("`tools/call echo` of Steward, with API key, policy, limits, durable journal and traces, beside %s with nothing around it.\n", library)
	b.say("%s, %s/%s, %s. Each process: GOMAXPROCS=%d, memory as it comes (mcp-go with Go's GOGC=100, Steward with the room that it gives itself); clients on the same processors.\n",
		info.GoVersion, runtime.GOOS, runtime.GOARCH, processor(), runtime.NumCPU())
	b.say("Writing 1 KiB and fdatasync, alone: %s p50. Median of %d turns of %s each, in turns; in brackets the least and greatest of a round.\n\n",
		disk.Round(time.Microsecond), b.Rounds, b.Lasting)
	b.say("| Revision and clients | Steward's spans | calls/s | bare | ratio | asked | aim | p50 ms | bare | p99 ms | bare | CPU µs/call | bare |\n" +
		"|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	return nil
}

// say writes to whoever reads. If nobody does any more, there is nobody to tell.
func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.out, format, args...) }

// rows are what a cell came to, a line for each variant of Steward.
func (b *bench) rows(name string, a aims) {
	reference := b.rivals[len(b.rivals)-1].turns
	for _, r := range b.rivals[:len(b.rivals)-1] {
		ratios := make([]float64, len(r.turns))
		for i, t := range r.turns {
			ratios[i] = t.perSecond() / reference[i].perSecond()
		}
		b.say("| %s | %s | %.0f | %.0f | **%.2f** (%.2f–%.2f) | %.2f | %.2f", name, r.name,
			of(r.turns, turn.perSecond), of(reference, turn.perSecond), middle(ratios), slices.Min(ratios), slices.Max(ratios), a.least, a.good)
		for _, p := range []int{50, 99} {
			wait := func(t turn) float64 { return t.percentile(p).Seconds() * 1e3 }
			b.say(" | %.1f | %.1f", of(r.turns, wait), of(reference, wait))
		}
		b.say(" | %.0f | %.0f |\n", of(r.turns, turn.cpuPerCall), of(reference, turn.cpuPerCall))
	}
}

// cpuPerCall is in microseconds.
func (t turn) cpuPerCall() float64 { return float64(t.cpu.Microseconds()) / float64(max(t.calls, 1)) }

// of is the median of what turns came to.
func of(turns []turn, what func(turn) float64) float64 {
	all := make([]float64, len(turns))
	for i, t := range turns {
		all[i] = what(t)
	}
	return middle(all)
}

func middle[T cmp.Ordered](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// syncTime is how long the disk below dir takes to make something durable when nobody else asks it to.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	const times = 200
	block := make([]byte, 1024)
	if _, err := f.Write(make([]byte, times*len(block))); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	took := make([]time.Duration, times)
	for i := range took {
		begun := time.Now()
		if _, err := f.WriteAt(block, int64(i*len(block))); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun)
	}
	return middle(took), nil
}

// processor is what the machine calls its first one.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // where there is none, nothing is said
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%d × %s", runtime.NumCPU(), strings.TrimSpace(value))
		}
	}
	return fmt.Sprintf("%d processors", runtime.NumCPU())
}
