package claude_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/claude"
)

// The key and the conversation go through a proxy that is configured, and through no other, whatever the environment says.
func TestClient_GoesThroughNoProxyButTheConfigured(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(variable, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	const endpoint = "https://models.invalid" // loopback would never go through a proxy
	if _, err := client(t, claude.Config{Endpoint: endpoint}, "key").Reply(t.Context(), say("Hello.")); err == nil || asked.Load() != 0 {
		t.Errorf("%v, and the proxy of the environment was asked %d times", err, asked.Load())
	}
	if _, err := client(t, claude.Config{Endpoint: endpoint, Proxy: proxy.URL}, "key").Reply(t.Context(), say("Hello.")); err == nil || asked.Load() == 0 {
		t.Errorf("%v, and the configured proxy was asked %d times", err, asked.Load())
	}
	if _, err := claude.New(claude.Config{Proxy: "://user:secret@x"}, func() string { return "key" }, nil); err == nil {
		t.Error("a proxy that is no URL is taken")
	}
}

// A provider whose certificate nobody vouches for is not spoken to.
func TestClient_SpeaksToNobodyWithoutACertificate(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("was shown %q", r.Header.Get("X-Api-Key"))
	}))
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	if reply, err := client(t, claude.Config{Endpoint: stranger.URL}, "key").Reply(t.Context(), say("Hello.")); err == nil {
		t.Errorf("answered %+v", reply)
	}
}
