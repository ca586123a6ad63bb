// Package aimock starts the stand-in for the model provider's endpoint: a Node program that speaks the provider's
// protocol and answers from the fixtures in this folder. Tests use it; nothing else does.
package aimock

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

// Key is the one API key that a started Server accepts.
const Key = "aimock-key-of-the-tests"

// Server is a running stand-in.
type Server struct {
	URL string // http://127.0.0.1:port, without a path
}

// Request is one call that the server received, as its journal tells it.
type Request struct {
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    struct {
		Model     string    `json:"model"`
		MaxTokens int       `json:"max_tokens"`
		Messages  []Message `json:"messages"` // the system prompt stands first, as a message of the role "system"
	} `json:"body"`
	Response struct {
		Status int `json:"status"`
	} `json:"response"`
}

// Message is one message of a Request.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// leaveWithParent ends the server when the pipe to its standard input closes, so that it does not outlive a test
// binary that was killed.
const leaveWithParent = `data:text/javascript,process.stdin.on("close",()=>process.exit(0)).resume()`

var listening = regexp.MustCompile(`listening on (http://\S+)`)

// Start runs a server on a free loopback port until the test ends. It fails the test when Node or the packages of
// this folder are missing.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, filepath.Join(here(), "fixtures"))
}

func here() string {
	_, self, _, _ := runtime.Caller(0)
	return filepath.Dir(self)
}

// StartWith is Start with the answers of another folder.
func StartWith(t testing.TB, fixtures string) *Server {
	t.Helper()
	cli := filepath.Join(here(), "node_modules", "@copilotkit", "aimock", "dist", "cli.js")
	if _, err := os.Stat(cli); err != nil {
		t.Fatalf("aimock is not installed; run `make clients`, which installs the npm packages: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "--import", leaveWithParent, cli,
		"--host", "127.0.0.1", "--port", "0", "--fixtures", fixtures,
		"--strict", "--validate-on-load")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AIMOCK_API_KEYS=" + Key}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("start aimock: %v", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("start aimock: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start aimock (it needs Node on the PATH): %v", err)
	}
	url, drained := watch(stdout)
	t.Cleanup(func() {
		_ = stdin.Close()
		<-drained
		_ = cmd.Wait() // an exit by signal when the test's context came first is as good
	})
	select {
	case u := <-url:
		return &Server{URL: u}
	case <-drained:
		t.Fatal("aimock ended before it listened; its output is above")
		return nil
	}
}

// watch gives the address from the first line that names one, and keeps reading so that the server never blocks on
// a full pipe.
func watch(stdout io.Reader) (url <-chan string, drained <-chan struct{}) {
	u, d := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(d)
		lines := bufio.NewScanner(stdout)
		for found := false; lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil && !found {
				found = true
				u <- m[1]
			}
		}
	}()
	return u, d
}

// Requests is what the server received so far, in order.
func (s *Server) Requests(t testing.TB) []Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/__aimock/journal", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-api-key", Key)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("read aimock's journal: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatalf("read aimock's journal: %v", err)
	}
	var requests []Request
	if err := json.Unmarshal(body, &requests); err != nil {
		t.Fatalf("read aimock's journal (status %d): %v", res.StatusCode, err)
	}
	return requests
}
