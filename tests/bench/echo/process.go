package echo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// environment is what every process that is compared is given: the processors of this machine, in so many words, and nothing about
// memory, so that each collects garbage as it does when it is started as it comes.
func environment(more ...string) []string {
	own := []string{"GOMAXPROCS=" + strconv.Itoa(runtime.NumCPU())}
	return slices.Concat(harness.Environment(), own, more)
}

// build compiles a command of this module into dir. Like those of a release, binaries have no symbols.
func build(ctx context.Context, dir, name, source string, flags ...string) (string, error) {
	root, err := harness.Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, name)
	c := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-trimpath", "-o", binary}, flags, []string{source})...)
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", source, err, out)
	}
	return binary, nil
}

// tick is the unit in which Linux tells CPU time to programs (USER_HZ, which is the same on all of its platforms that
// Go runs on).
const tick = 10 * time.Millisecond

// cpuTime is what a process has used of all processors, in its own code and the system's (proc_pid_stat(5)).
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses, and may have spaces in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, errors.New("/proc/pid/stat has too few fields")
	}
	var sum int64
	for _, f := range []int{user, system} {
		n, err := strconv.ParseInt(fields[f], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// buildSteward compiles the binary as `make build` does, or, if profiles are wanted, with them.
func (b *bench) buildSteward(ctx context.Context, dir string) (string, error) {
	flags := []string{"-ldflags", "-s -w"}
	if b.Profile != "" {
		if err := os.MkdirAll(b.Profile, 0o700); err != nil {
			return "", err
		}
		flag, err := overlay(dir)
		if err != nil {
			return "", err
		}
		flags = []string{flag}
	}
	return build(ctx, dir, "steward", "./cmd/steward", flags...)
}
