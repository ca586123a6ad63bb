package echo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// overlay makes a build of steward serve Go's profiles, without a line of it in the product: the compiler is told that
// there is one more file.
func overlay(dir string) (flag string, err error) {
	root, err := harness.Root()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(root, "cmd", "steward", "profiles.go"): filepath.Join(root, "tests", "bench", "echo", "profile.go.txt"),
	}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return "-overlay=" + file, os.WriteFile(file, text, 0o600)
}

// profiled gives a variant of Steward an address for its profiles.
func profiled(env []string) (more []string, address string, err error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address = free.Addr().String()
	return append(env, "BENCH_PROFILES="+address), address, free.Close()
}

// profile keeps what one more rush shows: the processors, the locks and what was waited for.
func (b *bench) profile(ctx context.Context, cell string, r *rival) error {
	s, ok := r.contender.(*steward)
	if b.Profile == "" || !ok {
		return nil
	}
	name := strings.NewReplacer(" ", "-", ",", "").Replace(cell + "-" + r.name)
	taken := make(chan error, 1)
	go func() {
		seconds := max(1, int(b.Lasting.Seconds()))
		taken <- b.fetch(ctx, s.profiles, fmt.Sprintf("profile?seconds=%d", seconds), name+"-cpu.pprof")
	}()
	if err := r.turn(b.Calls, b.Lasting+time.Second); err != nil {
		return errors.Join(err, <-taken)
	}
	r.turns = r.turns[:len(r.turns)-1]
	return errors.Join(<-taken, b.fetch(ctx, s.profiles, "mutex", name+"-mutex.pprof"), b.fetch(ctx, s.profiles, "block", name+"-block.pprof"),
		b.fetch(ctx, s.profiles, "allocs", name+"-allocs.pprof"))
}

func (b *bench) fetch(ctx context.Context, address, what, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	file, err := os.Create(filepath.Join(b.Profile, name))
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Close())
}
